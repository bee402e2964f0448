"""TO_CHAR and TO_VARCHAR of instants with a format: Snowflake's elements as DuckDB's strftime directives.

fakesnow drops the format in silence. Knows both notations; must not know anything else.
"""

from __future__ import annotations

import re

from sqlglot import exp

from snowflake_sandbox import errors

# Longest first: an element must not be taken for the beginning of a longer one.
_ELEMENTS = (
    ("TZH:TZM", "%z"),
    ("TZHTZM", "%z"),
    ("TZH", "%z"),
    ("YYYY", "%Y"),
    ("MMMM", "%B"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("MON", "%b"),
    ("FF9", "%n"),
    ("FF6", "%f"),
    ("FF3", "%g"),
    ("YY", "%y"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("DY", "%a"),
    ("HH", "%H"),
    ("MI", "%M"),
    ("SS", "%S"),
    ("FF", "%n"),
    ("AM", "%p"),
    ("PM", "%p"),
)
_DIRECTIVES = dict(_ELEMENTS)
_PIECES = re.compile("|".join(['"[^"]*"', *(name for name, _ in _ELEMENTS), "."]), re.IGNORECASE | re.DOTALL)


def strftime(text: str) -> str:
    """A format of Snowflake's as strftime's.

    Raises:
        SnowflakeError: 000002 for a number's format or an element that is not known.
    """
    pieces: list[str] = []
    for piece in _PIECES.findall(text):
        directive = _DIRECTIVES.get(piece.upper())
        if directive is None and (piece.isalnum() and piece.upper() != "T"):
            raise errors.not_supported(f"format '{text}'")
        quoted = piece.strip('"') if piece.startswith('"') else piece
        pieces.append(directive or quoted.replace("%", "%%"))
    return "".join(pieces)


def translate(tree: exp.Expr) -> None:
    """Replace every TO_CHAR that has a format, in place.

    Raises:
        SnowflakeError: 000002 for a format that is no constant.
    """
    for node in list(tree.find_all(exp.ToChar)):
        given = node.args.get("format")
        if given is None:
            continue
        if not isinstance(given, exp.Literal):
            raise errors.not_supported("TO_CHAR with a format that is no constant")
        node.replace(exp.Anonymous(this="STRFTIME", expressions=[node.this, exp.Literal.string(strftime(given.this))]))
