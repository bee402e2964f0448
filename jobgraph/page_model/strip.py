"""The overview: a card for each graph, with its last runs as a strip.

Pure. Knows lines of the overview (`jobgraph.runs.overview`) and runs. Must not know how a card looks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.overview import GraphOverview

# A run that takes that many times the usual time is worth a word.
_SLOW = 1.5


@dataclass(frozen=True)
class StripRun:
    """A run in the strip; `share` is its duration as a part of the longest of the strip, None if it is not known."""

    run: GraphRun
    share: float | None


@dataclass(frozen=True)
class Card:
    """A graph: its line of the overview, its last runs, oldest first, and in words what is unusual about it now."""

    line: GraphOverview
    marks: tuple[StripRun, ...]
    notice: str = ""

    @property
    def key(self) -> str:
        """The graph's name."""
        return self.line.graph.key


def cards(
    lines: Iterable[GraphOverview], histories: Mapping[str, Sequence[GraphRun]], now: datetime, *, containing: str = ""
) -> tuple[Card, ...]:
    """Return the cards of the graphs whose names contain a text, in the order of the lines.

    Args:
        lines: one of each graph.
        histories: closed runs by graph, newest first; those of a line may not be among them yet.
        now: the present instant.
        containing: a part of the names that are wanted, whatever the case.
    """
    return tuple(
        Card(line, _marks(line, histories.get(line.graph.key, ())), _notice(line, now))
        for line in lines
        if containing.casefold() in line.graph.key.casefold()
    )


def with_others(others: Iterable[GraphRun], closed: Iterable[GraphRun]) -> list[GraphRun]:
    """Return the runs of a graph, newest first: closed ones, and others, which replace closed ones of the same id."""
    runs = {run.run_id: run for run in (*closed, *others)}
    return sorted(runs.values(), key=_begin, reverse=True)


def _begin(run: GraphRun) -> datetime:
    return run.scheduled or run.started or datetime.min.replace(tzinfo=UTC)


def _marks(line: GraphOverview, closed: Sequence[GraphRun]) -> tuple[StripRun, ...]:
    runs = with_others((run for run in (line.part, line.run) if run is not None), closed)
    longest = max((run.duration or 0.0 for run in runs), default=0.0)
    return tuple(
        StripRun(run, run.duration / longest if run.duration is not None and longest else None)
        for run in reversed(runs)
    )


def _notice(line: GraphOverview, now: datetime) -> str:
    """Return what an operator should notice first; empty if all is as usual."""
    if line.graph.deployed is None:
        return "no longer deployed"
    if line.suspended:
        return f"suspended {line.suspended_because}"
    run = line.newest
    if run is not None and not run.ended and line.usual and (run.duration or 0.0) > _SLOW * line.usual:
        return "takes longer than usual"
    if line.next_start is not None and line.next_start < now and (run is None or run.ended):
        return "late: its scheduled start has passed"
    return "look at `why does it not run`" if line.remarks else ""
