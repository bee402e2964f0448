"""The job configuration as data: what a valid `jobconfig.yaml` says, with all defaults filled in.

Knows the shape only. Must not know YAML, the rules that make a configuration valid, or how it is deployed.
Names of tasks are upper case here already, as Snowflake keeps them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.config.schedules import Schedule
    from jobgraph.errors import Mark, Problem

STOP = "stop"
CONTINUE = "continue"
MANAGED = "managed"
DIRECT = "direct"
TABLE = "table"
EVENT_TABLE = "event_table"


def _no_marks() -> Mapping[str, Mark]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Resources:
    """What the container asks for and may use at most; `None` leaves it to Snowflake."""

    cpu: str | None = None
    memory: str | None = None
    gpu: int | None = None


@dataclass(frozen=True)
class Secret:
    """A Snowflake secret handed to the container, as a variable (`env`) or as files in a `directory`; one of the two.

    `key` says which part of the secret a variable gets: secret_string, username, password or access_token.
    """

    secret: str
    env: str | None = None
    directory: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Volume:
    """Storage mounted into the container at `path`; `source` is local, memory, stage or block.

    `size` as 10Gi, for memory and block; `stage` as the file names it, with or without a folder, for stage.
    """

    name: str
    source: str
    path: str
    size: str | None = None
    stage: str | None = None


# different conditions on the outputs of one job: see `jobgraph.plan.conditions`
MOST_CONDITIONS = 5


@dataclass(frozen=True)
class Condition:
    """A job's `when`: compares with `value` what task `job` returned, or its field `output`; or the run's `config`.

    `test` is one of `is`, `is_not`, `above`, `below`. `config` is a key of the graph's configuration; then `job` is
    empty.
    """

    job: str
    test: str
    value: str | int | float | bool
    output: str | None = None
    config: str | None = None


@dataclass(frozen=True)
class RetryRule:
    """Retries after some failures: `exit_codes` as ranges, ends included; `message` is a regular expression.

    What is empty fits all failures. Pauses in seconds; `None` is that of all retries.
    """

    count: int
    reasons: tuple[str, ...] = ()
    exit_codes: tuple[tuple[int, int], ...] = ()
    message: str = ""
    backoff: int | None = None
    longest_backoff: int | None = None


@dataclass(frozen=True)
class RetryRules:
    """How retries go about: pauses in seconds, doubled each time up to the longest; `causes`: retries by cause.

    The first of `rules` that fits a failure decides. A `backoff` of `None` has not been given.
    """

    backoff: int | None = None
    longest_backoff: int | None = None
    max_elapsed: int | None = None
    causes: Mapping[str, int] = field(default_factory=dict)
    rules: tuple[RetryRule, ...] = ()


@dataclass(frozen=True)
class Payload:
    """Code that a runtime image runs. `path` and `entrypoint` as the file names them.

    `files` are the files of `path` by their name below it, in base64.
    """

    path: str
    entrypoint: str
    pip_requirements: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class EmailChannel:
    """E-mail to addresses; `integration` is one that is there already, `None` one that the stack makes.

    `mark` is where the file names them.
    """

    to: tuple[str, ...]
    integration: str | None = None
    mark: Mark | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class WebhookChannel:
    """A webhook of slack, teams or pagerduty (`type`).

    `integration` is one that is there already; else the stack makes one from `secret`, as the file names it, and `url`,
    which has a placeholder for it; `None` is the type's own address.
    """

    type: str
    secret: str | None = None
    url: str | None = None
    integration: str | None = None


@dataclass(frozen=True)
class TimeOfDay:
    """A time of day, as 07:00, in an IANA time zone."""

    time: str
    timezone: str


@dataclass(frozen=True)
class Receiver:
    """Who is told of what: `events` of failure, success, recovered and late, by one of the channels.

    `late_after` is seconds after a scheduled start, or the first such time of day after it; a run that has not ended by
    then is late.
    """

    events: tuple[str, ...]
    email: EmailChannel | None = None
    webhook: WebhookChannel | None = None
    late_after: int | TimeOfDay | None = None


@dataclass(frozen=True)
class Job:
    """One containerized job. `key` is its name in the file, `name` its task's; `after` names tasks of other jobs.

    `timeout` is in seconds, for one attempt; `retries` counts the attempts after the first. `warehouse` is for the
    container's queries, `task_warehouse` for the task that waits for it. A job that is not `enabled` is passed over.
    `runner` is managed (a procedure starts it and waits) or direct (its task's statement is the job itself).
    `runbook` says what to do when it fails. `outputs_file` is the file that its outputs are read from, if not from its
    log; `logs` is table or event_table.
    `marks` tells where in the file a key stands (`""` is the job itself, `after.0` its first predecessor).
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
    task_warehouse: str | None = None
    resources: Resources = Resources()
    enabled: bool = True
    replicas: int = 1
    when: Condition | None = None
    secrets: tuple[Secret, ...] = ()
    volumes: tuple[Volume, ...] = ()
    external_access: tuple[str, ...] = ()
    retry_rules: RetryRules | None = None
    payload: Payload | None = None
    outputs_file: str | None = None
    logs: str = TABLE
    runner: str = MANAGED
    runbook: str | None = None
    marks: Mapping[str, Mark] = field(default_factory=_no_marks, compare=False, repr=False)
    after_as_written: tuple[str, ...] = field(default=(), compare=False, repr=False)

    @property
    def is_direct(self) -> bool:
        """Whether Snowflake runs the job as its task's own statement, with no warehouse awake for it."""
        return self.runner == DIRECT


@dataclass(frozen=True)
class Graph:
    """Jobs that run together: a root that starts them and a finalizer that closes the run. Jobs in the file's order.

    Without `finalizer`, no task of the name `finalizer_task` is made. `overlap` is NO_OVERLAP, ALLOW_CHILD_OVERLAP or
    ALLOW_ALL_OVERLAP; `timeout` is in seconds, for a whole run. `None` leaves Snowflake's default.
    """

    key: str
    root_task: str
    finalizer_task: str
    jobs: tuple[Job, ...]
    schedule: Schedule | None = None
    comment: str = ""
    config: Mapping[str, Any] | None = None
    finalizer: bool = True
    overlap: str | None = None
    suspend_after_failures: int | None = None
    auto_retry: int | None = None
    timeout: int | None = None
    notify: tuple[Receiver, ...] = ()
    marks: Mapping[str, Mark] = field(default_factory=_no_marks, compare=False, repr=False)

    @cached_property
    def disabled(self) -> frozenset[str]:
        """Tasks of the jobs that runs pass over."""
        return frozenset(job.name for job in self.jobs if not job.enabled)

    @cached_property
    def direct(self) -> frozenset[str]:
        """Tasks of the jobs that are their tasks' own statements."""
        return frozenset(job.name for job in self.jobs if job.is_direct)

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """The conditions of all jobs that have one."""
        return tuple(job.when for job in self.jobs if job.when is not None)

    @property
    def task_names(self) -> tuple[str, ...]:
        """All tasks of the graph: root, jobs in the file's order, finalizer."""
        end = (self.finalizer_task,) if self.finalizer else ()
        return (self.root_task, *(job.name for job in self.jobs), *end)


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
