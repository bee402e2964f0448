"""How a change of a deployment changes its cost.

Knows two estimates. Must not know how they were computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.cost.ranges import comparable

if TYPE_CHECKING:
    from jobgraph.cost.budgeting import BudgetExcess
    from jobgraph.cost.crowding import Crowd
    from jobgraph.cost.estimate import CostLine, Estimate, GraphCost


@dataclass(frozen=True)
class Priced:
    """A deployment's estimate with its assumptions, graphs wider than their warehouses, and excess over the budget."""

    estimate: Estimate
    assumptions: tuple[str, ...]
    crowds: tuple[Crowd, ...]
    excess: BudgetExcess | None = None


@dataclass(frozen=True)
class LineChange:
    """A line before and after the change; None if it does not exist."""

    old: CostLine | None
    new: CostLine | None

    @property
    def line(self) -> CostLine:
        """The new line, or the old one if there is no new one."""
        line = self.new or self.old
        if line is None:
            raise ValueError("a line that is neither before nor after")
        return line


@dataclass(frozen=True)
class GraphCostChange:
    """A graph with a changed cost or a changed number of runs."""

    key: str
    old: GraphCost | None
    new: GraphCost | None
    lines: tuple[LineChange, ...]


@dataclass(frozen=True)
class CostChange:
    """Two estimates, and the graphs and standing lines that differ between them."""

    old: Priced
    new: Priced
    graphs: tuple[GraphCostChange, ...]
    standing: tuple[LineChange, ...]

    @property
    def is_empty(self) -> bool:
        """Whether no cost changes and no graph becomes wider than its warehouse."""
        return not self.graphs and not self.standing and not self.crowds

    @property
    def crowds(self) -> tuple[Crowd, ...]:
        """The graphs that become wider than their warehouses, or wider than before."""
        return tuple(crowd for crowd in self.new.crowds if crowd not in self.old.crowds)

    @property
    def difference(self) -> float:
        """The additional credits a month: of the usual amounts if both are known, otherwise of the highest."""
        before, after = comparable(self.old.estimate.credits, self.new.estimate.credits)
        return after - before


def changed(old: Priced, new: Priced) -> CostChange:
    """Return the differences between two estimates."""
    before = {graph.key: graph for graph in old.estimate.graphs}
    after = {graph.key: graph for graph in new.estimate.graphs}
    graphs = [_graph(key, before.get(key), after.get(key)) for key in after | before]
    return CostChange(
        old,
        new,
        tuple(graph for graph in graphs if graph is not None),
        _lines(old.estimate.standing, new.estimate.standing),
    )


def _graph(key: str, old: GraphCost | None, new: GraphCost | None) -> GraphCostChange | None:
    lines = _lines(old.lines if old else (), new.lines if new else ())
    same_runs = (old.runs if old else None) == (new.runs if new else None)
    return None if old and new and not lines and same_runs else GraphCostChange(key, old, new, lines)


def _lines(old: tuple[CostLine, ...], new: tuple[CostLine, ...]) -> tuple[LineChange, ...]:
    before = {(line.kind, line.charged, line.name or line.on): line for line in old}
    after = {(line.kind, line.charged, line.name or line.on): line for line in new}
    changes = [LineChange(before.get(key), after.get(key)) for key in after | before]
    return tuple(change for change in changes if change.old != change.new)
