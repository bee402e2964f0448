"""The deployments before and after a preview: the same as the file and the settings say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.config.reading import parse
from jobgraph.cost.deployment import Deployment, deployment
from jobgraph.plan.planning import Procedures, plan
from jobgraph.preview.deployments import NEW, OLD, deployed, is_whole, stack_of
from jobgraph.settings import Pool, Settings

if TYPE_CHECKING:
    from jobgraph.plan.planning import GraphPlan

FILE = """\
version: 1
defaults: {image: "i:1", compute_pool: PR_STD_POOL_XS}
graphs:
  nightly:
    schedule: {cron: "0 2 * * *", timezone: Europe/Berlin}
    auto_retry: 2
    overlap: children
    jobs:
      a: {timeout: 10 minutes, replicas: 2, retries: {count: 3, causes: {image: 1}, backoff: 10 seconds}}
      b: {after: [a], when: {job: a, is: "yes"}, warehouse: {task: OTHER}}
      c: {after: [b], enabled: false}
      d: {after: [c], compute_pool: PR_STD_POOL_S}
      e: {after: [a], runner: direct}
  by_hand:
    jobs: {x: {}}
"""
TYPES = {"Task": "task:Task", "ComputePool": "computePool:ComputePool", "Warehouse": "warehouse:Warehouse"}


def state(kind: str, parent: str, inputs: dict[str, Any]) -> dict[str, Any]:
    urn = f"urn:pulumi:prod::jobgraph::jobgraph:index:TaskGraph::{parent}"
    return {"type": f"snowflake:index/{TYPES[kind]}", "parent": urn, "inputs": inputs}


def tasks(graph: GraphPlan) -> list[dict[str, Any]]:
    """The inputs of a graph's tasks as the component gives them to the engine."""
    root: dict[str, Any] = {
        "name": graph.root.name,
        "sqlStatement": graph.root.sql,
        "taskAutoRetryAttempts": graph.auto_retry,
    }
    schedule = graph.schedule.in_provider if graph.schedule is not None else {}
    root["schedule"] = {{"using_cron": "usingCron"}.get(key, key): value for key, value in schedule.items()}
    inputs: list[dict[str, Any]] = [
        {
            "name": task.name,
            "sqlStatement": task.sql,
            "afters": list(task.after) or None,
            "when": task.when,
            "warehouse": task.warehouse,
            "finalize": graph.root.full_name if task is graph.finalizer else None,
        }
        for task in graph.members
    ]
    return [{name: value for name, value in each.items() if value is not None} for each in [root, *inputs]]


def steps(settings: Settings, op: str, side: str) -> list[dict[str, Any]]:
    """The steps that make, keep or delete what a file deploys."""
    planned = plan(parse(FILE.encode(), "x.yaml"), settings, Procedures("run", "finalize"))
    states = [state("Task", graph.key, inputs) for graph in planned.graphs for inputs in tasks(graph)]
    for pool in settings.pools:
        nodes = {"minNodes": pool.min_nodes, "maxNodes": pool.max_nodes}
        inputs = {"name": pool.name, "instanceFamily": pool.instance_family, "autoSuspendSecs": pool.auto_suspend_secs}
        states.append(state("ComputePool", "compute", inputs | nodes))
    house = {"name": settings.warehouse, "warehouseSize": settings.warehouse_size, "autoSuspend": 60}
    limits = {"maxConcurrencyLevel": settings.warehouse_max_concurrency, "maxClusterCount": 2}
    states.append(state("Warehouse", "compute", house | limits))
    return [
        {"op": op, "urn": f"urn:pulumi:prod::jobgraph::x::{number}", side: each} for number, each in enumerate(states)
    ]


SETTINGS = Settings(
    warehouse_size="SMALL",
    warehouse_max_concurrency=20,
    warehouse_max_clusters=2,
    pools=(Pool("PR_STD_POOL_XS", "CPU_X64_M", 2, 5, 90), Pool("PR_STD_POOL_S", "GPU_NV_S", 1, 2, 0)),
)


def test_what_a_preview_makes_is_what_the_file_and_the_settings_say() -> None:
    preview = {"steps": steps(SETTINGS, "create", NEW)}
    expected = deployment(parse(FILE.encode(), "x.yaml"), SETTINGS)
    read = deployed(preview, NEW, Settings())
    assert read.pools == expected.pools
    assert read.warehouses == expected.warehouses
    assert read.graphs == tuple(sorted(expected.graphs, key=lambda graph: graph.key))
    assert deployed(preview, OLD, Settings()) == Deployment()


def test_what_a_preview_deletes_was_there_before_and_is_not_after() -> None:
    preview = {"steps": steps(SETTINGS, "delete", OLD)}
    assert len(deployed(preview, OLD, Settings()).graphs) == 2
    assert deployed(preview, NEW, Settings()) == Deployment()


def test_what_the_stack_only_uses_is_as_its_settings_say() -> None:
    theirs = Pool("PR_STD_POOL_XS", "CPU_X64_L", 1, 9, 60, existing=True)
    settings = Settings(existing=("warehouse",), warehouse_size="LARGE", pools=(theirs, SETTINGS.pools[1]))
    own = [each for each in steps(settings, "same", NEW) if "TaskGraph::compute" not in each[NEW]["parent"]]
    read = deployed({"steps": own}, NEW, settings)
    assert read.pools["PR_STD_POOL_XS"] == theirs
    assert (read.warehouses["SMALL_WAREHOUSE"].size, read.warehouses["SMALL_WAREHOUSE"].is_own) == ("LARGE", False)


def test_a_graph_without_its_root_cannot_be_told() -> None:
    members = [each for each in steps(SETTINGS, "update", NEW) if "schedule" not in each[NEW]["inputs"]]
    assert deployed({"steps": members}, NEW, SETTINGS).graphs == ()


@pytest.mark.parametrize(
    ("preview", "whole"),
    [
        ({"steps": [], "changeSummary": {"same": 3}}, False),
        ({"steps": [{"op": "same"}, {"op": "create"}], "changeSummary": {"same": 3}}, True),
        ({"steps": [{"op": "create"}], "changeSummary": {"create": 1}}, True),
        ({"steps": []}, True),
    ],
)
def test_whether_a_preview_lists_what_stays(preview: dict[str, Any], whole: bool) -> None:  # noqa: FBT001  # a table
    assert is_whole(preview) is whole


def test_the_stack_is_in_every_urn() -> None:
    assert stack_of({"steps": steps(SETTINGS, "create", NEW)}) == "prod"
    assert stack_of({"steps": []}) == ""
