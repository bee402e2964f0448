"""A valid configuration file with one thing wrong in it, and the lines at which that has to be told.

Knows which keys the language fixes and which its users choose. Must not know the reader: where a mistake has to be told
follows from where it was made. Works on text in block style, where each key has a line of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

# the names below these keys are the user's; inside `config` all are
NAMED = {"graphs", "jobs", "env", "matrix", "volumes", "environments"}
NEEDED = {"version", "graphs", "jobs", "secret", "source", "path", "count", "job"}
OUT_OF_RANGE = {
    "version": "2",
    "replicas": "0",
    "auto_retry": "-1",
    "suspend_after_failures": "1.5",
    "timeout": "8 days",
    "on_failure": "stopp",
    "overlap": "som",
    "schedule": "1 second",
    "image": "no_version",
    "compute_pool": "no pool",
    "root_task": '"1x"',
    "enabled": '"true"',
    "table_name": "7",
}
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Entry:
    """A key of the file: the keys above it, its own place (from 0), and the last line of its value."""

    path: Path
    line: int
    column: int
    last: int
    value: yaml.Node

    @property
    def key(self) -> str:
        """Its name."""
        return str(self.path[-1])

    @property
    def is_fixed(self) -> bool:
        """Whether the language knows the key, and not only the file."""
        return self.path[-2:-1] not in {(name,) for name in NAMED} and "config" not in self.path[:-1]


@dataclass(frozen=True)
class Mutation:
    """A file with one thing wrong: what was done, the text, and the lines (from 1) of which one has to be told."""

    kind: str
    text: str
    lines: frozenset[int]


@dataclass(frozen=True)
class File:
    """A valid file in block style, taken apart."""

    lines: list[str]
    entries: list[Entry]

    @staticmethod
    def of(document: dict[str, Any]) -> File:
        """Print a document and note where everything stands."""
        plain = json.loads(json.dumps(document))  # a value that stands twice would become an anchor
        text = yaml.safe_dump(plain, sort_keys=False, default_flow_style=False, width=10_000, allow_unicode=True)
        return File(text.split("\n"), list(_entries(_composed(text), ())))

    def replaced(self, entry: Entry, *lines: str) -> str:
        """Return the text with other lines in place of an entry's; what stands before it on its line stays."""
        lead = self.lines[entry.line][: entry.column]
        indented = [lead + line if number == 0 else " " * entry.column + line for number, line in enumerate(lines)]
        return "\n".join([*self.lines[: entry.line], *indented, *self.lines[entry.last + 1 :]])


def _composed(text: str) -> yaml.Node:
    node = yaml.compose(text, Loader=yaml.CSafeLoader)
    assert node is not None
    return node


