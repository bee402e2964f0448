"""Merges an environment's changes over a job configuration before it is read.

Knows YAML nodes, and that graphs and jobs have names. Must not know which other keys exist. Mappings are merged key by
key. Any other value in the overlay replaces the base's value, and an empty value (`~`) removes the key. Nodes keep
their positions, so that a mistake is reported where it was written.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from jobgraph.config.document import FLAG, MERGE, NULL, OverlayMark
from jobgraph.errors import nearest

if TYPE_CHECKING:
    from jobgraph.config.document import Document

ENVIRONMENTS = "environments"
GRAPHS = "graphs"
JOBS = "jobs"
# marks a graph or a job that the file itself intentionally does not have
ONLY_HERE = "only_here"


def from_file(node: yaml.Node, file: str) -> yaml.Node:
    """Mark a node and all nodes below it as belonging to another file. Return the node."""
    todo, visited = [node], set()
    while todo:
        current = todo.pop()
        if id(current) in visited:  # an anchor may be used in several places, even inside itself
            continue
        visited.add(id(current))
        current.start_mark = OverlayMark(file, current.start_mark.line, current.start_mark.column)
        if isinstance(current, yaml.MappingNode):
            todo += [inner for pair in current.value for inner in pair]
        elif isinstance(current, yaml.SequenceNode):
            todo += current.value
    return node


def take_environment(root: yaml.Node, environment: str) -> yaml.Node | None:
    """Remove an environment from the file's `environments` and return its node; None if it is not there."""
    for key, value in _pairs(root):
        if _name(key) != ENVIRONMENTS or not isinstance(value, yaml.MappingNode):
            continue
        for place, (name, overlay) in enumerate(value.value):
            if _name(name) == environment:
                del value.value[place]
                return overlay if isinstance(overlay, yaml.Node) else None
    return None


def environment_names(root: yaml.Node) -> list[str]:
    """Return the names of the file's `environments`."""
    sections = [value for key, value in _pairs(root) if _name(key) == ENVIRONMENTS]
    return [name for section in sections for key, _ in _pairs(section) if (name := _name(key)) is not None]


@dataclass(frozen=True)
class _Level:
    """A level of an overlay with named entries: graphs, or the jobs of a graph."""

    kind: str
    path: str
    base: yaml.Node | None
    overlay: yaml.Node | None


def settle_names(base: yaml.Node, overlay: yaml.Node, document: Document) -> yaml.Node:
    """Report graphs and jobs of an overlay that the file does not have, unless they say `only_here: true`.

    Otherwise, a typo in a name would create a new graph in one environment, and nobody would notice before it runs.
    Return the overlay without `only_here`, which is not needed any more.
    """
    return _settled(_Level("graph", GRAPHS, _value(base, GRAPHS), _value(overlay, GRAPHS)), overlay, document)


def _settled(level: _Level, overlay: yaml.Node, document: Document) -> yaml.Node:
    """Return the mapping that contains the level, with the level's entries checked."""
    if not isinstance(level.overlay, yaml.MappingNode):
        return overlay
    key_of_level = level.path.rpartition(".")[2]
    entries = [(key, _entry(level, key, value, document)) for key, value in level.overlay.value]
    # a reported entry is left out, so that it causes no further problems
    section = _like(level.overlay, [(key, value) for key, value in entries if value is not None])
    pairs = [(key, section if _name(key) == key_of_level else value) for key, value in _pairs(overlay)]
    return _like(overlay, pairs)


def _entry(level: _Level, key: yaml.Node, value: yaml.Node, document: Document) -> yaml.Node | None:
    name = _name(key)
    claim = _value(value, ONLY_HERE)
    own = _like(value, [pair for pair in _pairs(value) if _name(pair[0]) != ONLY_HERE]) if claim is not None else value
    if name is None or key.tag == MERGE:
        return own
    existing = _value(level.base, name)
    path = f"{level.path}.{name}"
    if existing is None and not (claim is not None and claim.tag == FLAG and str(claim.value).lower() == "true"):
        _report_stray(level, key, value, document)
        return None
    if existing is not None and claim is not None:
        issue = f"`{name}` is not only here: the file has a {level.kind} with that name"
        document.report(claim, f"{path}.{ONLY_HERE}", rule="only-here", issue=issue, remedy=f"remove `{ONLY_HERE}`")
    if existing is None or level.kind != "graph":
        return own
    return _settled(_Level("job", f"{path}.{JOBS}", _value(existing, JOBS), _value(own, JOBS)), own, document)


def _report_stray(level: _Level, key: yaml.Node, value: yaml.Node, document: Document) -> None:
    name = str(key.value)
    names = [base_name for base_key, _ in _pairs(level.base) if (base_name := _name(base_key)) is not None]
    issue = f"the file has no {level.kind} `{name}`"
    remedy = f"correct the name; a {level.kind} that only this environment has needs `{ONLY_HERE}: true`"
    if value.tag == NULL:
        issue, remedy = f"{issue} to remove here", "correct the name, or remove the line"
    path, close = f"{level.path}.{name}", nearest(name, names)
    document.report(key, path, rule="only-here", issue=issue, remedy=remedy, close=close)


def _like(node: yaml.Node, pairs: list[tuple[yaml.Node, yaml.Node]]) -> yaml.Node:
    if not isinstance(node, yaml.MappingNode):
        return node
    return yaml.MappingNode(node.tag, pairs, node.start_mark, node.end_mark, node.flow_style)


def _value(node: yaml.Node | None, name: str) -> yaml.Node | None:
    """Return the value of a key; None unless the node is a mapping that has it."""
    return next((value for key, value in _pairs(node) if _name(key) == name and key.tag != MERGE), None)


def merged(base: yaml.Node, overlay: yaml.Node) -> yaml.Node:
    """Return `overlay` merged over `base`, as a new node. Neither is changed."""
    if not isinstance(base, yaml.MappingNode) or not isinstance(overlay, yaml.MappingNode):
        return base if overlay.tag == NULL else overlay
    return _merged(base, overlay, ())


def _merged(base: yaml.MappingNode, overlay: yaml.MappingNode, above: tuple[int, ...]) -> yaml.MappingNode:
    if id(overlay) in above:  # an anchor inside itself: the reader reports it
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


def _pairs(node: yaml.Node | None) -> list[tuple[yaml.Node, yaml.Node]]:
    return list(node.value) if isinstance(node, yaml.MappingNode) else []


def _name(key: yaml.Node) -> str | None:
    return str(key.value) if isinstance(key, yaml.ScalarNode) and key.tag != NULL else None
