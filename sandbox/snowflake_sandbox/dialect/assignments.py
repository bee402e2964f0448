"""Values assigned to columns: INSERT, UPDATE and MERGE convert them to the column's type.

Knows the statements' trees; the conversions are in conversions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox.dialect import macros
from snowflake_sandbox.dialect.conversions import Formats, convert
from snowflake_sandbox.dialect.families import NUMBERS, Family, family, is_null, of_type
from snowflake_sandbox.errors import SnowflakeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake_sandbox.dialect.annotation import Columns


def assign(value: exp.Expr, target: exp.DataType | None, formats: Formats) -> exp.Expr:
    """Convert a value to the type of its column."""
    source, kind = family(value), of_type(target)
    if is_null(value) or source is kind or Family.UNKNOWN in (source, kind):
        return value
    if kind in NUMBERS:
        # DuckDB itself converts a text to a number.
        return macros.call("text", value) if source is Family.VARIANT else value
    return convert(value, kind, formats)


def is_assignment(node: exp.Expr) -> bool:
    """Whether `a = b` sets a column (UPDATE, also of MERGE)."""
    return isinstance(node.parent, exp.Update) and node.arg_key == "expressions"


def update(node: exp.Expr, formats: Formats) -> exp.Expr:
    """`SET a = b`."""
    node.set("expression", assign(node.expression, node.this.type, formats))
    return node


def insert(node: exp.Insert, columns: Callable[[exp.Table], Columns], formats: Formats) -> None:
    """Convert the rows of an INSERT, also of the one in a MERGE."""
    if isinstance(node.this, exp.Tuple) and isinstance(node.expression, exp.Tuple):
        pairs = zip(node.expression.expressions, node.this.expressions, strict=False)
        node.expression.set("expressions", [assign(value, column.type, formats) for value, column in pairs])
        return
    kinds = _target_types(node, columns)
    source = node.expression
    if isinstance(source, exp.Values):
        for row in source.expressions:
            if not isinstance(row, exp.Tuple):
                continue
            for value in row.expressions:
                _require_plain(value)
            if len(row.expressions) == len(kinds):
                values = zip(row.expressions, kinds, strict=True)
                row.set("expressions", [assign(value, kind, formats) for value, kind in values])
    elif isinstance(source, exp.Query):
        node.set("expression", _converted(source, kinds, formats))


# Functions that accounts refuse in VALUES (no page lists them): they have no value while the statement is compiled.
_NOT_CONSTANT = (exp.Rand, exp.SHA2, exp.Seq1, exp.Seq2, exp.Seq4, exp.Seq8, exp.Uniform, exp.Uuid)


def _require_plain(value: exp.Expr) -> None:
    """Refuse what VALUES of an INSERT may not hold (sql-reference/sql/insert, usage notes).

    Raises:
        SnowflakeError: 002014.
    """
    is_variant = family(value) is Family.VARIANT and not is_null(value)
    if is_variant or value.find(exp.Query, exp.Window, exp.AggFunc, *_NOT_CONSTANT) is not None:
        raise SnowflakeError(
            2014,
            "22000",
            f"SQL compilation error:\nInvalid expression [{value.sql('snowflake')}] in VALUES clause",
        )


def _target_types(node: exp.Insert, columns: Callable[[exp.Table], Columns]) -> list[exp.DataType | None]:
    target = node.this
    table = target.this if isinstance(target, exp.Schema) else target
    by_name = columns(table) if isinstance(table, exp.Table) else {}
    names = [item.name for item in target.expressions] if isinstance(target, exp.Schema) else list(by_name)
    return [by_name.get(name) for name in names]


def _converted(query: exp.Query, kinds: list[exp.DataType | None], formats: Formats) -> exp.Query:
    """Return the query, inside another one that converts its columns if any needs it."""
    if query.is_star or len(query.selects) != len(kinds):
        return query
    names = [exp.to_identifier(f"c{number}", quoted=True) for number in range(len(kinds))]
    outer: list[exp.Expr] = []
    is_changed = False
    for name, projection, kind in zip(names, query.selects, kinds, strict=True):
        column = exp.column(name.copy(), table=exp.to_identifier("_rows", quoted=True))
        column.type = projection.type
        value = assign(column, kind, formats)
        is_changed = is_changed or value is not column
        outer.append(value)
    if not is_changed:
        return query
    alias = exp.TableAlias(this=exp.to_identifier("_rows", quoted=True), columns=names)
    with_ = query.args.get("with_")
    if with_ is not None:
        query.set("with_", None)
    result = exp.select(*outer).from_(exp.Subquery(this=query, alias=alias))
    if with_ is not None:
        result.set("with_", with_)
    return result
