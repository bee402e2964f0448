"""What was deployed and is imported again gives the same plan."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.config.reading import parse, read
from jobgraph.errors import UsageError
from jobgraph.importing.live_graph import from_tasks
from jobgraph.plan.planning import Procedures, plan
from jobgraph.plan.sql import config_text
from jobgraph.settings import Settings
from tests.reliability.configurations import configuration, text

if TYPE_CHECKING:
    from jobgraph.config.model import Config
    from jobgraph.plan.planning import GraphPlan, TaskPlan

ROOT = Path(__file__).resolve().parents[3]
PROCEDURES = Procedures("run", "finalize")
STACK = Settings()
PLACE = (STACK.database, STACK.schema)
Row = dict[str, Any]


def row(task: TaskPlan, finalizes: str | None = None) -> Row:
    """The task in SHOW TASKS."""
    relations: Row = {"Predecessors": list(task.after)}
    if finalizes:
        relations["FinalizedRootTask"] = finalizes
    return {
        "name": task.name,
        "state": "started" if task.started else "suspended",
        "predecessors": json.dumps(list(task.after)),
        "task_relations": json.dumps(relations),
        "definition": task.sql,
        "comment": task.comment,
        "warehouse": task.warehouse,
        "condition": task.when,
        "schedule": None,
        "config": None,
        "allow_overlapping_execution": "false",
    }


def deployed(graph: GraphPlan) -> tuple[list[Row], list[Row]]:
    """SHOW TASKS and the root's SHOW PARAMETERS after a deployment."""
    schedule = graph.schedule.in_snowflake if graph.schedule else None
    root = row(graph.root) | {"schedule": schedule, "config": config_text(graph.config)}
    root["allow_overlapping_execution"] = "true" if "ALLOW_ALL" in str(graph.overlap) else "false"
    rows = [root, *(row(task) for task in graph.tasks)]
    if graph.finalizer:
        rows.append(row(graph.finalizer, graph.root.full_name))
    given = {
        "USER_TASK_TIMEOUT_MS": graph.root.timeout_ms,
        "SUSPEND_TASK_AFTER_NUM_FAILURES": graph.suspend_after_failures,
        "TASK_AUTO_RETRY_ATTEMPTS": graph.auto_retry,
    }
    parameters = [
        {"key": key, "value": str(value), "level": "TASK"} for key, value in given.items() if value is not None
    ]
    return rows, [*parameters, {"key": "LOG_LEVEL", "value": "OFF", "level": ""}]


def imported(graph: GraphPlan) -> tuple[Config, list[str]]:
    rows, parameters = deployed(graph)
    found = from_tasks(rows, *PLACE, graph.root.name, parameters)
    return parse(found.text.encode(), "jobconfig.yaml"), found.notes


def test_our_own_graph_comes_back_as_its_file() -> None:
    config = read(ROOT / "jobconfig.yaml")
    graph = plan(config, STACK, PROCEDURES).graphs[0]
    found, notes = imported(graph)
    assert plan(found, STACK, PROCEDURES) == plan(config, STACK, PROCEDURES)
    assert [job.key for job in found.graphs[0].jobs] == [job.name.lower() for job in found.graphs[0].jobs]
    assert notes == []


@given(st.integers(0, 10**9))
def test_the_plan_of_any_configuration_survives_deploying_and_importing(seed: int) -> None:
    """But for what tasks do not show: payloads' folders, who is notified; without a finalizer, which overlap it is."""
    source = random.Random(seed)  # noqa: S311  # makes test data
    config = parse(text(source, configuration(source)).encode(), "jobconfig.yaml")
    graphs = [
        replace(
            graph,
            overlap=graph.overlap if graph.finalizer or not graph.overlap else "ALLOW_ALL_OVERLAP",
            finalizer_task=graph.finalizer_task if graph.finalizer else f"{graph.key.upper()}_FINALIZER",
        )
        for graph in config.graphs
    ]
    for one in plan(replace(config, graphs=tuple(graphs)), STACK, PROCEDURES).graphs:
        found, _ = imported(one)
        (again,) = plan(found, STACK, PROCEDURES).graphs
        ours = {task.name: task.content for task in one.tasks}
        assert {task.name: task.content for task in again.tasks} == ours
        assert again.root == one.root
        assert again.finalizer == one.finalizer
        options = ("schedule", "config", "overlap", "suspend_after_failures", "auto_retry")
        assert [getattr(again, name) for name in options] == [getattr(one, name) for name in options]


