"""Functions for which sqlglot has classes: implicit conversions of arguments, and differences in DuckDB.

Knows sqlglot's classes; named.py has the functions that are identified by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.dialect import by_type, macros, native, number_formats
from snowflake_sandbox.dialect.arrays import json_list
from snowflake_sandbox.dialect.conversions import Formats, plain_cast, to_number, to_text, to_time, to_variant, typed
from snowflake_sandbox.dialect.families import DType, Family, family, is_null
from snowflake_sandbox.dialect.snowflake_functions import is_built_in

if TYPE_CHECKING:
    from collections.abc import Callable

_DATE_UNITS = frozenset({"DAY", "WEEK", "MONTH", "QUARTER", "YEAR"})


def _map(node: exp.Expr, keys: tuple[str, ...], convert: Callable[[exp.Expr], exp.Expr]) -> None:
    for key in keys:
        value = node.args.get(key)
        if isinstance(value, list):
            node.set(key, [convert(item) for item in value])
        elif isinstance(value, exp.Expr):
            node.set(key, convert(value))


def texts(*keys: str) -> Callable[[exp.Expr, Formats], exp.Expr]:
    """Return a rule for a function of texts: these arguments become texts, except binary values."""

    def rule(node: exp.Expr, formats: Formats) -> exp.Expr:
        def convert(value: exp.Expr) -> exp.Expr:
            keeps = family(value) in (Family.BINARY, Family.UNKNOWN) or is_null(value)
            return value if keeps else to_text(value, formats)

        _map(node, keys or ("this",), convert)
        return node

    return rule


def numbers(*keys: str) -> Callable[[exp.Expr, Formats], exp.Expr]:
    """Return a rule for a function of numbers: texts and VARIANT values become FLOAT."""

    def rule(node: exp.Expr, formats: Formats) -> exp.Expr:
        del formats
        _map(node, keys or ("this",), to_number)
        return node

    return rule


def times(*keys: str) -> Callable[[exp.Expr, Formats], exp.Expr]:
    """Return a rule for a function of dates and times: texts and VARIANT values become timestamps."""

    def rule(node: exp.Expr, formats: Formats) -> exp.Expr:
        def convert(value: exp.Expr) -> exp.Expr:
            is_text = family(value) in (Family.TEXT, Family.VARIANT)
            return to_time(value, Family.NTZ, formats) if is_text else value

        _map(node, keys or ("this",), convert)
        return node

    return rule


def trim(node: exp.Expr, formats: Formats) -> exp.Expr:
    """TRIM, LTRIM and RTRIM, with the characters to trim."""
    position = str(node.args.get("position") or "").upper()
    name = {"LEADING": "LTRIM", "TRAILING": "RTRIM"}.get(position, "TRIM")
    arguments = [node.this, *([node.expression] if node.expression is not None else [])]
    return exp.Anonymous(this=name, expressions=[to_text(argument, formats) for argument in arguments])


def truncate_time(node: exp.Expr, formats: Formats) -> exp.Expr:
    """DATE_TRUNC: has the type of its argument, while DuckDB returns a timestamp."""
    value = times("this")(node, formats).this
    name = str(node.args["unit"].name).upper()
    result = exp.Anonymous(this="DATE_TRUNC", expressions=[exp.Literal.string(name), value])
    if family(value) is Family.DATE:
        return typed(plain_cast(result, "DATE"), DType.DATE)
    return by_type.truncate_time(value, name) if family(value) is Family.TIME else result


def add_time(node: exp.Expr, formats: Formats) -> exp.Expr:
    """DATEADD: a date remains a date if whole days are added."""
    value = times("this")(node, formats).this
    unit = str(node.args.get("unit") or "DAY").upper()
    if family(value) is Family.DATE and unit in _DATE_UNITS:
        return typed(plain_cast(node.copy(), "DATE"), DType.DATE)
    return node


def length(node: exp.Expr, formats: Formats) -> exp.Expr:
    """LENGTH: counts the bytes of a binary value."""
    if family(node.this) is Family.BINARY:
        return exp.Anonymous(this="OCTET_LENGTH", expressions=[node.this])
    return texts()(node, formats)


def substring(node: exp.Expr, formats: Formats) -> exp.Expr:
    """SUBSTR: counts the bytes of a binary value."""
    if family(node.this) is Family.BINARY:
        whole = exp.Anonymous(this="OCTET_LENGTH", expressions=[node.this.copy()])
        return typed(
            macros.call("bytes", node.this, node.args["start"], node.args.get("length") or whole), DType.BINARY
        )
    return texts()(node, formats)


def array(node: exp.Expr, formats: Formats) -> exp.Expr:
    """`[a, b]`; a list that is an argument, of a rewritten call or a function of the sandbox, is not changed."""
    is_written = node.args.get("value_constructor") is not None
    if isinstance(node.parent, exp.Anonymous) and not (is_written and is_built_in(node.parent.name)):
        return node
    return typed(json_list(list(node.expressions), formats), DType.ARRAY)


def pairs(node: exp.Expr, formats: Formats) -> exp.Expr:
    """OBJECT_CONSTRUCT and `{'a': b}`: dates and times become texts in a VARIANT."""
    for pair in node.expressions:
        if isinstance(pair, exp.PropertyEQ | exp.JSONKeyValue) and family(pair.expression) not in (
            Family.UNKNOWN,
            Family.VARIANT,
        ):
            pair.set("expression", to_variant(pair.expression, formats))
    return node


def array_aggregate(node: exp.Expr, formats: Formats) -> exp.Expr:
    """ARRAY_AGG: skips NULLs, and returns an empty array if there are no rows."""
    if isinstance(node.parent, exp.WithinGroup | exp.Window):
        return node
    return _collected(node.this, None, formats)


def within_group(node: exp.Expr, formats: Formats) -> exp.Expr:
    """ARRAY_AGG … WITHIN GROUP (ORDER BY …)."""
    if not isinstance(node.this, exp.ArrayAgg) or isinstance(node.parent, exp.Window):
        return node
    return _collected(node.this.this, node.expression, formats)


def _collected(value: exp.Expr, order: exp.Expr | None, formats: Formats) -> exp.Expr:
    item = value.expressions[0] if isinstance(value, exp.Distinct) else value
    element = to_variant(item.copy(), formats)
    collected: exp.Expr = exp.Distinct(expressions=[element]) if isinstance(value, exp.Distinct) else element
    if order is not None:
        keys = [key.copy() for key in order.expressions]
        for key in keys:
            # With DISTINCT, the order must use the collected expression.
            if isinstance(value, exp.Distinct) and key.this == item:
                key.set("this", element.copy())
        collected = exp.Order(this=collected, expressions=keys)
    values = exp.Filter(
        this=exp.Anonymous(this="LIST", expressions=[collected]),
        expression=exp.Where(this=element.copy().is_(exp.null()).not_()),
    )
    array = exp.Anonymous(this="COALESCE", expressions=[values, exp.Anonymous(this="LIST_VALUE")])
    return typed(exp.Anonymous(this="TO_JSON", expressions=[array]), DType.ARRAY)


def unique_aggregate(node: exp.Expr, formats: Formats) -> exp.Expr:
    """ARRAY_UNIQUE_AGG."""
    values = _collected(exp.Distinct(expressions=[node.this]), None, formats)
    return typed(macros.call("array_sort", values, exp.true(), exp.false()), DType.ARRAY)


def list_aggregate(node: exp.Expr, formats: Formats) -> exp.Expr:
    """LISTAGG: the default separator is the empty text, and so is the result without rows."""
    value = node.this.this if isinstance(node.this, exp.Order) else node.this
    target = value.expressions[0] if isinstance(value, exp.Distinct) else value
    if family(target) not in (Family.TEXT, Family.UNKNOWN):
        target.replace(to_text(target.copy(), formats))
    if node.args.get("separator") is None:
        node.set("separator", exp.Literal.string(""))
    if isinstance(node.parent, exp.Window):
        return node
    return typed(exp.Anonymous(this="COALESCE", expressions=[node.copy(), exp.Literal.string("")]), DType.VARCHAR)


def sequence(node: exp.Expr, formats: Formats) -> exp.Expr:
    """SEQ4 and similar functions in the order of a window function: the rows as they come (Snowpark's `range`)."""
    del formats
    return exp.Literal.number(0) if node.find_ancestor(exp.Window) is not None else node


def parse_json(node: exp.Expr, formats: Formats) -> exp.Expr:
    """PARSE_JSON."""
    if is_null(node.this) or node.args.get("safe"):
        return node
    return typed(macros.call("parse_json", to_text(node.this, formats)), DType.VARIANT)


def regexp_replace(node: exp.Expr, formats: Formats) -> exp.Expr:
    """REGEXP_REPLACE, with a position and an occurrence if they are passed."""
    texts("this")(node, formats)
    position, occurrence, modifiers = (node.args.get(key) for key in ("position", "occurrence", "modifiers"))
    replacement = node.args.get("replacement")
    if position is None and occurrence is None and modifiers is None:
        return node if replacement is None else _bounded(node, replacement, "room_for_matches", "matches_replaced")
    pattern = node.expression
    if modifiers is not None:
        flags = "".join(dict.fromkeys(flag for flag in str(modifiers.name) if flag in "ims"))
        if not isinstance(modifiers, exp.Literal):
            raise errors.not_supported("REGEXP_REPLACE with parameters that are not constant")
        if flags:
            pattern = exp.DPipe(this=exp.Literal.string(f"(?{flags})"), expression=pattern)
    text = node.this
    if replacement is not None:
        text = macros.call("room_for_matches", text, pattern.copy(), replacement.copy())
    values = (text, pattern, replacement or exp.Literal.string(""))
    return typed(
        macros.call("replace", *values, position or exp.Literal.number(1), occurrence or exp.Literal.number(0)),
        DType.VARCHAR,
    )


def to_number_by_format(node: exp.Expr, formats: Formats) -> exp.Expr:
    """TO_NUMBER and similar functions with a format; without one, sqlglot and fakesnow translate them."""
    form = node.args.get("format")
    if form is None:
        return node
    if not isinstance(form, exp.Literal) or not form.is_string:
        raise errors.not_supported("TO_NUMBER with a format that is not constant")
    for alternative in str(form.this).split("|"):
        number_formats.parse(alternative)
    precision, scale = node.args["precision"].name, node.args["scale"].name
    number = native.call("number_of", to_text(node.this, formats), form)
    if node.args.get("safe"):
        number = exp.Anonymous(this="TRY", expressions=[number])
    exact = plain_cast(number, f"DECIMAL({precision}, {scale})")
    return exact if scale != "0" else plain_cast(plain_cast(number, "DECIMAL(38, 9)"), "BIGINT")


def round_number(node: exp.Expr, formats: Formats) -> exp.Expr:
    """ROUND."""
    return numbers()(node, formats)


def current(node: exp.Expr, formats: Formats) -> exp.Expr:
    """CURRENT_TIMESTAMP and similar: DuckDB would read a bare word as a column if one has that name."""
    del formats
    now: exp.Expr = typed(exp.Anonymous(this="NOW"), DType.TIMESTAMPLTZ)
    if node.args.get("sysdate"):
        return typed(exp.Anonymous(this="TIMEZONE", expressions=[exp.Literal.string("UTC"), now]), DType.TIMESTAMPNTZ)
    if isinstance(node, exp.CurrentDate):
        return typed(plain_cast(now, "DATE"), DType.DATE)
    if isinstance(node, exp.CurrentTime | exp.Localtime):
        return typed(plain_cast(plain_cast(now, "TIMESTAMP"), "TIME"), DType.TIME)
    return now


def distance(node: exp.Expr, formats: Formats) -> exp.Expr:
    """JAROWINKLER_SIMILARITY: a whole number; the comparison ignores case."""
    values = [
        exp.Anonymous(this="LOWER", expressions=[to_text(node.args[key], formats)]) for key in ("this", "expression")
    ]
    similarity = exp.Anonymous(this="JARO_WINKLER_SIMILARITY", expressions=values)
    return plain_cast(
        exp.Anonymous(this="FLOOR", expressions=[exp.Mul(this=similarity, expression=exp.Literal.number(100))]),
        "BIGINT",
    )


def replace(node: exp.Expr, formats: Formats) -> exp.Expr:
    """REPLACE: the result is no longer than the longest text; a small statement could fill any memory."""
    texts("this", "expression")(node, formats)
    replacement = node.args.get("replacement")
    return node if replacement is None else _bounded(node, replacement, "room_to_replace", "replaced")


def _bounded(node: exp.Expr, replacement: exp.Expr, room: str, whole: str) -> exp.Expr:
    """Return a replacement in a text with a limit of the result's length.

    Arguments that are not constant are not repeated in the call, since they may themselves contain replacements.
    """
    searched = node.expression
    if isinstance(searched, exp.Literal) and isinstance(replacement, exp.Literal):
        if len(replacement.name) > (len(searched.name) if isinstance(node, exp.Replace) else 0):
            node.set("this", macros.call(room, node.this, searched.copy(), replacement.copy()))
        return node
    return typed(macros.call(whole, node.this, searched, replacement), DType.VARCHAR)


def repeat(node: exp.Expr, formats: Formats) -> exp.Expr:
    """REPEAT: no longer than the longest text, 128 MB (sql-reference/data-types-text)."""
    node = texts()(node, formats)
    times_ = node.args["times"]
    size = exp.Mul(
        this=exp.Anonymous(this="LENGTH", expressions=[node.this.copy()]), expression=exp.paren(times_.copy())
    )
    node.set("times", macros.call("limit", times_, size))
    return node


def space(node: exp.Expr, formats: Formats) -> exp.Expr:
    """SPACE: no longer than the longest text."""
    del formats
    node.set("this", macros.call("limit", node.this, node.this.copy()))
    return node


def only_of(macro: str) -> Callable[[exp.Expr, Formats], exp.Expr]:
    """Return a rule for a function of one number that has no value for some of them (SQRT, LN)."""

    def rule(node: exp.Expr, formats: Formats) -> exp.Expr:
        numbers()(node, formats)
        node.set("this", macros.call(macro, node.this))
        return node

    return rule


def of_two(macro: str) -> Callable[[exp.Expr, Formats], exp.Expr]:
    """Return a rule for a function of two numbers that has no value for some of them (LOG, POWER)."""

    def rule(node: exp.Expr, formats: Formats) -> exp.Expr:
        numbers("this", "expression")(node, formats)
        if node.expression is None:
            return node
        return typed(macros.call(macro, node.this, node.expression), DType.DOUBLE)

    return rule


def pad(node: exp.Expr, formats: Formats) -> exp.Expr:
    """LPAD, RPAD: no longer than the longest text."""
    node = texts("this", "fill_pattern")(node, formats)
    node.set("expression", macros.call("limit", node.expression, node.expression.copy()))
    return node


_NOW = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Localtime, exp.Localtimestamp)
_ONE_TEXT = (
    *(exp.Upper, exp.Lower, exp.Initcap, exp.SplitPart, exp.Split),
    *(exp.MD5, exp.SHA, exp.Unicode, exp.Ascii, exp.Strtok, exp.StrtokToArray),
    *(exp.RegexpExtract, exp.RegexpCount, exp.RegexpInstr, exp.Stuff, exp.Levenshtein),
)
_NUMBERS = (
    *(exp.Abs, exp.Ceil, exp.Floor, exp.Cbrt, exp.Exp, exp.Sign, exp.Degrees, exp.Radians, exp.Trunc),
    *(exp.Sum, exp.Avg, exp.Stddev, exp.StddevSamp, exp.StddevPop, exp.Variance, exp.VariancePop, exp.Median),
)
_TIMES = (
    *(exp.Year, exp.Month, exp.Day, exp.Quarter, exp.Week, exp.Hour, exp.Minute, exp.Second, exp.DayOfMonth),
    *(exp.DayOfWeek, exp.DayOfWeekIso, exp.DayOfYear, exp.WeekOfYear, exp.YearOfWeek, exp.LastDay, exp.Dayname),
    *(exp.Monthname, exp.AddMonths, exp.NextDay, exp.PreviousDay, exp.TimeSlice),
)

