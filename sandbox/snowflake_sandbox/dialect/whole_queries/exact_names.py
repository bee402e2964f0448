"""Case-sensitive names, after unquoted names were changed to upper case; DuckDB would ignore case.

Knows scopes and columns; must not know the catalog (the caller passes the columns of tables). It refuses only names
that DuckDB would confuse with another one; for a name that resembles none, DuckDB itself reports the error. The rule:
sql-reference/identifiers-syntax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from snowflake_sandbox.errors import SnowflakeError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    # The columns of each source of a query by its name; None if they are unknown.
    Sources = Mapping[str, set[str] | None]


def check(tree: exp.Expr, scopes: list[Scope], columns: Callable[[exp.Table], Iterable[str]]) -> None:
    """Refuse names that differ from existing ones only in case.

    Args:
        tree: the statement, its tables resolved and its unquoted names in upper case.
        scopes: the scopes of its queries.
        columns: returns the names of a table's columns; empty if they are unknown.

    Raises:
        SnowflakeError: 000904.
    """
    for scope in scopes:
        sources = _visible(scope, columns)
        aliases = _aliases(scope)
        for column in scope.columns:
            _check_column(column, sources, aliases)
        for name in _joined_by(scope):
            _check_name(name, [name], _all_names(sources))
        for star in _stars_of_one(scope):
            _check_name(star.args["table"], star.parts, set(sources))
    if isinstance(tree, exp.Insert | exp.Update | exp.Delete | exp.Merge):
        _check_change(tree, columns)


def _check_column(column: exp.Column, sources: Sources, aliases: set[str]) -> None:
    if not column.table:
        names = _all_names(sources)
        _check_name(column.this, [column.this], None if names is None else names | aliases)
        return
    _check_name(column.args["table"], column.parts, set(sources))
    if column.table in sources:
        _check_name(column.this, column.parts, sources[column.table])


def _check_name(name: exp.Expr, parts: Iterable[exp.Expr], names: set[str] | None) -> None:
    if names is None or name.name in names or isinstance(name, exp.Star):
        return
    if name.name.casefold() in {candidate.casefold() for candidate in names}:
        written = ".".join(f'"{part.name}"' if part.args.get("quoted") else part.name for part in parts)
        raise SnowflakeError(
            904, "42000", f"SQL compilation error:\nerror line 1 at position 0\ninvalid identifier '{written}'"
        )


def _all_names(sources: Sources) -> set[str] | None:
    names: set[str] = set()
    for of_source in sources.values():
        if of_source is None:
            return None
        names |= of_source
    return names


def _visible(scope: Scope, columns: Callable[[exp.Table], Iterable[str]]) -> Sources:
    """Return the sources of a query and of the enclosing queries."""
    sources: dict[str, set[str] | None] = {}
    around: Scope | None = scope
    while around is not None:
        for alias, (node, source) in around.selected_sources.items():
            sources.setdefault(alias, _names(node, source, columns))
        around = around.parent
    return sources


def _names(node: exp.Expr, source: Any, columns: Callable[[exp.Table], Iterable[str]]) -> set[str] | None:
    """Return the columns of a source; None if they are unknown."""
    if node.args.get("pivots") or not isinstance(source, exp.Table | Scope):
        return None
    holder = node if isinstance(source, exp.Table) else source.expression.parent
    alias = node.args.get("alias") or (holder.args.get("alias") if holder is not None else None)
    if isinstance(alias, exp.TableAlias) and alias.columns:
        return {column.name for column in alias.columns}
    if isinstance(source, exp.Table):
        return set(columns(source)) or None
    return _selected(source, columns)


def _selected(scope: Scope, columns: Callable[[exp.Table], Iterable[str]]) -> set[str] | None:
    if not isinstance(scope.expression, exp.Select):
        return None
    names: set[str] = set()
    for projection in scope.expression.selects:
        if not projection.is_star:
            names.add(projection.alias_or_name)
            continue
        if not isinstance(projection, exp.Star) or any(projection.args.values()):
            return None
        for node, source in scope.selected_sources.values():
            of_source = _names(node, source, columns)
            if of_source is None:
                return None
            names |= of_source
    return names


def _aliases(scope: Scope) -> set[str]:
    """Return the aliases of a query's columns, which other expressions of the query may use."""
    around: Scope | None = scope
    aliases: set[str] = set()
    while around is not None:
        if isinstance(around.expression, exp.Query):
            aliases |= {item.alias for item in around.expression.selects if isinstance(item, exp.Alias)}
        around = around.parent
    return aliases


def _joined_by(scope: Scope) -> Iterator[exp.Expr]:
    for join in scope.expression.args.get("joins") or ():
        yield from (name.this if isinstance(name, exp.Column) else name for name in join.args.get("using") or ())


def _stars_of_one(scope: Scope) -> Iterator[exp.Column]:
    """Yield the columns `t.*`."""
    if isinstance(scope.expression, exp.Query):
        for projection in scope.expression.selects:
            if isinstance(projection, exp.Column) and projection.is_star and projection.table:
                yield projection


def _check_change(tree: exp.Expr, columns: Callable[[exp.Table], Iterable[str]]) -> None:
    """Check the columns of INSERT, UPDATE, DELETE and MERGE that are not in a query."""
    sources: dict[str, set[str] | None] = {
        table.alias_or_name: set(columns(table)) or None
        for table in tree.find_all(exp.Table)
        if table.find_ancestor(exp.Query) is None
    }
    for query in tree.find_all(exp.Subquery):
        if query.alias and query.find_ancestor(exp.Query) is None:
            sources[query.alias] = None if query.this.is_star else set(query.this.named_selects)
    for column in tree.find_all(exp.Column):
        if column.find_ancestor(exp.Query) is None:
            _check_column(column, sources, set())
    for insert in tree.find_all(exp.Insert):
        target = insert.this
        if isinstance(target, exp.Schema) and isinstance(target.this, exp.Table):
            for name in target.expressions:
                _check_name(name, [name], set(columns(target.this)) or None)
