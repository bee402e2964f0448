"""The kinds of values of keys in the configuration file. Each reads its value from a YAML node.

Knows how a wrong value is reported. Must not know which keys exist (see `keys`), nor the rules between values
(see `rules`).

A kind returns the value or, after reporting a problem, None, so that one mistake never hides the next.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import yaml

from jobgraph.config.document import FLAG, FRACTION, NULL, TEXT, WHOLE, entries, in_words
from jobgraph.errors import nearest
from jobgraph.images import image_problem
from jobgraph.names import NAME_REMEDY, is_plain, not_plain

if TYPE_CHECKING:
    from jobgraph.config.document import Document

DEEPEST_JSON = 32
# execve(2): MAX_ARG_STRLEN is 32 pages, including the final NUL; for a variable, also its name and `=`
LONGEST_ARGUMENT = 130_000
SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class ValueKind(Protocol):
    """One kind of value; `expected` describes valid values."""

    @property
    def expected(self) -> str:
        """A description of the valid values."""
        ...

    def read(self, node: yaml.Node, path: str, document: Document) -> Any | None:
        """Return the value, or None after reporting a problem."""
        ...


@dataclass(frozen=True)
class Text:
    """A text, optionally with a pattern. Numbers and yes/no must be quoted, so that nothing is guessed."""

    expected: str = "a text"
    example: str = "put the value in quotes"
    pattern: re.Pattern[str] | None = None
    longest: int = 10_000

    def read(self, node: yaml.Node, path: str, document: Document) -> str | None:
        """Return the text."""
        if not isinstance(node, yaml.ScalarNode) or node.tag != TEXT:
            document.wrong_type(node, path, self.expected, self._remedy(node))
            return None
        if "\0" in node.value:
            issue = "the value holds a NUL character"
            document.report(node, path, rule="value-form", issue=issue, remedy="remove it")
            return None
        if len(node.value) > self.longest:
            issue = f"the value has {len(node.value)} characters; {self.longest} are allowed"
            document.report(node, path, rule="value-length", issue=issue, remedy="shorten it")
            return None
        if self.pattern is not None and not self.pattern.fullmatch(node.value):
            issue = f"expected {self.expected}"
            document.report(node, path, rule="value-form", issue=issue, remedy=self.example)
            return None
        return str(node.value)

    def _remedy(self, node: yaml.Node) -> str:
        """Return the remedy for a value that YAML does not read as a text: quotes, if they help."""
        scalar = isinstance(node, yaml.ScalarNode) and node.tag != NULL and node.value.isprintable()
        if not scalar or not self._fits(node.value):
            return self.example
        return f"put it in quotes, so that YAML reads it as a text: {json.dumps(node.value)}"

    def _fits(self, text: str) -> bool:
        """Return whether a text would be accepted."""
        return self.pattern is None or self.pattern.fullmatch(text) is not None


@dataclass(frozen=True)
class Image(Text):
    """An image that Snowflake can run: in one of its repositories, and with a version."""

    expected: str = "an image with its version"
    example: str = "write my_job_image:1.1.0 (in the stack's repository), or /database/schema/repository/name:1.0.0"

    def read(self, node: yaml.Node, path: str, document: Document) -> str | None:
        """Return the image as written."""
        reference = super().read(node, path, document)
        issue, remedy = image_problem(reference) if reference is not None else ("", "")
        if issue:
            document.report(node, path, rule="value-form", issue=issue, remedy=remedy)
        return None if issue else reference

    def _fits(self, text: str) -> bool:
        return image_problem(text) == ("", "")


@dataclass(frozen=True)
class Identifier(Text):
    """The name of an existing object. A problem is reported even in defaults that no job uses."""

    expected: str = "a name"
    example: str = "write the name as plain text"

    def read(self, node: yaml.Node, path: str, document: Document) -> str | None:
        """Return the name as written."""
        name = super().read(node, path, document)
        if name is None or is_plain(name):
            return name
        document.report(node, path, rule="name-legal", issue=not_plain(name), remedy=NAME_REMEDY)
        return None


@dataclass(frozen=True)
class Scalar:
    """A text, number or yes/no, as the text in the file (`1.50` stays `1.50`)."""

    expected: str = "a text or a number"
    example: str = 'write a value; an empty text is ""'
    pattern: re.Pattern[str] | None = None

    def read(self, node: yaml.Node, path: str, document: Document) -> str | None:
        """Return the text."""
        if not isinstance(node, yaml.ScalarNode) or node.tag == NULL:
            document.wrong_type(node, path, self.expected, self.example)
            return None
        if self.pattern is not None and not self.pattern.fullmatch(node.value):
            issue = f"expected {self.expected}"
            document.report(node, path, rule="value-form", issue=issue, remedy=self.example)
            return None
        return str(node.value) if _fits_a_program(node, path, document) else None


def _fits_a_program(node: yaml.ScalarNode, path: str, document: Document) -> bool:
    """Return whether a value can be an argument or a variable of a program; report the problem if it cannot."""
    issue = ""
    if "\0" in node.value:
        issue = "the value holds a NUL character, which cannot be passed to a program"
    elif len(node.value.encode(errors="replace")) > LONGEST_ARGUMENT:
        issue = (
            f"the value is longer than the {LONGEST_ARGUMENT:,} bytes that Linux allows for one argument or variable"
        )
    if issue:
        document.report(
            node, path, rule="value-form", issue=issue, remedy="put it into a file of a stage and mount that"
        )
    return not issue


def _without_quotes(node: yaml.Node) -> str:
    """Return the end of the remedy for a value that YAML reads as a text only because of its quotes."""
    return ", without quotes" if isinstance(node, yaml.ScalarNode) and node.style in ("'", '"') else ""


@dataclass(frozen=True)
class Whole:
    """A whole number from `low` to `high`."""

    low: int
    high: int

    @property
    def expected(self) -> str:
        """A description of the valid values."""
        return f"a whole number from {self.low} to {self.high}" if self.low < self.high else f"the number {self.low}"

    def read(self, node: yaml.Node, path: str, document: Document) -> int | None:
        """Return the number."""
        example = f"write {self.expected}{_without_quotes(node)}"
        if not isinstance(node, yaml.ScalarNode) or node.tag != WHOLE or not re.fullmatch(r"[-+]?\d{1,18}", node.value):
            document.wrong_type(node, path, self.expected, example)
            return None
        number = int(node.value)
        if not self.low <= number <= self.high:
            document.report(node, path, rule="value-range", issue=f"expected {self.expected}", remedy=example)
            return None
        return number


@dataclass(frozen=True)
class Flag:
    """Yes or no, in any of YAML's spellings."""

    expected: str = "true or false"

    def read(self, node: yaml.Node, path: str, document: Document) -> bool | None:
        """Return it."""
        if not isinstance(node, yaml.ScalarNode) or node.tag != FLAG:
            document.wrong_type(node, path, self.expected, f"write true or false{_without_quotes(node)}")
            return None
        value = _constructed(node, path, document)
        return None if value is None else bool(value)


