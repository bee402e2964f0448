"""Snowflake's grammar as sqlglot reads it, but for the functions that named.py keeps as they are written."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.snowflake import Snowflake
from sqlglot.parsers.snowflake import SnowflakeParser

from snowflake_sandbox.dialect.named import FUNCTIONS


def _kept(name: str, arguments: list[exp.Expr]) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=arguments)


class SnowflakeText(Snowflake):
    """See above."""

    class Parser(SnowflakeParser):
        """See above."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {
            **SnowflakeParser.FUNCTIONS,
            **{name: partial(_kept, name) for name in FUNCTIONS},
        }


DIALECT = SnowflakeText()
