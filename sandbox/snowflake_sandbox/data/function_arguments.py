"""Arguments of functions: their number, whole numbers and times; those of table functions by name or by position.

Knows how Snowflake passes arguments; must not know any function.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.errors import SnowflakeError

if TYPE_CHECKING:
    from collections.abc import Mapping


def counted(values: tuple[Any, ...], minimum: int, maximum: int, function: str) -> tuple[Any, ...]:
    """Return the arguments of a scalar function, padded with None to the maximum.

    Raises:
        SnowflakeError: 000938 for too few arguments, 000939 for too many.
    """
    if not minimum <= len(values) <= maximum:
        few = "not enough" if len(values) < minimum else "too many"
        raise SnowflakeError(
            938 if len(values) < minimum else 939,
            "22023",
            f"SQL compilation error: error line 1 at position 7\n{few} arguments for function [{function}],"
            f" expected {minimum if len(values) < minimum else maximum}, got {len(values)}",
        )
    return values


def whole(value: Any, name: str) -> int:
    """Return an argument as a whole number.

    Raises:
        SnowflakeError: 001008 if it is not one.
    """
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise errors.invalid_value(str(value), name) from error


class Arguments:
    """Arguments by name, or by position in the documented order; unknown names are refused."""

    def __init__(self, function: str, order: str, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> None:
        names = order.split()
        unknown = sorted(set(by_name) - set(names))
        if unknown or len(positional) > len(names):
            raise SnowflakeError(
                1044,
                "42P13",
                f"SQL compilation error:\nInvalid argument [{', '.join(unknown) or positional[-1]}] for {function}.",
            )
        self._values = {**dict(zip(names, positional, strict=False)), **by_name}

    def text(self, name: str) -> str | None:
        """Return an argument as text; None if it is missing."""
        value = self._values.get(name)
        return None if value is None else str(value)

    def flag(self, name: str) -> bool:
        """Return a boolean argument; False if it is missing."""
        return str(self._values.get(name, False)).lower() in ("true", "1")

    def limit(self, default: int, maximum: int) -> int:
        """Return RESULT_LIMIT after a check of its range."""
        limit = self._values.get("RESULT_LIMIT")
        value = default if limit is None else whole(limit, "RESULT_LIMIT")
        if not 1 <= value <= maximum:
            raise errors.invalid_value(str(value), "RESULT_LIMIT")
        return value

    def instant(self, name: str) -> datetime | None:
        """Return an argument as a time; text without a time zone is in UTC."""
        value = self._values.get(name)
        if value is None:
            return None
        try:
            read = value if isinstance(value, datetime) else datetime.fromisoformat(_iso(str(value)))
        except ValueError as error:
            raise SnowflakeError(100035, "22007", f"Timestamp '{value}' is not recognized") from error
        return read if read.tzinfo else read.replace(tzinfo=UTC)


def _iso(text: str) -> str:
    """Convert Snowflake's output format `2026-01-02 03:04:05.678 +0100` (or `Z`) to ISO text."""
    head, _, zone = text.strip().rpartition(" ")
    if head and ":" not in zone and (zone[:1] in "+-" or zone in ("Z", "UTC")):
        return head + ("+00:00" if zone in ("Z", "UTC") else f"{zone[:3]}:{zone[3:]}")
    return text
