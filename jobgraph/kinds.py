"""The kinds of values that a key of the configuration file may hold, each able to read itself from a YAML node.

Knows YAML nodes and how a wrong value is reported. Must not know which keys exist (see `keys`) nor any rule that
looks at more than one value (see `rules`).

A kind returns the value read, or `None` after it has reported why there is none: so one mistake never hides the next.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import available_timezones

import yaml
from cronsim import CronSim, CronSimError

from jobgraph.errors import Mark, Problem, nearest
from jobgraph.model import Cron, Interval, Schedule

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = "tag:yaml.org,2002:str"
WHOLE = "tag:yaml.org,2002:int"
NULL = "tag:yaml.org,2002:null"
MERGE = "tag:yaml.org,2002:merge"

SHOWN_VALUE = 60
DEEPEST_JSON = 32
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
# docs.snowflake.com/en/sql-reference/sql/create-task, SCHEDULE
SHORTEST_INTERVAL = 10
LONGEST_INTERVAL = 8 * 86400


@dataclass
class Document:
    """A file being read: its name and the problems found so far."""

    file: str
    problems: list[Problem] = field(default_factory=list)

    def mark(self, node: yaml.Node) -> Mark:
        """Return where a node starts."""
        return Mark(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def report(  # noqa: PLR0913  # a problem has this many facts, all but two named at the call
        self,
        node: yaml.Node,
        path: str,
        *,
        rule: str,
        what: str,
        remedy: str,
        close: tuple[str, ...] = (),
    ) -> None:
        """Note one problem at a node."""
        self.problems.append(
            Problem(self.mark(node), rule, path, what, remedy=remedy, value=shown(node), nearest=close),
        )

    def wrong_type(self, node: yaml.Node, path: str, expected: str, example: str) -> None:
        """Note that a node is of another type than its key wants."""
        self.report(node, path, rule="value-type", what=f"{expected} is wanted here, not {found(node)}", remedy=example)


def found(node: yaml.Node) -> str:
    """Return what a node is, in words."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if node.tag == NULL:
        return "nothing"
    return {TEXT: "a text", WHOLE: "a whole number"}.get(node.tag, f"a {node.tag.rpartition(':')[2]}")


def shown(node: yaml.Node) -> str:
    """Return a scalar's text, cut to what fits on a line; nothing for lists and mappings."""
    if not isinstance(node, yaml.ScalarNode):
        return ""
    text = str(node.value).replace("\n", " ")
    return text if len(text) <= SHOWN_VALUE else text[:SHOWN_VALUE] + "..."


def entries(node: yaml.MappingNode, path: str, document: Document) -> Iterator[tuple[str, yaml.Node, yaml.Node]]:
    """Yield name, key node and value node of each entry, `<<` merged; keys that stand twice are reported."""
    seen: dict[str, yaml.Node] = {}
    for key, value in node.value:
        if key.tag == MERGE:
            continue
        if not isinstance(key, yaml.ScalarNode) or key.tag == NULL:
            document.wrong_type(key, path, "a name", "write a plain name before the colon")
        elif key.value in seen:
            document.report(
                key,
                path,
                rule="duplicate-key",
                what=f"`{key.value}` stands here again; first in line {seen[key.value].start_mark.line + 1}",
                remedy="keep one of the two",
            )
        else:
            seen[key.value] = key
            yield key.value, key, value
    yield from _merged(node, path, document, seen)


