"""Inputs and outputs of a state as the bridge writes them: with defaults, empty properties, and its own markers.

Knows the forms of `shape`. Must not know any resource type.
"""

import json
from collections.abc import Collection, Mapping
from typing import Any, Literal

from jobgraph.toolchain.standins.provider.bridge.raw_state import raw_state_delta
from jobgraph.toolchain.standins.provider.bridge.shape import Listed, Nested, Shape
from jobgraph.toolchain.standins.provider.definition import Unknown, Values

Origin = Literal["created", "read", "imported"]
"""Whether an object was made just now, read again, or read without a state."""

DEFAULTS = "__defaults"
"""In each object of the inputs: the names of the properties that the program did not give."""

_TIMEOUTS = "e2bfb730-ecaa-11e6-8f88-34363bc7c4c0"
"""Terraform's key for the time limits of operations."""

_NANOSECONDS = 60 * 10**9


def inputs_written(node: Nested, values: Values, filled_in: Collection[str] = (), *, refreshed: bool = False) -> Values:
    """Return the inputs with the bridge's defaults and their names; a refresh omits the names if there are no defaults.

    filled_in: the defaults that `values` already contains.
    """
    missing = {name: value for name, value in node.defaults.items() if name not in values}
    result = {name: _inputs_of(value, node.fields.get(name), refreshed) for name, value in values.items()}
    names = sorted({*missing, *filled_in})
    return result | missing | ({DEFAULTS: names} if names or not refreshed else {})


def _inputs_of(value: Any, node: Any, refreshed: bool) -> Any:  # noqa: FBT001  # passed on, in every call
    if isinstance(value, dict):
        return inputs_written(node if isinstance(node, Nested) else Nested(), value, refreshed=refreshed)
    return [_inputs_of(item, node, refreshed) for item in value] if isinstance(value, list) else value


def outputs_written(shape: Shape, values: Values, read: Values, resource_id: str, origin: Origin) -> Values:
    """Return the outputs of an object: its values, the values read, and those for properties that are not set.

    read: effective parameters and computed outputs.
    """
    new = origin == "created"
    spelled = {name: shape.spelled[name](value) for name, value in values.items() if name in shape.spelled}
    result = _filled(values | spelled, shape, new=new)
    computed = {name: value for name, value in read.items() if name not in values}
    result |= {name: _filled_list(value, shape.fields.get(name), new=new) for name, value in computed.items()}
    result["id"] = resource_id
    meta = _meta(shape, timed=origin != "imported")
    result |= {"__pulumi_raw_state_delta": raw_state_delta(shape, result)}
    return result | ({"__meta": json.dumps(meta, separators=(",", ":"))} if meta else {})


def _filled(values: Mapping[str, Any], node: Nested, *, new: bool) -> Values:
    result = {name: _empty(value, new=new) for name, value in node.fields.items()} | dict(node.defaults)
    return result | {name: _filled_list(value, node.fields.get(name), new=new) for name, value in values.items()}


def _filled_list(value: Any, node: Any, *, new: bool) -> Any:
    if not isinstance(node, Nested) or isinstance(value, Unknown):
        return value
    if isinstance(value, list):
        return [_filled(item, node, new=new) for item in value]
    return _filled(value, node, new=new) if isinstance(value, dict) else value


def _empty(value: Any, *, new: bool) -> Any:
    if isinstance(value, Listed):
        return None if new else []
    return None if isinstance(value, Nested) else value


def _meta(shape: Shape, *, timed: bool) -> Values:
    limits = dict.fromkeys(("create", "delete", "read", "update"), shape.minutes * _NANOSECONDS)
    return ({_TIMEOUTS: limits} if timed else {}) | ({"schema_version": shape.version} if shape.version else {})
