"""The requests of a block to the shell that runs it, its result, and its exceptions. Only data."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.scripting.values import Rows, Value

if TYPE_CHECKING:
    from snowflake_sandbox.errors import SnowflakeError
    from snowflake_sandbox.statements.reader import DataType


@dataclass(frozen=True)
class Run:
    """Requests the rows of a statement; with `is_async`, a handle of the statement, at once."""

    text: str
    values: tuple[Value, ...] = ()
    results: tuple[Any, ...] = ()
    is_async: bool = False


@dataclass(frozen=True)
class Evaluate:
    """Requests the value of an expression, converted to a type if one is set."""

    text: str
    values: tuple[Value, ...] = ()
    type: DataType | None = None
    results: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Wait:
    """Requests the rows of a statement that was started; with `is_cancel`, its cancellation."""

    handle: int
    is_cancel: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """Requests nothing: after a round of a loop, the block may be cancelled here."""


Request = Run | Evaluate | Wait | Checkpoint
Machine = Generator[Request, Any, Any]


@dataclass(frozen=True)
class Returned:
    """The result of RETURN: a value, or the rows of RETURN TABLE."""

    value: Value = field(default_factory=Value)
    rows: Rows | None = None


class Raised(Exception):  # noqa: N818  # an exception of the interpreted language
    """An exception that propagates through blocks; `kind` is the name of its type, as in `WHEN`."""

    def __init__(self, kind: str, error: SnowflakeError, position: int) -> None:
        super().__init__(error.message)
        self.kind, self.error, self.position = kind, error, position