def _merged(
    node: yaml.MappingNode,
    path: str,
    document: Document,
    seen: dict[str, yaml.Node],
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
                if isinstance(inner, yaml.ScalarNode) and inner.tag != MERGE and inner.value not in seen:
                    seen[inner.value] = inner
                    yield inner.value, inner, inner_value


class Kind(Protocol):
    """One kind of value; `expected` says in words what it takes."""

    @property
    def expected(self) -> str:
        """What the kind takes, in words."""
        ...

    def read(self, node: yaml.Node, path: str, document: Document) -> Any | None:
        """Return the value, or `None` after reporting why there is none."""
        ...


@dataclass(frozen=True)
class Text:
    """A text, which may have to match a pattern. Numbers and yes/no must be quoted, so that nothing is guessed."""

    expected: str = "a text"
    example: str = "put the value in quotes"
    pattern: re.Pattern[str] | None = None
    longest: int = 10_000

    def read(self, node: yaml.Node, path: str, document: Document) -> str | None:
        """Return the text."""
        if not isinstance(node, yaml.ScalarNode) or node.tag != TEXT:
            document.wrong_type(node, path, self.expected, self.example)
            return None
        if len(node.value) > self.longest:
            what = f"the value has {len(node.value)} characters; {self.longest} are allowed"
            document.report(node, path, rule="value-length", what=what, remedy="shorten it")
            return None
        if self.pattern is not None and not self.pattern.fullmatch(node.value):
            what = f"{self.expected} is wanted here"
            document.report(node, path, rule="value-form", what=what, remedy=self.example)
            return None
        return str(node.value)


@dataclass(frozen=True)
class Scalar:
    """A text, number or yes/no, kept as the text that stands in the file (`1.50` stays `1.50`)."""

    expected: str = "a text or a number"
    example: str = 'write a value; an empty text is ""'
    pattern: re.Pattern[str] | None = None

    def read(self, node: yaml.Node, path: str, document: Document) -> str | None:
        """Return the text."""
        if not isinstance(node, yaml.ScalarNode) or node.tag == NULL:
            document.wrong_type(node, path, self.expected, self.example)
            return None
        if self.pattern is not None and not self.pattern.fullmatch(node.value):
            what = f"{self.expected} is wanted here"
            document.report(node, path, rule="value-form", what=what, remedy=self.example)
            return None
        return str(node.value)


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int
    high: int

    @property
    def expected(self) -> str:
        """What the kind takes, in words."""
        return f"a whole number from {self.low} to {self.high}"

    def read(self, node: yaml.Node, path: str, document: Document) -> int | None:
        """Return the number."""
        example = f"write a number from {self.low} to {self.high}, without quotes"
        if not isinstance(node, yaml.ScalarNode) or node.tag != WHOLE or not re.fullmatch(r"[-+]?\d{1,18}", node.value):
            document.wrong_type(node, path, self.expected, example)
            return None
        number = int(node.value)
        if not self.low <= number <= self.high:
            document.report(node, path, rule="value-range", what=f"{self.expected} is wanted here", remedy=example)
            return None
        return number


@dataclass(frozen=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        """What the kind takes, in words."""
        return f"one of {', '.join(self.words)}"

    def read(self, node: yaml.Node, path: str, document: Document) -> str | None:
        """Return the word."""
        if isinstance(node, yaml.ScalarNode) and node.value in self.words:
            return str(node.value)
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        what = f"{self.expected} is wanted here"
        close = nearest(text, self.words)
        document.report(node, path, rule="value-choice", what=what, remedy="write one of these words", close=close)
        return None


@dataclass(frozen=True)
class ListOf:
    """A list of values of one kind; a single value stands for a list of one."""

    kind: Kind

    @property
    def expected(self) -> str:
        """What the kind takes, in words."""
        return f"a list; each item {self.kind.expected}"

    def read(self, node: yaml.Node, path: str, document: Document) -> tuple[Any, ...] | None:
        """Return the items that could be read, as (place in the list, value, mark)."""
        if isinstance(node, yaml.MappingNode) or node.tag == NULL:
            document.wrong_type(node, path, "a list", "write [first, second]")
            return None
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        read = [
            (index, self.kind.read(item, f"{path}[{index}]", document), document.mark(item))
            for index, item in enumerate(items)
        ]
        return tuple(item for item in read if item[1] is not None)


@dataclass(frozen=True)
class MapOf:
    """Names, which must match a pattern, with values of one kind."""

    kind: Kind
    names: re.Pattern[str]
    name_rule: str

    @property
    def expected(self) -> str:
        """What the kind takes, in words."""
        return f"a mapping; each value {self.kind.expected}"

    def read(self, node: yaml.Node, path: str, document: Document) -> dict[str, Any] | None:
        """Return the entries that could be read."""
        if not isinstance(node, yaml.MappingNode):
            document.wrong_type(node, path, "a mapping", "write {NAME: value}")
            return None
        values = {}
        for name, key, value in entries(node, path, document):
            place = f"{path}.{name}"
            if not self.names.fullmatch(name):
                what = f"`{name}` is no name for an entry here"
                document.report(key, place, rule="entry-name", what=what, remedy=self.name_rule)
            read = self.kind.read(value, place, document)
            if read is not None:
                values[name] = read
        return values


@dataclass(frozen=True)
class Duration:
    """A length of time, as `30 minutes`; read as seconds."""

    shortest: int = 1
    longest: int = 7 * 86400
    expected: str = "a length of time"

    def read(self, node: yaml.Node, path: str, document: Document) -> int | None:
        """Return the seconds."""
        parts = number_and_unit(node)
        if parts is None:
            document.wrong_type(node, path, self.expected, "write a number and a unit: 90 seconds, 30 minutes, 2 hours")
            return None
        seconds = parts[0] * SECONDS[parts[1]]
        if not self.shortest <= seconds <= self.longest:
            what = f"{self.shortest} seconds to {self.longest // 86400} days are allowed here"
            document.report(node, path, rule="value-range", what=what, remedy="choose a length in that range")
            return None
        return seconds


def number_and_unit(node: yaml.Node) -> tuple[int, str] | None:
    """Return number and unit (singular, lower case) of a scalar such as `59 minutes`."""
    if not isinstance(node, yaml.ScalarNode):
        return None
    match = re.fullmatch(r"\s*(\d{1,9})\s*(second|minute|hour|day)s?\s*", node.value, re.IGNORECASE)
    return (int(match[1]), match[2].lower()) if match else None


@dataclass(frozen=True)
class ScheduleText:
    """When a graph runs: `59 minutes`, or `{cron, timezone}`."""

    expected: str = "a schedule"

    def read(self, node: yaml.Node, path: str, document: Document) -> Schedule | None:
        """Return the schedule."""
        if isinstance(node, yaml.MappingNode):
            return self._cron(node, path, document)
        parts = number_and_unit(node)
        if parts is None or parts[1] == "day":
            example = "write `59 minutes`, `2 hours`, `30 seconds`, or {cron: '0 2 * * *', timezone: UTC}"
            document.wrong_type(node, path, self.expected, example)
            return None
        number, unit = parts
        if not SHORTEST_INTERVAL <= number * SECONDS[unit] <= LONGEST_INTERVAL:
            what = "Snowflake allows an interval of 10 seconds to 8 days"
            document.report(node, path, rule="value-range", what=what, remedy="choose an interval in that range")
            return None
        return Interval(number, f"{unit.upper()}S")

    def _cron(self, node: yaml.MappingNode, path: str, document: Document) -> Schedule | None:
        block = Section(_CRON_KEYS).read(node, path, document)
        if block is None or {"cron", "timezone"} - block.values.keys():
            return None
        cron, timezone = block.values["cron"], block.values["timezone"]
        try:
            CronSim(cron, datetime(2000, 1, 1, tzinfo=UTC))
        except CronSimError as error:
            what = f"this is no cron expression: {error}"
            remedy = "write five fields: minute, hour, day of month, month, day of week"
            document.report(block.nodes["cron"], f"{path}.cron", rule="schedule-cron", what=what, remedy=remedy)
            return None
        if timezone not in available_timezones():
            close = nearest(timezone, available_timezones())
            what, remedy = "this time zone does not exist", "write a name of the IANA list, as UTC or Europe/Berlin"
            place, at = block.nodes["timezone"], f"{path}.timezone"
            document.report(place, at, rule="schedule-timezone", what=what, remedy=remedy, close=close)
            return None
        return Cron(" ".join(cron.split()), timezone)


@dataclass(frozen=True)
class JsonValue:
    """A mapping of anything that JSON can say."""

    expected: str = "a mapping"

    def read(self, node: yaml.Node, path: str, document: Document) -> dict[str, Any] | None:
        """Return the mapping."""
        if not isinstance(node, yaml.MappingNode):
            document.wrong_type(node, path, self.expected, "write {name: value}")
            return None
        value = self._value(node, path, document, 0)
        return value if isinstance(value, dict) else None

    def _value(self, node: yaml.Node, path: str, document: Document, depth: int) -> Any:
        if depth > DEEPEST_JSON:
            what = f"more than {DEEPEST_JSON} levels stand inside one another here"
            document.report(
                node, path, rule="value-depth", what=what, remedy="write it flatter, without an anchor in itself"
            )
            return None
        if isinstance(node, yaml.MappingNode):
            return {n: self._value(v, f"{path}.{n}", document, depth + 1) for n, _, v in entries(node, path, document)}
        if isinstance(node, yaml.SequenceNode):
            return [self._value(v, f"{path}[{i}]", document, depth + 1) for i, v in enumerate(node.value)]
        value = _SCALARS.construct_object(node)
        return value if isinstance(value, str | int | float | bool | None) else str(node.value)


_SCALARS = yaml.constructor.SafeConstructor()


@dataclass(frozen=True)
class Key:
    """One key of a section: its kind, what it means, what holds without it.

    An `inherited` key may stand in `defaults` too, of the file and of a graph.
    """

    name: str
    kind: Kind
    doc: str
    default: Any = None
    required: bool = False
    inherited: bool = False


@dataclass
class Block:
    """A section as it was read: values by key, the node and mark of each, and which keys held something wrong."""

    node: yaml.Node
    values: dict[str, Any] = field(default_factory=dict)
    nodes: dict[str, yaml.Node] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Section:
    """A mapping with a fixed set of keys."""

    keys: tuple[Key, ...]
    expected: str = "a mapping"

    def read(self, node: yaml.Node, path: str, document: Document) -> Block | None:
        """Return what could be read of it; unknown and missing keys are reported."""
        if not isinstance(node, yaml.MappingNode):
            document.wrong_type(node, path, self.expected, f"write {{{self.keys[0].name}: ...}}")
            return None
        known = {key.name: key for key in self.keys}
        block = Block(node)
        for name, key_node, value in entries(node, path, document):
            place = f"{path}.{name}" if path else name
            if name not in known:
                self._unknown(key_node, name, place, document)
                continue
            block.nodes[name] = value
            read = known[name].kind.read(value, place, document)
            if read is None:
                block.wrong.add(name)
            else:
                block.values[name] = read
        self._missing(block, path, document)
        return block

    def _unknown(self, node: yaml.Node, name: str, path: str, document: Document) -> None:
        names = [key.name for key in self.keys]
        close = nearest(name, names)
        what = f"`{name}` is not known here"
        remedy = f"remove it, or use one of: {', '.join(names)}"
        document.report(node, path, rule="unknown-key", what=what, remedy=remedy, close=close)

    def _missing(self, block: Block, path: str, document: Document) -> None:
        for key in self.keys:
            if key.required and key.name not in block.values and key.name not in block.wrong:
                what = f"`{key.name}` is missing"
                remedy = f"add `{key.name}:` ({key.doc})"
                document.report(block.node, path, rule="missing-key", what=what, remedy=remedy)


@dataclass(frozen=True)
class Named:
    """A mapping of names that the user chooses to sections."""

    section: Section
    expected: str

    def read(self, node: yaml.Node, path: str, document: Document) -> dict[str, tuple[yaml.Node, Block]] | None:
        """Return key node and section by name, in the file's order."""
        if not isinstance(node, yaml.MappingNode):
            document.wrong_type(node, path, self.expected, "write a name, a colon, and its keys below")
            return None
        read = {}
        for name, key, value in entries(node, path, document):
            block = self.section.read(value, f"{path}.{name}", document)
            read[name] = (key, block if block is not None else Block(value, wrong={k.name for k in self.section.keys}))
        return read


_CRON_KEYS = (
    Key(
        "cron",
        Text("a cron expression of five fields", "write '0 2 * * *'"),
        "minute hour day month weekday",
        required=True,
    ),
    Key(
        "timezone", Text("a time zone", "write UTC or Europe/Berlin"), "IANA time zone of the expression", required=True
    ),
)