def _entries(node: yaml.Node, path: Path) -> Iterator[Entry]:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*path, key.value)
            yield Entry(here, key.start_mark.line, key.start_mark.column, _last(key, value), value)
            yield from _entries(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _entries(item, (*path, number))


def _last(key: yaml.Node, value: yaml.Node) -> int:
    """Return the last line of a value; a block collection's own end mark is where the next thing begins."""
    if isinstance(value, yaml.ScalarNode):
        return int(value.end_mark.line if value.value or value.style else key.end_mark.line)
    if not value.value:
        return int(value.end_mark.line)
    end = value.value[-1]
    return _last(*end) if isinstance(value, yaml.MappingNode) else _last(end, end)


def _at(text: str, path: Path) -> int:
    """Return the line (from 1) at which the value of a path starts in a text."""
    node = _composed(text)
    for step in path:
        if isinstance(node, yaml.MappingNode):
            node = next(value for key, value in node.value if key.value == step)
        else:
            node = node.value[step]
    return int(node.start_mark.line) + 1


def renamed_key(random: Random, file: File) -> Mutation | None:
    """A key that the language knows, misspelt."""
    entry = _chosen(random, [entry for entry in file.entries if entry.is_fixed])
    place = random.randrange(len(entry.key) + 1)
    wrong = entry.key[:place] + random.choice("xyz") + entry.key[place:]
    text = file.replaced(entry, wrong + file.lines[entry.line][entry.column + len(entry.key) :], *_rest(file, entry))
    return Mutation("rename a key", text, frozenset({entry.line + 1}))


def _rest(file: File, entry: Entry) -> list[str]:
    """Return an entry's further lines, as `replaced` wants them: without the indentation that it adds."""
    return [line[entry.column :] for line in file.lines[entry.line + 1 : entry.last + 1]]


def retyped_value(random: Random, file: File) -> Mutation | None:
    """A value of another type than its key wants."""
    fixed = [entry for entry in file.entries if "config" not in entry.path[:-1]]
    entry = _chosen(random, fixed)
    wrong = "{zz: 1}" if isinstance(entry.value, yaml.SequenceNode) else "[[]]"
    return Mutation("retype a value", file.replaced(entry, f"{entry.key}: {wrong}"), frozenset({entry.line + 1}))


def duplicated_key(random: Random, file: File) -> Mutation | None:
    """A key that stands twice."""
    single = [entry for entry in file.entries if not file.lines[entry.line][: entry.column].strip()]
    entry = _chosen(random, single)
    whole = [file.lines[entry.line][entry.column :], *_rest(file, entry)]
    return Mutation("duplicate a key", file.replaced(entry, *whole, *whole), frozenset({entry.last + 2}))


def deleted_key(random: Random, file: File) -> Mutation | None:
    """A key that has to be there, taken away."""
    needed = [
        entry
        for entry in file.entries
        if entry.is_fixed
        and entry.key in NEEDED
        and "environments" not in entry.path[:1]
        and not file.lines[entry.line][: entry.column].strip()
    ]
    if not needed:
        return None
    entry = _chosen(random, needed)
    text = "\n".join([*file.lines[: entry.line], *file.lines[entry.last + 1 :]])
    return Mutation("delete a key", text, frozenset({_at(text, entry.path[:-1])}))


def out_of_range(random: Random, file: File) -> Mutation | None:
    """A value of the right type that its key does not allow."""
    known = [
        entry
        for entry in file.entries
        if entry.is_fixed
        and entry.key in OUT_OF_RANGE
        # a name is judged where it is used, and a default may not be used at all
        and not (entry.key == "compute_pool" and "defaults" in entry.path)
    ]
    entry = _chosen(random, known)
    text = file.replaced(entry, f"{entry.key}: {OUT_OF_RANGE[entry.key]}")
    return Mutation("a value out of range", text, frozenset({entry.line + 1}))


def _edges(file: File) -> list[tuple[Entry, yaml.Node]]:
    """Return each predecessor that is named, with its `after`."""
    return [
        (entry, item)
        for entry in file.entries
        if entry.key == "after" and entry.is_fixed and isinstance(entry.value, yaml.SequenceNode)
        for item in entry.value.value
    ]


def _with_predecessor(file: File, item: yaml.Node, name: str) -> str:
    start, end = item.start_mark, item.end_mark
    line = file.lines[start.line]
    return "\n".join(
        [*file.lines[: start.line], line[: start.column] + name + line[end.column :], *file.lines[start.line + 1 :]]
    )


def broken_edge(random: Random, file: File) -> Mutation | None:
    """A predecessor that is no job, or the job itself."""
    edges = _edges(file)
    if not edges:
        return None
    entry, item = random.choice(edges)
    keys = {other.path[-1] for other in file.entries if other.path[:-1] == entry.path[:-1]}
    name = str(entry.path[-2]) if random.random() < 0.3 and "matrix" not in keys else "no_such_job"
    kind = "break an edge" if name == "no_such_job" else "a self edge"
    return Mutation(kind, _with_predecessor(file, item, name), frozenset({item.start_mark.line + 1}))


def renamed_job(random: Random, file: File) -> Mutation | None:
    """A job renamed that others follow."""
    edges = _edges(file)
    if not edges:
        return None
    entry, item = random.choice(edges)
    jobs = entry.path[:-2]
    job = next(e for e in file.entries if e.path[:-1] == jobs and e.key.upper() == item.value.upper())
    text = file.replaced(job, f"renamed_{file.lines[job.line][job.column :]}", *_rest(file, job))
    lines = {other.start_mark.line + 1 for _, other in edges if other.value.upper() == item.value.upper()}
    return Mutation("rename a job", text, frozenset(lines))


def cycle(random: Random, file: File) -> Mutation | None:
    """A job that is to follow one that follows it."""
    edges = _edges(file)
    if not edges:
        return None
    entry, item = random.choice(edges)
    jobs = entry.path[:-2]
    before = next(e for e in file.entries if e.path[:-1] == jobs and e.key.upper() == item.value.upper())
    keys = {str(other.path[-1]) for other in file.entries if other.path[:-1] == before.path}
    if "after" in keys or not keys:
        return None
    lead = before.column + 2
    added = f"{' ' * lead}after: [{entry.path[-2]}]"
    text = "\n".join([*file.lines[: before.line + 1], added, *file.lines[before.line + 1 :]])
    moved = {line + 1 if line > before.line + 1 else line for line in (o.start_mark.line + 1 for _, o in edges)}
    return Mutation("a cycle", text, frozenset({*moved, before.line + 2}))


MUTATIONS: tuple[Callable[[Random, File], Mutation | None], ...] = (
    renamed_key,
    retyped_value,
    duplicated_key,
    deleted_key,
    out_of_range,
    broken_edge,
    renamed_job,
    cycle,
)


def _chosen(random: Random, entries: list[Entry]) -> Entry:
    return random.choice(entries)


def damaged(random: Random, text: str) -> bytes:
    """Return a text with something in it cut, moved, repeated or overwritten: perhaps valid, perhaps no YAML at all."""
    content = bytearray(text.encode())
    for _ in range(random.randint(1, 4)):
        start = random.randrange(len(content) + 1)
        end = min(len(content), start + random.choice((1, 1, 2, 10, 200)))
        part = bytes(content[start:end])
        new = random.choice(
            (
                b"",
                part * 2,
                part[::-1],
                random.randbytes(len(part)),
                random.choice((b"\t", b"{", b"&a ", b"*a", b"%", b"\0", b": ")),
            )
        )
        content[start:end] = new
    return bytes(content)
