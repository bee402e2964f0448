"""The functions of SNOWFLAKE.NOTIFICATION, which build the arguments of SYSTEM$SEND_SNOWFLAKE_NOTIFICATION.

Knows only JSON texts (sql-reference/functions-notification).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.data.function_arguments import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake_sandbox.call import Call, World

SCHEMA = "SNOWFLAKE.NOTIFICATION"
PLACEHOLDERS = re.compile(r"SNOWFLAKE_WEBHOOK_(?:SECRET|MESSAGE)")
_CONTENT = {"TEXT_PLAIN": "text/plain", "TEXT_HTML": "text/html", "APPLICATION_JSON": "application/json"}


def register(world: World) -> None:
    """Add the functions to the world."""
    world.functions |= {f"{SCHEMA}.{name}": _message(name, content_type) for name, content_type in _CONTENT.items()}
    world.functions |= {
        f"{SCHEMA}.INTEGRATION": _integration,
        f"{SCHEMA}.EMAIL_INTEGRATION_CONFIG": _email_configuration,
        f"{SCHEMA}.SANITIZE_WEBHOOK_CONTENT": _sanitized,
    }


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _message(name: str, content_type: str) -> Callable[[Call, tuple[Any, ...]], str]:
    def function(_call: Call, arguments: tuple[Any, ...]) -> str:
        (content,) = counted(arguments, 1, 1, name)
        return _text({content_type: content})

    return function


def _integration(_call: Call, arguments: tuple[Any, ...]) -> str:
    (name,) = counted(arguments, 1, 1, "INTEGRATION")
    return _text({name: {}})


def _email_configuration(_call: Call, arguments: tuple[Any, ...]) -> str:
    name, subject, *lists = counted(arguments, 3, 5, "EMAIL_INTEGRATION_CONFIG")
    options: dict[str, Any] = {"subject": subject}
    for key, addresses in zip(("toAddress", "ccAddress", "bccAddress"), lists, strict=False):
        if addresses is not None:
            options[key] = json.loads(addresses) if isinstance(addresses, str) else list(addresses)
    return _text({name: options})


def _sanitized(_call: Call, arguments: tuple[Any, ...]) -> str | None:
    (message,) = counted(arguments, 1, 1, "SANITIZE_WEBHOOK_CONTENT")
    return None if message is None else PLACEHOLDERS.sub("REDACTED", str(message))
