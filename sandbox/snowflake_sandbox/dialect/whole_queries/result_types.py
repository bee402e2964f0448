"""What is known of a query's columns beyond DuckDB's types: length, precision, nullability, ARRAY and OBJECT.

Knows queries and the columns of tables; must not know rows. A column keeps the declared type of the table's column it
comes from, a written literal has its own size, and a cast the written one; nothing is known of other expressions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox.dialect import sizes
from snowflake_sandbox.dialect.families import DType, Family, of_type

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from snowflake_sandbox.dialect.annotation import Columns
    from snowflake_sandbox.result import ColumnType, ResultColumn

# Marks the type of a table's column that takes no NULL.
NOT_NULL = "not null"
_WRITTEN, _COLUMNS = "written", "origins of columns"
_SEMI_STRUCTURED: dict[object, ColumnType] = {DType.ARRAY: "array", DType.OBJECT: "object"}


@dataclass(frozen=True)
class Origin:
    """What is known of a column of a query."""

    type: exp.DataType | None = None
    numbers: tuple[int, ...] = ()
    nullable: bool = True


_NOTHING = Origin()


def mark_literals(tree: exp.Expr) -> None:
    """Mark the literals that a query selects: later ones may stand for what a function returned."""
    for projection in tree.selects if isinstance(tree, exp.Query) else ():
        value = projection.unalias().unnest()
        if isinstance(value, exp.Literal):
            value.meta[_WRITTEN] = True


def remember(tree: exp.Expr, lookup: Callable[[exp.Table], Columns]) -> None:
    """Keep what is known of the columns of a query, whose tables have full names, for `described`."""
    origins = _of_query(tree, _Sources(lookup)) if isinstance(tree, exp.Query) else None
    if origins is not None:
        tree.meta[_COLUMNS] = [item for _, item in origins]


def described(columns: tuple[ResultColumn, ...], tree: exp.Expr) -> tuple[ResultColumn, ...]:
    """Return the columns of a query as DuckDB describes them, with what was remembered."""
    origins: list[Origin] = tree.meta.get(_COLUMNS, [])
    if len(origins) != len(columns):
        return columns
    return tuple(_described(column, item) for column, item in zip(columns, origins, strict=True))


def _described(column: ResultColumn, origin: Origin) -> ResultColumn:
    kind = None if origin.type is None else _SEMI_STRUCTURED.get(origin.type.this)
    if kind is not None and column.type == "variant":
        column = replace(column, type=kind)
    column = replace(column, nullable=origin.nullable)
    if column.type in ("text", "binary") and origin.numbers:
        return replace(column, length=origin.numbers[0])
    if column.type == "fixed" and not column.scale and origin.numbers and (*origin.numbers, 0)[1] == 0:
        return replace(column, precision=origin.numbers[0])
    return column


class _Sources:
    """The columns that each source of a query has, by the source's name and in order."""

    def __init__(
        self, lookup: Callable[[exp.Table], Columns], common: Mapping[str, list[tuple[str, Origin]]] | None = None
    ) -> None:
        self.lookup, self.common = lookup, common or {}

    def of(self, source: exp.Expr) -> list[tuple[str, Origin]] | None:
        """Return the columns of a source in FROM; None if they are not known."""
        if isinstance(source, exp.Table) and not source.args.get("pivots") and isinstance(source.this, exp.Identifier):
            if not source.db and _upper(source.this) in self.common:
                return self.common[_upper(source.this)]
            columns = self.lookup(source)
            return [(name, _of_type(kind)) for name, kind in columns.items()] or None
        if isinstance(source, exp.Subquery) and not source.args.get("pivots"):
            origins = _of_query(source.this, self)
            alias = source.args.get("alias")
            names = [_upper(column) for column in alias.columns] if alias is not None else []
            return (
                origins
                if not names or origins is None
                else list(zip(names, [item for _, item in origins], strict=False))
            )
        return None


def _upper(node: exp.Expr | None) -> str:
    """Return the name of an identifier, an alias or a column: in upper case unless it is quoted."""
    if isinstance(node, exp.TableAlias | exp.Column | exp.Alias):
        node = node.this
    if isinstance(node, exp.Identifier):
        return node.name if node.quoted else node.name.upper()
    return ""


