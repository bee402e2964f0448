"""The deployed graphs: those that the tasks of a schema form, read from rows of SHOW TASKS.

Pure. Knows how tasks form graphs (`jobgraph.plan.task_rows` reads the rows). Must not know where the rows come from,
nor the configuration file: the deployed graph runs, not the file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jobgraph.account.queries import Tables
from jobgraph.config.model import DIRECT, EVENT_TABLE
from jobgraph.plan.conditions import is_root_body, read_condition
from jobgraph.plan.direct_variable import asks_for_requests
from jobgraph.plan.sql import SUSPENDED_BY_FAILURES, takes_requests
from jobgraph.plan.task_rows import definition, descendants, finalized_root, key_of_comment, predecessors, schedule
from jobgraph.procedures.requested.json_texts import read_object
from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence
    from datetime import datetime

    from jobgraph.config.model import Condition
    from jobgraph.config.schedules import Schedule
    from jobgraph.plan.task_rows import Row

_NO_OVERLAP = "NO_OVERLAP"


@dataclass(frozen=True)
class Task:
    """A job: a task that is neither root nor finalizer. `after` names its predecessors, including the root.

    `definition` is the definition that the deploy wrote into the task's body; empty if jobgraph did not create the
    task. `takes_requests`: the task skips itself in a run requested without it; tasks of earlier versions do not.
    `when` is its condition; None if it has none, or none that jobgraph can read. `has_container`: it runs a job
    service, unlike a task that somebody added to the graph.
    """

    name: str
    after: tuple[str, ...]
    started: bool
    definition: Mapping[str, Any] = field(default_factory=dict, repr=False)
    created: datetime | None = field(default=None, compare=False, repr=False)
    takes_requests: bool = field(default=False, compare=False)
    when: Condition | None = field(default=None, compare=False)
    has_container: bool = field(default=True, compare=False)

    @property
    def disabled(self) -> bool:
        """Whether it is suspended because the job configuration says `enabled: false`, not by a person."""
        return not self.started and self.definition.get("enabled") is False

    @property
    def is_direct(self) -> bool:
        """Whether its statement is the job itself. Task and job then end together; the finalizer records the end."""
        return self.definition.get("runner") == DIRECT

    @property
    def logs_elsewhere(self) -> bool:
        """Whether its containers log to the account's event table instead of the table of logs."""
        return self.definition.get("logs") == EVENT_TABLE


@dataclass(frozen=True)
class Deployed:
    """A graph as it is deployed in Snowflake; in `jobs`, predecessors come before dependents.

    `key`: its name in the job configuration; the root task's name if that is not known. `schedule`: the root's, if it
    has one. `suspended_by_failures`: Snowflake suspended the root because runs failed. `strays`: tasks created for this
    graph that are not below its root. `committed`: when the present version of the graph took effect for runs.
    `config`: the configuration of its runs, unless a run is requested with another. `overlaps`: whether its runs may
    overlap. `notify`: who is notified of its runs, according to its finalizer. `root_is_missing`: somebody dropped the
    root, or an interrupted deploy did, so the task that now starts the rest is one of the graph's jobs.
    """

    key: str
    root_task: str
    root_id: str
    started: bool
    jobs: tuple[Task, ...]
    finalizer: str | None = None
    finalizer_started: bool = False
    tables: Tables = field(default_factory=Tables)
    schedule: Schedule | None = None
    suspended_by_failures: bool = False
    strays: tuple[str, ...] = ()
    committed: datetime | None = None
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)
    overlaps: bool = False
    notify: Mapping[str, Any] = field(default_factory=dict, repr=False)
    root_is_missing: bool = False

    @property
    def suspended(self) -> tuple[str, ...]:
        """The jobs whose tasks somebody suspended. Runs skip them although the configuration enables them."""
        return tuple(job.name for job in self.jobs if not job.started and not job.disabled)

    def task(self, name: str) -> Task:
        """Return the job with that name."""
        return next(job for job in self.jobs if job.name == name)

    @property
    def job_names(self) -> tuple[str, ...]:
        """The names of the jobs, in order."""
        return tuple(job.name for job in self.jobs)


def _roots(rows: Sequence[Row]) -> list[Row]:
    """Return the tasks that have no predecessor, but have a successor or a finalizer.

    This includes a root that an interrupted removal has left without other tasks. It is recognized by its body, which
    is the body of every root that a deploy creates.
    """
    followed = {name for row in rows for name in predecessors(row)}
    followed |= {root for row in rows if (root := finalized_root(row))}
    followed |= {str(row["name"]) for row in rows if is_root_body(str(row.get("definition") or ""))}
    return [row for row in rows if row["name"] in followed and not predecessors(row) and not finalized_root(row)]


def by_depth(jobs: Mapping[str, Task]) -> tuple[Task, ...]:
    """Return jobs by depth, then by name: predecessors first. No recursion, as a chain may have a thousand jobs."""
    depth: dict[str, int] = {}
    remaining = dict(sorted(jobs.items()))
    level = 0
    while remaining:
        ready = [
            name
            for name, task in remaining.items()
            if all(before in depth or before not in jobs for before in task.after)
        ]
        for name in ready or list(remaining):  # Snowflake has no cycles; in case of one, its jobs still show
            depth[name] = level
            remaining.pop(name)
        level += 1
    return tuple(sorted(jobs.values(), key=lambda task: (depth[task.name], task.name)))


def read(rows: Iterable[Row]) -> tuple[Deployed, ...]:
    """Return the graphs of a schema, sorted by the name of the root task.

    Args:
        rows: the rows of SHOW TASKS IN SCHEMA, with `name`, `id`, `state` (started or suspended), `predecessors` and
            `task_relations` (JSON texts, with quoted or unquoted names), `definition` (the body).
    """
    rows = list(rows)
    return tuple(_graph(rows, root) for root in sorted(_roots(rows), key=lambda row: str(row["name"])))


