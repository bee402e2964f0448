"""The graph that a run ran with: its jobs and their predecessors, as the run itself recorded them.

Pure. A deploy may have renamed, moved, removed or added jobs since, so a past run is never interpreted by a graph that
was deployed later. Knows the three sources: the graph definition that the finalizer writes into history, the
definitions in the task bodies that ran, and, if the graph has not changed since the run began, the deployed graph.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jobgraph.config.model import Graph, Job
from jobgraph.plan.conditions import of_record as of_record_condition
from jobgraph.runs.deployed import Task, by_depth
from jobgraph.runs.task_runs import latest
from jobgraph.runs.wording import some

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from jobgraph.config.schedules import Schedule
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.task_runs import TaskRun


@dataclass(frozen=True)
class Shape:
    """A graph as it was in one of its runs; in `jobs`, predecessors come before dependents.

    `whole` is False if jobs that left no row may be missing. `finalizer_runs`: a finalizer closes the run. `schedule`
    is known only if the deployed graph has not changed since.
    """

    key: str
    root_task: str
    jobs: tuple[Task, ...]
    finalizer: str = ""
    finalizer_runs: bool = False
    whole: bool = True
    schedule: Schedule | None = None

    @property
    def job_names(self) -> tuple[str, ...]:
        """The names of the jobs, in order."""
        return tuple(job.name for job in self.jobs)


def of_deployed(graph: Deployed) -> Shape:
    """Return the shape of a deployed graph."""
    return Shape(
        graph.key, graph.root_task, graph.jobs, graph.finalizer or "", graph.finalizer_started, schedule=graph.schedule
    )


def of_run(graph: Deployed | None, key: str, root_task: str, history: Sequence[TaskRun]) -> Shape:
    """Return the shape of a run.

    Args:
        graph: the deployed graph with that name; None if it is no longer deployed.
        key: the graph's name.
        root_task: the root of the run.
        history: the rows of the run, including those from history; with their definitions if `needs_definitions`.
    """
    unchanged = graph is not None and unchanged_since(graph, root_task, history)
    recorded = of_record(key, root_task, history)
    if recorded is not None:
        return replace(recorded, schedule=graph.schedule if graph and unchanged else None)
    if graph is not None and unchanged:
        return of_deployed(graph)
    return of_definitions(key, root_task, history)


def needs_definitions(graph: Deployed | None, root_task: str, history: Sequence[TaskRun]) -> bool:
    """Return whether `of_run` needs the bodies that ran. They are long, so they are queried only if needed."""
    return of_record("", root_task, history) is None and not (graph and unchanged_since(graph, root_task, history))


def unchanged_since(graph: Deployed, root_task: str, history: Iterable[TaskRun]) -> bool:
    """Return whether the deployed graph is the one that the run began with.

    A new version of a graph without a schedule is committed by its next run, not by the deploy. The times at which its
    jobs were created are therefore checked too.
    """
    history = list(history)
    root = latest(row for row in history if row.name == root_task).get(root_task)
    if graph.root_task != root_task or (root and root.root_id and root.root_id != graph.root_id):
        return False
    began = _first(row.started for row in history if row.name == root_task)
    # a run that has not started will use the version deployed at its start
    if began is None:
        return True
    members = {root_task, graph.finalizer, *graph.job_names}
    changes = [graph.committed, *(job.created for job in graph.jobs)]
    return all(row.name in members for row in history) and all(at is None or at <= began for at in changes)


def changes_since(graph: Deployed, shape: Shape, history: Iterable[TaskRun]) -> list[str]:
    """Describe the certain differences between a deployed graph and the one that a run began with, one for each kind.

    A later commit alone proves no difference, because suspending and resuming a root also commits it.
    """
    history = list(history)
    root = latest(row for row in history if row.name == shape.root_task).get(shape.root_task)
    began = _first(row.started for row in history if row.name == shape.root_task)
    before = {job.name: {*job.after} - {shape.root_task} for job in shape.jobs}
    after = {job.name: {*job.after} - {graph.root_task} for job in graph.jobs}
    of_run = {row.name: row.definition.get("hash") for row in history if row.definition.get("hash")}
    created = [job.name for job in graph.jobs if began and job.created and job.created > began]
    changes = {
        "jobs were added": [name for name in created if name not in before],
        "jobs were created again": [name for name in created if name in before],
        "jobs were removed": [name for name in before if name not in after and shape.whole],
        "jobs follow other jobs now": [
            name for name in after if name in before and shape.whole and after[name] != before[name]
        ],
        "a deploy changed jobs": [
            job.name
            for job in graph.jobs
            if job.definition.get("hash") != of_run.get(job.name, job.definition.get("hash"))
        ],
    }
    is_new = graph.root_task != shape.root_task or (root and root.root_id and root.root_id != graph.root_id)
    return [
        *([f"its root {graph.root_task} was created again"] if is_new else ()),
        *(f"{kind}: {some(names)}" for kind, names in changes.items() if names),
    ]


def _first(instants: Iterable[datetime | None]) -> datetime | None:
    return min((instant for instant in instants if instant is not None), default=None)


def of_record(key: str, root_task: str, history: Iterable[TaskRun]) -> Shape | None:
    """Return the shape that the finalizer recorded; None if there is no such record (earlier versions wrote none)."""
    rows = [row for row in history if row.name == root_task and row.graph_definition]
    if not rows:
        return None
    row = max(rows, key=lambda row: row.attempt)
    jobs = {job.name: job for job in _recorded_jobs(row.graph_definition.get("jobs") or (), root_task)}
    finalizer = str(row.graph_definition.get("finalizer") or "")
    return Shape(row.graph or key, root_task, by_depth(jobs), finalizer, finalizer_runs=bool(finalizer))


def _recorded_jobs(entries: Sequence[Mapping[str, Any]], root_task: str) -> Iterable[Task]:
    """Yield the jobs that `jobgraph.plan.task_definitions` wrote; a predecessor is an index into the list."""
    names = [str(entry["name"]) for entry in entries]
    for entry in entries:
        after = tuple(names[place] for place in entry.get("after", ())) or (root_task,)
        definition = {name: value for name, value in entry.items() if name not in {"name", "after", "when"}}
        started, when = bool(entry.get("enabled", True)), of_record_condition(entry.get("when"))
        yield Task(str(entry["name"]), after, started=started, definition=definition, when=when)


def of_definitions(key: str, root_task: str, history: Iterable[TaskRun]) -> Shape:
    """Return the part of the shape that the bodies that ran show; jobs that left no row are missing."""
    rows = latest(history)
    closing = next((name for name, row in rows.items() if _is_finalizer(row)), "")
    jobs = {
        name: Task(name, tuple(row.definition.get("predecessors") or ()) or (root_task,), True, row.definition)  # noqa: FBT003  # it ran
        for name, row in rows.items()
        if name not in {root_task, closing}
    }
    keys = {str(row.definition["graph"]) for row in rows.values() if row.definition.get("graph")}
    return Shape(
        keys.pop() if len(keys) == 1 else key,
        root_task,
        by_depth(jobs),
        closing,
        finalizer_runs=bool(closing),
        whole=False,
    )


def of_attempts(key: str, rows: Sequence[TaskRun]) -> Shape:
    """Return the part of the shape that attempts show; `rows`: the root's row, then one for each job with an attempt.

    If the graph's root was gone, the run began in a job's task, which is root and job in one.
    """
    root_task = rows[0].name
    shape = of_definitions(key, root_task, rows)
    if all(row.name != root_task for row in rows[1:]):
        return shape
    return replace(shape, jobs=(Task(root_task, (), started=True), *shape.jobs))


def _is_finalizer(row: TaskRun) -> bool:
    return "task_runs_table" in row.definition and "specification" not in row.definition


def as_model(shape: Shape) -> Graph:
    """Return a shape as the model that `jobgraph.drawing` draws, without what only the configuration file says."""
    jobs = tuple(
        Job(
            key=task.name,
            name=task.name,
            image="",
            compute_pool=str(task.definition.get("compute_pool", "")),
            after=tuple(name for name in task.after if name != shape.root_task),
            retries=int(task.definition.get("retries", 0)),
        )
        for task in shape.jobs
    )
    return Graph(
        shape.key,
        shape.root_task,
        shape.finalizer,
        jobs,
        schedule=shape.schedule,
        finalizer=bool(shape.finalizer),
    )
