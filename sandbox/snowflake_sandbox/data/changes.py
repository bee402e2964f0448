"""Statements that change rows: their results, and how a batch of bound values becomes several executions.

Knows trees and the protocol's statement types; must not know connections (adapter.py).
"""

from __future__ import annotations

from typing import Any

from sqlglot import exp

from snowflake_sandbox.result import DDL, DELETE, INSERT, MERGE, UPDATE, ResultColumn


def batch(values: list[Any]) -> list[list[Any]]:
    """Return one row of values, or the rows of an executemany, which sends a list per placeholder."""
    if values and isinstance(values[0], list):
        return [list(row) for row in zip(*values, strict=True)]
    return [values]


_DML: dict[type[exp.Expr], int] = {
    exp.Insert: INSERT,
    exp.Update: UPDATE,
    exp.Delete: DELETE,
    exp.Merge: MERGE,
    exp.TruncateTable: DDL,
}


def type_id(tree: exp.Expr) -> int:
    """Return the protocol's statement type."""
    return _DML.get(type(tree), DDL)


def result_columns(tree: exp.Expr) -> tuple[ResultColumn, ...]:
    """Return the columns of the single row that a changing statement returns."""
    if isinstance(tree, exp.Insert):
        return (ResultColumn("number of rows inserted", "fixed"),)
    if isinstance(tree, exp.Update):
        return (
            ResultColumn("number of rows updated", "fixed"),
            ResultColumn("number of multi-joined rows updated", "fixed"),
        )
    if isinstance(tree, exp.Delete):
        return (ResultColumn("number of rows deleted", "fixed"),)
    if isinstance(tree, exp.Merge):
        kinds = {type(when.args.get("then")) for when in tree.args["whens"].expressions}
        names = ((exp.Insert, "inserted"), (exp.Update, "updated"), (exp.Delete, "deleted"))
        present = [word for kind, word in names if kind in kinds or (kind is exp.Delete and exp.Var in kinds)]
        return tuple(ResultColumn(f"number of rows {word}", "fixed") for word in present)
    return (ResultColumn("status"),)


_ACTIONS = ("INSERT", "UPDATE", "DELETE")


def prepare_merge(tree: exp.Merge) -> None:
    """Remove the table's name from the columns that a MERGE sets: Snowflake allows it there, DuckDB does not."""
    for when in tree.args["whens"].expressions:
        then = when.args.get("then")
        for assignment in then.expressions if isinstance(then, exp.Update) else ():
            if isinstance(assignment.this, exp.Column):
                assignment.this.set("table", None)


def counts(rows: list[tuple[Any, ...]], statement: str) -> list[int]:
    """Return the counts of a changing statement: the number of rows, or for MERGE those inserted, updated, deleted."""
    if statement.endswith("RETURNING merge_action"):
        return [sum(row[0] == action for row in rows) for action in _ACTIONS]
    return [int(value) for value in rows[0] if isinstance(value, int)] if rows else []


def merge_counts(columns: tuple[ResultColumn, ...], row_counts: list[int]) -> list[int]:
    """Return the counts of the actions that the MERGE contains, in the order of its columns."""
    names = ("number of rows inserted", "number of rows updated", "number of rows deleted")
    by_name = dict(zip(names, row_counts, strict=True))
    return [by_name[column.name] for column in columns]
