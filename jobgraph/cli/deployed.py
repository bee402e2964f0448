"""What is deployed: the graphs that the tasks of a schema form, read from rows of SHOW TASKS.

Pure. Knows the columns of SHOW TASKS, and the definitions that `jobgraph.planning` freezes into the tasks' bodies.
Must not know where the rows come from, nor the configuration file: what runs is what is deployed.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jobgraph.cli.queries import Tables
from jobgraph.model import Graph, Job

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Row = dict[str, Any]

# A definition stands between $$ and never holds a $ itself (jobgraph.sql.json_literal).
_DEFINITION = re.compile(r"\$\$(\{[^$]*\})\$\$")
_LAST_PART = re.compile(r'"([^"]+)"$|([^."]+)$')


@dataclass(frozen=True)
class Task:
    """A task that is neither root nor finalizer: a job. `after` names its predecessors, the root included.

    `definition` is what the deployment froze into its body; empty for a task that jobgraph did not make.
    """

    name: str
    after: tuple[str, ...]
    started: bool
    definition: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Deployed:
    """A graph as it stands in Snowflake: jobs with predecessors before dependents.

    `key` is its name in the job configuration it was deployed from; the root task's name if that is not known.
    """

    key: str
    root_task: str
    root_id: str
    started: bool
    jobs: tuple[Task, ...]
    finalizer: str | None = None
    finalizer_started: bool = False
    tables: Tables = field(default_factory=Tables)

    @property
    def job_names(self) -> tuple[str, ...]:
        """The names of the jobs, in order."""
        return tuple(job.name for job in self.jobs)


def last_part(name: str) -> str:
    """Return the object's own name of a qualified one, quoted or not."""
    found = _LAST_PART.search(name)
    return (found.group(1) or found.group(2)) if found else name


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(last_part(name) for name in json.loads(text or "[]"))


def _relations(row: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row.get("task_relations") or "{}")
    return found


def _finalized_root(row: Mapping[str, Any]) -> str | None:
    root = _relations(row).get("FinalizedRootTask")
    return last_part(root) if root else None


def _roots(rows: Sequence[Row]) -> list[Row]:
    """Return the tasks that follow none and that other tasks follow, or that a finalizer closes."""
    followed = {name for row in rows for name in _names(row["predecessors"])}
    followed |= {root for row in rows if (root := _finalized_root(row))}
    return [
        row for row in rows if row["name"] in followed and not _names(row["predecessors"]) and not _finalized_root(row)
    ]


def _definition(row: Mapping[str, Any]) -> dict[str, Any]:
    found = _DEFINITION.search(row.get("definition") or "")
    try:
        value = json.loads(found.group(1)) if found else {}
    except json.JSONDecodeError:
        return {}  # the body of a task that jobgraph did not make may hold anything between its $$
    return value if isinstance(value, dict) else {}


def _ordered(jobs: Mapping[str, Task]) -> tuple[Task, ...]:
    """Sort by depth, then by name, with a loop: a graph may be a chain of a thousand."""
    depth: dict[str, int] = {}
    left = dict(sorted(jobs.items()))
    level = 0
    while left:
        ready = [
            name for name, task in left.items() if all(before in depth or before not in jobs for before in task.after)
        ]
        for name in ready or list(left):  # Snowflake has no cycles; were there one, the rest still shows
            depth[name] = level
            left.pop(name)
        level += 1
    return tuple(sorted(jobs.values(), key=lambda task: (depth[task.name], task.name)))


def _descendants(rows: Sequence[Row], root_task: str) -> dict[str, Row]:
    by_name = {row["name"]: row for row in rows}
    children: dict[str, list[str]] = {}
    for row in rows:
        for before in _names(row["predecessors"]):
            children.setdefault(before, []).append(row["name"])
    found: dict[str, Row] = {}
    open_names = list(children.get(root_task, ()))
    while open_names:
        name = open_names.pop()
        if name not in found and name in by_name:
            found[name] = by_name[name]
            open_names.extend(children.get(name, ()))
    return found


def read(rows: Iterable[Row]) -> tuple[Deployed, ...]:
    """Return the graphs of a schema, by name of the root task.

    Args:
        rows: SHOW TASKS IN SCHEMA: `name`, `id`, `state` (started or suspended), `predecessors` and `task_relations`
            (JSON texts, names quoted or not), `definition` (the body).
    """
    rows = list(rows)
    return tuple(_graph(rows, root) for root in sorted(_roots(rows), key=lambda row: str(row["name"])))


def _graph(rows: Sequence[Row], root: Row) -> Deployed:
    finalizer = next((row for row in rows if _finalized_root(row) == root["name"]), None)
    jobs = _ordered(
        {
            name: Task(name, _names(row["predecessors"]), row["state"] == "started", _definition(row))
            for name, row in _descendants(rows, root["name"]).items()
        }
    )
    known = (_definition(finalizer) if finalizer else {}) | dict(jobs[0].definition if jobs else {})
    usual = Tables()
    return Deployed(
        key=str(known.get("graph") or root["name"]),
        root_task=root["name"],
        root_id=str(root["id"]),
        started=root["state"] == "started",
        jobs=jobs,
        finalizer=finalizer["name"] if finalizer else None,
        finalizer_started=bool(finalizer and finalizer["state"] == "started"),
        tables=Tables(
            job_runs=known.get("job_runs_table", usual.job_runs),
            job_logs=known.get("job_logs_table", usual.job_logs),
            task_runs=known.get("task_runs_table", usual.task_runs),
        ),
    )


def named(graphs: Iterable[Deployed], name: str) -> Deployed | None:
    """Return the graph with that key or that root task, whatever the case; None if there is none."""
    wanted = name.casefold()
    graphs = list(graphs)
    by_key = (graph for graph in graphs if graph.key.casefold() == wanted)
    by_root = (graph for graph in graphs if graph.root_task.casefold() == wanted)
    return next(by_key, None) or next(by_root, None)


def as_model(graph: Deployed) -> Graph:
    """Return the graph in the shape that `jobgraph.drawing` draws; what only the configuration file says is missing."""
    jobs = tuple(
        Job(
            key=task.name,
            name=task.name,
            image="",
            compute_pool=str(task.definition.get("compute_pool", "")),
            after=tuple(name for name in task.after if name != graph.root_task),
            retries=int(task.definition.get("retries", 0)),
        )
        for task in graph.jobs
    )
    return Graph(graph.key, graph.root_task, graph.finalizer or "", jobs)
