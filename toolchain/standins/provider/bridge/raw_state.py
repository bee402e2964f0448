"""`__pulumi_raw_state_delta`: how the bridge converts the outputs of a resource back to Terraform's own state.

Knows the forms of `shape` and the bridge's words: `obj` an object (`ps` its parts that are not plain, `renamed` those
with different names), `arr` a list (`el` its elements), `plu` a list of at most one that is written as its element,
`map` a map. Must not know any resource type.
"""

from typing import Any

from jobgraph.toolchain.standins.provider.bridge.shape import Nested, Shape
from jobgraph.toolchain.standins.provider.definition import Values

_MAPS = frozenset({"queryResults"})
"""Lists whose elements are maps, with keys that no schema knows."""


def raw_state_delta(shape: Shape, outputs: Values) -> Values:
    """Return the delta of a resource's outputs."""
    return _object(outputs, shape, shape)


def _object(values: Values, node: Nested, shape: Shape) -> Values:
    parts = {name: _part(name, value, node.fields.get(name), shape) for name, value in values.items()}
    parts = {name: part for name, part in parts.items() if part is not None}
    renamed = {name: shape.renamed[name] for name in values if name in shape.renamed}
    content = ({"ps": parts} if parts else {}) | ({"renamed": renamed} if renamed else {})
    return {"obj": content}


def _part(name: str, value: Any, node: Any, shape: Shape) -> Values | None:
    if isinstance(node, Nested) and not node.many:
        return {"plu": {"i": _object(value, node, shape) if isinstance(value, dict) else {}}}
    if name == "parameters" and value:
        return {"arr": {"el": {"0": _parameters(value[0])}}}
    if not isinstance(value, list):
        return None
    inner = node if isinstance(node, Nested) else Nested()
    elements = {
        str(position): {"map": {}} if name in _MAPS else _object(item, inner, shape)
        for position, item in enumerate(value)
        if isinstance(item, dict)
    }
    return {"arr": {"el": elements} if elements else {}}


def _parameters(listed: Values) -> Values:
    element: Values = {"arr": {"el": {"0": {"obj": {}}}}}
    # the bridge uses the plural for the name of each list, unless it is already a plural
    words = {name: str(rows[0]["key"]).lower() for name, rows in listed.items()}
    renamed = {name: word for name, word in words.items() if name.lower() != word.replace("_", "")}
    return {"obj": {"ps": dict.fromkeys(listed, element)} | ({"renamed": renamed} if renamed else {})}
