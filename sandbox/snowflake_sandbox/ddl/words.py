"""Pieces that all of the statements have. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snowflake_sandbox.catalog.catalog import SnowflakeObject


def literal(text: object) -> str:
    """A text in Snowflake's SQL."""
    return "'" + str(text).replace("\\", "\\\\").replace("'", "''") + "'"


def literals(texts: Iterable[str] | None) -> str:
    """`('a','b')`."""
    return f"({','.join(map(literal, texts or ()))})"


def comment(item: SnowflakeObject) -> str:
    """` COMMENT='…'`, or nothing."""
    return f" COMMENT={literal(item['comment'])}" if item["comment"] else ""
