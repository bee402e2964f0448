"""The grid of a graph: its runs side by side, newest right, and a row for every job that any of them had.

Pure. Knows runs. Must not know how many cells fit on a screen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.page_model import looks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from jobgraph.runs.graph_run import GraphRun


@dataclass(frozen=True)
class Row:
    """A job; `cells` has a letter for each run (`looks.letter`), oldest first. `trouble`: of how many runs."""

    job: str
    cells: str
    trouble: int
    depth: int = 0

    @property
    def always_well(self) -> bool:
        """Whether it has been done in every run that had it."""
        return set(self.cells.lower()) <= {looks.LOOKS["DONE"].letter, looks.ABSENT.letter}


@dataclass(frozen=True)
class Grid:
    """Runs, oldest first, and the rows that pass the filter; `hidden` is the number of the others."""

    runs: tuple[GraphRun, ...]
    rows: tuple[Row, ...]
    hidden: int = 0

    @property
    def longest(self) -> float:
        """The seconds of the longest run, at least a moment."""
        return max([1.0, *(run.duration or 0.0 for run in self.runs)])


def grid(history: Iterable[GraphRun], *, containing: str = "", only: str = "") -> Grid:
    """Return the grid of some runs.

    Jobs stand as in the newest run that has them, predecessors first; those that only older runs had come last, so
    that a deploy never hides what was there before it.

    Args:
        history: runs of one graph, newest first.
        containing: a part of the names that are wanted, whatever the case.
        only: a group of states: a row is wanted if one of its cells is in it.
    """
    runs = tuple(history)[::-1]
    cells = [{job.name: looks.letter(job.state, job.attempts) for job in run.jobs} for run in runs]
    depths = _depths(runs)
    rows = [_row(name, [column.get(name, looks.ABSENT.letter) for column in cells], depths[name]) for name in depths]
    letters = {each.letter for each in looks.LOOKS.values() if each.tone in looks.GROUPS.get(only, ())}
    wanted = tuple(
        row
        for row in rows
        if containing.casefold() in row.job.casefold() and (not letters or letters.intersection(row.cells.lower()))
    )
    return Grid(runs, wanted, len(rows) - len(wanted))


def _row(name: str, cells: Sequence[str], depth: int) -> Row:
    bad = {each.letter for each in looks.LOOKS.values() if each.tone == looks.BAD}
    return Row(name, "".join(cells), sum(cell.lower() in bad for cell in cells), depth)


def _depths(runs: Sequence[GraphRun]) -> dict[str, int]:
    """Return how many jobs come before each job, in the order of the rows."""
    depths: dict[str, int] = {}
    for run in reversed(runs):
        in_run: dict[str, int] = {}
        for task in run.shape.jobs:
            in_run[task.name] = max((in_run[name] + 1 for name in task.after if name in in_run), default=0)
            depths.setdefault(task.name, in_run[task.name])
    return depths