def _graph(rows: Sequence[Row], root: Row) -> Deployed:
    finalizer = next((row for row in rows if finalized_root(row) == root["name"]), None)
    jobs = by_depth({name: _job(name, row) for name, row in descendants(rows, root["name"]).items()})
    frozen = (definition(finalizer) if finalizer else {}) | dict(jobs[0].definition if jobs else {})
    usual = Tables()
    return Deployed(
        key=str(frozen.get("graph") or key_of_comment(str(root.get("comment") or "")) or root["name"]),
        root_task=root["name"],
        root_id=str(root["id"]),
        started=root["state"] == "started",
        jobs=jobs,
        finalizer=finalizer["name"] if finalizer else None,
        finalizer_started=bool(finalizer and finalizer["state"] == "started"),
        schedule=schedule(root),
        suspended_by_failures=root.get("last_suspended_reason") == SUSPENDED_BY_FAILURES,
        committed=instant(root.get("last_committed_on")),
        config=_config(root),
        overlaps=(definition(finalizer) if finalizer else {}).get("overlap", _NO_OVERLAP) != _NO_OVERLAP,
        notify=(definition(finalizer) if finalizer else {}).get("notify", {}),
        root_is_missing=bool(definition(root).get("graph")),
        strays=_strays(rows, str(frozen.get("graph") or ""), {root["name"], *(job.name for job in jobs)}),
        tables=Tables(
            job_runs=frozen.get("job_runs_table", usual.job_runs),
            job_logs=frozen.get("job_logs_table", usual.job_logs),
            task_runs=frozen.get("task_runs_table", usual.task_runs),
            notifications=frozen.get("notifications_table", usual.notifications),
            operations=frozen.get("operations_table", usual.operations),
            backfills=frozen.get("backfills_table", usual.backfills),
            intervals=frozen.get("backfill_intervals_table", usual.intervals),
        ),
    )


def _job(name: str, row: Row) -> Task:
    body = str(row.get("definition") or "")
    started, created = row["state"] == "started", instant(row.get("created_on"))
    own_definition = definition(row)
    asks = asks_for_requests(own_definition) if own_definition.get("runner") == DIRECT else takes_requests(body)
    condition = str(row.get("condition") or "")
    when = read_condition(condition) if condition else None
    return Task(name, predecessors(row), started, own_definition, created, asks, when, bool(own_definition))


def _config(root: Row) -> dict[str, Any]:
    return read_object(root.get("config") or "{}")  # a root that jobgraph did not create may have any text


def _strays(rows: Sequence[Row], key: str, members: Collection[str]) -> tuple[str, ...]:
    """Return the tasks that a deploy created for the graph but that no run of the graph reaches."""
    others = (row for row in rows if key and row["name"] not in members and not finalized_root(row))
    return tuple(sorted(row["name"] for row in others if definition(row).get("graph") == key))


def conditions(graph: Deployed, *, suspension_is_recorded: bool = False) -> list[str]:
    """Return a sentence for each unusual condition of a graph's root and tasks, with what to do; empty if none.

    `suspension_is_recorded`: history has who suspended the root, so no other reason comes into question.
    """
    finish = (
        "If a deploy was interrupted: `pulumi up --refresh` finishes it (after `pulumi cancel`, if the stack is locked;"
        " a removal: `pulumi destroy --refresh`)"
    )
    mend = "`pulumi up --refresh` repairs it."
    remarks = []
    if graph.root_is_missing:
        remarks.append(f"{missing_root(graph)} {finish}; else {mend}")
    if graph.schedule and not graph.started:
        why = "after too many failures in a row" if graph.suspended_by_failures else "by an operator or a deploy"
        reason = "" if suspension_is_recorded else f" ({why})"
        resume = f"`jobgraph resume {graph.key}`"
        ending = f"{finish} and resumes the root. If nobody deploys: {resume}."
        remarks.append(
            f"The root {graph.root_task} is suspended{reason}: no run starts by schedule,"
            f" `jobgraph run {graph.key}` still works. {f'{resume} resumes it.' if suspension_is_recorded else ending}"
        )
    if not graph.jobs:
        remarks.append(f"The root {graph.root_task} has no jobs. {finish}.")
    if graph.strays:
        remarks.append(f"No run reaches these tasks of the graph: {', '.join(graph.strays)}. {finish}.")
    if graph.suspended:
        remarks.append(f"Suspended, so runs skip them: {', '.join(graph.suspended)}. {finish}; else {mend}")
    if graph.finalizer and not graph.finalizer_started:
        remarks.append(
            f"The finalizer {graph.finalizer} is suspended: runs leave no task history. {finish}; else {mend}"
        )
    return remarks


def missing_root(graph: Deployed) -> str:
    """Return the sentence that says so, for a graph whose root is missing."""
    return f"The root of graph {graph.key} is missing. A run would begin with job {graph.root_task}, without a record."


def named(graphs: Iterable[Deployed], name: str) -> Deployed | None:
    """Return the graph with that key, else the one with that root task, ignoring case; None if there is none.

    Keys may differ by case only, so the very key comes before others.
    """
    folded = name.casefold()
    graphs = list(graphs)
    exactly = (graph for graph in graphs if graph.key == name)
    by_key = (graph for graph in graphs if graph.key.casefold() == folded)
    by_root = (graph for graph in graphs if graph.root_task.casefold() == folded)
    return next(exactly, None) or next(by_key, None) or next(by_root, None)
