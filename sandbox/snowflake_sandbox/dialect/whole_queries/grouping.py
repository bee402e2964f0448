"""Expressions of a GROUP BY key that is a VARIANT: `UPPER(v:s)` in a query that groups by `v:s`.

DuckDB does not recognize such a key after its conversion, and requires a column of the groups. Within a group the key
has one value, so ANY_VALUE returns it. Knows annotated queries; must not know how a VARIANT is converted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox.dialect import annotation
from snowflake_sandbox.dialect.families import DType, Family, family

if TYPE_CHECKING:
    from collections.abc import Iterator


def by_variants(tree: exp.Expr) -> None:
    """Make every such expression use the key's value in its group, in place."""
    for query in list(tree.find_all(exp.Select)):
        group = query.args.get("group")
        keys = [] if group is None else [_meaning(key, query) for key in group.expressions]
        variants = [key for key in keys if family(key) is Family.VARIANT]
        for node in list(_parts(query)) if variants else ():
            _take_from_group(node, query, variants)


def _meaning(node: exp.Expr, query: exp.Select) -> exp.Expr:
    """Return the expression to which a position or an alias refers."""
    if isinstance(node, exp.Literal) and node.is_int and 0 < int(node.name) <= len(query.selects):
        return query.selects[int(node.name) - 1].unalias()
    if node.meta.get(annotation.SIBLING):
        return next((item.this for item in query.selects if item.alias == node.name), node)
    return node


def _parts(query: exp.Select) -> Iterator[exp.Expr]:
    """Yield the expressions that a query computes for its groups."""
    yield from (item.unalias() for item in query.selects)
    for clause in ("having", "qualify"):
        if query.args.get(clause) is not None:
            yield query.args[clause].this
    if query.args.get("order") is not None:
        # ordering.py handles keys that are result columns.
        results = [item.unalias() for item in query.selects]
        yield from (key for key in query.args["order"].expressions if _meaning(key.this, query) not in results)


def _take_from_group(node: exp.Expr, query: exp.Select, keys: list[exp.Expr]) -> None:
    if node in keys or isinstance(node, exp.AggFunc | exp.Query | exp.Literal):
        return
    for child in list(node.iter_expressions()):
        meaning = child if isinstance(child, exp.Literal) else _meaning(child, query)
        if meaning in keys:
            value = exp.AnyValue(this=meaning.copy())
            value.type = DType.VARIANT
            child.replace(value)
        else:
            _take_from_group(child, query, keys)
