"""Stacks of version 0.1, whose components stood at the root and whose resources had no common prefix.

Knows the names of then: those of now, without the JobGraph's name. Must not know any single resource.

The engine multiplies a resource's aliases by those of its parent, so only a part needs to be told where it stood.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi

if TYPE_CHECKING:
    from collections.abc import Iterator

# The JobGraph of this name takes over what a stack of version 0.1 holds.
HEIR = "jobgraph"
_COMPONENTS = "jobgraph:index:"
_OWNER = f"{_COMPONENTS}JobGraph"


def former_names(resource: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """Add the names of version 0.1 to a resource below the JobGraph, as aliases; to be used as a transformation."""
    if resource.type_ == _OWNER:
        return None
    parent = {"parent": pulumi.ROOT_STACK_RESOURCE} if resource.type_.startswith(_COMPONENTS) else {}
    aliases = [pulumi.Alias(name=name, **parent) for name in _former(resource)]
    options = pulumi.ResourceOptions.merge(resource.opts, pulumi.ResourceOptions(aliases=aliases))
    return pulumi.ResourceTransformationResult(resource.props, options)


def _former(resource: pulumi.ResourceTransformationArgs) -> Iterator[str]:
    """Yield the names without the JobGraph's: of the resource, and of what it was called in later versions."""
    listed = resource.opts.aliases or []
    names = [alias.name for alias in listed if isinstance(alias, pulumi.Alias)] if isinstance(listed, list) else []
    for name in (resource.name, *names):
        if isinstance(name, str) and name.startswith(f"{HEIR}-"):
            yield name.removeprefix(f"{HEIR}-")
