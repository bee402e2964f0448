"""Expressions over a key of GROUP BY that is a VARIANT: `UPPER(v:s)` of a query that groups by `v:s`.

The conversion of such a key hides it from DuckDB, which asks for a column of the groups. Within a group the key has one
value, so any value of it is the key. Knows annotated queries; must not know how a VARIANT is converted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox.dialect import annotation
from snowflake_sandbox.dialect.families import DType, Family, family

if TYPE_CHECKING:
    from collections.abc import Iterator


def by_variants(tree: exp.Expr) -> None:
    """Have every such expression take the key's value from its group, in place."""
    for query in list(tree.find_all(exp.Select)):
        group = query.args.get("group")
        keys = [] if group is None else [_meaning(key, query) for key in group.expressions]
        variants = [key for key in keys if family(key) is Family.VARIANT]
        for node in list(_parts(query)) if variants else ():
            _take_from_group(node, query, variants)


def _meaning(node: exp.Expr, query: exp.Select) -> exp.Expr:
    """What a position or an alias stands for."""
    if isinstance(node, exp.Literal) and node.is_int and 0 < int(node.name) <= len(query.selects):
        return query.selects[int(node.name) - 1].unalias()
    if node.meta.get(annotation.OTHER):
        return next((item.this for item in query.selects if item.alias == node.name), node)
    return node


def _parts(query: exp.Select) -> Iterator[exp.Expr]:
    """What a query computes of its groups."""
    yield from (item.unalias() for item in query.selects)
    for clause in ("having", "qualify"):
        if query.args.get(clause) is not None:
            yield query.args[clause].this
    if query.args.get("order") is not None:
        # A key that is one of the results is ordering.py's.
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
