"""Formats of dates and times: Snowflake's elements as directives of DuckDB's strftime and strptime.

Knows both notations (sql-reference/date-time-input-output); must not know where a format is used.
"""

from __future__ import annotations

import re

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.dialect import macros
from snowflake_sandbox.dialect.families import Family

# Longest first, so that an element is not read as the beginning of a longer one. DuckDB cannot write an offset as
# Snowflake does, so such an element is a separate piece.
_ELEMENTS = {
    "YYYY": "%Y",
    "MMMM": "%B",
    "HH24": "%H",
    "HH12": "%I",
    "MON": "%b",
    "FF9": "%n",
    "FF6": "%f",
    "FF3": "%g",
    "YY": "%y",
    "MM": "%m",
    "DD": "%d",
    "DY": "%a",
    "MI": "%M",
    "SS": "%S",
    "FF": "%n",
    "AM": "%p",
    "PM": "%p",
}
_OFFSETS = {"TZH:TZM": ":", "TZHTZM": ""}
_UNKNOWN = re.compile(r"FF[0-9]|TZH|TZM|HH", re.IGNORECASE)
_PIECES = re.compile("|".join(['"[^"]*"', *_OFFSETS, *_ELEMENTS, "."]), re.IGNORECASE | re.DOTALL)


def unknown_format(text: str) -> errors.SnowflakeError:
    """000002: a format that the sandbox lacks."""
    return errors.not_supported(f"format '{text}'")


def _pieces(text: str) -> list[str]:
    """Return the format in directives; the separator in an offset is between two NULs."""
    pieces = []
    for piece in _PIECES.findall(text):
        if piece.upper() in _OFFSETS:
            pieces.append(f"\0{_OFFSETS[piece.upper()]}\0")
        elif piece.startswith('"'):
            pieces.append(piece.strip('"').replace("%", "%%"))
        else:
            pieces.append(_ELEMENTS.get(piece.upper(), piece.replace("%", "%%")))
    return pieces


def directives(text: str) -> str:
    """Translate a format for reading.

    Raises:
        SnowflakeError: 000002 for an element that the sandbox lacks.
    """
    pieces = "".join(_pieces(text))
    if _UNKNOWN.search(_PIECES.sub(lambda piece: piece[0] if len(piece[0]) == 1 else "\0", text)):
        raise unknown_format(text)
    return re.sub("\0.?\0", "%z", pieces)


def elements(text: str) -> str:
    """Return a format in directives as Snowflake writes it."""
    for element, directive in _ELEMENTS.items():
        text = text.replace(directive, element)
    return text.replace("%z", "TZHTZM").replace("%%", "%")


def write(node: exp.Expr, kind: Family, text: str) -> exp.Expr:
    """Return the expression that writes a date, time or timestamp in a format."""
    directives(text)
    value: exp.Expr = node
    if kind is Family.TIME:
        value = exp.Paren(this=exp.Add(this=exp.cast(exp.Literal.string("1970-01-01"), "DATE"), expression=node))
    parts: list[exp.Expr] = []
    for number, part in enumerate("".join(_pieces(text)).split("\0")):
        if number % 2:
            parts.append(_offset(value, kind, part))
        elif part:
            parts.append(exp.Anonymous(this="STRFTIME", expressions=[value.copy(), exp.Literal.string(part)]))
    result = parts[0] if parts else exp.Literal.string("")
    for part_text in parts[1:]:
        result = exp.DPipe(this=result, expression=part_text)
    return exp.Paren(this=result) if len(parts) > 1 else result


def _offset(value: exp.Expr, kind: Family, separator: str) -> exp.Expr:
    if kind is Family.INSTANT:
        return macros.call("zone_text", value.copy(), exp.Literal.string(separator))
    return exp.Literal.string(f"+00{separator}00")
