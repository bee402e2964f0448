"""The JSON Schema and the reference: current, and true. UPDATE_GOLDENS=1 writes both files anew; read their diff."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from jobgraph.config.document import Document
from jobgraph.config.explain.reference import Entry, reference, reference_entries
from jobgraph.config.explain.schema import json_schema, overlay_schema
from jobgraph.config.payloads import PayloadFolder
from jobgraph.config.reading import compose, parse, read, understand
from jobgraph.errors import ConfigErrors
from tests.golden import compare
from tests.jobgraph.config.schemas import overlay_validator, validator

ROOT = Path(__file__).resolve().parents[4]
GOLDEN = Path(__file__).parents[2] / "golden"
VALID = [
    ROOT / "jobconfig.yaml",
    *sorted(ROOT.glob("examples/*/jobconfig.yaml")),
    GOLDEN / "everything.yaml",
    GOLDEN / "everything.resolved.yaml",
]


def data(text: str) -> Any:
    return json.loads(json.dumps(yaml.safe_load(text)))


def outcome(path: Path, environment: str | None) -> Any:
    """The graphs that are read; of a file that is wrong, its rules."""
    try:
        return read(path, environment=environment).graphs
    except ConfigErrors as error:
        return [problem.rule for problem in error.problems]


def outcome_of(text: str, folder: Path) -> Any:
    path = folder / "other.yaml"
    path.write_text(text)
    return outcome(path, None)


def test_the_committed_schema_is_current() -> None:
    compare(ROOT / "jobconfig.schema.json", json.dumps(json_schema(), indent=1) + "\n")


def test_the_committed_schema_of_overlays_is_current() -> None:
    compare(ROOT / "jobconfig.overlay.schema.json", json.dumps(overlay_schema(), indent=1) + "\n")


def test_the_schemas_are_schemas() -> None:
    for schema in (validator(), overlay_validator()):
        schema.check_schema(schema.schema)


def test_the_committed_reference_is_current() -> None:
    compare(ROOT / "docs" / "reference.md", reference())


@pytest.mark.parametrize("path", VALID, ids=lambda path: path.parent.name + "/" + path.name)
def test_the_schema_accepts_valid_files(path: Path) -> None:
    assert [error.message for error in validator().iter_errors(data(path.read_text()))] == []


BASE = """
version: 1
defaults: {image: 'x:1.0', compute_pool: P, env: {A: b, C: d}}
graphs:
  g:
    schedule: {cron: '0 2 * * *', timezone: UTC}
    jobs:
      a: {resources: {cpu: 1, memory: 1Gi}, retries: {count: 2, backoff: 1 minute}, warehouse: w}
      b: {after: [a], volumes: {v: {source: local, path: /v}}}
