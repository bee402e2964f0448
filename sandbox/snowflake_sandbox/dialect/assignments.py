"""Values assigned to columns: INSERT, UPDATE and MERGE convert them to the column's type.

Knows the statements' trees; the conversions are in conversions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox.dialect import macros, sizes
from snowflake_sandbox.dialect.conversions import Formats, convert
from snowflake_sandbox.dialect.families import NUMBERS, DType, Family, family, is_null, of_type
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


def column_value(value: exp.Expr, target: exp.DataType | None, column: str, formats: Formats) -> exp.Expr:
    """Convert a value to the type of its column, which it must fit.

    Raises:
        SnowflakeError: 002023 for a type that is not converted implicitly.
    """
    sizes.require_coercible(value, target, column)
    return sizes.fits(assign(value, target, formats), target)


def is_assignment(node: exp.Expr) -> bool:
    """Whether `a = b` sets a column (UPDATE, also of MERGE)."""
    return isinstance(node.parent, exp.Update) and node.arg_key == "expressions"


def update(node: exp.Expr, formats: Formats) -> exp.Expr:
    """`SET a = b`."""
    node.set("expression", column_value(node.expression, node.this.type, node.this.name, formats))
    return node


def insert(node: exp.Insert, columns: Callable[[exp.Table], Columns], formats: Formats) -> None:
    """Convert the rows of an INSERT, also of the one in a MERGE."""
    if isinstance(node.this, exp.Tuple) and isinstance(node.expression, exp.Tuple):
        pairs = zip(node.expression.expressions, node.this.expressions, strict=False)
        converted = [column_value(value, column.type, column.name, formats) for value, column in pairs]
        node.expression.set("expressions", converted)
        return
    targets = _targets(node, columns)
    source = node.expression
    if isinstance(source, exp.Values):
        for row in source.expressions:
            if not isinstance(row, exp.Tuple):
                continue
            for value in row.expressions:
                _require_plain(value)
            if len(row.expressions) == len(targets):
                values = zip(row.expressions, targets, strict=True)
                converted = [column_value(value, kind, name, formats) for value, (name, kind) in values]
                row.set("expressions", converted)
    elif isinstance(source, exp.Query):
        node.set("expression", _converted(source, targets, formats))


# Functions that accounts refuse in VALUES (no page lists them): they have no value while the statement is compiled.
_NOT_CONSTANT = (exp.Rand, exp.SHA2, exp.Seq1, exp.Seq2, exp.Seq4, exp.Seq8, exp.Uniform, exp.Uuid)


def _require_plain(value: exp.Expr) -> None:
    """Refuse what VALUES of an INSERT may not hold (sql-reference/sql/insert, usage notes).

    Raises:
        SnowflakeError: 002014.
    """
    is_variant = family(value) is Family.VARIANT and not is_null(value)
    is_digest = any(str(call.this).endswith(".sf_sha2") for call in value.find_all(exp.Anonymous))
    if is_variant or is_digest or value.find(exp.Query, exp.Window, exp.AggFunc, *_NOT_CONSTANT) is not None:
        raise SnowflakeError(
            2014,
            "22000",
            f"SQL compilation error:\nInvalid expression [{value.sql('snowflake')}] in VALUES clause",
        )


# The name and the type of a column that a statement sets.
Target = tuple[str, exp.DataType | None]


def _targets(node: exp.Insert, columns: Callable[[exp.Table], Columns]) -> list[Target]:
    target = node.this
    table = target.this if isinstance(target, exp.Schema) else target
    by_name = columns(table) if isinstance(table, exp.Table) else {}
    names = [item.name for item in target.expressions] if isinstance(target, exp.Schema) else list(by_name)
    return [(name, by_name.get(name)) for name in names]


def _converted(query: exp.Query, targets: list[Target], formats: Formats) -> exp.Query:
    """Return the query, inside another one that converts its columns if any needs it."""
    if not query.is_star and len(query.selects) != len(targets):
        return query
    names = [exp.to_identifier(f"c{number}", quoted=True) for number in range(len(targets))]
    types = [None] * len(targets) if query.is_star else [projection.type for projection in query.selects]
    outer: list[exp.Expr] = []
    is_changed = False
    for name, of_source, (column_name, kind) in zip(names, types, targets, strict=True):
        column = exp.column(name.copy(), table=exp.to_identifier("_rows", quoted=True))
        column.type = of_source or exp.DataType(this=DType.UNKNOWN)
        value = column_value(column, kind, column_name, formats)
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
