"""A file being read: the positions of its nodes, the entries of its mappings, and the problems so far.

Knows YAML nodes. Must not know which values are valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import yaml

from jobgraph.config.timing import length_problem
from jobgraph.errors import ConfigErrors, Mark, Problem, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

TEXT = "tag:yaml.org,2002:str"
WHOLE = "tag:yaml.org,2002:int"
FRACTION = "tag:yaml.org,2002:float"
FLAG = "tag:yaml.org,2002:bool"
DATE = "tag:yaml.org,2002:timestamp"
NULL = "tag:yaml.org,2002:null"
MERGE = "tag:yaml.org,2002:merge"

SHOWN_VALUE = 60
_KEEP_ONE = "keep one of the two"


@dataclass(frozen=True)
class OverlayMark:
    """The position of a node in another file than the document's. Lines and columns count from 0, as in YAML."""

    name: str
    line: int
    column: int


@dataclass
class Document:
    """A file being read: its name and the problems so far."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def mark(self, node: yaml.Node) -> Mark:
        """Return the start of a node. A node of an overlay knows its own file (see `overlays`)."""
        mark = node.start_mark
        file = mark.name if isinstance(mark, OverlayMark) else self.file
        return Mark(file, mark.line + 1, mark.column + 1)

    def report(  # noqa: PLR0913  # a problem has this many fields; all but two are named at the call
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
        """Report a problem at a node. A key is not shown as the value, because it is the end of the path already."""
        value = "" if is_key else excerpt(node)
        self.problems.append(Problem(self.mark(node), rule, path, issue, remedy=remedy, value=value, nearest=close))

    def wrong_type(self, node: yaml.Node, path: str, expected: str, example: str) -> None:
        """Report that a node has the wrong type."""
        issue = f"expected {expected}, not {in_words(node)}"
        self.report(node, path, rule="value-type", issue=issue, remedy=example)

    def wrong_length(self, node: yaml.Node, path: str, expected: str, example: str, units: tuple[str, ...]) -> None:
        """Report that a node is not a number and a unit of time; for a text, say which part is wrong."""
        if not isinstance(node, yaml.ScalarNode) or node.tag != TEXT:
            self.wrong_type(node, path, expected, example)
            return
        issue, close = length_problem(node.value, expected, units)
        self.report(node, path, rule="value-form", issue=issue, remedy=example, close=close)


class Places(Mapping[str, Mark]):
    """The positions of a section's keys. A key has the position of its value; `after.0` is the first item of a list.

    Marks are created on access, because few are ever used.
    """

    def __init__(self, document: Document, nodes: dict[str, yaml.Node], own: Collection[str] | None = None) -> None:
        self._document = document
        self._nodes = nodes
        self._own = nodes if own is None else own

    def own(self, key: str) -> bool:
        """Return whether the section itself has the key, and not only the defaults."""
        return key in self._own

    def rearranged(self, key: str, order: Sequence[int]) -> Places:
        """Return a copy in which the items of the list `key` are in the given order of indices."""
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
    """Return the node at a dotted path of names and list indices; None if there is none."""
    for step in path.split("."):
        if isinstance(node, yaml.MappingNode):
            node = next((value for key, value in node.value if key.value == step), None)
        elif isinstance(node, yaml.SequenceNode) and step.isdigit() and int(step) < len(node.value):
            node = node.value[int(step)]
        else:
            return None
    return node


def as_written(problems: Iterable[Problem], root: yaml.Node, document: Document) -> list[Problem]:
    """Return the problems with names as the file spells them; rules know names only in upper case.

    A rule names the value at its mark, if any, in `value` and in backticks.
    """
    listed = list(problems)
    texts = {document.mark(node): str(node.value) for node in _scalars(root)} if listed else {}
    return [_as_written(problem, texts.get(problem.mark, "")) for problem in listed]


def _as_written(problem: Problem, text: str) -> Problem:
    if not text or text.upper() != problem.value or text == problem.value:
        return problem
    value = "" if problem.path.rpartition(".")[2] == text else text
    names = f"`{problem.value}`", f"`{text}`"
    return replace(problem, value=value, issue=problem.issue.replace(*names), remedy=problem.remedy.replace(*names))


def _scalars(root: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Yield the scalars of a file; what aliases repeat, once."""
    nodes, seen = [root], set()
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            yield node
        elif isinstance(node, yaml.MappingNode):
            nodes += [part for pair in node.value for part in pair]
        else:
            nodes += node.value


def in_words(node: yaml.Node) -> str:
    """Return the type of a node in words."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if node.tag == NULL:
        return "nothing"
    if node.tag == FLAG:
        return f"yes or no (as YAML reads `{node.value}`)"
    if node.tag in (WHOLE, FRACTION) and ":" in str(node.value):
        return f"a number in base 60 (as YAML reads `{node.value}`)"
    return {TEXT: "a text", WHOLE: "a whole number", FRACTION: "a number", DATE: "a date"}.get(
        node.tag, f"a {node.tag.rpartition(':')[2]}"
    )


def excerpt(node: yaml.Node) -> str:
    """Return a scalar's text, cut to fit on a line; empty for lists and mappings."""
    if not isinstance(node, yaml.ScalarNode):
        return ""
    text = str(node.value).replace("\n", " ")
    return text if len(text) <= SHOWN_VALUE else text[:SHOWN_VALUE] + "..."


def entries(node: yaml.MappingNode, path: str, document: Document) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Yield the name, key node and value node of each entry, with `<<` merged; repeated keys are reported."""
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
                remedy=_KEEP_ONE,
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
    """Yield the entries that `<<` adds to the mapping's own. The `<<` of a merged mapping is not followed."""
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


def report_repeated(root: yaml.Node, document: Document) -> None:
    """Report each key of an overlay that stands twice in one mapping; merging would take the last one."""
    for key, path, issue in _repeated(root):
        document.report(key, path, rule="duplicate-key", issue=issue, remedy=_KEEP_ONE)


def check_keys(root: yaml.Node | None, file: str) -> None:
    """Refuse keys that stand twice in one mapping: YAML would take the last one, Pulumi and editors refuse it.

    Raises:
        UsageError: if there is one; if there are several, it is a ConfigErrors with all of them.
    """
    document = Document(file)
    repeated = list(_repeated(root)) if root is not None else []
    if len(repeated) == 1:
        key, _, issue = repeated[0]
        raise UsageError(issue, where=str(document.mark(key)), remedy=_KEEP_ONE)
    if repeated and root is not None:
        report_repeated(root, document)
        raise ConfigErrors(file, document.problems)


def _repeated(root: yaml.Node) -> Iterator[tuple[yaml.ScalarNode, str, str]]:
    """Yield each key that stands again in its mapping, the mapping's path, and the sentence that says so."""
    nodes, seen = [(root, "")], set()
    while nodes:
        node, path = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            nodes += [(item, f"{path}[{place}]") for place, item in enumerate(node.value)]
        elif isinstance(node, yaml.MappingNode):
            lines: dict[str, int] = {}
            for key, value in node.value:
                name = str(key.value) if isinstance(key, yaml.ScalarNode) else ""
                if name in lines and key.tag != MERGE:
                    yield key, path, f"`{name}` is repeated here; it first appears on line {lines[name]}"
                elif name:
                    lines[name] = key.start_mark.line + 1
                nodes.append((value, f"{path}.{name}".removeprefix(".")))
