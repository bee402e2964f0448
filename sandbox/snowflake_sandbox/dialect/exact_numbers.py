"""Results of NUMBER arithmetic that are exact in Snowflake but DOUBLE in DuckDB: `/`, AVG, MEDIAN, ratios.

The scale of a quotient: sql-reference/operators-arithmetic ("Scale and precision in arithmetic operations"). Knows
expressions with annotated types; must not know where they are used in a statement.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from snowflake_sandbox.dialect.conversions import plain_cast, to_number, typed
from snowflake_sandbox.dialect.families import DType, Family, family

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot.optimizer.annotate_types import TypeAnnotator

    from snowflake_sandbox.dialect.conversions import Formats

_MORE_DIGITS, _MOST_DIGITS = 6, 12
_MEDIAN_DIGITS = 3
_AGGREGATES = (exp.Avg, exp.Median)


def scale(node: exp.Expr) -> int:
    """Return the number of decimal places of a NUMBER expression, if it can be derived; otherwise 0."""
    node = node.unnest()
    if isinstance(node, exp.Literal):
        return len(node.name.partition(".")[2])
    if isinstance(node, exp.Neg | exp.Abs | exp.Sum | exp.Max | exp.Min | exp.Window | exp.Alias):
        return scale(node.this)
    if isinstance(node, exp.Add | exp.Sub | exp.Mod):
        return max(scale(node.this), scale(node.expression))
    if isinstance(node, exp.Mul):
        return min(scale(node.this) + scale(node.expression), max(scale(node.this), scale(node.expression), 12))
    kind = node.args["to"] if isinstance(node, exp.Cast) else node.type
    digits = kind.expressions[1:] if isinstance(kind, exp.DataType) else []
    return int(digits[0].name) if digits else 0


def of_quotient(divided: int) -> int:
    """Return the scale of a quotient, given that of the dividend."""
    return max(divided, min(divided + _MORE_DIGITS, _MOST_DIGITS))


def divide(node: exp.Expr) -> exp.Expr:
    """`a / b` for two NUMBERs."""
    if {family(node.this), family(node.expression)} != {Family.NUMBER}:
        return node
    return _exact(node, of_quotient(scale(node.this)))


def aggregate(node: exp.Expr, _formats: Formats) -> exp.Expr:
    """AVG and MEDIAN of a NUMBER; for a text or VARIANT they are FLOAT."""
    node.set("this", to_number(node.this))
    if not _is_exact(node) or isinstance(node.parent, exp.Window | exp.Filter):
        return node
    return _aggregated(node, node)


def over_window(node: exp.Expr, _formats: Formats) -> exp.Expr:
    """AVG … OVER, and RATIO_TO_REPORT, the share of the sum over its window."""
    if isinstance(node.this, exp.Anonymous) and str(node.this.this).upper() == "RATIO_TO_REPORT":
        value = node.this.expressions[0]
        window = node.copy()
        window.set("this", exp.Anonymous(this="SUM", expressions=[value.copy()]))
        share = exp.Div(this=exp.Paren(this=value.copy()), expression=exp.func("NULLIF", window, exp.Literal.number(0)))
        return _exact(share, of_quotient(scale(value))) if family(value) is Family.NUMBER else share
    inner = node.this.this if isinstance(node.this, exp.Filter) else node.this
    if isinstance(inner, _AGGREGATES) and _is_exact(inner):
        return _aggregated(node, inner)
    return node


def filtered(node: exp.Expr, _formats: Formats) -> exp.Expr:
    """AVG(…) FILTER (…)."""
    is_whole = isinstance(node.this, _AGGREGATES) and not isinstance(node.parent, exp.Window)
    return _aggregated(node, node.this) if is_whole and _is_exact(node.this) else node


def _aggregated(node: exp.Expr, function: exp.Expr) -> exp.Expr:
    digits = scale(_argument(function))
    return _exact(node, digits + _MEDIAN_DIGITS if isinstance(function, exp.Median) else of_quotient(digits))


def _argument(function: exp.Expr) -> exp.Expr:
    value: exp.Expr = function.this
    return value.expressions[0] if isinstance(value, exp.Distinct) else value


def _is_exact(function: exp.Expr) -> bool:
    return family(_argument(function)) is Family.NUMBER


def _exact(node: exp.Expr, digits: int) -> exp.Expr:
    # cast to text first, which is the shortest for a DOUBLE: a direct cast would show its binary digits
    text = plain_cast(exp.Paren(this=node.copy()), "VARCHAR")
    return typed(plain_cast(text, f"DECIMAL(38, {digits})"), exp.DataType.build(f"DECIMAL(38, {digits})"))


def _literal_type(node: Any) -> exp.DataType | exp.DType:
    if node.is_string:
        return DType.VARCHAR
    digits = str(node.this)
    if not digits.replace(".", "", 1).isdigit():
        return DType.DOUBLE  # 1e3 is a FLOAT
    if "." not in digits:
        return DType.BIGINT
    behind = len(digits.partition(".")[2])
    return exp.DataType.build(f"DECIMAL({max(len(digits) - 1, behind + 1)}, {behind})")


def _exact_or_double(*operands: str) -> Callable[[Any], exp.DType]:
    def kind(node: Any) -> exp.DType:
        families = {family(node.args[key]) for key in operands}
        return DType.DECIMAL if families == {Family.NUMBER} else DType.DOUBLE

    return kind


def annotators(wrap: Callable[[Callable[[Any], Any]], Callable[[TypeAnnotator, exp.Expr], Any]]) -> dict[Any, Any]:
    """Return the types of these expressions for sqlglot's annotation, which would have DOUBLE."""
    of_one = {"annotator": wrap(_exact_or_double("this"))}
    return {
        exp.Literal: {"annotator": wrap(_literal_type)},
        exp.Div: {"annotator": wrap(_exact_or_double("this", "expression"))},
        **dict.fromkeys(_AGGREGATES, of_one),
    }


RULES: dict[type[exp.Expr], Callable[[exp.Expr, Formats], exp.Expr]] = {
    **dict.fromkeys(_AGGREGATES, aggregate),
    exp.Window: over_window,
    exp.Filter: filtered,
}
