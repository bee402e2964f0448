"""What the JSON of a client's request holds: the data of a login, and a statement with its parameters and bound values.

Knows the shapes that drivers send; must not know HTTP (server.py). Anything else is refused as the client's mistake.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import wire

if TYPE_CHECKING:
    from collections.abc import Mapping

_OBJECTS = ("SESSION_PARAMETERS", "CLIENT_ENVIRONMENT", "CLIENT_CAPABILITIES")
_TEXTS = ("LOGIN_NAME", "PASSWORD", "AUTHENTICATOR", "TOKEN", "PROVIDER")


def _unreadable(reason: str) -> SnowflakeError:
    return SnowflakeError(390001, "08001", reason)


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
        if wrong or (kind is str and not all(_is_unicode(data.get(name) or "") for name in names)):
            raise _unreadable(f"The login's {', '.join(wrong or names)} cannot be read.")
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
        SnowflakeError: 390001 if one of them cannot be read.
    """
    text, parameters = body.get("sqlText") or "", body.get("parameters") or {}
    if not isinstance(text, str) or not isinstance(parameters, dict) or not _is_unicode(text):
        raise _unreadable("sqlText is not a text, or parameters is not an object.")
    try:
        return text, parameters, wire.bindings(body.get("bindings"))
    except (AttributeError, TypeError, ValueError, ArithmeticError) as error:
        raise _unreadable("A bound value cannot be read: it does not have the form that its type needs.") from error


def _is_unicode(text: str) -> bool:
    """Whether a text has no half of a surrogate pair, which no encoding has."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
