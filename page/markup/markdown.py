"""Text inside the parts of Streamlit that read Markdown: labels, titles, tooltips, toasts and boxes.

Pure. Knows that nothing within code is read as Markdown, HTML, LaTeX, an icon, a colour or a link. A backslash before a
character is not enough: Streamlit looks for icons and links after it has removed the backslashes. Must not know any
view.
"""

from __future__ import annotations

import re

from jobgraph.procedures.logs import safe

_TICKS = re.compile("`+")
# Neither emphasis nor a dash: `_` only within a word, `-` alone.
_PLAIN = re.compile("[A-Za-z0-9]+(?:(?:_+|-)[A-Za-z0-9]+)*")


def literal(words: object) -> str:
    """Return a name as it is if nothing in it could be Markdown, else as code.

    A screen reader would read the backticks of a label aloud.
    """
    return str(words) if _PLAIN.fullmatch(str(words)) else span(words)


def span(words: object) -> str:
    """Return a text as code in a line. An empty line in it would end the code, so line breaks become blanks."""
    line = " ".join(safe(str(words)).split())
    if not line:
        return ""
    fence = _fence(line, 1)
    blank = " " if "`" in (line[0], line[-1]) else ""
    return f"{fence}{blank}{line}{blank}{fence}"


def block(words: object) -> str:
    """Return a text as a block of code, with its line breaks."""
    text = safe(str(words))
    fence = _fence(text, 3)
    return f"{fence}\n{text}\n{fence}"


def _fence(text: str, least: int) -> str:
    """Return more backticks than stand anywhere in the text."""
    return "`" * max([least, *(len(match[0]) + 1 for match in _TICKS.finditer(text))])
