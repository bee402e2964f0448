"""FLATTEN with PATH, OUTER, RECURSIVE or MODE: a row for each element, from a function that walks through the value.

Knows trees; FLATTEN with its INPUT alone is left to fakesnow. The rules: sql-reference/functions/flatten.
"""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.dialect import macros, native
from snowflake_sandbox.dialect.whole_queries import table_calls

_DEFAULTS: dict[str, str | bool] = {"PATH": "", "OUTER": False, "RECURSIVE": False, "MODE": "BOTH"}
_MODES = ("OBJECT", "ARRAY", "BOTH")
_ROWS = (
    "SELECT hash(VALUE_TO_FLATTEN) AS SEQ, (r ->> 0) AS KEY, (r ->> 1) AS PATH, CAST(r ->> 2 AS BIGINT) AS INDEX,"
    " (r -> 4) AS VALUE, (r -> 3) AS THIS FROM (SELECT unnest(ROWS_OF_VALUE) AS r) AS _elements"
)


def rewrite(holder: exp.Expr) -> None:
    """Replace the calls in FROM, in place.

    Raises:
        SnowflakeError: 001008 for a value that an argument does not take, 001003 for an unknown argument.
    """
    for node in list(holder.find_all(exp.Lateral, exp.TableFromRows)):
        if isinstance(node.this, exp.Explode) and node.this.expressions:
            _replace(node, node.this)


def _replace(node: exp.Expr, called: exp.Explode) -> None:
    options = _options(called)
    value = called.this.expression if isinstance(called.this, exp.Kwarg) else called.this
    text = exp.Coalesce(this=exp.cast(value.copy(), "VARCHAR"), expressions=[exp.Literal.string("")])
    flags = [exp.Literal.number(int(options[name])) for name in ("OUTER", "RECURSIVE")]
    words = [exp.Literal.string(str(options[name])) for name in ("PATH", "MODE")]
    rows = macros.call("list", native.call("flatten", text, *words, *flags))
    query = sqlglot.parse_one(_ROWS, read="duckdb")
    for column in list(query.find_all(exp.Column)):
        if column.name in ("VALUE_TO_FLATTEN", "ROWS_OF_VALUE"):
            column.replace(text.copy() if column.name == "VALUE_TO_FLATTEN" else rows)
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier("FLATTEN"))
    alias.set("columns", None)
    table_calls.put_query(node, query, alias)


def _options(called: exp.Explode) -> dict[str, str | bool]:
    options: dict[str, str | bool] = dict(_DEFAULTS)
    for argument in called.expressions:
        name = argument.this.name.upper() if isinstance(argument, exp.Kwarg) else ""
        if name not in options:
            raise errors.syntax_error(name or argument.sql("snowflake"), 0)
        options[name] = _constant(name, argument.expression)
    if str(options["MODE"]) not in _MODES:
        raise errors.invalid_value(str(options["MODE"]), "MODE")
    return options


def _constant(name: str, value: exp.Expr) -> str | bool:
    expected = exp.Boolean if isinstance(_DEFAULTS[name], bool) else exp.Literal
    if isinstance(value, exp.Null):
        return _DEFAULTS[name]
    if not isinstance(value, expected):
        raise errors.invalid_value(value.sql("snowflake"), name)
    return bool(value.this) if isinstance(value, exp.Boolean) else value.name.upper() if name == "MODE" else value.name
