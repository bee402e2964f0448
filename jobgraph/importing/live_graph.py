"""Converts the tasks of a live graph to the text of a `jobconfig.yaml`.

Knows the properties of deployed tasks: the columns of SHOW TASKS and SHOW PARAMETERS, and the definitions in the tasks'
bodies. Must not know where rows come from. Tasks that jobgraph did not create are named and left out. Importing a
deployed graph gives the same plan again; jobs for which it does not are named too.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from jobgraph.config.explain.printing import Remarks, printed
from jobgraph.config.graph_values import OVERLAP_WORDS
from jobgraph.config.job_values import job_in_file
from jobgraph.config.keys import JOB_KEYS
from jobgraph.config.reading import parse
from jobgraph.config.timing import LONGEST_TASK_SECONDS, duration_text, longest_chain, most_seconds
from jobgraph.config.topology import edges, topological
from jobgraph.errors import ConfigErrors, UsageError, perhaps
from jobgraph.importing.quickstart import Imported, common_values, file_values
from jobgraph.plan.conditions import is_root_body, read_condition
from jobgraph.plan.job_definition import differing_entries, job_definition, read_definition, unknown_entries
from jobgraph.plan.task_rows import Row, definition, descendants, finalized_root, predecessors, root_comment, schedule
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jobgraph.config.model import Condition, Graph

_JOB_COMMENT = re.compile(r"jobgraph: job (\w+) of graph \w+")


@dataclass(frozen=True)
class _Live:
    """The rows of a graph: its root, its finalizer, the tasks in between by name, and the stack's settings."""

    root: Row
    finalizer: Row | None
    tasks: dict[str, Row]
    settings: Settings

    @property
    def jobs(self) -> dict[str, Row]:
        """The tasks that run jobs of jobgraph, predecessors first."""
        before = {name: [task for task in predecessors(row) if task in self.tasks] for name, row in self.tasks.items()}
        return {name: row for name in TopologicalSorter(before).static_order() if _is_ours(row := self.tasks[name])}


def from_tasks(
    rows: Sequence[Row], database: str, schema: str, root_task: str, parameters: Sequence[Row] = ()
) -> Imported:
    """Return the job configuration of a deployed graph.

    Args:
        rows: the rows of SHOW TASKS IN SCHEMA, with column names in lower case.
        database: the graph's database, in upper case.
        schema: the graph's schema, in upper case.
        root_task: the name of its root task, in any case.
        parameters: the rows of SHOW PARAMETERS IN TASK for the root: `key`, `value`, `level`. Without them, the graph's
            time limit, retries and suspension are unknown.

    Raises:
        UsageError: if there is no such root task, or none of its tasks runs a job of jobgraph.
    """
    live = _live(rows, database, schema, root_task)
    jobs = live.jobs
    if not jobs:
        raise UsageError(
            f"no task after {live.root['name']} runs a job that jobgraph deployed",
            where=f"{database}.{schema}",
            cause="the graph was not created by jobgraph, or your role cannot see the tasks' definitions",
            remedy="for a graph of the quickstart, import its file: jobgraph import jobconfig.json",
        )
    key = str(next(_definitions(jobs))["graph"])
    values, remarks = _jobs(key, jobs, live)
    notes = [*_foreign(live), *(f"{path[-1]}: {text}" for path, texts in remarks.items() for text in texts)]
    heading = [f"Imported from {database}.{schema}.{live.root['name']}.", *_foreign(live)]
    document = file_values(key, _options(live, key), values, common_values(values))
    try:
        model = parse(printed(document).encode(), root_task).graphs[0]
    except ConfigErrors as error:
        notes += ["the file is not valid as it is:", *str(error).splitlines()[1:]]
    else:
        graph = document["graphs"][key]
        document["graphs"][key] = {**graph, **_limits(model, parameters), "jobs": graph.pop("jobs")}
        notes += _not_the_same(model, live)
    return Imported(printed(document, remarks, heading), notes)


