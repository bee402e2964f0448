"""Sections of the configuration file: mappings with a fixed set of keys, and mappings from names to sections.

Knows how unknown and missing keys are reported. Must not know which sections and keys exist (see `keys`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from typing import Any

import yaml

from jobgraph.config.cron import NEVER_FIRES, cron_problem
from jobgraph.config.document import NULL, Document, entries
from jobgraph.config.kinds import SECONDS, ListOf, MapOf, Text, ValueKind, number_and_unit
from jobgraph.config.schedules import Cron, IntervalSchedule, Schedule
from jobgraph.errors import nearest
from jobgraph.setting_values import time_zones

# docs.snowflake.com/en/sql-reference/sql/create-task, SCHEDULE
SHORTEST_INTERVAL = 10
LONGEST_INTERVAL = 8 * 86400


@dataclass(frozen=True)
class Key:
    """One key of a section: its kind, meaning and default.

    An `inherited` key is also allowed in the `defaults` of the file and of a graph. `example` is a value as written in
    the file; for a key inside a value, such as `resources.gpu`, it is that whole value.
    """

    name: str
    kind: ValueKind
    doc: str
    default: Any = None
    required: bool = False
    inherited: bool = False
    example: str = ""


@dataclass
class Block:
    """A section that was read: the values by key, their nodes and marks, and the keys with wrong values."""

    node: yaml.Node
    values: dict[str, Any] = field(default_factory=dict)
    nodes: dict[str, yaml.Node] = field(default_factory=dict)
    wrong: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Section:
    """A mapping with a fixed set of keys. In a `partial` one, no key is required, and an empty value removes a key."""

    keys: tuple[Key, ...]
    expected: str = "a mapping"
    partial: bool = False

    @cached_property
    def by_name(self) -> dict[str, Key]:
        """The keys by name."""
        return {key.name: key for key in self.keys}

    def read(self, node: yaml.Node, path: str, document: Document) -> Block | None:
        """Return the values that could be read; report unknown and missing keys. An empty node is an empty section."""
        if isinstance(node, yaml.ScalarNode) and node.tag == NULL:
            node = yaml.MappingNode(node.tag, [], node.start_mark, node.end_mark)
        if not isinstance(node, yaml.MappingNode):
            document.wrong_type(node, path, self.expected, f"write {{{self.keys[0].name}: ...}}")
            return None
        keys = self.by_name
        block = Block(node)
        for name, key_node, value in entries(node, path, document):
            place = f"{path}.{name}" if path else name
            if name not in keys:
                self._unknown(key_node, name, place, document)
                continue
            if self.partial and value.tag == NULL:
                continue
            block.nodes[name] = value
            read = keys[name].kind.read(value, place, document)
            if read is None:
                block.wrong.add(name)
            else:
                block.values[name] = read
        if not self.partial:
            self._missing(block, path, document)
        return block

    def _unknown(self, node: yaml.Node, name: str, path: str, document: Document) -> None:
        names = [key.name for key in self.keys]
        close = nearest(name, names)
        issue = f"`{name}` is not a key here"
        remedy = f"remove it, or use one of: {', '.join(names)}"
        document.report(node, path, rule="unknown-key", issue=issue, remedy=remedy, close=close, is_key=True)

    def _missing(self, block: Block, path: str, document: Document) -> None:
        for key in self.keys:
            if key.required and key.name not in block.values and key.name not in block.wrong:
                issue = f"`{key.name}` is missing"
                remedy = f"add `{key.name}:` ({key.doc})"
                document.report(block.node, path, rule="missing-key", issue=issue, remedy=remedy)


@dataclass(frozen=True)
class NamedSections:
    """A mapping from names that the user chooses to sections."""

    section: Section
    expected: str

    def read(self, node: yaml.Node, path: str, document: Document) -> dict[str, tuple[yaml.Node, Block]] | None:
        """Return the key node and the section by name, in the file's order."""
        if not isinstance(node, yaml.MappingNode):
            document.wrong_type(node, path, self.expected, "write a name, a colon, and its keys below")
            return None
        read = {}
        for name, key, value in entries(node, path, document):
            block = self.section.read(value, f"{path}.{name}", document)
            read[name] = (key, block if block is not None else Block(value, wrong={k.name for k in self.section.keys}))
        return read


@dataclass(frozen=True)
class Either:
    """A plain value, or a section with more options; `key` is the plain value's key in the section."""

    plain: ValueKind
    section: Section
    key: str

    @property
    def expected(self) -> str:
        """A description of the valid values."""
        return f"{self.plain.expected}, or a mapping"

    def read(self, node: yaml.Node, path: str, document: Document) -> Block | None:
        """Return the section; a plain value becomes a section with only that key."""
        if isinstance(node, yaml.MappingNode):
            return self.section.read(node, path, document)
        value = self.plain.read(node, path, document)
        return None if value is None else Block(node, {self.key: value}, {self.key: node})


