"""Why a job was skipped: a predecessor failed, or its condition was false for the value that it checked.

Pure. Knows what a job returned, and which outputs its successors check. Must not know how a run is assembled.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobgraph.procedures.requested.json_texts import read_object
from jobgraph.procedures.requested.request import LEFT_OUT
from jobgraph.runs.task_runs import SKIPPED
from jobgraph.value_texts import json_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jobgraph.config.model import Condition
    from jobgraph.runs.deployed import Task
    from jobgraph.runs.graph_run import JobRun
    from jobgraph.runs.shapes import Shape
    from jobgraph.runs.task_runs import TaskRun

BLOCKED = "a predecessor did not succeed"
CONDITION_FALSE = "its condition was false, or a predecessor's"
UNKNOWN_SKIP = "a predecessor did not succeed, or a condition was false"
BEHIND = "a condition skipped what it follows"
# How the tests of `when` read between a name and a value.
_TESTS = {"is": "=", "is_not": "other than"}
# In characters, since a value may be a whole document.
_LONGEST_VALUE = 80


def blocked(shape: Shape, rows: Mapping[str, TaskRun]) -> frozenset[str]:
    """Return the jobs that could not run because a predecessor failed or was cancelled."""
    stopping = {name for name, row in rows.items() if row.stops}
    names = set()
    for task in shape.jobs:
        row = rows.get(task.name)
        if (row is None or row.state == SKIPPED) and stopping.intersection(task.after):
            names.add(task.name)
            stopping.add(task.name)
    return frozenset(names)


def passed_by(shape: Shape, rows: Mapping[str, TaskRun], blocked: frozenset[str]) -> frozenset[str]:
    """Return the jobs skipped by a false condition: their own, or because all their predecessors were skipped so."""
    passed = {name for name, row in rows.items() if row.state == SKIPPED and name not in blocked}
    for task in shape.jobs:
        if task.name not in rows and task.after and passed.issuperset(task.after):
            passed.add(task.name)
    return frozenset(passed)


def with_values(
    jobs: Sequence[JobRun], tasks: Sequence[Task], rows: Mapping[str, TaskRun], config: str = ""
) -> tuple[JobRun, ...]:
    """Return the jobs; the cause of a job that a condition skipped says which condition, and the value that it checked.

    If the conditions of the graph are not known, it names the values that the job's predecessors returned.

    Args:
        jobs: the jobs of a run.
        tasks: the jobs of its graph.
        rows: the last row of each task in the run.
        config: the values of the run as JSON.
    """
    by_name, by_task = {job.name: job for job in jobs}, {task.name: task for task in tasks}
    are_known = any(task.when is not None for task in tasks)

    def told(job: JobRun) -> JobRun:
        if job.cause != CONDITION_FALSE:
            return job
        task = by_task[job.name]
        before = [by_name[name] for name in task.after if name in by_name]
        if are_known:
            return replace(job, cause=_cause(task.when, before, by_name, config))
        values = [text for other in before for text in _values(other, _definition(by_task[other.name], rows))]
        return replace(job, cause=f"{CONDITION_FALSE} ({', '.join(values)})") if values else job

    return tuple(map(told, jobs))


def _cause(when: Condition | None, before: Sequence[JobRun], jobs: Mapping[str, JobRun], config: str) -> str:
    """Return why a condition skipped a job: its own, or that of a job before it. A job's own is not asked after that.

    `before` are the job's predecessors.
    """
    skipped = [job.name for job in before if job.cause == CONDITION_FALSE]
    if when is None or (skipped and len(skipped) == len(before)):
        return f"{BEHIND}: {', '.join(skipped)}" if skipped else CONDITION_FALSE
    test = f"{_TESTS.get(when.test, when.test)} {_short(when.value)}"
    if when.config is not None:
        # a configuration may be any text
        values = read_object(config)
        present = _short(values[when.config]) if when.config in values else f"no {when.config}"
        return f"it needs {when.config} {test}, but the run had {present}"
    field = f"{when.output} of {when.job}" if when.output is not None else f"the return value of {when.job}"
    job = jobs.get(when.job)
    returned = f", but {_returned(job, when.output)}" if job is not None else ""
    return f"it needs {field} {test}{returned}"


def _definition(task: Task, rows: Mapping[str, TaskRun]) -> Mapping[str, Any]:
    row = rows.get(task.name)
    return row.definition if row is not None and row.definition else task.definition


def _values(job: JobRun, definition: Mapping[str, Any]) -> Iterator[str]:
    """Yield a description of each output of a job that conditions check."""
    asked = [condition.get("output") for condition in definition.get("conditions") or ()]
    for output in dict.fromkeys(asked):
        yield _returned(job, output)


def _returned(job: JobRun, output: str | None) -> str:
    """Return a description of what a job returned, or of one of its outputs."""
    if job.state == LEFT_OUT:
        return f"{job.name} was {LEFT_OUT}"
    if output is None:
        return f"{job.name} returned {_short(job.outputs)}"
    if isinstance(job.outputs, dict) and output in job.outputs:
        return f"{job.name} returned {output} = {_short(job.outputs[output])}"
    return f"{job.name} returned no {output}"


def _short(value: Any) -> str:
    text = json_text(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def left_out(reason: str) -> str:
    """Return the recorded reason of a job that was left out, with the words that commands have for it."""
    return reason.replace("hands on what it returned in run", "passes on its outputs of run").replace(
        "hands on nothing", "passes on nothing"
    )
