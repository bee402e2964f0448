"""Clauses that sqlglot or DuckDB would take, but Snowflake does not, and those that only Snowflake has.

Pure. Knows the grammar of queries and of MERGE (sql-reference/constructs, sql-reference/sql/merge).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PART_OF_INTERVAL = re.compile(r"\s*(\d+)\s*([a-zA-Z]+)\s*")


def check(clause: exp.Expr, text: str) -> None:
    """Refuse what only other dialects or only Snowflake has; complete what DuckDB reads in another way.

    Args:
        clause: a node of one of the `KINDS`.
        text: the whole statement.

    Raises:
        SnowflakeError: 001003 for what Snowflake does not have, 000002 for what the sandbox does not have.
    """
    _CHECKS[type(clause)](clause, text)


def _check_count(clause: exp.Expr, text: str) -> None:
    """Refuse a number of rows that is not whole; an empty text as a number of rows means NULL: no limit."""
    count = clause.args.get("count") if isinstance(clause, exp.Fetch) else clause.expression
    if isinstance(count, exp.RawString) or (isinstance(count, exp.Literal) and count.is_string):
        if not count.this:
            count.replace(exp.null())
    elif isinstance(count, exp.Literal) and not count.this.isdigit():
        raise errors.syntax_error(count.this, text.find(count.this), text)


def _check_merge(merge: exp.Expr, text: str) -> None:
    whens: Sequence[exp.When] = merge.args["whens"].expressions
    for when in whens:
        if when.args.get("matched") and isinstance(when.args["then"], exp.Insert):
            raise errors.syntax_error("INSERT", max(text.upper().find("INSERT"), 0), text)
    for is_matched in (True, False):
        cases = [when for when in whens if bool(when.args.get("matched")) is is_matched]
        if any(when.args.get("condition") is None for when in cases[:-1]):
            # guess: the number
            raise errors.SnowflakeError(1003, "42000", "SQL compilation error:\nunreachable case in MERGE statement")


def _check_with(clause: exp.Expr, _text: str) -> None:
    """Refuse two common table expressions of the same name."""
    names: set[str] = set()
    for common in clause.expressions:
        identifier = common.args["alias"].this
        name = identifier.name if identifier.quoted else identifier.name.upper()
        if name in names:
            raise errors.duplicate_common_table(name)
        names.add(name)


def _check_join(join: exp.Expr, _text: str) -> None:
    """Refuse ASOF JOIN; an outer join without a condition joins all rows, which sqlglot would write as an inner one."""
    if join.args.get("match_condition") is not None or str(join.args.get("method") or "").upper() == "ASOF":
        raise errors.not_supported("ASOF JOIN")
    has_condition = any(join.args.get(key) for key in ("on", "using", "method"))
    if join.args.get("side") and not has_condition:
        join.set("on", exp.true())


def _check_pivot(pivot: exp.Expr, _text: str) -> None:
    if pivot.args.get("default_on_null"):
        raise errors.not_supported("PIVOT … DEFAULT ON NULL")
    for field in pivot.args.get("fields") or ():
        if field.find(exp.PivotAny, exp.Query) is not None:
            raise errors.not_supported("PIVOT … IN (ANY | subquery)")


def _check_uniform(call: exp.Expr, _text: str) -> None:
    """Refuse a minimum above the maximum, where both are numbers (a guess: no page says what accounts answer)."""
    minimum, maximum = call.this, call.expression
    are_numbers = all(isinstance(node, exp.Literal) and not node.is_string for node in (minimum, maximum))
    if are_numbers and float(minimum.name) > float(maximum.name):
        raise errors.invalid_value(minimum.name, "UNIFORM")


def _check_interval(interval: exp.Expr, _text: str) -> None:
    """Change `x + INTERVAL '1 month, 1 day'` to one addition after the other (sql-reference/data-types-datetime)."""
    value, parent = interval.this, interval.parent
    if interval.args.get("unit") is not None or not isinstance(value, exp.Literal) or "," not in value.name:
        return
    parts = [_PART_OF_INTERVAL.fullmatch(part) for part in value.name.split(",")]
    if not isinstance(parent, exp.Add | exp.Sub) or parent.expression is not interval or None in parts:
        raise errors.not_supported(f"INTERVAL '{value.name}' here")
    result = parent.this.copy()
    for part in parts:
        if part is not None:
            single = exp.Interval(this=exp.Literal.string(part[1]), unit=exp.var(part[2].upper().removesuffix("S")))
            result = type(parent)(this=result, expression=single)
    parent.replace(result)


def _check_star(call: exp.Expr, _text: str) -> None:
    """Refuse `{*}`, and OBJECT_CONSTRUCT(*) within another expression, for which DuckDB has no form."""
    if isinstance(call, exp.Struct):
        if any(isinstance(item, exp.Star) or item.is_star for item in call.expressions):
            raise errors.not_supported("{*}")
    elif not isinstance(call.parent, exp.Select | exp.Alias):
        raise errors.not_supported("OBJECT_CONSTRUCT(*) within an expression")


def _refused(name: str) -> Callable[[exp.Expr, str], None]:
    def refuse(_clause: exp.Expr, _text: str) -> None:
        raise errors.not_supported(name)

    return refuse


_CHECKS: dict[type[exp.Expr], Callable[[exp.Expr, str], None]] = {
    **dict.fromkeys((exp.Limit, exp.Offset, exp.Fetch), _check_count),
    exp.Merge: _check_merge,
    exp.With: _check_with,
    exp.Join: _check_join,
    exp.Pivot: _check_pivot,
    exp.Uniform: _check_uniform,
    exp.Interval: _check_interval,
    exp.Struct: _check_star,
    exp.StarMap: _check_star,
    exp.MatchRecognize: _refused("MATCH_RECOGNIZE"),
}
KINDS = tuple(_CHECKS)
