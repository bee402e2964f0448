"""What the JSON of a client's request holds: the data of a login, and a statement with its parameters and bound values.

Knows the shapes that drivers send; must not know HTTP (server.py). Anything else is refused as the client's mistake.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import parameters
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

_OBJECTS = ("SESSION_PARAMETERS", "CLIENT_ENVIRONMENT", "CLIENT_CAPABILITIES")
# Of every escaped pair this finds the halves; whether each is in a pair, only encoding tells.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_TEXTS = ("LOGIN_NAME", "PASSWORD", "AUTHENTICATOR", "TOKEN", "PROVIDER")


def _unreadable(reason: str) -> SnowflakeError:
    return SnowflakeError(390001, "08001", reason)


def json_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body; an empty body is an empty one.

    Raises:
        SnowflakeError: 390001 if it is something else, or has half of a surrogate pair, which no encoding has.
    """
    try:
        text = body.decode("utf-8-sig")
        read = json.loads(text or "{}")
        if _SURROGATE.search(text):
            json.dumps(read, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise _unreadable("The request's body is not valid JSON.") from error
    if not isinstance(read, dict):
        raise _unreadable("The request's body is not a JSON object.")
    return read


def login_data(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the `data` of a login request.

    Raises:
        SnowflakeError: 390001 if a part has another type than drivers send.
    """
    data = body.get("data") or {}
    if not isinstance(data, dict):
        raise _unreadable("The login's data are not an object.")
    for names, kind in ((_TEXTS, str), (_OBJECTS, dict)):
        wrong = [name for name in names if not isinstance(data.get(name), kind | None)]
        if wrong:
            raise _unreadable(f"The login's {', '.join(wrong)} cannot be read.")
    return data


def copies_files(data: Mapping[str, Any], *, in_container: bool) -> bool:
    """Return whether the driver of a login copies files of stages on this machine itself; others transfer them.

    Drivers built on Snowflake's common core, which lack LOCAL_FS, are recognized by a capability. A container does not
    see the files of stages; Python's connector can transfer them there (client_defaults/sitecustomize.py).
    """
    is_apart = in_container and str(data.get("CLIENT_APP_ID")).startswith("Python")
    return not is_apart and "SMK_ID_AS_STRING" not in (data.get("CLIENT_CAPABILITIES") or {})


def statement(body: Mapping[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Return text, parameters and bound values of a query request.

    Raises:
        SnowflakeError: 390001 if one of them cannot be read, 001008 for a parameter's value that a session cannot have.
    """
    text, own = body.get("sqlText") or "", body.get("parameters") or {}
    if not isinstance(text, str) or not isinstance(own, dict):
        raise _unreadable("sqlText is not a text, or parameters is not an object.")
    try:
        values = wire.bindings(body.get("bindings"))
    except (AttributeError, TypeError, ValueError, ArithmeticError) as error:
        raise _unreadable("A bound value cannot be read: it does not have the form that its type needs.") from error
    return text, parameters.of_statement(own), values