@dataclass(frozen=True)
class OneOrMore(ListOf):
    """A list of mappings; a single mapping is read as a list of one."""

    @property
    def expected(self) -> str:
        """A description of the valid values."""
        return f"{self.kind.expected}, or a list of them"

    def read(self, node: yaml.Node, path: str, document: Document) -> tuple[Any, ...] | None:
        """Return the items that could be read, as (index in the list, value, node)."""
        if not isinstance(node, yaml.MappingNode):
            return super().read(node, path, document)
        value = self.kind.read(node, path, document)
        return () if value is None else ((0, value, node),)


@dataclass(frozen=True)
class ScheduleText:
    """When a graph runs: `59 minutes`, or `{cron, timezone}`; in a `partial` section, one of the two may be missing."""

    expected: str = "a schedule"
    partial: bool = False

    def read(self, node: yaml.Node, path: str, document: Document) -> Schedule | None:
        """Return the schedule."""
        if isinstance(node, yaml.MappingNode):
            return self._cron(node, path, document)
        parts = number_and_unit(node)
        if parts is None or parts[1] == "day":
            _report_no_schedule(node, path, document, self.expected)
            return None
        number, unit = parts
        if not SHORTEST_INTERVAL <= number * SECONDS[unit] <= LONGEST_INTERVAL:
            issue = "Snowflake allows an interval of 10 seconds to 8 days"
            document.report(node, path, rule="value-range", issue=issue, remedy="choose an interval in that range")
            return None
        return IntervalSchedule(number, f"{unit.upper()}S")

    def _cron(self, node: yaml.MappingNode, path: str, document: Document) -> Schedule | None:
        block = (partial(CRON) if self.partial else CRON).read(node, path, document)
        if block is None or ({"cron", "timezone"} - block.values.keys() and not self.partial):
            return None
        cron, timezone = block.values.get("cron"), block.values.get("timezone")
        wrong = cron_problem(cron) if cron is not None else ""
        if wrong:
            remedy = "write five fields: minute, hour, day of month, month, day of week, such as 30 2 * * MON-FRI"
            if wrong == NEVER_FIRES:
                remedy = "choose a day that the month has, or L for its last"
            document.report(block.nodes["cron"], f"{path}.cron", rule="schedule-cron", issue=wrong, remedy=remedy)
        if nowhere := timezone is not None and timezone not in time_zones():
            close = nearest(str(timezone), time_zones())
            issue, remedy = "this time zone does not exist", "write a name of the IANA list, as UTC or Europe/Berlin"
            place, at = block.nodes["timezone"], f"{path}.timezone"
            document.report(place, at, rule="schedule-timezone", issue=issue, remedy=remedy, close=close)
        return Cron(" ".join(cron.upper().split()), timezone) if cron and timezone and not (wrong or nowhere) else None


# Five fields, of which minute and hour have no letters, optionally followed by a time zone, as in SHOW TASKS.
_CRON_TEXT = re.compile(
    r"(?:USING CRON )?(?P<fields>[\d*,/-]+ [\d*,/-]+ \S+ \S+ \S+)(?: (?P<zone>\S+))?", re.IGNORECASE
)


def _report_no_schedule(node: yaml.Node, path: str, document: Document, expected: str) -> None:
    """Report a value that is not a schedule. The remedy has the node's cron expression, if it is one, else examples."""
    text = " ".join(str(node.value).split()) if isinstance(node, yaml.ScalarNode) else ""
    cron = _CRON_TEXT.fullmatch(text)
    if cron is not None:
        issue = "a cron expression is written as a mapping, together with its time zone, not as a text"
        remedy = f"write {{cron: '{cron['fields']}', timezone: {cron['zone'] or 'UTC'}}}"
        document.report(node, path, rule="value-form", issue=issue, remedy=remedy)
        return
    remedy = "write `59 minutes`, `2 hours`, `30 seconds`, or {cron: '0 2 * * *', timezone: UTC}"
    document.wrong_length(node, path, expected, remedy, ("seconds", "minutes", "hours"))


@cache
def partial(section: Section) -> Section:
    """Return the section for changes: at every depth, no key is required, and an empty value removes a key."""
    return replace(section, keys=tuple(replace(key, kind=_partial(key.kind)) for key in section.keys), partial=True)


def _partial(kind: ValueKind) -> ValueKind:
    match kind:
        case Section():
            return partial(kind)
        case NamedSections(section=section) | Either(section=section):
            return replace(kind, section=partial(section))
        case MapOf() | ScheduleText():
            return replace(kind, partial=True)
    return kind


CRON = Section(
    (
        Key(
            "cron",
            Text("a cron expression of five fields", "write '0 2 * * *'"),
            "minute, hour, day of month, month, day of week",
            required=True,
            example="{cron: '0 2 * * *', timezone: UTC}",
        ),
        Key(
            "timezone",
            Text("a time zone", "write UTC or Europe/Berlin"),
            "IANA time zone in which the expression is read",
            required=True,
            example="{cron: '0 2 * * MON-FRI', timezone: Europe/Berlin}",
        ),
    ),
)
