"""Tables that are as wide as their cells on a pipe, and fit the lines of a terminal.

Pure. Must not know what is in a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import JustifyMethod
    from rich.text import Text

# Characters between two columns on a terminal.
_BETWEEN = 3
# So wide a column of words is at least, before another one is left out for it.
_READABLE = 18
# A longer text of a cell is cut; `status --job` and --json have the whole.
_LONGEST_CELL = 40


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, terminal: bool) -> Table:
    """Return a table with a heading; columns whose name starts with `>` are aligned to the right. No cell is cut."""
    drawn = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False, header_style="bold" if terminal else "")
    lines = list(rows)
    for place, column in enumerate(columns):
        name = column.removeprefix(">")
        widest = max([_width(name), *(_width(str(line[place])) for line in lines)])
        justify: JustifyMethod = "right" if column.startswith(">") else "left"
        drawn.add_column(name, justify=justify, no_wrap=True, min_width=widest)
    for line in lines:
        drawn.add_row(*line)
    return drawn


def cut(text: str) -> str:
    """Return a text as a cell of a table has room for it."""
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def fitted(  # noqa: PLR0913  # what a table is, and how it may become narrower
    columns: Sequence[str],
    rows: Sequence[Sequence[str | Text]],
    dispensable: Sequence[str],
    wordy: Sequence[str] = (),
    *,
    terminal: bool,
    width: int | None,
) -> Table:
    """Return a table; where a line has only `width` characters, without the `dispensable` columns, first ones first.

    Before that, words of `wordy` columns, and of the last one, go on below one another.
    """
    full, words = _widths(columns, rows, wordy)
    readable = _readable(full, words)
    places = list(range(len(columns)))
    for column in dispensable:
        if width is not None and sum(readable[place] + _BETWEEN for place in places) - 1 > width:
            places.remove(columns.index(column))
    drawn_table = table(
        [columns[place] for place in places], ([row[place] for place in places] for row in rows), terminal=terminal
    )
    spare = (width or 0) - sum(words[place] + _BETWEEN for place in places) + 1
    for drawn, place in zip(drawn_table.columns, places, strict=True):
        if spare >= 0 and words[place] < full[place]:
            more = min(spare, full[place] - words[place])
            drawn.no_wrap, drawn.min_width, drawn.width = False, None, words[place] + more
            spare -= more
    return drawn_table


def _widths(
    columns: Sequence[str], rows: Sequence[Sequence[str | Text]], wordy: Sequence[str] = ()
) -> tuple[list[int], list[int]]:
    """Return the width of each column, and the least that it needs: words of the last one, and of wordy ones, wrap."""
    texts = [[column.removeprefix(">"), *(str(row[place]) for row in rows)] for place, column in enumerate(columns)]
    full = [max(map(_width, column)) for column in texts]
    words = [
        _longest_word(column) if name in {*wordy, columns[-1]} else full[place]
        for place, (name, column) in enumerate(zip(columns, texts, strict=True))
    ]
    return full, words


def _readable(full: Sequence[int], words: Sequence[int]) -> list[int]:
    return [min(whole, max(least, _READABLE)) for whole, least in zip(full, words, strict=True)]


def is_within(columns: Sequence[str], rows: Sequence[Sequence[str | Text]], width: int) -> bool:
    """Tell whether a table with all columns is readable in lines of that width."""
    return sum(needed + _BETWEEN for needed in _readable(*_widths(columns, rows))) - 1 <= width


def _width(text: str) -> int:
    """Return how wide a cell is; it may have several lines."""
    return max(map(cell_len, text.split("\n")))


def _longest_word(texts: Iterable[str]) -> int:
    return max((len(word) for text in texts for word in text.split()), default=0)
