"""The reference of all keys, docs/reference.md, generated from the tables of keys.

Knows Markdown and the tables. Must not know any key by name, nor where the text is stored.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from jobgraph.config.keys import FILE_KEYS, GRAPH_KEYS, JOB_KEYS
from jobgraph.config.kinds import ListOf
from jobgraph.config.sections import CRON, Either, NamedSections, ScheduleText, Section
from jobgraph.config.timing import duration_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.config.kinds import ValueKind
    from jobgraph.config.sections import Key

_HEAD = """# Reference of `jobconfig.yaml`

Generated from `jobgraph/config/keys.py` and `jobgraph/config/nested_keys.py`. A test reads every example here.
To regenerate it: `UPDATE_GOLDENS=1 .venv/bin/python -m pytest tests/jobgraph/config/explain/test_schema.py`.
For completion in an editor, begin the file with `# yaml-language-server: $schema=./jobconfig.schema.json`,
and an overlay, `jobconfig.<stack>.yaml`, with
`# yaml-language-server: $schema=./jobconfig.overlay.schema.json`.
"""


@dataclass(frozen=True)
class Entry:
    """A key of the reference. `owner` is file, graph or job; `within` is the key whose value contains it."""

    owner: str
    key: Key
    within: Key | None = None

    @property
    def example(self) -> str:
        """The example as YAML, with the key of the owner."""
        return f"{(self.within or self.key).name}: {self.key.example}"

    @property
    def title(self) -> str:
        """The key's name, after that of the key whose value contains it."""
        return f"{self.within.name}.{self.key.name}" if self.within else self.key.name


def reference_entries() -> Iterator[Entry]:
    """Yield all keys of the file, of a graph and of a job, each followed by the keys inside its value."""
    for owner, keys in (("file", FILE_KEYS), ("graph", GRAPH_KEYS), ("job", JOB_KEYS)):
        for key in keys:
            yield Entry(owner, key)
            for inner in _inside(key.kind):
                yield Entry(owner, inner, key)
                for innermost in _inside(inner.kind):
                    yield Entry(owner, replace(innermost, name=f"{inner.name}.{innermost.name}"), key)


def _inside(kind: ValueKind) -> tuple[Key, ...]:
    """Return the keys inside a value, except those of jobs, graphs and defaults, which are entries themselves."""
    match kind:
        case Section(keys=keys):
            own = keys
        case Either(section=section) | NamedSections(section=section) | ListOf(kind=Section() as section):
            own = section.keys
        case ScheduleText():
            own = CRON.keys
        case _:
            own = ()
    return () if {key.name for key in own} & {"jobs", "graphs", "image"} else own


def reference() -> str:
    """Return the text of the page."""
    titles = {"file": "The file", "graph": "A graph, below `graphs`", "job": "A job, below `jobs` of a graph"}
    parts = [_HEAD]
    for owner, title in titles.items():
        parts.append(f"\n## {title}\n")
        parts += [_described(entry) for entry in reference_entries() if entry.owner == owner]
    return "".join(parts)


def _described(entry: Entry) -> str:
    key = entry.key
    facts = [key.kind.expected]
    if key.required:
        facts.append("required")
    if key.default not in (None, ""):
        default = duration_text(key.default) if key.name == "timeout" else str(key.default).lower()
        facts.append(f"default {default}")
    if key.inherited:
        facts.append("may stand in `defaults`")
    example = f"\n```yaml\n{entry.example}\n```\n" if key.example else ""
    return f"\n### `{entry.title}`\n\n{_sentence(key.doc)} *{'; '.join(facts)}.*\n{example}"


def _sentence(text: str) -> str:
    """Return a text as a sentence. The first word keeps its case if it is code or a name."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")
