"""Inputs and outputs of a state, whoever wrote it, as the plain values that the resource types work with.

Knows the forms of `shape`. Must not know any resource type.
"""

from collections.abc import Mapping
from typing import Any

from jobgraph.toolchain.standins.provider.bridge.shape import LEFT, Listed, Nested, Shape
from jobgraph.toolchain.standins.provider.definition import ResourceType, Values


def inputs_read(node: Nested, values: Mapping[str, Any]) -> Values:
    """Inputs without the bridge's defaults and marks."""
    result: Values = {}
    for name, value in values.items():
        if name.startswith("__") or value is None or (name in node.defaults and value == node.defaults[name]):
            continue
        result[name] = _each(value, node.fields.get(name), inputs_read)
    return result


def words_of_the_provider(node: Nested, values: Mapping[str, Any], within: str = "") -> list[str]:
    """The places where inputs have the provider's own word for "left to Snowflake" as if a program had written it.

    The bridge marks what it filled in itself; without the mark, as where the engine took an ignored value from the
    state, the provider refuses the word.
    """
    marked, places = set(values.get("__defaults") or ()), list[str]()
    for name, value in values.items():
        inner = node.fields.get(name)
        if value == LEFT and node.defaults.get(name) == LEFT and name not in marked:
            places.append(f"{within}{name}")
        elif isinstance(value, dict) and isinstance(inner, Nested):
            places += words_of_the_provider(inner, value, f"{within}{name}.")
    return places


def outputs_read(resource: ResourceType, shape: Shape, outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> Values:
    """The values that a state has of an object: what is set on it, and what was computed.

    The outputs hold a value for each parameter, also for one that is set elsewhere; those that are not among the
    inputs are left out, because what the object itself has is asked of Snowflake.
    """
    elsewhere = {prop.name for prop in resource.properties if prop.parameter} | shape.computed
    return _without_empty(
        {name: value for name, value in outputs.items() if name not in elsewhere - set(inputs)}, shape
    )


def _without_empty(values: Mapping[str, Any], node: Nested) -> Values:
    plain = inputs_read(node, {name: value for name, value in values.items() if not _is_empty(value, node, name)})
    return {
        name: _each(value, node.fields.get(name), lambda inner, item: _without_empty(item, inner))
        for name, value in plain.items()
    }


def _is_empty(value: Any, node: Nested, name: str) -> bool:
    empty = node.fields.get(name)
    if isinstance(empty, Nested):
        return value is None
    if isinstance(empty, Listed):
        return not value
    return name in node.fields and type(value) is type(empty) and bool(value == empty)


def _each(value: Any, node: Any, work: Any) -> Any:
    inner = node if isinstance(node, Nested) else Nested()
    if isinstance(value, dict):
        return work(inner, value)
    return [_each(item, node, work) for item in value] if isinstance(value, list) else value
