"""What a preview changes, as values: objects, their fields, graphs, and what is destructive.

Must not know where these come from, nor how they are written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobgraph.cost.change import CostChange
    from jobgraph.drawing.changes import DrawnTask

CREATED, CHANGED, REPLACED, DELETED, RETAINED, IMPORTED = (
    "created",
    "changed",
    "replaced",
    "deleted",
    "kept",
    "imported",
)

# what becomes of a procedure whose step goes with it (jobgraph.components.runner):
# it is dropped when no run calls it any more
SUPERSEDED = "stays as long as runs under way need it"


@dataclass(frozen=True)
class Field:
    """A value that is not the same; `None` where it is not there. `loosely_same`: only case or white space differ."""

    name: str
    old: Any
    new: Any
    loosely_same: bool = False


@dataclass(frozen=True)
class ObjectChange:
    """An object that is not the same. `kind` is the last part of its type token, `graph` that of a task.

    `about` says in a few words what a new task does, or what else there is to say.
    """

    action: str
    kind: str
    name: str
    fields: tuple[Field, ...] = ()
    graph: str = ""
    about: str = ""


@dataclass(frozen=True)
class Danger:
    """A change that can cost data or stop jobs: what happens, and what is lost by it."""

    event: str
    loss: str


@dataclass(frozen=True)
class GraphSummary:
    """A graph that is touched: its tasks' changes, all its tasks for a picture, and what the deploy does besides."""

    key: str
    changes: tuple[ObjectChange, ...]
    tasks: tuple[DrawnTask, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """A whole preview. `drift`: it compares with the account and not with the program. `retained` outlive the stack.

    unnamed: how many steps that only look would see something else; the engine counts them and does not list them.
    steps: how many steps of the deploy itself run, though nothing else says so. `warnings` are the program's.
    `cost`: what the change does to the cost of a month; None if it was not estimated, and `cost_unknown` says why.
    """

    drift: bool
    dangers: tuple[Danger, ...]
    graphs: tuple[GraphSummary, ...]
    around: tuple[ObjectChange, ...]
    retained: tuple[ObjectChange, ...]
    errors: tuple[str, ...]
    unnamed: int = 0
    steps: int = 0
    warnings: tuple[str, ...] = ()
    cost: CostChange | None = None
    cost_unknown: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not (self.graphs or self.around or self.retained or self.unnamed or self.steps)
