"""Names of the steps around a graph's root.

Knows pulumi's aliases. Must not know what a step does.

A step's way back is a statement about the root, and the engine takes it when the step's name has gone. So a step has
the root's name: where a graph gets another key and keeps its root, no way back is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from jobgraph.components.part import Scope

# Replaced or updated with the root where that gets another name. The others are made anew: that the first of them is
# not there yet tells a deploy that begins from one that was interrupted.
_FOLLOW_THE_ROOT = frozenset({"gate", "removal"})


@dataclass(frozen=True)
class StepNames:
    """The names of the steps around `root`; `key` is the graph's, `former` the name that the root had before."""

    scope: Scope
    root: str
    key: str
    former: str | None = None

    def of(self, step: str) -> str:
        """Return the name of a step."""
        return self.scope.named(f"{self.root}-{step}")

    def aliases(self, step: str) -> list[pulumi.Alias]:
        """Return the names that the step may have in the state: earlier versions named it after the graph's key."""
        former = [f"{self.former}-{step}"] if self.former and step in _FOLLOW_THE_ROOT else []
        names = [self.scope.named(name) for name in (*former, f"{self.key}-{step}")]
        return [pulumi.Alias(name=name) for name in names if name != self.of(step)]
