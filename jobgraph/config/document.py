"""A file being read: where its nodes are, what its mappings hold, and the problems found so far.

Knows YAML nodes. Must not know which values are right.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import yaml

from jobgraph.config.timing import length_problem
from jobgraph.errors import Mark, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

TEXT = "tag:yaml.org,2002:str"
WHOLE = "tag:yaml.org,2002:int"
FRACTION = "tag:yaml.org,2002:float"
FLAG = "tag:yaml.org,2002:bool"
DATE = "tag:yaml.org,2002:timestamp"
NULL = "tag:yaml.org,2002:null"
MERGE = "tag:yaml.org,2002:merge"

SHOWN_VALUE = 60


@dataclass(frozen=True)
class OverlayMark:
    """Where a node of another file than the document's stands; line and column count from 0, as YAML's own marks do."""

    name: str
    line: int
    column: int


@dataclass
class Document:
    """A file being read: its name and the problems found so far."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def mark(self, node: yaml.Node) -> Mark:
        """Return where a node starts. A node of an overlay knows its own file (see `overlays`)."""
        mark = node.start_mark
        file = mark.name if isinstance(mark, OverlayMark) else self.file
        return Mark(file, mark.line + 1, mark.column + 1)

    def report(  # noqa: PLR0913  # a problem has this many facts, all but two named at the call
        self,
        node: yaml.Node,
        path: str,
        *,
        rule: str,
        issue: str,
        remedy: str,
        close: tuple[str, ...] = (),
        is_key: bool = False,
    ) -> None:
        """Note one problem at a node; a key ends the path already, so that it is not shown as a value too."""
        value = "" if is_key else excerpt(node)
        self.problems.append(Problem(self.mark(node), rule, path, issue, remedy=remedy, value=value, nearest=close))

    def wrong_type(self, node: yaml.Node, path: str, expected: str, example: str) -> None:
        """Note that a node is of another type than its key wants."""
        issue = f"expected {expected}, not {in_words(node)}"
        self.report(node, path, rule="value-type", issue=issue, remedy=example)

    def wrong_length(self, node: yaml.Node, path: str, expected: str, example: str, units: tuple[str, ...]) -> None:
        """Note that a node is not a number and one of the units of time: of a text, which part of it is wrong."""
        if not isinstance(node, yaml.ScalarNode) or node.tag != TEXT:
            self.wrong_type(node, path, expected, example)
            return
        issue, close = length_problem(node.value, expected, units)
        self.report(node, path, rule="value-form", issue=issue, remedy=example, close=close)


class Places(Mapping[str, Mark]):
    """Where the keys of a section stand: a key's mark is that of its value's node; `after.0` is the first of a list.

    Marks are made when asked for, because hardly any ever is.
    """

    def __init__(self, document: Document, nodes: dict[str, yaml.Node], own: Collection[str] | None = None) -> None:
        self._document = document
        self._nodes = nodes
        self._own = nodes if own is None else own

    def own(self, key: str) -> bool:
        """Tell whether the section itself has the key, not only the defaults."""
        return key in self._own

    def rearranged(self, key: str, order: Sequence[int]) -> Places:
        """Return the same, but that the items of the list `key` are those that stand at these places of it."""
        items = {f"{key}.{place}": self._node(f"{key}.{old}") for place, old in enumerate(order)}
        nodes = {item: node for item, node in items.items() if node is not None}
        return Places(self._document, {**self._nodes, **nodes}, self._own)

    def _node(self, key: str) -> yaml.Node | None:
        node = self._nodes.get(key)
        if node is None and "." in key:
            name, _, below = key.partition(".")
            return _inner(self._nodes.get(name), below)
        return node

    def __getitem__(self, key: str) -> Mark:
        node = self._node(key)
        if node is None:
            raise KeyError(key)
        return self._document.mark(node)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self._node(key) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)


def _inner(node: yaml.Node | None, path: str) -> yaml.Node | None:
    """Return the node at a dotted path of names and places in lists; `None` if there is none."""
    for step in path.split("."):
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
        else:
            return None
    return node


def in_words(node: yaml.Node) -> str:
    """Return what a node is, in words."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if node.tag == NULL:
        return "nothing"
    if node.tag == FLAG:
        return f"yes or no, as which YAML reads {node.value}"
    if node.tag in (WHOLE, FRACTION) and ":" in str(node.value):
        return f"a number to the base 60, as which YAML reads {node.value}"
    return {TEXT: "a text", WHOLE: "a whole number", FRACTION: "a number", DATE: "a date"}.get(
        node.tag, f"a {node.tag.rpartition(':')[2]}"
    )


def excerpt(node: yaml.Node) -> str:
    """Return a scalar's text, cut to what fits on a line; nothing for lists and mappings."""
    if not isinstance(node, yaml.ScalarNode):
        return ""
    text = str(node.value).replace("\n", " ")
    return text if len(text) <= SHOWN_VALUE else text[:SHOWN_VALUE] + "..."


def entries(node: yaml.MappingNode, path: str, document: Document) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Yield name, key node and value node of each entry, `<<` merged; keys that stand twice are reported."""
    keys: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if key.tag == MERGE:
            continue
        if not isinstance(key, yaml.ScalarNode) or key.tag == NULL:
            document.wrong_type(key, path, "a name", "write a plain name before the colon")
        elif key.value in keys:
            document.report(
                key,
                path,
                rule="duplicate-key",
                issue=f"`{key.value}` is repeated here; it first appears on line {keys[key.value].start_mark.line + 1}",
                remedy="keep one of the two",
            )
        else:
            keys[key.value] = key
            yield key.value, key, value
    yield from _merged(node, path, document, keys)


def _merged(
    node: yaml.MappingNode,
    path: str,
    document: Document,
    keys: dict[str, yaml.Node],
) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Yield what `<<` brings in and the mapping itself does not say; a merged mapping's own `<<` is not followed."""
    for key, value in node.value:
        if key.tag != MERGE:
            continue
        for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            if not isinstance(source, yaml.MappingNode):
                document.wrong_type(
                    source, path, "a mapping, or a list of mappings", "name an anchored mapping: *anchor"
                )
                continue
            for inner, inner_value in source.value:
                if isinstance(inner, yaml.ScalarNode) and inner.tag != MERGE and inner.value not in keys:
                    keys[inner.value] = inner
                    yield inner.value, inner, inner_value


def check_keys(root: yaml.Node | None, file: str) -> None:
    """Refuse a key that stands twice in one mapping: YAML would take the last one, Pulumi and editors refuse it.

    Raises:
        UsageError: if there is one.
    """
    nodes, seen = [root], set()
    while nodes:
        node = nodes.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += node.value
        elif isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in lines:
                        raise _repeated(key, lines[key.value], file)
                    lines[key.value] = key.start_mark.line + 1
                nodes.append(value)


def _repeated(key: yaml.ScalarNode, first: int, file: str) -> UsageError:
    where = Mark(file, key.start_mark.line + 1, key.start_mark.column + 1)
    issue = f"`{key.value}` is repeated here; it first appears on line {first}"
    return UsageError(issue, where=str(where), remedy="keep one of the two")
