"""What is different in one environment, merged over a job configuration before it is read.

Knows YAML nodes. Must not know which keys exist. Mappings are merged key by key; anything else of the overlay takes the
place of what was there, and a key with nothing (`~`) takes it away. Nodes keep their places, so that a mistake is told
where it stands.
"""

from __future__ import annotations

import yaml

from jobgraph.config.document import MERGE, NULL, OverlayMark

ENVIRONMENTS = "environments"


def from_file(node: yaml.Node, file: str) -> yaml.Node:
    """Mark a node and all below it as of another file; returns the node."""
    todo, seen = [node], set()
    while todo:
        current = todo.pop()
        if id(current) in seen:  # an anchor may stand in several places, even in itself
            continue
        seen.add(id(current))
        current.start_mark = OverlayMark(file, current.start_mark.line, current.start_mark.column)
        if isinstance(current, yaml.MappingNode):
            todo += [inner for pair in current.value for inner in pair]
        elif isinstance(current, yaml.SequenceNode):
            todo += current.value
    return node


def take_environment(root: yaml.Node, environment: str) -> yaml.Node | None:
    """Remove one environment from the file's `environments` and return what it says; `None` if it is not there."""
    for key, value in _pairs(root):
        if _name(key) != ENVIRONMENTS or not isinstance(value, yaml.MappingNode):
            continue
        for place, (name, overlay) in enumerate(value.value):
            if _name(name) == environment:
                del value.value[place]
                return overlay if isinstance(overlay, yaml.Node) else None
    return None


def merged(base: yaml.Node, overlay: yaml.Node) -> yaml.Node:
    """Return the node that says what `base` says, but where `overlay` says otherwise. Both stay as they are."""
    if not isinstance(base, yaml.MappingNode) or not isinstance(overlay, yaml.MappingNode):
        return base if overlay.tag == NULL else overlay
    return _merged(base, overlay, ())


def _merged(base: yaml.MappingNode, overlay: yaml.MappingNode, above: tuple[int, ...]) -> yaml.MappingNode:
    if id(overlay) in above:  # an anchor inside itself: read as it is, the reader will say so
        return overlay
    pairs = list(base.value)
    for key, value in overlay.value:
        place = next((n for n, (k, _) in enumerate(pairs) if _name(k) == _name(key) and k.tag != MERGE), None)
        if place is None or _name(key) is None:
            if value.tag != NULL:
                pairs.append((key, value))
        elif value.tag == NULL:
            del pairs[place]
        elif isinstance(value, yaml.MappingNode) and isinstance(pairs[place][1], yaml.MappingNode):
            pairs[place] = (pairs[place][0], _merged(pairs[place][1], value, (*above, id(overlay))))
        else:
            pairs[place] = (key, value)
    return yaml.MappingNode(base.tag, pairs, base.start_mark, base.end_mark, base.flow_style)


def _pairs(node: yaml.Node) -> list[tuple[yaml.Node, yaml.Node]]:
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def _name(key: yaml.Node) -> str | None:
    return str(key.value) if isinstance(key, yaml.ScalarNode) and key.tag != NULL else None