def _of_type(kind: exp.DataType) -> Origin:
    numbers = tuple(sizes.declared(kind))
    return Origin(kind, numbers, nullable=not kind.meta.get(NOT_NULL))


def _of_query(query: exp.Expr, sources: _Sources) -> list[tuple[str, Origin]] | None:
    """Return the columns of a query in order, with their names; None if they are not known."""
    if isinstance(query, exp.Subquery):
        return _of_query(query.this, sources)
    common = dict(sources.common)
    with_ = query.args.get("with_")
    for item in with_.expressions if with_ is not None else ():
        inside = _of_query(item.this, _Sources(sources.lookup, common))
        if inside is None:
            common.pop(_upper(item.args["alias"]), None)
        elif not item.args["alias"].columns:
            common[_upper(item.args["alias"])] = inside
    return _of_select(query, _Sources(sources.lookup, common)) if isinstance(query, exp.Select) else None


def _of_select(query: exp.Select, sources: _Sources) -> list[tuple[str, Origin]] | None:
    start, joins = query.args.get("from_"), query.args.get("joins") or []
    listed = [start.this, *(join.this for join in joins)] if start is not None else []
    is_outer = any(join.side or join.args.get("using") or join.method for join in joins)
    is_outer |= bool(query.args.get("laterals"))
    by_name = {_upper(source.args.get("alias") or source.this): sources.of(source) for source in listed}
    if is_outer:
        by_name = {name: _all_nullable(origins) for name, origins in by_name.items()}
    columns: list[tuple[str, Origin]] = []
    for projection in query.expressions:
        if projection.is_star:
            table = _upper(projection.args.get("table")) if isinstance(projection, exp.Column) else ""
            star = projection.this if isinstance(projection, exp.Column) else projection
            origins = _of_star(by_name, table) if not any(star.args.values()) and not is_outer else None
            if origins is None:
                return None
            columns += origins
        else:
            name = projection.args.get("alias") if isinstance(projection, exp.Alias) else projection
            columns.append((_upper(name), _of_expression(projection, by_name)))
    return columns


def _all_nullable(origins: list[tuple[str, Origin]] | None) -> list[tuple[str, Origin]] | None:
    return None if origins is None else [(name, replace(item, nullable=True)) for name, item in origins]


def _of_star(by_name: Mapping[str, list[tuple[str, Origin]] | None], table: str) -> list[tuple[str, Origin]] | None:
    chosen: Sequence[list[tuple[str, Origin]] | None] = [by_name.get(table)] if table else list(by_name.values())
    columns: list[tuple[str, Origin]] = []
    for origins in chosen:
        if origins is None:
            return None
        columns += origins
    return columns


def _of_expression(projection: exp.Expr, by_name: Mapping[str, list[tuple[str, Origin]] | None]) -> Origin:
    value = projection.unalias().unnest()
    if isinstance(value, exp.Column):
        table = _upper(value.args.get("table"))
        owners = [by_name.get(table)] if table else list(by_name.values())
        matching = [item for origins in owners for name, item in origins or () if name == _upper(value)]
        return matching[0] if len(matching) == 1 and None not in owners else _NOTHING
    if isinstance(value, exp.Literal) and value.meta.get(_WRITTEN):
        is_sized = value.is_string or value.name.isdigit()
        return Origin(None, (max(len(value.name), 1),) if is_sized else (), nullable=False)
    if isinstance(value, exp.Cast) and of_type(value.to) in (Family.TEXT, Family.NUMBER):
        return Origin(None, _written_numbers(value.to))
    return _NOTHING


def _written_numbers(kind: exp.DataType) -> tuple[int, ...]:
    """Return the length, or precision and scale, that a cast names."""
    if of_type(kind) is Family.TEXT:
        length = sizes.length_of(kind)
        return () if length is None else (length,)
    numbers = [parameter.this for parameter in kind.expressions if isinstance(parameter, exp.DataTypeParam)]
    return tuple(int(number.name) for number in numbers if isinstance(number, exp.Literal))
