"""Functions that do something else for a type of argument: bytes instead of characters, a time instead of a date.

Knows sqlglot's classes and families; functions.py has the rules for all other types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.dialect import macros, time_formats
from snowflake_sandbox.dialect.conversions import Formats, plain_cast, to_text, to_time, typed
from snowflake_sandbox.dialect.families import DType, Family, family, of_type

if TYPE_CHECKING:
    from collections.abc import Callable

    Rule = Callable[[exp.Expr, Formats], exp.Expr]

# What asks for the local time of an instant: casts to these, date parts, and functions by name.
_LOCAL = frozenset({Family.NTZ, Family.DATE, Family.TIME})
_LOCAL_FUNCTIONS = frozenset(
    {"TO_CHAR", "TO_VARCHAR", "TO_DATE", "DATE", "TO_TIME", "TIME", "TO_TIMESTAMP_NTZ", "TO_TIMESTAMP"}
)
_PARTS = (
    *(exp.Year, exp.Month, exp.Day, exp.Quarter, exp.Week, exp.Hour, exp.Minute, exp.Second, exp.DayOfMonth),
    *(exp.DayOfWeek, exp.DayOfWeekIso, exp.DayOfYear, exp.WeekOfYear, exp.YearOfWeek, exp.LastDay, exp.Dayname),
    *(exp.Monthname, exp.Extract, exp.DateTrunc, exp.TimestampTrunc, exp.TsOrDsToDate),
)
_EPOCH = "1970-01-01"
_UNITS_OF_TIME = frozenset({"HOUR", "MINUTE", "SECOND", "MILLISECOND", "MICROSECOND"})


def not_binary(name: str, rule: Rule) -> Rule:
    """Return the rule, which refuses binary values by the function's name: DuckDB's function has only texts."""

    def checked(node: exp.Expr, formats: Formats) -> exp.Expr:
        if family(node.this) is Family.BINARY:
            raise errors.not_supported(f"{name} of a BINARY")
        return rule(node, formats)

    return checked


def left(rule: Rule) -> Rule:
    """LEFT: the first bytes of a binary value."""

    def bytes_or_text(node: exp.Expr, formats: Formats) -> exp.Expr:
        if family(node.this) is not Family.BINARY:
            return rule(node, formats)
        return typed(macros.call("bytes", node.this, exp.Literal.number(1), node.expression), DType.BINARY)

    return bytes_or_text


def right(rule: Rule) -> Rule:
    """RIGHT: the last bytes of a binary value."""

    def bytes_or_text(node: exp.Expr, formats: Formats) -> exp.Expr:
        if family(node.this) is not Family.BINARY:
            return rule(node, formats)
        return typed(macros.call("last_bytes", node.this, node.expression), DType.BINARY)

    return bytes_or_text


def truncate_time(value: exp.Expr, unit: str) -> exp.Expr:
    """DATE_TRUNC of a TIME."""
    if unit not in _UNITS_OF_TIME:
        raise errors.invalid_value(unit, "DATE_TRUNC")
    moment = exp.Add(this=plain_cast(exp.Literal.string(_EPOCH), "DATE"), expression=value)
    truncated = exp.Anonymous(this="DATE_TRUNC", expressions=[exp.Literal.string(unit), moment])
    return typed(plain_cast(truncated, "TIME"), DType.TIME)


def convert_timezone(node: exp.Expr, formats: Formats) -> exp.Expr:
    """CONVERT_TIMEZONE: of a local time, or of an instant, which stays the same unless its local time is asked for."""
    value = node.args["timestamp"]
    if node.args.get("source_tz") is not None:
        if family(value) in (Family.TEXT, Family.VARIANT, Family.DATE):
            node.set("timestamp", to_time(value, Family.NTZ, formats))
        return node
    instant = value if family(value) is Family.INSTANT else to_time(value, Family.INSTANT, formats)
    local = typed(exp.Anonymous(this="TIMEZONE", expressions=[node.args["target_tz"], instant]), DType.TIMESTAMPNTZ)
    parent = node.parent
    if isinstance(parent, exp.Cast) and of_type(parent.to) is Family.TEXT:
        return _with_offset(local, instant, formats)
    is_local = isinstance(parent, _PARTS) or (isinstance(parent, exp.Cast) and of_type(parent.to) in _LOCAL)
    is_local |= isinstance(parent, exp.Anonymous) and str(parent.this).upper() in _LOCAL_FUNCTIONS
    return local if is_local else typed(exp.paren(instant), DType.TIMESTAMPLTZ)


def _with_offset(local: exp.Expr, instant: exp.Expr, formats: Formats) -> exp.Expr:
    """Return the text of a local time with its distance from UTC."""
    if formats.instant != Formats.instant:
        raise errors.not_supported("CONVERT_TIMEZONE to a text with another format than the default")
    text = time_formats.write(local, Family.NTZ, formats.instant.removesuffix(" TZHTZM"))
    return typed(macros.call("with_offset", text, local.copy(), instant.copy()), DType.VARCHAR)


def matches(node: exp.Expr, formats: Formats) -> exp.Expr:
    """REGEXP_SUBSTR_ALL: the parameter `e`, for a group instead of the whole match, is refused."""
    parameters = node.args.get("parameters")
    if parameters is not None and "e" in str(parameters.name):
        raise errors.not_supported("REGEXP_SUBSTR_ALL with the parameter e")
    node.set("this", to_text(node.this, formats))
    return node
