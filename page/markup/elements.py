"""The elements of all views: links, states, instants, facts and empty states.

Pure. Knows HTML. Must not know any view.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from jobgraph.page_model import looks
from jobgraph.procedures.logs import safe
from jobgraph.runs.wording import abridged, duration, instant_utc

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from jobgraph.page_model.address import Address

_MINUTE = 60
_HOUR = 3600
_DAY = 86_400


def text(value: object) -> str:
    """Return a value escaped for use between tags and in attributes; control characters are written out.

    Some of these would write what follows from right to left, others cannot be seen.
    """
    return escape(safe(str(value)), quote=True)


def data(value: object) -> str:
    """Return a value escaped for an attribute that the page's script reads, otherwise as it is."""
    return escape(str(value), quote=True)


def brief(value: object) -> str:
    """Return a value, escaped and shortened for a list; the attempt's own view shows all of it."""
    return text(abridged(str(value)))


def link(address: Address, content: str, css: str = "", title: str = "", *, here: bool = False) -> str:
    """Return a link around HTML to another address of the page, which can also be copied.

    `here`: it leads to the present view, which screen readers announce.
    """
    current = ' aria-current="page"' if here else ""
    classes = f' class="{css}"' if css else ""
    hint = f' title="{text(title)}"' if title else ""
    return f'<a href="{text(address.link)}"{classes}{hint}{current}>{content}</a>'


def state(value: str) -> str:
    """Return a state as sign and word, in its tone."""
    look = looks.look(value)
    word = look.word or value.lower()
    return f'<span class="state {look.tone}"><i aria-hidden="true">{look.sign}</i>{text(word)}</span>'


def instant(value: datetime | None, now: datetime | None = None) -> str:
    """Return an instant relative to `now`, with the full time as a tooltip; without `now`, the full time."""
    if value is None:
        return ""
    full = instant_utc(value)
    words = full if now is None else distance((now - value).total_seconds())
    return f'<time datetime="{value.isoformat()}" title="{text(full)}">{text(words)}</time>'


def distance(seconds: float) -> str:
    """Return how far an instant is from now: `12 s ago`, `in 3 h`."""
    away = abs(seconds)
    if away < _MINUTE:
        words = f"{away:.0f} s"
    elif away < _HOUR:
        words = f"{away / _MINUTE:.0f} min"
    elif away < 2 * _DAY:
        words = f"{away / _HOUR:.0f} h"
    else:
        words = f"{away / _DAY:.0f} days"
    return f"{words} ago" if seconds >= 0 else f"in {words}"


def took(seconds: float | None) -> str:
    """Return a duration; empty if it is not known."""
    return text(duration(seconds))


def facts(pairs: Iterable[tuple[str, str]]) -> str:
    """Return names with values, which are HTML; those without a value are left out."""
    lines = "".join(f"<dt>{text(name)}</dt><dd>{value}</dd>" for name, value in pairs if value)
    return f'<dl class="facts">{lines}</dl>' if lines else ""


def figures(pairs: Iterable[tuple[str, str]]) -> str:
    """Return a row of figures with a word below each; the figures are HTML."""
    cells = "".join(f"<div><b>{value}</b><span>{text(name)}</span></div>" for name, value in pairs if value)
    return f'<div class="figures">{cells}</div>' if cells else ""


def heading(words: str, remark: str = "") -> str:
    """Return the heading of a part of a view."""
    return f"<h3>{text(words)}{f'<small>{text(remark)}</small>' if remark else ''}</h3>"


def empty(words: str, command: str = "") -> str:
    """Return the text for an empty view, and the command that fills it."""
    hint = f"<code>{text(command)}</code>" if command else ""
    return f'<div class="empty"><p>{text(words)}</p>{hint}</div>'


def table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of HTML cells; columns whose name starts with `>` are aligned to the right."""
    names = list(columns)
    sides = [' class="right"' if name.startswith(">") else "" for name in names]
    head = "".join(f"<th{side}>{text(name.lstrip('>'))}</th>" for name, side in zip(names, sides, strict=True))
    body = "".join(
        f"<tr>{''.join(f'<td{side}>{cell}</td>' for cell, side in zip(row, sides, strict=True))}</tr>" for row in rows
    )
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def legend(tones: Iterable[tuple[str, str, str]]) -> str:
    """Return a legend of (css class, sign, words)."""
    entries = "".join(
        f'<span><b class="c {css}" aria-hidden="true">{sign}</b>{text(words)}</span>' for css, sign, words in tones
    )
    return f'<div class="legend">{entries}</div>'
