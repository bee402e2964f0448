"""Translation of a statement's expressions to DuckDB, where sqlglot and fakesnow would be wrong.

Knows the order of the steps: first the types, then every expression from the inside out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from snowflake_sandbox.dialect import annotation, assignments, exact_numbers, functions, named, operators
from snowflake_sandbox.dialect.conversions import Formats
from snowflake_sandbox.dialect.whole_queries import flattening, grouping, ordering, sampling, set_operations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RULES: dict[type[exp.Expr], Callable[[exp.Expr, Formats], exp.Expr]] = {
    **operators.RULES,
    **functions.RULES,
    **exact_numbers.RULES,
    **sampling.RULES,
}

_DEPENDENT = (exp.Anonymous, exp.Column, exp.Insert, exp.SetOperation)


@dataclass(frozen=True)
class Context:
    """The data on which a translation depends.

    Attributes:
        columns: returns the columns of a table in the statement.
        binds: values of the placeholders.
        formats: the session's output formats.
    """

    columns: Callable[[exp.Table], annotation.Columns] = lambda _table: {}
    binds: Mapping[str, Any] = field(default_factory=dict)
    formats: Formats = field(default_factory=Formats)


def is_plain(tree: exp.Expr) -> bool:
    """Whether nothing in a statement depends on types or names (`SELECT 1`)."""
    return not any(
        type(node) in RULES or isinstance(node, exp.Anonymous | exp.Column | exp.Insert | exp.SetOperation)
        for node in tree.walk()
    )


def translate(tree: exp.Expr, context: Context) -> exp.Expr:
    """Return the statement with every rule applied.

    Raises:
        SnowflakeError: 000002 for a function or format that the sandbox lacks; 000904, 000938 and 000939.
    """
    if is_plain(tree):
        return tree
    annotation.annotate(tree, context.columns, context.binds, named.TYPES)
    grouping.by_variants(tree)
    set_operations.unify(tree, context.formats)
    holder = exp.Paren(this=ordering.by_columns(tree))
    for node in reversed(list(holder.this.walk())):
        _apply(node, context.formats)
    flattening.rewrite(holder)
    for node in list(holder.find_all(exp.Insert)):
        assignments.insert(node, context.columns, context.formats)
    for column in list(holder.find_all(exp.Column)):
        # fakesnow would treat a cast VALUE as that of FLATTEN, in quotes; this one is a text.
        if column.meta.pop(annotation.PIECES, False) and isinstance(column.parent, exp.Func):
            column.replace(exp.paren(column.copy()))
    inside: exp.Expr = holder.this
    return inside


def _apply(node: exp.Expr, formats: Formats) -> None:
    rule = RULES.get(type(node))
    kind, parent, key, index = node.type, node.parent, node.arg_key, node.index
    if isinstance(node, exp.Anonymous):
        replacement: exp.Expr = named.rewrite(node, formats)
    elif rule is not None:
        replacement = rule(node, formats)
    else:
        return
    if replacement is node:
        return
    if replacement.type is None:
        replacement.type = kind
    # The node may now be below its replacement, so the replacement goes to the node's previous place.
    if parent is not None and key is not None:
        parent.set(key, replacement, index)
