"""Tables that fit the width of a terminal; elsewhere, they are as wide as their cells.

Pure. Must not know what is in a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import JustifyMethod

# Characters between two columns on a terminal.
_BETWEEN = 3
# The least width of a column with wrapped words; if it cannot have that, another column is left out.
_READABLE = 18
# Longer cell texts are cut; `status --job` and --json show them whole.
_LONGEST_CELL = 40
# Of two texts that are cut before their first difference, so much is shown that is the same.
_SAME_SHOWN = 12


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, terminal: bool) -> Table:
    """Return a table with a heading. Columns whose name starts with `>` are aligned to the right. No cell is cut.

    Cells and headings are texts, whatever they hold: of strings, rich would read `[...]` as markup.
    """
    drawn = Table(box=box.SIMPLE_HEAD if terminal else None, pad_edge=False, header_style="bold" if terminal else "")
    lines = list(rows)
    for index, column in enumerate(columns):
        name = column.removeprefix(">")
        widest = max([_width(name), *(_width(str(line[index])) for line in lines)])
        justify: JustifyMethod = "right" if column.startswith(">") else "left"
        drawn.add_column(Text(name), justify=justify, no_wrap=True, min_width=widest)
    for line in lines:
        drawn.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in line))
    return drawn


def cut(text: str) -> str:
    """Return a text cut to the longest text of a cell."""
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


def cut_where_they_differ(first: str, second: str) -> tuple[str, str]:
    """Return two texts cut to the longest text of a cell; if the first difference is further on, cut before it too."""
    pairs = enumerate(zip(first, second, strict=False))
    same = next((place for place, (one, other) in pairs if one != other), min(len(first), len(second)))
    start = max(0, same - _SAME_SHOWN) if same > _LONGEST_CELL - _SAME_SHOWN else 0
    before, after = (cut(f"…{text[start:]}" if start else text) for text in (first, second))
    return before, after


def fitted(  # noqa: PLR0913  # the table, and the ways to make it narrower
    columns: Sequence[str],
    rows: Sequence[Sequence[str | Text]],
    dispensable: Sequence[str],
    wordy: Sequence[str] = (),
    *,
    terminal: bool,
    width: int | None,
) -> Table:
    """Return a table that fits into `width` characters: `dispensable` columns are dropped in order until it does.

    Before that, the text of the `wordy` columns and of the last column is wrapped at words.
    """
    full, words = _widths(columns, rows, wordy)
    readable = _readable(full, words)
    indices = list(range(len(columns)))
    for column in dispensable:
        if width is not None and sum(readable[index] + _BETWEEN for index in indices) - 1 > width:
            indices.remove(columns.index(column))
    drawn_table = table(
        [columns[index] for index in indices], ([row[index] for index in indices] for row in rows), terminal=terminal
    )
    spare = (width or 0) - sum(words[index] + _BETWEEN for index in indices) + 1
    for drawn, index in zip(drawn_table.columns, indices, strict=True):
        if spare >= 0 and words[index] < full[index]:
            extra = min(spare, full[index] - words[index])
            drawn.no_wrap, drawn.min_width, drawn.width = False, None, words[index] + extra
            spare -= extra
    return drawn_table


def _widths(
    columns: Sequence[str], rows: Sequence[Sequence[str | Text]], wordy: Sequence[str] = ()
) -> tuple[list[int], list[int]]:
    """Return the full and the least width of each column; the last column and the wordy ones can wrap at words."""
    texts = [[column.removeprefix(">"), *(str(row[index]) for row in rows)] for index, column in enumerate(columns)]
    full = [max(map(_width, column)) for column in texts]
    words = [
        _longest_word(column) if name in {*wordy, columns[-1]} else full[index]
        for index, (name, column) in enumerate(zip(columns, texts, strict=True))
    ]
    return full, words


def _readable(full: Sequence[int], words: Sequence[int]) -> list[int]:
    return [min(whole, max(least, _READABLE)) for whole, least in zip(full, words, strict=True)]


def is_within(columns: Sequence[str], rows: Sequence[Sequence[str | Text]], width: int) -> bool:
    """Return whether a table with all columns is readable in lines of `width` characters."""
    return sum(needed + _BETWEEN for needed in _readable(*_widths(columns, rows))) - 1 <= width


def _width(text: str) -> int:
    """Return the width of a cell, which may have several lines."""
    return max(map(cell_len, text.split("\n")))


def _longest_word(texts: Iterable[str]) -> int:
    return max((len(word) for text in texts for word in text.split()), default=0)
