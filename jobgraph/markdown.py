"""Markdown for pull request comments: escaped code, tables, and a limit on the length.

Knows GitHub's Markdown and its limits. Must not know what a comment is about.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from jobgraph.procedures.logs import safe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# GitHub accepts comments of up to 65,536 characters.
LONGEST_COMMENT = 60_000
# The most rows of one table; another command shows the whole.
MOST_ROWS = 150


# What begins something in Markdown or HTML within a line, as a link, a picture, emphasis, a formula, a cell or an
# address; as an entity it is text. A `_` within a word begins nothing, and a `$` before a digit ends no formula.
_SPECIAL = re.compile(
    r"[\\`*\[\]<>&|~@]|\$(?!\d)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|(?<=:)//|(?<=www)\.", re.IGNORECASE
)


def code(text: str) -> str:
    """Return a text as code for a table cell, escaped so that it cannot end the cell or act as Markdown or HTML.

    Markdown is read between tags of HTML too, and code in backticks cannot hold each text in a cell.
    """
    return f"<code>{_plain(text)}</code>" if text else ""


def sentence(text: str) -> str:
    """Return a sentence of ours, in which only backticks act as Markdown: what is between them is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _plain(text)
    return "".join(_in_backticks(part) if number % 2 else _plain(part) for number, part in enumerate(parts))


def _in_backticks(text: str) -> str:
    """Return a text in backticks, where nothing else acts as Markdown; in a table, a `|` would."""
    line = _in_a_line(text)
    return f"`{line}`" if line.strip() and "|" not in line else code(text)


def _plain(text: str) -> str:
    return _SPECIAL.sub(lambda match: "".join(map(_entity, match[0])), _in_a_line(text))


def _entity(letter: str) -> str:
    return escape(letter, quote=False) if letter in "&<>" else f"&#{ord(letter)};"


def _in_a_line(text: str) -> str:
    return safe(text).replace("\n", " ")


def table_lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table. Rows beyond the limit are left out and counted in the last line."""
    lines = [_row(heads), _row(["---"] * len(heads)), *(_row(row) for row in rows[:MOST_ROWS])]
    if len(rows) > MOST_ROWS:
        lines.append(_row([f"and {len(rows) - MOST_ROWS} more rows", *[""] * (len(heads) - 1)]))
    return lines


def comment(lines: Iterable[str], whole: str) -> str:
    """Return the text of a comment. A text that is too long is cut at a line and names `whole`, the command for all."""
    text = "".join(f"{line}\n" for line in lines)
    if len(text) <= LONGEST_COMMENT:
        return text
    start = text[: text.rindex("\n", 0, LONGEST_COMMENT) + 1]
    fence = "```\n" if start.count("```") % 2 else ""
    left_out = text[len(start) :].count("\n")
    why = "a comment may not be longer"
    return f"{start}{fence}\nThe last {left_out} lines are left out: {why}. `{whole}` shows all.\n"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")
