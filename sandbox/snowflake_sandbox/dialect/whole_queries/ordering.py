"""ORDER BY of a result column that is a VARIANT, by position or name, or in a query with groups.

DuckDB has JSON for VARIANT and sorts it as text, so a sort key must be computed from the value. A position or an alias
has no value to compute from, and a computed key of a grouped query is not one of its groups; so the query becomes the
source of another query, which sorts. Knows annotated queries; must not know how a VARIANT sorts (operators.py).
"""

from __future__ import annotations

from sqlglot import exp

from snowflake_sandbox.dialect.families import Family, family


def by_columns(tree: exp.Expr) -> exp.Expr:
    """Return the statement with each such query inside another one."""
    for query in list(tree.find_all(exp.Select)):
        order = query.args.get("order")
        if order is None or any(isinstance(item, exp.Star) or item.is_star for item in query.selects):
            continue
        positions = [_position(key.this, query) for key in order.expressions]
        variants = [index for index in positions if index is not None and _is_variant(query.selects[index])]
        if not variants or None in positions:
            continue
        outer = _ordered(query, [index for index in positions if index is not None])
        if query is tree:
            return outer
        query.replace(outer)
    return tree


def _is_variant(projection: exp.Expr) -> bool:
    return family(projection.unalias()) is Family.VARIANT


def _position(key: exp.Expr, query: exp.Select) -> int | None:
    """Return the index of the column that a key refers to by position, by name, or by the same expression."""
    if isinstance(key, exp.Literal) and key.is_int:
        return int(key.name) - 1 if 0 < int(key.name) <= len(query.selects) else None
    is_name = isinstance(key, exp.Column) and not key.table
    for index, projection in enumerate(query.selects):
        if is_name and isinstance(projection, exp.Alias) and projection.alias == key.name:
            return index
        if projection.unalias() == key:
            return index
    return None


def _ordered(query: exp.Select, positions: list[int]) -> exp.Select:
    inner = query.copy()
    keys = [key.copy() for key in inner.args["order"].expressions]
    for clause in ("order", "limit", "offset"):
        inner.set(clause, None)
    names = [f"_C{index}" for index in range(len(query.selects))]
    columns = [exp.to_identifier(name, quoted=True) for name in names]
    alias = exp.TableAlias(this=exp.to_identifier("_ORDERED", quoted=True), columns=columns)
    outer = exp.Select().from_(exp.Subquery(this=inner, alias=alias))
    selects = [
        exp.alias_(_column(name, projection), projection.alias_or_name, quoted=True)
        for name, projection in zip(names, query.selects, strict=True)
    ]
    for item, projection in zip(selects, query.selects, strict=True):
        item.type = projection.type or projection.unalias().type
    outer.set("expressions", selects)
    for key, index in zip(keys, positions, strict=True):
        key.set("this", _column(names[index], query.selects[index]))
    outer.set("order", exp.Order(expressions=keys))
    for clause in ("limit", "offset"):
        outer.set(clause, query.args.get(clause))
    return outer


def _column(name: str, projection: exp.Expr) -> exp.Column:
    column = exp.column(exp.to_identifier(name, quoted=True))
    column.type = projection.unalias().type
    return column
