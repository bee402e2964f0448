"""A mere change of the order of keys in the file changes nothing: not the plan, not a hash, not the picture."""

from __future__ import annotations

import random
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jobgraph.config.reading import read
from jobgraph.drawing import pictures
from jobgraph.plan.ordering import ordered
from jobgraph.plan.planning import Plan, Procedures, plan
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from jobgraph.config.model import Config

GOLDEN = Path(__file__).parents[1] / "golden"
PROJECT = Path(__file__).resolve().parents[3]
POOLS = {"PR_STD_POOL_XS": "CPU_X64_XS", "PR_STD_POOL_S": "CPU_X64_S", "GPU_POOL": "GPU_NV_S"}
# lists whose order says nothing; the order of a matrix names the jobs that it makes
UNORDERED = {"after", "secrets", "external_access"}


def shuffled(value: Any, chance: random.Random, key: str = "") -> Any:
    if isinstance(value, dict):
        names = list(value)
        if key != "matrix":
            chance.shuffle(names)
        return {name: shuffled(value[name], chance, name) for name in names}
    if isinstance(value, list):
        items = [shuffled(item, chance) for item in value]
        if key in UNORDERED:
            chance.shuffle(items)
        return items
    return value


def planned(config: Config) -> Plan:
    return plan(config, Settings(), Procedures("run", "finalize"))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("source", [GOLDEN / "everything.yaml", PROJECT / "jobconfig.yaml"], ids=lambda file: file.stem)
def test_another_order_of_keys_changes_nothing(source: Path, seed: int, tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "src", tmp_path / "src")
    content = yaml.safe_load(source.read_text())
    for graph, job in ((owner, job) for owner in content["graphs"].values() for job in owner["jobs"].values()):
        job.setdefault("external_access", ["Z_ACCESS", "A_ACCESS"])
        job.setdefault("env", {}).update(Z="1", A="2", M="3")
        if job.get("runner", graph.get("runner")) != "direct":
            job["retries"] = {"count": 2, "backoff": "1 minute", "causes": {"timeout": 0, "application": 1, "image": 2}}
    first, other = tmp_path / "first.yaml", tmp_path / "other.yaml"
    first.write_text(yaml.safe_dump(content, sort_keys=False))
    other.write_text(yaml.safe_dump(shuffled(content, random.Random(seed)), sort_keys=False, width=40))  # noqa: S311  # the seed makes the failing order again
    assert first.read_text() != other.read_text()
    one, two = read(first, POOLS), read(other, POOLS)
    assert planned(one) == planned(two)
    assert [task.sql for graph in planned(one).graphs for task in graph.tasks] == [
        task.sql for graph in planned(two).graphs for task in graph.tasks
    ]
    assert planned(one).configuration.write == planned(two).configuration.write
    assert list(map(pictures.mermaid, ordered(one).graphs)) == list(map(pictures.mermaid, ordered(two).graphs))


def test_an_order_that_means_something_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    text = "{version: 1, graphs: {g: {jobs: {a: {image: 'x:1.0', compute_pool: P, args: [%s]}}}}}"
    file.write_text(text % "b, a")
    one = planned(read(file))
    file.write_text(text % "a, b")
    assert planned(read(file)) != one