@dataclass(frozen=True)
class Plain:
    """A text, a number or true/false, as the value that YAML reads."""

    numbers_only: bool = False

    @property
    def expected(self) -> str:
        """A description of the valid values."""
        return "a number" if self.numbers_only else "a text, a number, or true or false"

    def read(self, node: yaml.Node, path: str, document: Document) -> str | int | float | bool | None:
        """Return the value."""
        tags = (WHOLE, FRACTION) if self.numbers_only else (WHOLE, FRACTION, TEXT, FLAG)
        odd = node.tag in (WHOLE, FRACTION) and not re.fullmatch(r"[-+]?\d{1,18}(\.\d{1,18})?", str(node.value))
        if not isinstance(node, yaml.ScalarNode) or node.tag not in tags or odd:
            document.wrong_type(node, path, self.expected, f"write {self.expected}{_without_quotes(node)}")
            return None
        value: str | int | float | bool | None = _constructed(node, path, document)
        return value


@dataclass(frozen=True)
class OneOf:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        """A description of the valid values."""
        return f"one of {', '.join(self.words)}"

    def read(self, node: yaml.Node, path: str, document: Document) -> str | None:
        """Return the word."""
        if isinstance(node, yaml.ScalarNode) and node.value in self.words:
            return str(node.value)
        text = node.value if isinstance(node, yaml.ScalarNode) else ""
        issue = f"expected {self.expected}"
        close = nearest(text, self.words)
        document.report(node, path, rule="value-choice", issue=issue, remedy="write one of these words", close=close)
        return None