def _jobs(key: str, jobs: Mapping[str, Row], live: _Live) -> tuple[dict[str, dict[str, Any]], Remarks]:
    keys = {name: _key(row) for name, row in jobs.items()}
    values: dict[str, dict[str, Any]] = {}
    remarks: Remarks = {}
    for name, row in jobs.items():
        values[keys[name]], job_remarks = _job(name, row, live, keys)
        if job_remarks:
            remarks["graphs", key, "jobs", keys[name]] = job_remarks
    return values, remarks


def _not_the_same(graph: Graph, live: _Live) -> Iterator[str]:
    """Yield a sentence for every job that the file would deploy differently."""
    for job in graph.jobs:
        keys = differing_entries(definition(live.tasks[job.name]), job_definition(graph, job, live.settings))
        if keys:
            yield f"{job.key}: the file differs from the deployed job in {', '.join(keys)}"


def _live(rows: Sequence[Row], database: str, schema: str, root_task: str) -> _Live:
    root = next((row for row in rows if str(row["name"]).upper() == root_task.upper()), None)
    if root is None or predecessors(root) or finalized_root(root):
        roots = [str(row["name"]) for row in rows if not predecessors(row) and not finalized_root(row)]
        raise UsageError(
            f"there is no root task {root_task!r}{perhaps(root_task, roots)}",
            where=f"{database}.{schema}",
            remedy=f"root tasks there: {', '.join(roots) or 'none that this role can see'}",
        )
    finalizer = next((row for row in rows if finalized_root(row) == root["name"]), None)
    below = descendants(rows, root["name"])
    tasks = {str(row["name"]): row for row in rows if row["name"] in below}
    return _Live(root, finalizer, tasks, _settings(database, schema, rows, tasks))


def _definitions(tasks: Mapping[str, Row]) -> Iterator[dict[str, Any]]:
    return (definition(row) for row in tasks.values() if _is_ours(row))


def _is_ours(row: Row) -> bool:
    entries = definition(row)
    return "specification" in entries and "graph" in entries


def _settings(database: str, schema: str, rows: Sequence[Row], tasks: Mapping[str, Row]) -> Settings:
    """Return the settings that the graph was deployed with, as far as its tasks show them.

    The stack's warehouse is that of a finalizer, of this graph or another. Without one, the jobs name theirs in the
    file.
    """
    tables = ("job_runs_table", "job_logs_table")
    names = {name: settings[name] for settings in _definitions(tasks) for name in tables if name in settings}
    finalizers = (row for row in rows if finalized_root(row) and "task_runs_table" in definition(row))
    stack = next(filter(None, map(_warehouse, finalizers)), None)
    settings = Settings(database=database, schema=schema, **names)
    return replace(settings, warehouse=stack) if stack else settings


def _warehouse(row: Row) -> str | None:
    name = row.get("warehouse")
    return None if name in (None, "", "null") else str(name)


def _key(row: Row) -> str:
    """Return a job's name in the file: from its task's comment or, if the job has its own comment, from the task."""
    match = _JOB_COMMENT.fullmatch(row.get("comment") or "")
    return match[1] if match and match[1].upper() == row["name"] else str(row["name"]).lower()


