"""Operators and conditional expressions: converts operands to one type, as Snowflake does implicitly.

Knows sqlglot's classes of operators; must not know functions (functions.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox.dialect import assignments, exact_numbers, macros, sizes
from snowflake_sandbox.dialect.conversions import (
    Formats,
    cast,
    one_type,
    plain_cast,
    to_boolean,
    to_number,
    to_text,
    to_variant,
    typed,
    unify,
)
from snowflake_sandbox.dialect.families import TIMES, DType, Family, family, is_null, of_type
from snowflake_sandbox.errors import SnowflakeError

if TYPE_CHECKING:
    from collections.abc import Callable


# A text that is a NUMBER in arithmetic.
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?")
_DATE_UNITS = frozenset({"DAY", "DAYS", "WEEK", "WEEKS", "MONTH", "MONTHS", "QUARTER", "QUARTERS", "YEAR", "YEARS"})


def _set_all(node: exp.Expr, key: str, values: list[exp.Expr]) -> None:
    node.set(key, values)


def compare(node: exp.Expr, formats: Formats) -> exp.Expr:
    """`a = b` and other comparisons."""
    if assignments.is_assignment(node):
        return assignments.update(node, formats)
    left_operand, right_operand = _comparable(unify([node.this, node.expression], formats))
    node.set("this", left_operand)
    node.set("expression", right_operand)
    return node


def _comparable(nodes: list[exp.Expr]) -> list[exp.Expr]:
    """Convert VARIANTs to values that compare by content: DuckDB compares JSON as text."""
    if any(family(node) is not Family.VARIANT for node in nodes):
        return nodes
    return [macros.call("variant_order", node) for node in nodes]


def order(node: exp.Expr, _formats: Formats) -> exp.Expr:
    """A sort key of ORDER BY, in a query or a window."""
    if family(node.this) is Family.VARIANT:
        node.set("this", macros.call("variant_order", node.this))
    return node


def extreme(node: exp.Expr, _formats: Formats) -> exp.Expr:
    """MAX and MIN."""
    if family(node.this) is not Family.VARIANT:
        return node
    name = "arg_max" if isinstance(node, exp.Max) else "arg_min"
    values = [node.this, macros.call("variant_order", node.this.copy())]
    return typed(exp.Anonymous(this=name, expressions=values), DType.VARIANT)


def between(node: exp.Expr, formats: Formats) -> exp.Expr:
    """`a BETWEEN b AND c`."""
    value, low, high = _comparable(unify([node.this, node.args["low"], node.args["high"]], formats))
    node.set("this", value)
    node.set("low", low)
    node.set("high", high)
    return node


def is_in(node: exp.Expr, formats: Formats) -> exp.Expr:
    """`a IN (b, c)`."""
    if node.args.get("query") is None and node.expressions:
        value, *candidates = _comparable(unify([node.this, *node.expressions], formats))
        node.set("this", value)
        _set_all(node, "expressions", candidates)
    return node


def like(node: exp.Expr, formats: Formats) -> exp.Expr:
    """LIKE and similar operators, which compare texts."""
    node.set("this", to_text(node.this, formats))
    return node


def concatenate(node: exp.Expr, formats: Formats) -> exp.Expr:
    """`a || b` for texts, or for two binary values."""
    if family(node.this) is Family.BINARY and family(node.expression) is Family.BINARY:
        return typed(node, DType.BINARY)
    node.set("this", to_text(node.this, formats))
    node.set("expression", to_text(node.expression, formats))
    return typed(node, DType.VARCHAR)


def arithmetic(node: exp.Expr, formats: Formats) -> exp.Expr:
    """`a + b` and similar operators; a date plus an interval of whole days is a date."""
    del formats
    if isinstance(node, exp.Add) and isinstance(node.this, exp.Interval):
        node = exp.Add(this=node.expression, expression=node.this)
    left_operand, right_operand = node.this, node.expression
    if isinstance(right_operand, exp.Interval):
        unit = str(right_operand.args.get("unit") or "").upper()
        if family(left_operand) is Family.DATE and unit in _DATE_UNITS:
            return typed(plain_cast(exp.Paren(this=node.copy()), "DATE"), DType.DATE)
        return node
    families = (family(left_operand), family(right_operand))
    if not TIMES.intersection(families):
        node.set("this", operand(left_operand))
        node.set("expression", operand(right_operand))
    if Family.VARIANT in families:
        return typed(node, DType.DOUBLE)
    return exact_numbers.divide(node) if isinstance(node, exp.Div) else node


def operand(node: exp.Expr) -> exp.Expr:
    """Convert an operand to a number: a text literal becomes the NUMBER that it contains, any other text a FLOAT."""
    if isinstance(node, exp.Literal) and node.is_string and _NUMBER.fullmatch(node.name.strip()):
        text = node.name.strip().lstrip("+")
        kind = exp.DataType.build(f"DECIMAL(38, {exact_numbers.scale(exp.Literal.number(text))})")
        return typed(exp.Literal.number(text) if text[0] != "-" else exp.Neg(this=exp.Literal.number(text[1:])), kind)
    return to_number(node)


def negate(node: exp.Expr, formats: Formats) -> exp.Expr:
    """`-a`."""
    del formats
    node.set("this", to_number(node.this))
    return node


def logic(node: exp.Expr, formats: Formats) -> exp.Expr:
    """AND, OR, NOT of values that are not boolean."""
    del formats
    for key in ("this", "expression"):
        operand = node.args.get(key)
        if operand is not None and family(operand) in (Family.VARIANT, Family.TEXT):
            node.set(key, to_boolean(operand))
    return node


def case(node: exp.Expr, formats: Formats) -> exp.Expr:
    """CASE: the compared values are converted to one type, and so are the results."""
    branches = node.args["ifs"]
    if node.this is not None:
        value, *whens = unify([node.this, *(branch.this for branch in branches)], formats)
        node.set("this", value)
        for branch, when in zip(branches, whens, strict=True):
            branch.set("this", when)
    results = [branch.args["true"] for branch in branches]
    default = node.args.get("default")
    unified = one_type([*results, *([default] if default is not None else [])], formats)
    for branch, result in zip(branches, unified, strict=False):
        branch.set("true", result)
    if default is not None:
        node.set("default", unified[-1])
    return node


def choose(node: exp.Expr, formats: Formats) -> exp.Expr:
    """IFF."""
    if isinstance(node.parent, exp.Case):
        return node
    results = [node.args["true"], *([node.args["false"]] if node.args.get("false") is not None else [])]
    unified = one_type(results, formats)
    node.set("true", unified[0])
    if len(unified) > 1:
        node.set("false", unified[1])
    return node


def coalesce(node: exp.Expr, formats: Formats) -> exp.Expr:
    """COALESCE and similar functions."""
    first, *candidates = one_type([node.this, *node.expressions], formats)
    node.set("this", first)
    _set_all(node, "expressions", candidates)
    return node


def decode(node: exp.Expr, formats: Formats) -> exp.Expr:
    """DECODE: the compared values are converted to one type, and so are the results."""
    value, *pairs = node.expressions
    default = pairs.pop() if len(pairs) % 2 else None
    searches = _comparable(unify([value, *pairs[::2]], formats))
    results = one_type([*pairs[1::2], *([default] if default is not None else [])], formats)
    pairs = [part for pair in zip(searches[1:], results, strict=False) for part in pair]
    _set_all(node, "expressions", [searches[0], *pairs, *(results[-1:] if default is not None else [])])
    return node


def extreme_of(node: exp.Expr, formats: Formats) -> exp.Expr:
    """GREATEST and LEAST."""
    values = [node.this, *node.expressions]
    if any(family(value) is Family.VARIANT for value in values):
        listed = exp.Anonymous(this="LIST_VALUE", expressions=[to_variant(value, formats) for value in values])
        prefix = "greatest" if isinstance(node, exp.Greatest) else "least"
        suffix = "_of_all" if node.args.get("ignore_nulls") else ""
        return typed(macros.call(f"variant_{prefix}{suffix}", listed), DType.VARIANT)
    first, *further = one_type(values, formats)
    node.set("this", first)
    _set_all(node, "expressions", further)
    return node


def logical_function(node: exp.Expr, formats: Formats) -> exp.Expr:
    """BOOLAND and similar functions, which have numbers as conditions; sqlglot would also round numbers."""
    del formats
    operands = [to_boolean(node.args[key]) for key in ("this", "expression") if node.args.get(key) is not None]
    operators: dict[type[exp.Expr], Callable[..., exp.Expr]] = {
        exp.Booland: lambda a, b: exp.And(this=a, expression=b),
        exp.Boolor: lambda a, b: exp.Or(this=a, expression=b),
        exp.Boolnot: lambda a: exp.Not(this=a),
    }
    return typed(exp.Paren(this=operators[type(node)](*operands)), DType.BOOLEAN)


def null_if(node: exp.Expr, formats: Formats) -> exp.Expr:
    """NULLIF: has its first value's type if possible."""
    left_operand, right_operand = unify([node.this, node.expression], formats)
    node.set("this", left_operand)
    node.set("expression", right_operand)
    return node


