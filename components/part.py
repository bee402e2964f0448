"""What the parts of a JobGraph share: how their resources are named, their parent, and the login of hooks.

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
        owner: The JobGraph itself, the parent of its parts; they inherit provider, protection and transforms from it.
        name: The JobGraph's name. All its resource names begin with it, so one program may have several JobGraphs.
        login: The login with which hooks of its resources query Snowflake.
    """

    owner: pulumi.ComponentResource
    name: str
    login: Login

    def named(self, name: str) -> str:
        """Return a resource's full name: the JobGraph's name, then the resource's name inside this JobGraph."""
        return f"{self.name}-{name}"

    def hook(self, text: str) -> str:
        """Return a hook's name, which must be unique in the program."""
        return f"{self.name}: {text}"

    def local(self, name: str) -> str:
        """Return a resource's name inside this JobGraph; the inverse of `named`."""
        return name.removeprefix(f"{self.name}-")


class Part(pulumi.ComponentResource):
    """A component below a JobGraph."""

    def __init__(self, kind: str, name: str, scope: Scope) -> None:
        super().__init__(f"jobgraph:index:{kind}", scope.named(name), None, pulumi.ResourceOptions(parent=scope.owner))
        self.scope = scope

    def named(self, name: str) -> str:
        """Return the name of a resource of this part."""
        return self.scope.named(name)
