"""Clauses that sqlglot or DuckDB would take, but Snowflake does not.

Pure. Knows the grammar of LIMIT and MERGE (sql-reference/constructs/limit, sql-reference/sql/merge).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox import errors

if TYPE_CHECKING:
    from collections.abc import Sequence

KINDS = (exp.Limit, exp.Offset, exp.Fetch, exp.Merge)


def check(clause: exp.Expr, text: str) -> None:
    """Refuse a number of rows that is not whole, and a MERGE with the wrong action for its rows.

    An empty text as a number of rows means NULL: no limit.

    Args:
        clause: a node of one of the `KINDS`.
        text: the whole statement.

    Raises:
        SnowflakeError: 001003.
    """
    if isinstance(clause, exp.Merge):
        _check_merge(clause, text)
        return
    count = clause.args.get("count") if isinstance(clause, exp.Fetch) else clause.expression
    if isinstance(count, exp.RawString) or (isinstance(count, exp.Literal) and count.is_string):
        if not count.this:
            count.replace(exp.null())
    elif isinstance(count, exp.Literal) and not count.this.isdigit():
        raise errors.syntax_error(count.this, text.find(count.this), text)


def _check_merge(merge: exp.Merge, text: str) -> None:
    whens: Sequence[exp.When] = merge.args["whens"].expressions
    for when in whens:
        if when.args.get("matched") and isinstance(when.args["then"], exp.Insert):
            raise errors.syntax_error("INSERT", max(text.upper().find("INSERT"), 0), text)
    for is_matched in (True, False):
        cases = [when for when in whens if bool(when.args.get("matched")) is is_matched]
        if any(when.args.get("condition") is None for when in cases[:-1]):
            # guess: the number
            raise errors.SnowflakeError(1003, "42000", "SQL compilation error:\nunreachable case in MERGE statement")
