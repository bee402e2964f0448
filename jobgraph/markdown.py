"""Markdown for pull request comments: escaped code, tables, and a limit on the length.

Knows GitHub's Markdown and its limits. Must not know what a comment is about.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# GitHub accepts comments of up to 65,536 characters.
LONGEST_COMMENT = 60_000
# The most rows of one table; another command shows the whole.
MOST_ROWS = 150


def code(text: str) -> str:
    """Return a text as code for a table cell, escaped so that it cannot end the cell or act as Markdown or HTML."""
    escaped = escape(text, quote=False).replace("|", "&#124;").replace("`", "&#96;").replace("\n", " ")
    return f"<code>{escaped}</code>" if text else ""


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
