"""UNION, INTERSECT and EXCEPT of columns of different types: a text is converted to the type in the other query.

The rule: sql-reference/operators-query. Knows annotated queries; the conversions are in conversions.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox.dialect.conversions import Formats, one_type
from snowflake_sandbox.dialect.families import NUMBERS, family
from snowflake_sandbox.dialect.operators import operand

if TYPE_CHECKING:
    from collections.abc import Iterator


def unify(tree: exp.Expr, formats: Formats) -> None:
    """Convert each column of every set operation to one type, in place, if all of its queries list their columns."""
    for operation in list(tree.find_all(exp.SetOperation)):
        if isinstance(operation.parent, exp.SetOperation):
            continue
        queries = list(_queries(operation))
        widths = {len(query.selects) for query in queries}
        if len(widths) == 1 and not any(item.is_star for query in queries for item in query.selects):
            for index in range(widths.pop()):
                _unify_column([query.selects[index] for query in queries], formats)


def _queries(operation: exp.Expr) -> Iterator[exp.Select]:
    for side in (operation.this.unnest(), operation.expression.unnest()):
        if isinstance(side, exp.SetOperation):
            yield from _queries(side)
        elif isinstance(side, exp.Select):
            yield side


def _unify_column(projections: list[exp.Expr], formats: Formats) -> None:
    values = [projection.unalias() for projection in projections]
    unified = one_type([value.copy() for value in values], formats)
    if any(family(value) in NUMBERS for value in unified):
        unified = [operand(value) for value in unified]
    for projection, value, converted in zip(projections, values, unified, strict=True):
        if converted != value:
            alias = exp.alias_(converted, projection.alias_or_name, quoted=True)
            alias.type = converted.type
            projection.replace(alias)
