"""Job services that are there: which attempt of which job each one is, and whether it waits for a node.

Pure. Knows the columns of SHOW JOB SERVICES and the comment that the runner gives a service
(`mark` in procedures/attempt.py: jobgraph, graph, run, task, attempt).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_WORDS = 5
_WAITING = "PENDING"


@dataclass(frozen=True)
class Service:
    """The job service of one attempt; `status` is Snowflake's word for it."""

    name: str
    status: str
    attempt: int
    compute_pool: str = ""
    created: datetime | None = None

    @property
    def waits(self) -> bool:
        """Whether none of its containers runs yet."""
        return self.status == _WAITING

    @property
    def waits_for(self) -> str:
        """What it waits for, in words."""
        return f"waits for a node of {self.compute_pool}" if self.compute_pool else "waits for a node"


def of_run(rows: Iterable[dict[str, Any]], graph: str, run_id: str) -> dict[str, Service]:
    """Return the newest service of each job of a run of a graph, by name of the job."""
    services: dict[str, Service] = {}
    for row in rows:
        words = str(row.get("comment") or "").split(" ")
        if len(words) != _WORDS or words[:3] != ["jobgraph", graph, run_id] or not words[4].isdigit():
            continue
        task, attempt = words[3], int(words[4])
        if task not in services or services[task].attempt < attempt:
            services[task] = Service(
                name=str(row["name"]),
                status=str(row["status"]),
                attempt=attempt,
                compute_pool=str(row.get("compute_pool") or ""),
                created=instant(row.get("created_on")),
            )
    return services
