"""Types of expressions: sqlglot's annotation of a statement, given the columns of tables and the types of bound values.

Knows scopes and columns; must not know the catalog (the caller passes the columns of tables), nor any rewrite.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlglot import exp
from sqlglot.dialects.snowflake import Snowflake
from sqlglot.optimizer.annotate_types import TypeAnnotator
from sqlglot.optimizer.normalize_identifiers import normalize_identifiers
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from snowflake_sandbox.dialect import exact_numbers
from snowflake_sandbox.dialect.families import DType
from snowflake_sandbox.dialect.whole_queries import exact_names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlglot.dialects.dialect import DialectType

# The columns of a table by name.
Columns = dict[str, exp.DataType]

# Marks rows that are the parts of a split text (split_rows.py).
PIECES = "pieces"
# Marks a name that refers to another column of the same SELECT.
SIBLING = "other column"
_BOUND: tuple[tuple[type, exp.DType], ...] = (
    (bool, DType.BOOLEAN),
    (str, DType.VARCHAR),
    (int, DType.BIGINT),
    (Decimal, DType.DECIMAL),
    (float, DType.DOUBLE),
    (bytes, DType.BINARY),
    (datetime, DType.TIMESTAMP),
    (date, DType.DATE),
    (time, DType.TIME),
)
# Types that sqlglot lacks, by kind of expression and by name of function.
_EXTRA_TYPES: dict[type[exp.Expr], exp.DType] = {
    exp.JSONExtract: DType.VARIANT,
    exp.GetExtract: DType.VARIANT,
    exp.ParseJSON: DType.VARIANT,
    exp.ToVariant: DType.VARIANT,
    exp.ConcatWs: DType.VARCHAR,
    exp.Bracket: DType.VARIANT,
    exp.ToChar: DType.VARCHAR,
    exp.Struct: DType.OBJECT,
    exp.JSONObject: DType.OBJECT,
    exp.Hex: DType.VARCHAR,
}


class _Tables(MappingSchema):
    """The columns of tables, requested when they are first needed."""

    def __init__(self, columns: Callable[[exp.Table], Columns]) -> None:
        super().__init__(dialect="snowflake", normalize=False)
        self._columns = columns

    def get_column_type(
        self,
        table: exp.Table | str,
        column: exp.Column | str,
        dialect: DialectType = None,
        normalize: bool | None = None,  # noqa: FBT001  # sqlglot's signature
    ) -> exp.DataType:
        """Return the type of a table's column; UNKNOWN if there is no such column."""
        del dialect, normalize
        name = column if isinstance(column, str) else column.name
        types = self._columns(table) if isinstance(table, exp.Table) else {}
        return types.get(name) or exp.DataType(this=DType.UNKNOWN)

    def find(self, *_arguments: Any, **_options: Any) -> None:
        """Return nothing: the structure of a whole table is never needed."""
        return


def annotate(
    tree: exp.Expr,
    columns: Callable[[exp.Table], Columns],
    binds: Mapping[str, Any],
    function_types: Mapping[str, exp.DType],
) -> None:
    """Annotate every expression of a statement with its type, in place; unquoted names become upper case.

    Args:
        tree: the statement, its tables resolved.
        columns: returns the columns of a table.
        binds: values of the placeholders.
        function_types: types of functions for which sqlglot has no class.

    Raises:
        SnowflakeError: 000904 for a name that differs only in case.
    """
    _quote_keys(tree)
    _name_sources(tree)
    normalize_identifiers(tree, dialect="snowflake")
    scopes = _scopes(tree)
    exact_names.check(tree, scopes, columns)
    qualified = _qualify(scopes, columns)
    changed: dict[int, exp.DataType] = {id(node): exp.DataType(this=DType.VARIANT) for node in _flattened(tree)}
    changed |= {id(node): exp.DataType(this=DType.VARCHAR) for node in _pieces(tree)}
    metadata = {
        **Snowflake.EXPRESSION_METADATA,
        **{kind: {"returns": returned} for kind, returned in _EXTRA_TYPES.items()},
        **exact_numbers.annotators(_annotator),
        exp.Column: {"annotator": _annotator(lambda node: _column_type(node, changed))},
        exp.Anonymous: {"annotator": _annotator(lambda node: _type_of(node, function_types))},
        exp.Placeholder: {"annotator": _annotator(lambda node: _bound_type(node, binds))},
    }
    TypeAnnotator(_Tables(columns), expression_metadata=metadata).annotate(tree)
    if isinstance(tree, exp.Update | exp.Delete | exp.Merge):
        # The statement's own columns may come from a subquery, whose types are known only now.
        changed |= {id(node): kind for node, kind in _columns_of_change(tree, columns)}
        TypeAnnotator(_Tables(columns), expression_metadata=metadata).annotate(tree)
    siblings = {id(node): kind for node, kind in _sibling_columns(tree)}
    if siblings:
        changed |= siblings
        TypeAnnotator(_Tables(columns), expression_metadata=metadata).annotate(tree)
    for column in qualified:
        column.set("table", None)


def _annotator(kind: Callable[[Any], exp.DataType | exp.DType]) -> Callable[[TypeAnnotator, exp.Expr], Any]:
    return lambda annotator, node: annotator._set_type(node, kind(node))  # noqa: SLF001  # as sqlglot's own annotators do


def _quote_keys(tree: exp.Expr) -> None:
    """Change the keys of `{'a': 1}` from names to texts."""
    for pair in tree.find_all(exp.PropertyEQ):
        if isinstance(pair.this, exp.Identifier) and isinstance(pair.parent, exp.Struct):
            pair.set("this", exp.Literal.string(pair.this.name))


