"""What every program of a client has: a login, and steps that say how they ended, one JSON line each."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LOGIN = {
    "host": os.environ["SNOWFLAKE_HOST"],
    "port": int(os.environ["SNOWFLAKE_PORT"]),
    "protocol": "http",
    "account": os.environ["SNOWFLAKE_ACCOUNT"],
    "user": os.environ["SNOWFLAKE_USER"],
    "password": os.environ["SNOWFLAKE_PASSWORD"],
    "role": "ACCOUNTADMIN",
}
_REFUSAL = "Unsupported feature"
ANY = object()


def step(name: str, action: Callable[[], Any], expected: Any = ANY) -> Any:
    """Run a step: answered, refused by name, or wrong; its value, None where there is none."""
    try:
        value = action()
    except Exception as error:  # noqa: BLE001  # any error of a client is an outcome
        tell(name, "refused" if _REFUSAL in str(error) else "wrong", f"{type(error).__name__}: {error}")
        return None
    if expected is not ANY and value != expected:
        tell(name, "wrong", f"{value!r} instead of {expected!r}")
    else:
        tell(name, "answered")
    return value


def raises(action: Callable[[], Any], text: str) -> bool:
    """Whether an action fails with a text, its own or its cause's: clients wrap what a job raised."""
    try:
        action()
    except Exception as error:  # noqa: BLE001  # likewise
        return text in f"{error} {error.__cause__}"
    return False


def errors_of(output: str) -> str:
    """The lines of a command's output that begin where it speaks of an error, else its last ones."""
    lines = output.strip().splitlines()
    first = next((number for number, line in enumerate(lines) if "error" in line.lower()), max(len(lines) - 5, 0))
    return "\n".join(lines[first : first + 20])


def tell(name: str, outcome: str, detail: str = "") -> None:
    """One line for the table."""
    sys.stdout.write(json.dumps({"step": name, "outcome": outcome, "detail": " ".join(detail.split())[:200]}) + "\n")
    sys.stdout.flush()
