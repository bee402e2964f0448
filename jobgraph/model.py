"""The job configuration as data: what a valid `jobconfig.yaml` says, with all defaults filled in.

Knows the shape only. Must not know YAML, the rules that make a configuration valid, or how it is deployed.
Names of tasks are upper case here already, as Snowflake keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.errors import Mark, Problem

STOP = "stop"
CONTINUE = "continue"


def _no_marks() -> Mapping[str, Mark]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Interval:
    """Run every `number` units; `unit` is SECONDS, MINUTES or HOURS."""

    number: int
    unit: str

    def __str__(self) -> str:
        """Return it in the file's words."""
        unit = self.unit.lower()
        return f"every {self.number} {unit if self.number > 1 else unit.removesuffix('s')}"


@dataclass(frozen=True)
class Cron:
    """Run at the times of a five-field cron expression, read in an IANA time zone."""

    expression: str
    timezone: str

    def __str__(self) -> str:
        """Return it in the file's words."""
        return f"cron {self.expression} ({self.timezone})"


Schedule = Interval | Cron


@dataclass(frozen=True)
class Resources:
    """What the container asks for and may use at most; `None` leaves it to Snowflake."""

    cpu: str | None = None
    memory: str | None = None


@dataclass(frozen=True)
class Job:
    """One containerized job. `key` is its name in the file, `name` its task's; `after` names tasks of other jobs.

    `timeout` is in seconds, for one attempt; `retries` counts the attempts after the first. `marks` tells where in the
    file a key stands (`""` is the job itself, `after.0` its first predecessor).
    """

    key: str
    name: str
    image: str
    compute_pool: str
    after: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    retries: int = 0
    timeout: int = 3600
    on_failure: str = STOP
    comment: str = ""
    warehouse: str | None = None
    resources: Resources = Resources()
    marks: Mapping[str, Mark] = field(default_factory=_no_marks, compare=False, repr=False)
    after_as_written: tuple[str, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class Graph:
    """Jobs that run together: a root that starts them and a finalizer that closes the run. Jobs in the file's order."""

    key: str
    root_task: str
    finalizer_task: str
    jobs: tuple[Job, ...]
    schedule: Schedule | None = None
    comment: str = ""
    config: Mapping[str, Any] | None = None
    marks: Mapping[str, Mark] = field(default_factory=_no_marks, compare=False, repr=False)

    @property
    def task_names(self) -> tuple[str, ...]:
        """All tasks of the graph: root, jobs in the file's order, finalizer."""
        return (self.root_task, *(job.name for job in self.jobs), self.finalizer_task)


@dataclass(frozen=True)
class Config:
    """A whole job configuration; `file` is the path it was read from, as the user gave it.

    `warnings` are the problems with which it is valid all the same.
    """

    file: str
    version: int
    graphs: tuple[Graph, ...]
    warnings: tuple[Problem, ...] = field(default=(), compare=False, repr=False)

    def graph(self, key: str) -> Graph:
        """Return the graph of that key, whatever its case.

        Raises:
            KeyError: if there is none.
        """
        for graph in self.graphs:
            if graph.key.casefold() == key.casefold():
                return graph
        raise KeyError(key)
