"""Snowflake's grammar as sqlglot reads it, but for the functions that named.py keeps as they are written."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.snowflake import Snowflake
from sqlglot.parsers.snowflake import SnowflakeParser

from snowflake_sandbox.dialect import permitted
from snowflake_sandbox.dialect.named import FUNCTIONS
from snowflake_sandbox.dialect.snowflake_functions import is_built_in


def _call(name: str, arguments: list[exp.Expr]) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=arguments)


class SnowflakeText(Snowflake):
    """See above. A function's name is kept as it was written: several may stand for one class of node."""

    ORIGINAL_NAME_META_KEY = permitted.WRITTEN

    class Parser(SnowflakeParser):
        """See above. Functions of other dialects are read like those of users."""

        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: read for name, read in SnowflakeParser.FUNCTION_PARSERS.items() if is_built_in(name)
        }

        FUNCTIONS: ClassVar[dict[str, Any]] = {
            **SnowflakeParser.FUNCTIONS,
            **{name: partial(_call, name) for name in FUNCTIONS},
        }


DIALECT = SnowflakeText()