RULES: dict[type[exp.Expr], Callable[[exp.Expr, Formats], exp.Expr]] = {
    **dict.fromkeys(_ONE_TEXT, texts("this")),
    **dict.fromkeys(_NUMBERS, numbers("this")),
    **dict.fromkeys(_TIMES, times("this")),
    **dict.fromkeys((exp.StartsWith, exp.EndsWith), texts("this", "expression")),
    **dict.fromkeys((exp.Concat, exp.ConcatWs), texts("expressions")),
    exp.StrPosition: by_type.not_binary("POSITION", texts("this", "substr")),
    exp.Left: by_type.left(texts()),
    exp.Right: by_type.right(texts()),
    exp.Reverse: by_type.not_binary("REVERSE", texts()),
    exp.ConvertTimezone: by_type.convert_timezone,
    exp.RegexpExtractAll: by_type.matches,
    exp.Replace: replace,
    exp.Repeat: repeat,
    exp.Space: space,
    exp.Sqrt: only_of("root_of"),
    exp.Ln: only_of("logarithm_of"),
    exp.Log: of_two("logarithm"),
    exp.Pow: of_two("power"),
    exp.Pad: by_type.not_binary("LPAD and RPAD", pad),
    exp.Round: round_number,
    exp.Trim: trim,
    exp.Length: length,
    exp.Substring: substring,
    **dict.fromkeys((exp.DateTrunc, exp.TimestampTrunc), truncate_time),
    **dict.fromkeys((exp.DateAdd, exp.TimestampAdd, exp.TsOrDsAdd), add_time),
    **dict.fromkeys((exp.DateDiff, exp.TimestampDiff, exp.TsOrDsDiff), times("this", "expression")),
    exp.Extract: times("expression"),
    exp.Array: array,
    **dict.fromkeys((exp.Struct, exp.JSONObject), pairs),
    exp.RegexpReplace: regexp_replace,
    exp.ToNumber: to_number_by_format,
    exp.JarowinklerSimilarity: distance,
    exp.ParseJSON: parse_json,
    **dict.fromkeys(_NOW, current),
    **dict.fromkeys((exp.Seq1, exp.Seq2, exp.Seq4, exp.Seq8), sequence),
    exp.ArrayAgg: array_aggregate,
    exp.WithinGroup: within_group,
    exp.ArrayUniqueAgg: unique_aggregate,
    exp.GroupConcat: list_aggregate,
}
