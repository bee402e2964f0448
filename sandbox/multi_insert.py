"""Multi-table INSERT (sql-reference/sql/insert-multi-table): one query's rows into several tables, some by condition.

Knows trees; must not know connections (data.py). The query runs once, its rows go into a temporary table, and every
INTO becomes an INSERT out of that table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from sandbox import errors
from sandbox.result import Column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class _Into:
    """One INTO: its INSERT as written, and the rows that it takes; None: all."""

    insert: exp.Insert
    condition: exp.Expr | None


def refuse(text: str, binds: Mapping[str, Any]) -> None:
    """Refuse by name what is not carried out.

    Raises:
        SnowflakeError: 000002 for OVERWRITE, and for a batch of bound rows.
    """
    if "OVERWRITE" in text.upper().split()[:2]:
        raise errors.not_supported("INSERT OVERWRITE ALL")
    if any(isinstance(value, list) for value in binds.values()):
        raise errors.not_supported("a batch of bound rows for a multi-table INSERT")


def _tables(tree: exp.MultitableInserts) -> list[str]:
    return [str(one.this.find(exp.Table).name) for one in tree.expressions]


def result_columns(tree: exp.MultitableInserts) -> tuple[Column, ...]:
    """The columns of the one row that the statement answers with: a count for each table."""
    return tuple(Column(f"number of rows inserted into {name}", "fixed") for name in dict.fromkeys(_tables(tree)))


def row(tree: exp.MultitableInserts, counts: Sequence[int]) -> tuple[int, ...]:
    """That row, from the number of rows that each INTO has taken."""
    found = dict.fromkeys(_tables(tree), 0)
    for name, count in zip(_tables(tree), counts, strict=True):
        found[name] += count
    return tuple(found.values())


def inserts(tree: exp.MultitableInserts, source: str) -> list[exp.Insert]:
    """An INSERT for every INTO, in order, out of the temporary table `source` that holds the query's rows.

    Raises:
        SnowflakeError: 000002 for DEFAULT without a list of columns.
    """
    return [_insert(one, source) for one in _conditions(tree)]


def _conditions(tree: exp.MultitableInserts) -> list[_Into]:
    """Every INTO with its condition; FIRST and ELSE exclude what an earlier WHEN has taken."""
    found: list[_Into] = []
    earlier: list[exp.Expr] = []
    current: exp.Expr | None = None
    for one in tree.expressions:
        when = one.args.get("expression")
        if when is not None:
            current = _and([when, *_not(earlier)]) if tree.args["kind"] == "FIRST" else when
            earlier.append(when)
        elif one.args.get("else_"):
            current = _and(_not(earlier))
        # An INTO without a WHEN of its own stands behind the same WHEN (or ELSE) as the one before it.
        found.append(_Into(one.this, current))
    return found


def _not(conditions: Sequence[exp.Expr]) -> list[exp.Expr]:
    """The opposite of each; a condition that is NULL counts as not met, so that its row goes to ELSE."""
    return [
        exp.Not(this=exp.Coalesce(this=exp.Paren(this=one.copy()), expressions=[exp.false()])) for one in conditions
    ]


def _and(conditions: Sequence[exp.Expr]) -> exp.Expr:
    return exp.and_(*(one.copy() for one in conditions))


def _insert(into: _Into, source: str) -> exp.Insert:
    target, values = into.insert.this, into.insert.args.get("expression")
    given: list[exp.Expr] = list(values.expressions[0].expressions) if values is not None else [exp.Star()]
    if any(isinstance(one, exp.Var) and one.name.upper() == "DEFAULT" for one in given):
        target, given = _without_defaults(target, given)
    query = exp.select(*(one.copy() for one in given)).from_(exp.to_identifier(source, quoted=True))
    if into.condition is not None:
        query = query.where(into.condition.copy())
    return exp.Insert(this=target.copy(), expression=query)


def _without_defaults(target: exp.Expr, given: list[exp.Expr]) -> tuple[exp.Expr, list[exp.Expr]]:
    """A column that is left out gets its default."""
    if not isinstance(target, exp.Schema):
        raise errors.not_supported("DEFAULT in a multi-table INSERT without a list of columns")
    pairs = [
        (column, value)
        for column, value in zip(target.expressions, given, strict=True)
        if not (isinstance(value, exp.Var) and value.name.upper() == "DEFAULT")
    ]
    columns = [column.copy() for column, _ in pairs]
    return exp.Schema(this=target.this.copy(), expressions=columns), [value for _, value in pairs]
