"""Inputs and outputs of a state, by either plugin, as the plain values that the resource types use.

Knows the forms of `shape`. Must not know any resource type.
"""

from collections.abc import Mapping
from typing import Any

from jobgraph.toolchain.standins.provider.bridge.shape import LEFT_TO_SNOWFLAKE, Listed, Nested, Shape
from jobgraph.toolchain.standins.provider.definition import ResourceType, Values


def inputs_read(node: Nested, values: Mapping[str, Any]) -> Values:
    """Return inputs without the bridge's defaults and markers."""
    result: Values = {}
    for name, value in values.items():
        if name.startswith("__") or value is None or (name in node.defaults and value == node.defaults[name]):
            continue
        result[name] = _each(value, node.fields.get(name), inputs_read)
    return result


def words_of_the_provider(node: Nested, values: Mapping[str, Any], within: str = "") -> list[str]:
    """Return the places where inputs contain the provider's own word for "left to Snowflake" without its marker.

    The bridge marks the values that it filled in; without the marker, e.g. if the engine took an ignored value from the
    state, the provider refuses the word.
    """
    marked, places = set(values.get("__defaults") or ()), list[str]()
    for name, value in values.items():
        inner = node.fields.get(name)
        if value == LEFT_TO_SNOWFLAKE and node.defaults.get(name) == LEFT_TO_SNOWFLAKE and name not in marked:
            places.append(f"{within}{name}")
        elif isinstance(value, dict) and isinstance(inner, Nested):
            places += words_of_the_provider(inner, value, f"{within}{name}.")
    return places


def outputs_read(resource: ResourceType, shape: Shape, outputs: Mapping[str, Any], inputs: Mapping[str, Any]) -> Values:
    """Return the values of an object in a state: those set on it, and the computed ones.

    The outputs have a value for each parameter, even if it is not set on the object; parameters that are not among the
    inputs are omitted, because Snowflake is asked for what is set on the object.
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
