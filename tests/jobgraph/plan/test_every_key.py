"""Every key of jobconfig.yaml that is changed changes the plan: none is read and forgotten."""

from __future__ import annotations

import copy
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from jobgraph.config.explain.reference import reference_entries
from jobgraph.config.reading import read
from jobgraph.errors import ConfigErrors
from jobgraph.plan.planning import Procedures, plan
from jobgraph.settings import Pool, Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobgraph.config.model import Config

GOLDEN = Path(__file__).parents[1] / "golden"
LARGEST: dict[str, Any] = yaml.safe_load((GOLDEN / "everything.yaml").read_text())
FAMILIES = {"PR_STD_POOL_S": "CPU_X64_S", "GPU_POOL": "GPU_NV_M", "OTHER_POOL": "GPU_NV_M"}
SETTINGS = Settings(pools=tuple(Pool(name, family) for name, family in FAMILIES.items()))
# another value for each key whose value is more than a text or a number, by the key or by its place in a list
OTHERS = {
    **dict.fromkeys(("timeout", "backoff", "longest_backoff", "max_elapsed"), "7 minutes"),
    "memory": "3Gi",
    "size": "2Gi",
    "cpu": "250m",
    "source": "local",
    "key": "username",
    "overlap": "all",
    "image": "other:1.5",
    "compute_pool": "OTHER_POOL",
    "on_failure": "continue",
    "logs": "table",
    "runner": "managed",
    "cron": "0 5 * * *",
    "timezone": "Europe/Berlin",
    "entrypoint": "second.py",
    "path": "/other",
    "exit_codes": "5-6",
    "reasons": "internal",
    "pip_requirements": "pandas==2.*",
    "events": "success",
    "late_after": "3 hours",
    "time": "08:30",
}
# where a value has to name something, or no other value of its own kind is valid
PLACES = {
    "graphs.nightly.jobs.check.on_failure": "continue",
    "graphs.without_waiting.jobs.then.runner": "direct",
    "graphs.nightly.on_failure": "stop",
    "notify.events.0": "recovered",
    "graphs.nightly.notify.0.late_after.timezone": "UTC",
    "graphs.nightly.notify.3.webhook.type": "teams",
    "graphs.nightly.timeout": "5 hours",
    "graphs.nightly.jobs.train.after.0": "check",
    "graphs.nightly.jobs.load.volumes.cache.source": "block",
    "graphs.nightly.jobs.load.volumes.disk.source": "memory",
    "graphs.nightly.jobs.report.when.job": "train_us_2",
    "graphs.by_hand.jobs.third.when.config": "area",
    "graphs.by_hand.jobs.third.after.0": "only",
    "graphs.nightly.jobs.train.payload.path": "other",
}
# what another key names, and the source of a volume that has a size or a stage
FIXED = {
    "graphs.nightly.jobs.load.when.job",
    # without them, `late_after` would say nothing
    "graphs.nightly.notify.0.events.1",
    "graphs.nightly.notify.2.events.0",
    # the address is a Teams workflow's
    "graphs.nightly.notify.2.webhook.type",
    "graphs.by_hand.jobs.second.when.job",
    "graphs.by_hand.jobs.second.after.0",
    "graphs.without_waiting.jobs.then.after.0",
    *(f"graphs.nightly.jobs.{place}" for place in ("load.after.0", "report.after.0", "late.after.0", "late.when.job")),
    *(f"graphs.nightly.jobs.train.matrix.{place}" for place in ("region.0", "depth.0")),
    *(f"graphs.nightly.jobs.load.volumes.{name}.source" for name in ("scratch", "data", "own")),
}

Path_ = tuple[str | int, ...]


def places(value: Any, path: Path_ = ()) -> Iterator[Path_]:
    """The places of all single values."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(inner, (*path, key))
    else:
        yield path


def other(path: Path_, value: Any) -> Any:
    """Another value for a place."""
    place = ".".join(map(str, path))
    keys = [key for key in path if isinstance(key, str)]
    if place in PLACES:
        return PLACES[place]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}x" if keys[-1] not in OTHERS or keys[-2] in {"env", "config"} else OTHERS[keys[-1]]


def changed(path: Path_, value: Any) -> dict[str, Any]:
    document = copy.deepcopy(LARGEST)
    parent: Any = document
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = value
    return document


def without_effect(
    folder: Path, key: str = "", forget: Callable[[Config], Config] = lambda config: config
) -> list[str]:
    """The places, of those with `key` in them, whose value can be changed without a change of the plan."""
    shutil.copytree(GOLDEN / "src", folder / "src")
    shutil.copytree(GOLDEN / "src", folder / "other")
    for name in ("src/second.py", "other/second.py", "other/more.py"):
        (folder / name).touch()
    file = folder / "jobs.yaml"

    def planned(document: dict[str, Any]) -> Any:
        file.write_text(json.dumps(document))  # which is YAML, and written in a tenth of the time
        return plan(forget(read(file, FAMILIES)), SETTINGS, Procedures("run", "finalize"))

    base, idle = planned(LARGEST), []
    for path in places(LARGEST):
        place = ".".join(map(str, path))
        if path[0] in {"version", "environments"} or place in FIXED or key not in place:
            continue
        value: Any = LARGEST
        for step in path:
            value = value[step]
        try:
            same = planned(changed(path, other(path, value))) == base
        except ConfigErrors as error:
            idle.append(f"{place}: {other(path, value)} is not valid: {error}")
        else:
            idle += [place] if same else []
    return idle


def test_every_value_of_the_largest_example_changes_the_plan(tmp_path: Path) -> None:
    idle = without_effect(tmp_path)
    assert not idle, "\n".join(idle)


@pytest.mark.parametrize(
    ("field", "nothing", "key"),
    [
        ("replicas", 1, "replicas"),
        ("external_access", (), "external_access"),
        ("logs", "table", "logs"),
        ("runner", "managed", "runner"),
    ],
)
def test_a_key_that_is_read_and_forgotten_is_noticed(field: str, nothing: Any, key: str, tmp_path: Path) -> None:
    def forget(config: Config) -> Config:
        graphs = (
            replace(graph, jobs=tuple(replace(job, **{field: nothing}) for job in graph.jobs))
            for graph in config.graphs
        )
        return replace(config, graphs=tuple(graphs))

    assert without_effect(tmp_path, key, forget)


def test_the_largest_example_has_every_key() -> None:
    names = {str(step) for path in places(LARGEST) for step in path}
    missing = [entry.title for entry in reference_entries() if entry.key.name.rpartition(".")[2] not in names]
    assert missing == []
