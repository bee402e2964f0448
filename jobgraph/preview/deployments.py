"""The deployments before and after a preview, with everything that costs credits.

Knows the engine's states of tasks, pools and warehouses. Must not know the rates.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobgraph.config.model import Condition, Graph, Job
from jobgraph.config.schedules import from_provider
from jobgraph.cost.deployment import Deployment, Warehouse, costed_graph, own_warehouse
from jobgraph.plan.job_definition import read_definition
from jobgraph.plan.task_rows import last_part
from jobgraph.preview.naming import without_owner
from jobgraph.preview.wording import TASK, definition_in
from jobgraph.settings import Pool

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jobgraph.settings import Settings

_POOL = "snowflake:index/computePool:ComputePool"
_WAREHOUSE = "snowflake:index/warehouse:Warehouse"
OLD, NEW = "oldState", "newState"

State = dict[str, Any]


def is_whole(preview: Mapping[str, Any]) -> bool:
    """Return whether a preview also lists unchanged resources (`--show-sames`)."""
    unchanged = (preview.get("changeSummary") or {}).get("same", 0)
    return not unchanged or any(step["op"] == "same" for step in preview.get("steps") or ())


def stack_of(preview: Mapping[str, Any]) -> str:
    """Return the name of the stack, the third part of every URN; empty if there are no steps."""
    urns = (str(step["urn"]) for step in preview.get("steps") or ())
    return next((urn.split(":")[2] for urn in urns if urn.count(":") > 2), "")  # noqa: PLR2004  # urn:pulumi:STACK::


def deployed(preview: Mapping[str, Any], side: str, settings: Settings) -> Deployment:
    """Return the deployment before a preview (OLD) or after it (NEW), completed with objects of the settings."""
    states = _states(without_owner(preview.get("steps") or []), side)
    pools = {pool.name: pool for pool in settings.pools if pool.existing}
    pools |= {pool.name: pool for state in states if state["type"] == _POOL for pool in [_pool(state["inputs"])]}
    warehouses = {settings.warehouse: own_warehouse(settings)} if "warehouse" in settings.existing else {}
    for state in states:
        if state["type"] == _WAREHOUSE:
            warehouse = _warehouse(state["inputs"])
            warehouses[warehouse.name] = warehouse
    tasks: dict[str, list[State]] = {}
    for state in states:
        if state["type"] == TASK:
            tasks.setdefault(str(state["parent"]).rpartition("::")[2], []).append(state["inputs"])
    graphs = [_graph(key, inputs, pools, settings) for key, inputs in tasks.items()]
    costed_graphs = [costed_graph(graph, settings.warehouse) for graph in graphs if graph is not None]
    return Deployment(tuple(sorted(costed_graphs, key=lambda graph: graph.key)), pools, warehouses)


def _states(steps: Iterable[Mapping[str, Any]], side: str) -> list[State]:
    """Return the states of one side, once for each object: a replacement has several steps."""
    states: dict[str, State] = {}
    for step in steps:
        state = step.get(side) or {}
        # of a replacement's steps, the one that deletes has the old state, and the one that creates has the new state
        if state.get("type") and not (side == NEW and step["op"].startswith("delete")):
            states[step["urn"]] = {"parent": "", **state, "inputs": state.get("inputs") or {}}
    return list(states.values())


def _pool(inputs: Mapping[str, Any]) -> Pool:
    return Pool(
        name=str(inputs["name"]),
        instance_family=str(inputs["instanceFamily"]),
        min_nodes=int(inputs.get("minNodes") or 1),
        max_nodes=int(inputs.get("maxNodes") or 1),
        auto_suspend_secs=int(inputs.get("autoSuspendSecs", 3600)),
    )


def _warehouse(inputs: Mapping[str, Any]) -> Warehouse:
    usual = Warehouse(str(inputs["name"]))
    return Warehouse(
        name=usual.name,
        size=str(inputs.get("warehouseSize") or usual.size),
        auto_suspend=int(inputs.get("autoSuspend", 600)),  # Snowflake's default
        concurrency=int(inputs.get("maxConcurrencyLevel") or usual.concurrency),
        clusters=int(inputs.get("maxClusterCount") or usual.clusters),
    )


def _graph(key: str, tasks: Sequence[State], pools: dict[str, Pool], settings: Settings) -> Graph | None:
    """Return the graph of some tasks, or None if its root is missing. Pools of other owners are added to `pools`."""
    root = next((task for task in tasks if not task.get("afters") and not task.get("finalize")), None)
    if root is None:
        return None
    contents = {str(task["name"]): definition_in(str(task.get("sqlStatement", "")))[1] for task in tasks}
    jobs = []
    for task in tasks:
        content = contents[str(task["name"])]
        if task.get("afters") and "compute_pool" in content:
            jobs.append(_job(task, content, settings))
            name = content["compute_pool"]
            family = content.get("instance_family", Pool.instance_family)
            pools.setdefault(name, Pool(name, family, auto_suspend_secs=3600, existing=True))
    overlap = next((content["overlap"] for content in contents.values() if "overlap" in content), None)
    return Graph(
        key=key,
        root_task=str(root["name"]),
        finalizer_task="",
        jobs=tuple(jobs),
        finalizer=any(task.get("finalize") for task in tasks),
        schedule=from_provider(root.get("schedule") or {}),
        overlap=overlap,
        auto_retry=int(root.get("taskAutoRetryAttempts") or 0),
    )


def _job(task: Mapping[str, Any], content: Mapping[str, Any], settings: Settings) -> Job:
    return replace(
        read_definition(content, settings),
        key=str(task["name"]),
        name=str(task["name"]),
        after=tuple(last_part(name) for name in task["afters"]),
        task_warehouse=task.get("warehouse"),
        # its comparison does not affect the cost
        when=Condition("", "is", str(task["when"])) if task.get("when") else None,
    )
