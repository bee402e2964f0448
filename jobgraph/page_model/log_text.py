"""A searchable log: the lines that contain a text, the end of the log, and the gaps between them.

Pure. Knows lines. Must not know whose log it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

# So many lines of a log are drawn: its end, for that is where a failure is.
MOST_LINES = 500
# Of a line so many characters, and so many places marked: a log may be one line of megabytes.
MOST_CHARACTERS = 5_000
MOST_MARKS = 100
# So many characters of a long line stand before what was searched for.
_BEFORE = 500


@dataclass(frozen=True)
class LogLine:
    """A line of a log and its number from 1; `pieces` are its text in parts, each with whether it was searched for."""

    number: int
    pieces: tuple[tuple[str, bool], ...]

    @property
    def text(self) -> str:
        """The whole line."""
        return "".join(piece for piece, _ in self.pieces)


@dataclass(frozen=True)
class Excerpt:
    """Lines of a log in order; `hits` of them were searched for, in a log of `total` lines."""

    lines: tuple[LogLine, ...]
    hits: int
    total: int

    @property
    def gaps(self) -> tuple[int, ...]:
        """The numbers of the lines before which lines are left out."""
        numbers = [0, *(line.number for line in self.lines)]
        return tuple(after for before, after in pairwise(numbers) if after != before + 1)


def excerpt(text: str, find: str = "", most: int = MOST_LINES) -> Excerpt:
    """Return the last lines of a log, or the last that contain a text in any case; long lines are shortened."""
    lines, wanted = text.splitlines(), find.casefold()
    numbers = [place for place, line in enumerate(lines) if wanted in line.casefold()] if find else range(len(lines))
    shown = tuple(LogLine(place + 1, _pieces(_part(lines[place], find), find)) for place in numbers[-most:])
    return Excerpt(shown, len(numbers) if find else 0, len(lines))


def _part(line: str, find: str) -> str:
    """Return the visible part of a line: the start of a long one, or the surroundings of the match; cuts are marked."""
    if len(line) <= MOST_CHARACTERS:
        return line
    start = max(0, line.casefold().find(find.casefold()) - _BEFORE)
    before = f"[{start:,} characters] " if start else ""
    rest = len(line) - start - MOST_CHARACTERS
    after = f" [{rest:,} characters more]" if rest > 0 else ""
    return f"{before}{line[start : start + MOST_CHARACTERS]}{after}"


def _pieces(line: str, find: str) -> tuple[tuple[str, bool], ...]:
    """Return a line split at the matches of the text; none if case folding changes the line's length."""
    folded, wanted = line.casefold(), find.casefold()
    if not wanted or len(folded) != len(line):
        return ((line, False),) if line else ()
    pieces: list[tuple[str, bool]] = []
    at = 0
    while len(pieces) < 2 * MOST_MARKS and (place := folded.find(wanted, at)) >= 0:
        pieces += [(line[at:place], False), (line[place : place + len(wanted)], True)]
        at = place + len(wanted)
    pieces.append((line[at:], False))
    return tuple(piece for piece in pieces if piece[0])
