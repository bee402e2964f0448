"""Why a job was skipped: a predecessor failed, or its condition was false for the value that it checked.

Pure. Knows what a job returned, and which outputs its successors check. Must not know how a run is assembled.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jobgraph.runs.deployed import Task
    from jobgraph.runs.graph_run import JobRun
    from jobgraph.runs.task_runs import TaskRun

BLOCKED = "a predecessor did not succeed"
CONDITION_FALSE = "its condition was false, or a predecessor's"
UNKNOWN_SKIP = "a predecessor did not succeed, or a condition was false"
# In characters, since a value may be a whole document.
_LONGEST_VALUE = 80


def with_values(jobs: Sequence[JobRun], tasks: Sequence[Task], rows: Mapping[str, TaskRun]) -> tuple[JobRun, ...]:
    """Return the jobs; the cause of a job that a condition skipped names the values that its predecessors returned."""
    by_name, by_task = {job.name: job for job in jobs}, {task.name: task for task in tasks}

    def told(job: JobRun) -> JobRun:
        if job.cause != CONDITION_FALSE:
            return job
        before = (by_name[name] for name in by_task[job.name].after if name in by_name)
        values = [text for other in before for text in _values(other, _definition(by_task[other.name], rows))]
        return replace(job, cause=f"{CONDITION_FALSE} ({', '.join(values)})") if values else job

    return tuple(map(told, jobs))


def _definition(task: Task, rows: Mapping[str, TaskRun]) -> Mapping[str, Any]:
    row = rows.get(task.name)
    return row.definition if row is not None and row.definition else task.definition


def _values(job: JobRun, definition: Mapping[str, Any]) -> Iterator[str]:
    """Yield a description of each output of a job that conditions check."""
    asked = [condition.get("output") for condition in definition.get("conditions") or ()]
    for output in dict.fromkeys(asked):
        if output is None:
            yield f"{job.name} returned {_short(job.outputs)}"
        elif isinstance(job.outputs, dict) and output in job.outputs:
            yield f"{job.name} returned {output} = {_short(job.outputs[output])}"
        else:
            yield f"{job.name} returned no {output}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"
