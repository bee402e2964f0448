"""Methods of a service, called as `CALL name!METHOD(…)`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox import errors

if TYPE_CHECKING:
    from sandbox.engine import Call
    from sandbox.result import Result
    from sandbox.statement import ObjectName


def call_method(call: Call, written: ObjectName, method: str, arguments: tuple[Any, ...]) -> Result:
    raise errors.not_supported(f"CALL …!{method}")
