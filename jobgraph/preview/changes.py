"""The changes of a preview as values: objects, their fields, graphs, and destructive changes.

Must not know where changes come from, nor how they are written.
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

# the remark on a superseded procedure (jobgraph.components.runner), which is dropped when no run calls it any more
SUPERSEDED = "stays as long as runs in progress need it"


@dataclass(frozen=True)
class Field:
    """A value that differs; None where it is absent. If `loosely_same`, only case or white space differs."""

    name: str
    old: Any
    new: Any
    loosely_same: bool = False


@dataclass(frozen=True)
class ObjectChange:
    """An object that differs. `kind` is the last part of its type token; `graph` is the graph of a task.

    `fields` of a new task are the settings of its job that differ from the defaults. `about` is a short description of
    a new task, or another remark.
    """

    action: str
    kind: str
    name: str
    fields: tuple[Field, ...] = ()
    graph: str = ""
    about: str = ""


@dataclass(frozen=True)
class Danger:
    """A change that can lose data or stop jobs: the event, and the loss."""

    event: str
    loss: str


@dataclass(frozen=True)
class GraphSummary:
    """An affected graph: the changes of its tasks, all its tasks for a picture, and the deploy's other actions."""

    key: str
    changes: tuple[ObjectChange, ...]
    tasks: tuple[DrawnTask, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """A whole preview. With `drift`, it compares the state with the account, not with the program.

    `retained` are objects that outlive the stack. `unnamed` is the number of read-only steps that would see a change,
    which the engine counts but does not list. `steps` is the number of the deploy's own steps that no other change
    explains. `warnings` are the program's. `cost` is the effect on the monthly cost; if it was not estimated, it is
    None, and `cost_unknown` is the reason.
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