def cast_node(node: exp.Expr, formats: Formats) -> exp.Expr:
    """CAST and `::`, TRY_CAST."""
    if node.args.get("format") is not None:
        return node
    value: exp.Expr = node.this
    target: exp.DataType = node.args["to"]
    is_optional = isinstance(node, exp.TryCast)
    if is_optional and family(value) in _KEPT and family(value) is of_type(target):
        return value
    if is_optional:
        _require_text(value, target)
    _require_castable(value, target)
    converted = cast(value, target, formats, optional=is_optional) or node
    length = sizes.length_of(target) if of_type(target) is Family.TEXT else None
    return converted if length is None else sizes.fit_text(converted, length, optional=is_optional)


# Conversions that do not exist (sql-reference/data-type-conversion), by the family of the value.
_STAMPS = frozenset({Family.NTZ, Family.INSTANT})
_NOT_CASTABLE: dict[Family, frozenset[Family]] = {
    Family.NUMBER: frozenset({Family.DATE, Family.TIME, Family.BINARY}),
    Family.FLOAT: TIMES | {Family.BINARY},
    Family.BOOLEAN: TIMES | {Family.FLOAT, Family.BINARY},
    Family.DATE: frozenset({Family.TIME, Family.NUMBER, Family.FLOAT, Family.BOOLEAN, Family.BINARY}),
    Family.TIME: _STAMPS | {Family.DATE, Family.NUMBER, Family.FLOAT, Family.BOOLEAN, Family.BINARY},
    **dict.fromkeys(_STAMPS, frozenset({Family.NUMBER, Family.FLOAT, Family.BOOLEAN, Family.BINARY})),
    Family.BINARY: TIMES | {Family.NUMBER, Family.FLOAT, Family.BOOLEAN},
}
_CONVERSION_FUNCTIONS = {
    Family.NUMBER: "TO_NUMBER",
    Family.FLOAT: "TO_DOUBLE",
    Family.NTZ: "TO_TIMESTAMP_NTZ",
    Family.INSTANT: "TO_TIMESTAMP_LTZ",
}