@dataclass(frozen=True)
class ListOf:
    """A list of values of one kind; a single value is read as a list of one."""

    kind: ValueKind

    @property
    def expected(self) -> str:
        """A description of the valid values."""
        return f"a list; each item {self.kind.expected}"

    def read(self, node: yaml.Node, path: str, document: Document) -> tuple[Any, ...] | None:
        """Return the items that could be read, as (index in the list, value, node)."""
        if not isinstance(node, yaml.SequenceNode):
            document.wrong_type(node, path, "a list", self._remedy(node))
            return None
        read = [(n, self.kind.read(item, f"{path}[{n}]", document), item) for n, item in enumerate(node.value)]
        return tuple(item for item in read if item[1] is not None)

    def _remedy(self, node: yaml.Node) -> str:
        """Return the remedy for a single value: the list that a shell, or a reader, would make of it."""
        if not isinstance(node, yaml.ScalarNode) or node.tag == NULL or not node.value.isprintable():
            return "write [first, second]"
        if isinstance(self.kind, Scalar) and self.kind.pattern is None:
            try:
                items = shlex.split(node.value)
            except ValueError:
                items = [node.value]
        else:
            items = [item for item in re.split(r"[,\s]+", node.value) if item]
        return f"write {json.dumps(items, ensure_ascii=False)}"


@dataclass(frozen=True)
class MapOf:
    """Names that match a pattern, with values of one kind. In a `partial` one, an empty value removes an entry."""

    kind: ValueKind
    names: re.Pattern[str]
    name_rule: str
    partial: bool = False

    @property
    def expected(self) -> str:
        """A description of the valid values."""
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
                issue = f"`{name}` cannot be a name here"
                document.report(key, place, rule="entry-name", issue=issue, remedy=self.name_rule, is_key=True)
            if self.partial and value.tag == NULL:
                continue
            read = self.kind.read(value, place, document)
            if read is not None:
                values[name] = read
        return values


@dataclass(frozen=True)
class Duration:
    """A length of time, such as `30 minutes`, read as seconds."""

    shortest: int = 1
    longest: int = 7 * 86400
    expected: str = "a length of time"

    def read(self, node: yaml.Node, path: str, document: Document) -> int | None:
        """Return the seconds."""
        parts = number_and_unit(node)
        if parts is None:
            remedy = "write a number and a unit: 90 seconds, 30 minutes, 2 hours, 1 day"
            document.wrong_length(node, path, self.expected, remedy, tuple(f"{unit}s" for unit in SECONDS))
            return None
        seconds = parts[0] * SECONDS[parts[1]]
        if not self.shortest <= seconds <= self.longest:
            issue = f"{self.shortest} seconds to {self.longest // 86400} days are allowed here"
            document.report(node, path, rule="value-range", issue=issue, remedy="choose a length in that range")
            return None
        return seconds


def number_and_unit(node: yaml.Node) -> tuple[int, str] | None:
    """Return the number and the unit (singular, lower case) of a scalar such as `59 minutes`."""
    if not isinstance(node, yaml.ScalarNode):
        return None
    match = re.fullmatch(r"\s*(\d{1,9})\s*(second|minute|hour|day)s?\s*", node.value, re.IGNORECASE)
    return (int(match[1]), match[2].lower()) if match else None


@dataclass(frozen=True)
class JsonValue:
    """A mapping of any JSON values."""

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
            issue = f"more than {DEEPEST_JSON} levels are nested here"
            document.report(
                node,
                path,
                rule="value-depth",
                issue=issue,
                remedy="nest it less deeply, without an anchor inside itself",
            )
            return None
        if isinstance(node, yaml.MappingNode):
            return {n: self._value(v, f"{path}.{n}", document, depth + 1) for n, _, v in entries(node, path, document)}
        if isinstance(node, yaml.SequenceNode):
            return [self._value(v, f"{path}[{i}]", document, depth + 1) for i, v in enumerate(node.value)]
        value = _constructed(node, path, document)
        if isinstance(value, float) and not math.isfinite(value):
            remedy = "leave it out, or put it in quotes"
            document.report(node, path, rule="value-form", issue="JSON has no such number", remedy=remedy)
            return None
        return value if isinstance(value, str | int | float | bool | None) else str(node.value)


_SCALARS = yaml.constructor.SafeConstructor()


def _constructed(node: yaml.Node, path: str, document: Document) -> Any | None:
    """Return the value that YAML reads from a scalar; None for an empty scalar, and after reporting a problem.

    A text may look like a date that does not exist, or have a tag (`!!int`) that does not match it.
    """
    try:
        return _SCALARS.construct_object(node)
    except (yaml.YAMLError, ValueError, KeyError):
        issue = f"YAML reads this as {in_words(node)}, which it is not"
        document.report(node, path, rule="value-form", issue=issue, remedy="put the value in quotes, without a tag")
        return None