def six() -> list[Row]:
    return deployed(plan(read(ROOT / "jobconfig.yaml"), STACK, PROCEDURES).graphs[0])[0]


def change(rows: list[Row], name: str, **values: Any) -> list[Row]:
    return [one | values if one["name"] == name else one for one in rows]


def test_a_task_of_others_is_named_and_left_out_and_its_edges_are_bridged() -> None:
    found = from_tasks(change(six(), "T_MYJOB_2", definition="CALL other()"), *PLACE, "root_task")
    (graph,) = parse(found.text.encode(), "x.yaml").graphs
    assert {job.name: job.after for job in graph.jobs}["T_MYJOB_3"] == ()
    assert "T_MYJOB_2" not in {job.name for job in graph.jobs}
    assert found.notes == [
        "T_MYJOB_2 was left out: its body runs no job of jobgraph (CALL other())",
        "t_myjob_3: followed T_MYJOB_2, left out; it now follows their predecessors",
        "t_myjob_4: followed T_MYJOB_2, left out; it now follows their predecessors",
    ]
    assert "# T_MYJOB_2 was left out" in found.text


def test_what_the_file_cannot_say_is_told() -> None:
    rows = change(six(), "T_MYJOB_1", condition="SYSTEM$STREAM_HAS_DATA('S')", state="suspended")
    rows = change(rows, "ROOT_TASK", definition="CALL prepare()")
    rows = change(rows, "T_MYJOB_5", definition=rows[5]["definition"].replace('"retries"', '"novelty": 1, "retries"'))
    rows = change(rows, "GET_GRAPH_STATS", definition="BEGIN END")
    found = from_tasks(rows, *PLACE, "ROOT_TASK")
    five = next(one["name"] for one in rows if "novelty" in one["definition"]).lower()
    assert found.notes == [
        "ROOT_TASK will only start the graph; its present body is: CALL prepare()",
        "GET_GRAPH_STATS will be replaced by jobgraph's finalizer",
        "t_myjob_1: its condition was left out, because the file cannot express it: SYSTEM$STREAM_HAS_DATA('S')",
        "t_myjob_1: its task is suspended, so it is not enabled",
        f"{five}: left out, because this version does not know it: novelty",
        f"{five}: the file differs from the deployed job in novelty",
    ]


def test_a_disabled_job_comes_back_without_a_remark(tmp_path: Path) -> None:
    file = tmp_path / "jobconfig.yaml"
    file.write_text((ROOT / "jobconfig.yaml").read_text().replace("t_myjob_4:", "t_myjob_4:\n        enabled: false"))
    graph = plan(read(file), STACK, PROCEDURES).graphs[0]
    found, notes = imported(graph)
    assert [job.key for job in found.graphs[0].jobs if not job.enabled] == ["t_myjob_4"]
    assert notes == []


def test_names_are_short_where_they_are_the_stacks_own() -> None:
    text = from_tasks(six(), *PLACE, "ROOT_TASK").text
    assert "image: my_job_image:" in text
    assert "warehouse" not in text
    assert "defaults: {image:" in text


@pytest.mark.parametrize(("root", "hint"), [("ROOT_TSK", "ROOT_TASK"), ("T_MYJOB_1", "root tasks there: ROOT_TASK")])
def test_no_such_root(root: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        from_tasks(six(), *PLACE, root)
    assert hint in str(caught.value)


def test_a_graph_of_others() -> None:
    rows = [one | {"definition": "SELECT 1"} for one in six()]
    with pytest.raises(UsageError, match="no task after ROOT_TASK runs a job"):
        from_tasks(rows, *PLACE, "ROOT_TASK")
