"""Names of the steps around a graph's root.

Knows pulumi's aliases. Must not know what a step does.

A step's revert is a statement about the root, and the engine runs the revert when the step's name disappears from the
program. Steps are therefore named after the root, so that a graph that changes its key but keeps its root runs no
revert.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from jobgraph.components.part import Scope

# When the root is renamed, these steps are aliased and replaced or updated with it. The others are created under new
# names: if the first of them does not exist yet, the renaming begins now; otherwise an earlier deploy was interrupted.
_FOLLOW_THE_ROOT = frozenset({"gate", "removal"})


@dataclass(frozen=True)
class StepNames:
    """The names of the steps around `root`; `key` is the graph's key, `former` the root's previous name."""

    scope: Scope
    root: str
    key: str
    former: str | None = None

    def of(self, step: str) -> str:
        """Return the name of a step."""
        return self.scope.named(f"{self.root}-{step}")

    def aliases(self, step: str) -> list[pulumi.Alias]:
        """Return the step's other possible names in the state; earlier versions named it after the graph's key."""
        former = [f"{self.former}-{step}"] if self.former and step in _FOLLOW_THE_ROOT else []
        names = [self.scope.named(name) for name in (*former, f"{self.key}-{step}")]
        return [pulumi.Alias(name=name) for name in names if name != self.of(step)]
