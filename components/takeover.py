"""Takeover of version 0.1 stacks, whose components were at the root and whose resources had no common prefix.

Knows the old names: the present names without the JobGraph's. Must not know any particular resource.

The engine combines a resource's aliases with its parent's, so only the parts need an alias for their old parent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from collections.abc import Iterator

# A JobGraph of this name takes over the resources of a version 0.1 stack.
HEIR = "jobgraph"
_COMPONENTS = "jobgraph:index:"
_OWNER = f"{_COMPONENTS}JobGraph"


def former_names(resource: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """Add the names of version 0.1 as aliases to a resource below the JobGraph. Use this as a transformation."""
    if resource.type_ == _OWNER:
        return None
    parent = {"parent": pulumi.ROOT_STACK_RESOURCE} if resource.type_.startswith(_COMPONENTS) else {}
    aliases = [pulumi.Alias(name=name, **parent) for name in _former(resource)]
    options = pulumi.ResourceOptions.merge(resource.opts, pulumi.ResourceOptions(aliases=aliases))
    return pulumi.ResourceTransformationResult(resource.props, options)


def _former(resource: pulumi.ResourceTransformationArgs) -> Iterator[str]:
    """Yield the resource's present name and its aliases, each without the JobGraph's name."""
    listed = resource.opts.aliases or []
    names = [alias.name for alias in listed if isinstance(alias, pulumi.Alias)] if isinstance(listed, list) else []
    for name in (resource.name, *names):
        if isinstance(name, str) and name.startswith(f"{HEIR}-"):
            yield name.removeprefix(f"{HEIR}-")
