"""What a part of a JobGraph shares with the others: the names of its resources, their parent, and the login of hooks.

Knows pulumi's component resources. Must not know any resource of Snowflake.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from jobgraph.components.connection import Login


@dataclass(frozen=True)
class Scope:
    """The JobGraph that a resource belongs to.

    Attributes:
        owner: The JobGraph: the parent of its parts, from which provider, protection and transforms are inherited.
        name: Its name; the names of all its resources begin with it, so a program may hold several.
        login: By which hooks of its resources ask Snowflake.
    """

    owner: pulumi.ComponentResource
    name: str
    login: Login

    def named(self, name: str) -> str:
        """Return the name of a resource: the one by which it is known in this JobGraph, behind the JobGraph's own."""
        return f"{self.name}-{name}"

    def hook(self, text: str) -> str:
        """Return the name of a hook; a program has one of each name."""
        return f"{self.name}: {text}"

    def local(self, name: str) -> str:
        """Return the name by which a resource is known in this JobGraph: the way back from `named`."""
        return name.removeprefix(f"{self.name}-")


class Part(pulumi.ComponentResource):
    """A component below a JobGraph."""

    def __init__(self, kind: str, name: str, scope: Scope) -> None:
        super().__init__(f"jobgraph:index:{kind}", scope.named(name), None, pulumi.ResourceOptions(parent=scope.owner))
        self.scope = scope

    def named(self, name: str) -> str:
        """Return the name of a resource of this part."""
        return self.scope.named(name)
