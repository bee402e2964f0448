"""Previews as the engine writes them, of a graph's change and of single steps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobgraph.config.reading import read
from jobgraph.plan.planning import Procedures, plan
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from jobgraph.preview.changes import Summary

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "jobconfig.yaml").read_text()


def urn(kind: str, name: str) -> str:
    return f"urn:pulumi:dev::jobgraph::jobgraph:index:Part$snowflake:index/x:{kind}::{name}"


def step(op: str, kind: str, name: str, old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    """A step as the engine writes it."""

    def state(inputs: dict[str, Any] | None) -> dict[str, Any] | None:
        token = "snowflake:index/task:Task" if kind == "Task" else f"snowflake:index/x:{kind}"
        parent = "urn:pulumi:dev::jobgraph::jobgraph:index:TaskGraph::container_jobs"
        return None if inputs is None else {"urn": urn(kind, name), "type": token, "parent": parent, "inputs": inputs}

    found = {"op": op, "urn": urn(kind, name), "oldState": state(old), "newState": state(new)}
    return {key: value for key, value in found.items() if value is not None}


def tasks(text: str, tmp_path: Path, settings: Settings | None = None) -> dict[str, dict[str, Any]]:
    """The inputs of all tasks but the root, as the component gives them to the engine."""
    file = tmp_path / "jobs.yaml"
    file.write_text(text)
    graph = plan(read(file), settings or Settings(), Procedures("run", "finalize")).graphs[0]
    return {
        task.name: {"name": task.name, "afters": list(task.after), "sqlStatement": task.sql, "comment": task.comment}
        | ({"when": task.when} if task.when else {})
        for task in graph.tasks
    }


def preview(old: dict[str, dict[str, Any]], new: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """A preview of a graph's change."""
    steps = []
    for name in old | new:
        before, after = old.get(name), new.get(name)
        op = "create" if before is None else "delete" if after is None else "same" if before == after else "update"
        steps.append(step(op, "Task", name, before, after))
    return {"steps": steps}


def fields(summary: Summary) -> dict[str, dict[str, tuple[Any, Any]]]:
    return {
        change.name: {field.name: (field.old, field.new) for field in change.fields}
        for graph in summary.graphs
        for change in graph.changes
    }
