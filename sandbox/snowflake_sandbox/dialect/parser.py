"""sqlglot's parser of Snowflake's grammar, except for the functions that named.py identifies by name."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.snowflake import Snowflake
from sqlglot.parser import Parser
from sqlglot.parsers.snowflake import SnowflakeParser

from snowflake_sandbox.dialect import permitted
from snowflake_sandbox.dialect.named import FUNCTIONS
from snowflake_sandbox.dialect.snowflake_functions import is_built_in


def _call(name: str, arguments: list[exp.Expr]) -> exp.Anonymous:
    return exp.Anonymous(this=name, expressions=arguments)


class SnowflakeText(Snowflake):
    """The dialect with this parser. It preserves a function's name as written: one class may stand for several."""

    ORIGINAL_NAME_META_KEY = permitted.WRITTEN

    class Parser(SnowflakeParser):
        """The parser. Functions of other dialects are parsed like user-defined functions."""

        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: read for name, read in SnowflakeParser.FUNCTION_PARSERS.items() if is_built_in(name)
        }

        FUNCTIONS: ClassVar[dict[str, Any]] = {
            **SnowflakeParser.FUNCTIONS,
            **{name: partial(_call, name) for name in FUNCTIONS},
        }

        def build_cast(self, strict: bool, **kwargs: Any) -> exp.Expr:  # noqa: FBT001  # sqlglot's signature
            """Build a cast; sqlglot would parse TRY_CAST to BOOLEAN as TRY_TO_BOOLEAN, which was not written."""
            to = kwargs.get("to")
            is_boolean = not strict and to is not None and to.this is exp.DataType.Type.BOOLEAN
            built: exp.Expr = (Parser if is_boolean else SnowflakeParser).build_cast(self, strict, **kwargs)
            return built


DIALECT = SnowflakeText()