def _require_castable(value: exp.Expr, target: exp.DataType) -> None:
    """Refuse a cast between types that have no conversion.

    Raises:
        SnowflakeError: 001007.
    """
    kind = of_type(target)
    if is_null(value) or kind not in _NOT_CASTABLE.get(family(value), ()):
        return
    text = exp.cast(value.copy(), target.copy()).sql("snowflake")
    function = _CONVERSION_FUNCTIONS.get(kind, f"TO_{kind.name}")
    raise SnowflakeError(1007, "22023", f"SQL compilation error:\ninvalid type [{text}] for parameter '{function}'")


# Values that TRY_CAST to their own type leaves as they are, on accounts; its page allows texts only.
_KEPT = frozenset({Family.BINARY, Family.BOOLEAN, Family.DATE, Family.FLOAT})


def _require_text(value: exp.Expr, target: exp.DataType) -> None:
    """Refuse TRY_CAST of what is no text (sql-reference/functions/try_cast).

    Raises:
        SnowflakeError: 001065.
    """
    if family(value) in (Family.TEXT, Family.UNKNOWN) or is_null(value):
        return
    types = " and ".join(kind.sql("snowflake") for kind in (value.type, target) if kind is not None)
    raise SnowflakeError(
        1065,
        "22023",
        f"SQL compilation error:\nFunction TRY_CAST cannot be used with arguments of types {types}",
    )


RULES: dict[type[exp.Expr], Callable[[exp.Expr, Formats], exp.Expr]] = {
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.NullSafeEQ, exp.NullSafeNEQ), compare),
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), arithmetic),
    **dict.fromkeys((exp.Like, exp.ILike, exp.RegexpLike), like),
    **dict.fromkeys((exp.And, exp.Or, exp.Not), logic),
    **dict.fromkeys((exp.Booland, exp.Boolor, exp.Boolnot), logical_function),
    **dict.fromkeys((exp.Greatest, exp.Least), extreme_of),
    exp.DecodeCase: decode,
    exp.Between: between,
    exp.Ordered: order,
    **dict.fromkeys((exp.Max, exp.Min), extreme),
    exp.In: is_in,
    exp.DPipe: concatenate,
    exp.Neg: negate,
    exp.Case: case,
    exp.If: choose,
    exp.Coalesce: coalesce,
    exp.Nullif: null_if,
    exp.Cast: cast_node,
    exp.TryCast: cast_node,
}
