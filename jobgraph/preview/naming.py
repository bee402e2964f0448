"""Removes the name of the JobGraph from the names of a preview's resources, because readers do not need it.

Knows that the names of all resources of a JobGraph begin with its name. Must not know what the resources are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_OWNER = "jobgraph:index:JobGraph"
_STATES = ("newState", "oldState")


def without_owner(steps: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the steps without the JobGraph's name in other names; if there are several JobGraphs, names stay whole."""
    owners = {owner for step in steps for owner in _owners(step)}
    return [_shortened(step, f"{next(iter(owners))}-") for step in steps] if len(owners) == 1 else list(steps)


def _owners(step: Mapping[str, Any]) -> Iterator[str]:
    """Yield the JobGraph's name if the step shows it: as its own name, or before the name of an object in Snowflake."""
    urn = str(step.get("urn", ""))
    kinds, _, name = urn.rpartition("::")
    if kinds.endswith(f"::{_OWNER}"):
        yield name
    if f"{_OWNER}$" not in kinds:
        return
    for state in _STATES:
        called = ((step.get(state) or {}).get("inputs") or {}).get("name")
        if isinstance(called, str) and name.endswith(f"-{called}"):
            yield name.removesuffix(f"-{called}")


def _shortened(step: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    states = {
        key: {**state, "urn": _short(state.get("urn"), prefix), "parent": _short(state.get("parent"), prefix)}
        for key in _STATES
        if (state := step.get(key))
    }
    return {**step, **states, "urn": _short(step.get("urn"), prefix)}


def _short(urn: Any, prefix: str) -> str:
    kinds, separator, name = str(urn or "").rpartition("::")
    return f"{kinds}{separator}{name.removeprefix(prefix) if _OWNER in kinds else name}"