def _job(name: str, row: Row, live: _Live, keys: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the values of a job in the file, and remarks on it."""
    entries, remarks = definition(row), list(_remarks_on(definition(row)))
    own = _warehouse(row)
    skipped = [before for before in predecessors(row) if before in live.tasks and before not in keys]
    if skipped:
        remarks.append(f"followed {', '.join(skipped)}, left out; it now follows their predecessors")
    when, started = _when(row, remarks), row.get("state") == "started"
    if not started and entries.get("enabled", True):
        remarks.append("its task is suspended, so it is not enabled")
    comment = row.get("comment") or ""
    job = replace(
        read_definition(entries, live.settings),
        after=tuple(keys[before] for before in _after(name, live)),
        when=when,
        enabled=started,
        task_warehouse=own if own != live.settings.warehouse else None,
        comment="" if _JOB_COMMENT.fullmatch(comment) else comment,
    )
    values = {key: value for key, value in job_in_file(job).items() if value != _DEFAULTS.get(key)}
    if values.get("warehouse", {}).keys() == {"query"}:
        values["warehouse"] = job.warehouse
    return values, remarks


# defaults that the file need not repeat; in the file's notation, because lengths of time are stored in seconds
_DEFAULTS = {key.name: duration_text(key.default) if key.name == "timeout" else key.default for key in JOB_KEYS}


def _remarks_on(entries: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for everything that the file cannot express, or only in another way than the original file."""
    unknown = unknown_entries(entries)
    if unknown:
        yield f"left out, because this version does not know it: {', '.join(unknown)}"
    if "PAYLOAD_FILE" in read_definition(entries, Settings()).env:
        yield "its code is in the stage, as PAYLOAD_FILE says; with the code at hand, write `payload:` instead"


def _after(name: str, live: _Live) -> list[str]:
    """Return the jobs that a task follows, through tasks that are left out."""
    followed: dict[str, None] = {}
    todo, visited = list(predecessors(live.tasks[name])), set()
    while todo:
        before = todo.pop(0)
        if before in visited or before not in live.tasks:
            continue
        visited.add(before)
        if _is_ours(live.tasks[before]):
            followed[before] = None
        else:
            todo = [*predecessors(live.tasks[before]), *todo]
    return list(followed)


def _when(row: Row, remarks: list[str]) -> Condition | None:
    """Return a task's condition as a job's `when`; add a remark if the file cannot express it."""
    text = row.get("condition")
    if text in (None, "", "null"):
        return None
    when = read_condition(str(text))
    if when is None:
        remarks.append(f"its condition was left out, because the file cannot express it: {' '.join(str(text).split())}")
    return when


def _foreign(live: _Live) -> Iterator[str]:
    """Yield a sentence for every task of the graph that jobgraph did not create."""
    for name, row in live.tasks.items():
        if not _is_ours(row):
            body = " ".join(str(row.get("definition") or "hidden from this role").split())
            yield f"{name} was left out: its body runs no job of jobgraph ({body[:60]}{'...' if body[60:] else ''})"
    body = str(live.root.get("definition") or "").strip().removesuffix(";")
    if not is_root_body(body):
        yield f"{live.root['name']} will only start the graph; its present body is: {' '.join(body.split())[:60]}"
    if live.finalizer is not None and "task_runs_table" not in definition(live.finalizer):
        yield f"{live.finalizer['name']} will be replaced by jobgraph's finalizer"


def _options(live: _Live, key: str) -> dict[str, Any]:
    """Return the values of the graph itself in the file."""
    row = live.root
    comment, config = row.get("comment") or None, row.get("config")
    overlap = OVERLAP_WORDS.get(definition(live.finalizer).get("overlap", "")) if live.finalizer else None
    if str(row.get("allow_overlapping_execution")).lower() == "true":
        overlap = overlap or "all"
    return _present(
        schedule=when.in_file if (when := schedule(row)) else None,
        root_task=row["name"],
        finalizer=None if live.finalizer else False,
        finalizer_task=live.finalizer["name"] if live.finalizer else None,
        comment=None if comment == root_comment(key) else comment,
        config=json.loads(config) if config and config != "null" else None,
        overlap=overlap,
    )


def _limits(graph: Graph, parameters: Sequence[Row]) -> dict[str, Any]:
    """Return the limits of the graph from the root's parameters, where they differ from the plan's defaults."""
    own = {str(row["key"]).upper(): row["value"] for row in parameters if str(row.get("level", "")).upper() == "TASK"}
    planned = min(longest_chain(topological(graph), edges(graph), most_seconds)[0], LONGEST_TASK_SECONDS)
    seconds = int(own.get("USER_TASK_TIMEOUT_MS", planned * 1000)) // 1000
    failures, retries = own.get("SUSPEND_TASK_AFTER_NUM_FAILURES"), own.get("TASK_AUTO_RETRY_ATTEMPTS")
    return _present(
        suspend_after_failures=None if failures is None else int(failures),
        auto_retry=None if retries is None else int(retries),
        timeout=None if seconds == planned else duration_text(seconds),
    )


def _present(**values: Any) -> dict[str, Any]:
    """Return the values that are not None."""
    return {name: value for name, value in values.items() if value is not None}
