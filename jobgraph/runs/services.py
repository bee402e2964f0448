"""Existing job services: which attempt of which job each one runs, and whether it waits for a node.

Pure. Knows the columns of SHOW JOB SERVICES, and the comments of services: the runner's (`mark` in
procedures/attempt.py: jobgraph, graph, run, task, attempt), and, for a job that is its task's own statement, the one
that a deploy writes (`direct_mark`: jobgraph, graph, direct, task).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.config.model import DIRECT
from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from jobgraph.runs.task_runs import TaskRun

_WORDS = 5
_WAITING = "PENDING"


@dataclass(frozen=True)
class JobService:
    """The job service of one attempt; `status` is Snowflake's status."""

    name: str
    status: str
    attempt: int
    compute_pool: str = ""
    created: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether none of its containers is running yet."""
        return self.status == _WAITING

    @property
    def waits_for(self) -> str:
        """A description of what it waits for."""
        return f"waits for a node of {self.compute_pool}" if self.compute_pool else "waits for a node"


def of_run(
    rows: Iterable[dict[str, Any]], graph: str, run_id: str, history: Iterable[TaskRun] = ()
) -> dict[str, JobService]:
    """Return the newest service of each job of a graph run, by job name.

    The comment of a job that is its task's own statement names no run. Its service belongs to the run if it was created
    during a task run in `history`.
    """
    services: dict[str, JobService] = {}
    spans = _spans(history)
    for row in rows:
        words = str(row.get("comment") or "").split(" ")
        created = instant(row.get("created_on"))
        if words[:-1] == ["jobgraph", graph, DIRECT] and created is not None:
            task = words[-1]
            attempt = next((n for n, span in spans.get(task, {}).items() if _holds(span, created)), 0)
        elif len(words) == _WORDS and words[:3] == ["jobgraph", graph, run_id] and words[4].isdigit():
            task, attempt = words[3], int(words[4])
        else:
            continue
        if attempt and (task not in services or services[task].attempt < attempt):
            services[task] = JobService(
                name=str(row["name"]),
                status=str(row["status"]),
                attempt=attempt,
                compute_pool=str(row.get("compute_pool") or ""),
                created=created,
            )
    return services


def _spans(history: Iterable[TaskRun]) -> dict[str, dict[int, TaskRun]]:
    """Return, for each task, attempt number -> task run, for task runs that have begun."""
    spans: dict[str, dict[int, TaskRun]] = {}
    for row in sorted((row for row in history if row.started is not None), key=lambda row: row.attempt):
        numbered = spans.setdefault(row.name, {})
        numbered[len(numbered) + 1] = row
    return spans


def _holds(span: TaskRun, created: datetime) -> bool:
    begun = span.started is not None and span.started <= created
    return begun and (span.completed is None or created <= span.completed)