def _name_sources(tree: exp.Expr) -> None:
    """Name unnamed subqueries and VALUES in FROM, and the columns of VALUES: COLUMN1, COLUMN2, ….

    The types of their columns are looked up by these names.
    """
    for number, source in enumerate(tree.find_all(exp.Subquery, exp.Values)):
        if not isinstance(source.parent, exp.From | exp.Join):
            continue
        alias = source.args.get("alias") or exp.TableAlias(this=exp.to_identifier(f"_SOURCE{number}", quoted=True))
        if isinstance(source, exp.Values) and not alias.args.get("columns") and source.expressions:
            width = len(source.expressions[0].expressions)
            alias.set("columns", [exp.to_identifier(f"COLUMN{place}", quoted=True) for place in range(1, width + 1)])
        source.set("alias", alias)


def _column_type(node: exp.Column, changed: Mapping[int, exp.DataType]) -> exp.DataType | exp.DType:
    """Return the type of a column outside of queries, from FLATTEN, or of another column of the same SELECT."""
    kind = changed.get(id(node))
    return kind.copy() if kind is not None else DType.UNKNOWN


def _sibling_columns(tree: exp.Expr) -> Iterator[tuple[exp.Column, exp.DataType]]:
    """Yield the columns that refer to another column of the same SELECT by its alias, with their types."""
    for query in tree.find_all(exp.Select):
        aliases = {item.alias: item.this.type for item in query.selects if isinstance(item, exp.Alias)}
        for column in query.find_all(exp.Column) if aliases else ():
            kind = aliases.get(column.name)
            is_unknown = not column.table and (column.type is None or column.type.is_type(DType.UNKNOWN))
            if is_unknown and kind is not None and not kind.is_type(DType.UNKNOWN):
                column.meta[SIBLING] = True
                yield column, kind


def _flattened(tree: exp.Expr) -> Iterator[exp.Column]:
    """Yield the columns VALUE and THIS of FLATTEN, with its alias, or without one if FROM has no other source."""
    for source in tree.find_all(exp.TableFromRows, exp.Lateral):
        select = source.find_ancestor(exp.Select)
        if select is None or not isinstance(source.this, exp.Explode):
            continue
        is_alone = not select.args.get("joins") and not select.args.get("laterals")
        for column in select.find_all(exp.Column):
            is_of_it = column.table == source.alias if column.table else is_alone
            if is_of_it and column.name in {"VALUE", "THIS"}:
                yield column


def _pieces(tree: exp.Expr) -> Iterator[exp.Column]:
    """Yield the columns VALUE of a split text (split_rows.py), with its alias or without one."""
    for source in tree.find_all(exp.Lateral):
        select = source.find_ancestor(exp.Select)
        if select is not None and isinstance(source.this, exp.Subquery) and source.meta.get(PIECES):
            inside = set(map(id, source.find_all(exp.Column)))
            for column in select.find_all(exp.Column):
                if column.name == "VALUE" and column.table in ("", source.alias) and id(column) not in inside:
                    column.meta[PIECES] = True
                    yield column


def _columns_of_change(
    tree: exp.Expr, columns: Callable[[exp.Table], Columns]
) -> Iterator[tuple[exp.Column, exp.DataType]]:
    """Yield the columns of UPDATE, DELETE and MERGE that are not in a query, with their types."""
    tables = [table for table in tree.find_all(exp.Table) if table.find_ancestor(exp.Query) is None]
    sources = {table.alias_or_name: columns(table) for table in tables}
    for query in tree.find_all(exp.Subquery):
        if query.alias and query.find_ancestor(exp.Query) is None:
            kinds_of_query = (select.type or exp.DataType(this=DType.UNKNOWN) for select in query.selects)
            sources[query.alias] = dict(zip(query.named_selects, kinds_of_query, strict=False))
    for column in tree.find_all(exp.Column):
        if column.find_ancestor(exp.Query) is not None:
            continue
        owners = [sources[column.table]] if column.table in sources else list(sources.values())
        kinds = [owner[column.name] for owner in owners if column.name in owner]
        if len(kinds) == 1:
            yield column, kinds[0]


def _type_of(node: exp.Anonymous, function_types: Mapping[str, exp.DType]) -> exp.DType:
    return function_types.get(str(node.this).upper(), DType.UNKNOWN)


def _bound_type(node: exp.Placeholder, binds: Mapping[str, Any]) -> exp.DType:
    value = binds.get(str(node.this))
    if isinstance(value, list):
        value = next((item for item in value if item is not None), None)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return DType.TIMESTAMPLTZ
    return next((kind for python, kind in _BOUND if isinstance(value, python)), DType.UNKNOWN)


def _qualify(scopes: list[Scope], columns: Callable[[exp.Table], Columns]) -> list[exp.Column]:
    """Qualify each column with its table if only one table has that name; return the changed columns."""
    changed: list[exp.Column] = []
    for scope in scopes:
        names = {alias: _names(source, columns) for alias, (_, source) in scope.selected_sources.items()}
        for column in scope.columns:
            if column.table:
                continue
            owners = [alias for alias, types in names.items() if column.name in types]
            if len(owners) == 1:
                column.set("table", exp.to_identifier(owners[0], quoted=True))
                changed.append(column)
    return changed


def _scopes(tree: exp.Expr) -> list[Scope]:
    queries = [tree] if isinstance(tree, exp.Query) else list(tree.find_all(exp.Query))
    return [scope for query in queries if query.find_ancestor(exp.Query) is None for scope in traverse_scope(query)]


def _names(source: Any, columns: Callable[[exp.Table], Columns]) -> set[str]:
    if isinstance(source, exp.Table):
        return set(columns(source))
    if isinstance(source, Scope) and isinstance(source.expression, exp.Query):
        return set(source.expression.named_selects)
    alias = getattr(getattr(source, "expression", None), "alias_column_names", None)
    return set(alias or ())