"""


@pytest.mark.parametrize(
    "changes",
    [
        "version: 1",
        "graphs: {g: {schedule: ~}}",
        "graphs: {g: {schedule: 5 minutes, jobs: {b: ~}}}",
        "graphs: {g: {schedule: {timezone: Europe/Berlin}}}",
        "graphs: {g: {schedule: {cron: '0 3 * * *'}}}",
        "defaults: {env: {A: ~}}",
        "defaults: ~",
        "defaults: {env: ~, compute_pool: Q}",
        "graphs: {g: {jobs: {a: {resources: {cpu: ~}, retries: {backoff: ~}}}}}",
        "graphs: {g: {jobs: {a: {retries: 1, resources: ~, warehouse: {query: ~, task: x}}}}}",
        "graphs: {g: {jobs: {b: {volumes: {v: {path: /w}}, after: ~}, c: {only_here: true, after: [b]}}}}",
        "graphs: {h: {only_here: true, jobs: {b: {}}}, g: {timeout: 3 hours, config: {x: 1}}}",
    ],
)
def test_changes_may_stand_in_an_overlay_or_among_the_environments(changes: str, tmp_path: Path) -> None:
    """Both are merged key by key, so both may say the least; and the schemas of both accept it."""
    base, overlay = tmp_path / "jobs.yaml", tmp_path / "jobs.st.yaml"
    indented = "".join(f"    {line}\n" for line in changes.splitlines())
    both = BASE if changes == "version: 1" else f"{BASE}environments:\n  st:\n{indented}"
    base.write_text(both)
    found = outcome(base, "st")
    assert [error.message for error in validator().iter_errors(data(both))] == []
    assert outcome(base, None) == outcome_of(BASE, tmp_path)
    base.write_text(BASE)
    overlay.write_text(changes)
    assert outcome(base, "st") == found
    assert [error.message for error in overlay_validator().iter_errors(data(changes))] == []


@pytest.mark.parametrize(
    "wrong",
    [
        "version: 2",
        "environments: {}",
        "graphs: {g: {jobs: {a: {imag: 'x:1'}}}}",
        "graphs: {g: {jobs: {a: {retries: 31}}}}",
        "graphs: {g: {schedule: {cron: 5}}}",
        "defaults: {after: [b]}",
        "graphs: [g]",
    ],
)
def test_what_no_overlay_may_say(wrong: str) -> None:
    assert list(overlay_validator().iter_errors(data(wrong)))


@pytest.mark.parametrize(
    "wrong",
    [
        "version: 2\ngraphs: {}",
        "version: 1",
        "version: 1\ngraphs: {g: {}}",
        "version: 1\ngraphs: {g: {jobs: {a: {imag: 'x:1'}}}}",
        "version: 1\ngraphs: {g: {jobs: {a: {image: x}}}}",
        "version: 1\ngraphs: {g: {jobs: {a: {retries: 31}}}}",
        "version: 1\ngraphs: {g: {jobs: {a: {retries: {backoff: 1 second}}}}}",
        "version: 1\ngraphs: {g: {jobs: {a: {timeout: 30}}}}",
        "version: 1\ngraphs: {g: {jobs: {a: {timeout: soon}}}}",
        "version: 1\ngraphs: {g: {jobs: {a: {on_failure: ignore}}}}",
        "version: 1\ngraphs: {g: {jobs: {a: {env: {1A: x}}}}}",
        "version: 1\ngraphs: {g: {jobs: {a: {resources: {gpu: none}}}}}",
        "version: 1\ngraphs: {g: {schedule: {cron: '0 2 * * *'}, jobs: {a: }}}",
        "version: 1\ngraphs: {g: {schedule: 2 days, jobs: {a: }}}",
        "version: 1\ngraphs: {g: {overlap: never, jobs: {a: }}}",
        "version: 1\nenvironments: {dev: {graphs: {g: {jobs: {a: {retrys: 1}}}}}}\ngraphs: {g: {jobs: {a: }}}",
        "version: 1\ngraphs: [g]",
    ],
)
def test_what_the_schema_refuses_the_reader_refuses(wrong: str) -> None:
    assert not validator().is_valid(data(wrong))
    with pytest.raises(ConfigErrors):
        parse(wrong.encode(), "jobs.yaml")


def file_of(entry: Entry) -> str:
    """A file in which the entry's example stands, with the jobs that examples name."""
    defaults = "defaults: {image: 'x:1', compute_pool: PR_STD_POOL_XS}"
    jobs = "{check: {}, load: {after: [check]}}"
    if entry.owner == "job":
        after = "" if entry.key.name == "after" else "after: [check], "
        jobs = f"{{check: {{}}, load: {{{after}{entry.example}}}}}"
    graph = f"graphs: {{daily: {{config: {{market: eu}}, jobs: {jobs}}}}}"
    if entry.owner == "graph":
        own = "" if entry.key.name == "jobs" else f", jobs: {jobs}"
        graph = f"graphs: {{daily: {{{entry.example}{own}}}}}"
    lines = {"version": "version: 1", "defaults": defaults, "graphs": graph}
    if entry.owner == "file":
        lines[entry.key.name] = entry.example
    return "\n".join(lines.values()) + "\n"


@pytest.mark.parametrize(
    "entry",
    list(reference_entries()),
    ids=lambda entry: f"{entry.owner}.{entry.title}",
)
def test_every_example_of_the_reference_is_valid(entry: Entry) -> None:
    text = file_of(entry)
    assert entry.key.example
    assert yaml.safe_load(entry.example).keys() == {(entry.within or entry.key).name}
    understand(compose(text.encode(), "jobs.yaml"), Document("jobs.yaml"), payloads=PayloadFolder(ROOT, ROOT))
    assert [error.message for error in validator().iter_errors(data(text))] == []
    if entry.within is not None:
        assert entry.key.name.rpartition(".")[2] in entry.example
    assert entry.key.doc in reference() or entry.key.doc[1:] in reference()
