"""Parts that all of the statements share. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snowflake_sandbox.catalog.catalog import SnowflakeObject


def literal(text: object) -> str:
    """Return a text as a literal of Snowflake's SQL."""
    return "'" + str(text).replace("\\", "\\\\").replace("'", "''") + "'"


def literals(texts: Iterable[str] | None) -> str:
    """Return a list of literals: `('a','b')`."""
    return f"({','.join(map(literal, texts or ()))})"


def comment(item: SnowflakeObject) -> str:
    """Return ` COMMENT='…'`, or "" without a comment."""
    return f" COMMENT={literal(item['comment'])}" if item["comment"] else ""
