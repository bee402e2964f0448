"""Valid files made at random: read, planned, accepted by the schema, and the same again when written out."""

from __future__ import annotations

import json
from random import Random

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.config.document import Document
from jobgraph.config.explain.resolving import resolved
from jobgraph.config.reading import compose, parse, understand
from jobgraph.config.topology import edges
from jobgraph.plan.planning import Procedures, plan
from jobgraph.settings import Settings
from tests.jobgraph.config.schemas import validator
from tests.reliability.configurations import configuration, text


def made(seed: int) -> str:
    random = Random(seed)  # noqa: S311  # the seed makes the failing file again
    return text(random, configuration(random))


@given(st.integers(0, 10**9))
def test_a_valid_file_is_planned_and_says_the_same_when_it_is_written_out(seed: int) -> None:
    config = parse(made(seed).encode(), "jobs.yaml")
    assert parse(resolved(config).encode(), "jobs.yaml").graphs == config.graphs
    planned = plan(config, Settings(), Procedures("run", "finalize"))
    for graph, graph_plan in zip(config.graphs, planned.graphs, strict=True):
        assert {task.name for task in graph_plan.tasks} == {job.name for job in graph.jobs}
        expected = {name: tuple(sorted(before)) or (graph.root_task,) for name, before in edges(graph).items()}
        assert {task.name: task.predecessors for task in graph_plan.tasks} == expected
        assert all(0 < (task.timeout_ms or 0) <= 604_800_000 for task in graph_plan.tasks)
        assert all(task.sql.count("$$") == 2 for task in graph_plan.tasks)


@given(st.integers(0, 10**9))
def test_the_schema_accepts_every_valid_file_and_what_is_written_out(seed: int) -> None:
    written = made(seed)
    for one in (written, resolved(parse(written.encode(), "jobs.yaml"))):
        data = json.loads(json.dumps(yaml.safe_load(one)))
        assert [error.message for error in validator().iter_errors(data)] == []


@given(st.integers(0, 10**9), st.data())
def test_a_key_that_is_misspelt_anywhere_is_an_error_on_its_line(seed: int, data: st.DataObject) -> None:
    """Among names that the user chooses, any text is good; all others are the language's."""
    root = compose(made(seed).encode(), "jobs.yaml")
    keys = [(key, path) for key, path in keys_of(root, ()) if not chosen(path)]
    key, path = data.draw(st.sampled_from(keys))
    key.value = f"{key.value}x"
    with pytest.raises(Exception) as caught:  # noqa: PT011  # which one it is, is asserted next
        understand(root, Document("jobs.yaml"))
    problems = getattr(caught.value, "problems", ())
    assert [
        p for p in problems if p.rule in {"unknown-key", "entry-name"} and p.mark.line == key.start_mark.line + 1
    ], path


def keys_of(node: yaml.Node, path: tuple[str, ...]) -> list[tuple[yaml.Node, tuple[str, ...]]]:
    """All keys below a node, with their paths; places in lists count as names."""
    if isinstance(node, yaml.SequenceNode):
        return [found for n, item in enumerate(node.value) for found in keys_of(item, (*path, str(n)))]
    if not isinstance(node, yaml.MappingNode):
        return []
    found = []
    for key, value in node.value:
        here = (*path, str(key.value))
        found += [(key, here), *keys_of(value, here)]
    return found


def chosen(path: tuple[str, ...]) -> bool:
    """Tell whether a key is a name that the user chose, or stands in a value that may say anything."""
    free = {"graphs", "jobs", "environments", "env", "matrix", "volumes"}
    return (len(path) > 1 and path[-2] in free) or "config" in path[:-1]
