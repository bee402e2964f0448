"""The job configuration as data: the content of a valid `jobconfig.yaml`, with all defaults filled in.

Knows only the shape. Must not know YAML, the rules that make a configuration valid, or how it is deployed.
Names of tasks are in upper case already, as Snowflake stores them.
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
    """What the container requests, which is also its limit; None leaves it to Snowflake."""

    cpu: str | None = None
    memory: str | None = None
    gpu: int | None = None


@dataclass(frozen=True)
class Secret:
    """A Snowflake secret for the container: either as a variable (`env`) or as files in a `directory`.

    `key` is the part of the secret that a variable gets: secret_string, username, password or access_token.
    """

    secret: str
    env: str | None = None
    directory: str | None = None
    key: str | None = None


@dataclass(frozen=True)
class Volume:
    """Storage mounted into the container at `path`; `source` is local, memory, stage or block.

    `size`, such as 10Gi, is for memory and block. `stage`, with or without a folder, is spelled as in the file.
    """

    name: str
    source: str
    path: str
    size: str | None = None
    stage: str | None = None


# the most different conditions on the outputs of one job: see `jobgraph.plan.conditions`
MOST_CONDITIONS = 5


@dataclass(frozen=True)
class Condition:
    """A job's `when`: compares `value` with the return value of task `job`, with its field `output`, or with `config`.

    `test` is one of `is`, `is_not`, `above`, `below`. `config` is a key of the run's configuration; `job` is empty
    then.
    """

    job: str
    test: str
    value: str | int | float | bool
    output: str | None = None
    config: str | None = None


@dataclass(frozen=True)
class RetryRule:
    """Retries after some failures. `exit_codes` are inclusive ranges; `message` is a regular expression.

    An empty field matches all failures. Pauses are in seconds; None means the pause of all retries.
    """

    count: int
    reasons: tuple[str, ...] = ()
    exit_codes: tuple[tuple[int, int], ...] = ()
    message: str = ""
    backoff: int | None = None
    longest_backoff: int | None = None


@dataclass(frozen=True)
class RetryRules:
    """The rules for retries: pauses in seconds, doubled each time up to the longest, and numbers of retries by cause.

    The first of `rules` that matches a failure decides. A `backoff` of None is not set.
    """

    backoff: int | None = None
    longest_backoff: int | None = None
    max_elapsed: int | None = None
    causes: Mapping[str, int] = field(default_factory=dict)
    rules: tuple[RetryRule, ...] = ()


@dataclass(frozen=True)
class Payload:
    """Code that a runtime image runs. `path` and `entrypoint` are spelled as in the file.

    `files` are the contents of the files below `path`, in base64, by relative name.
    """

    path: str
    entrypoint: str
    pip_requirements: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class EmailChannel:
    """E-mail to addresses. `integration` is an existing one; with None, the stack creates one.

    `mark` is the position of the addresses in the file.
    """

    to: tuple[str, ...]
    integration: str | None = None
    mark: Mark | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class WebhookChannel:
    """A webhook of slack, teams or pagerduty (`type`).

    `integration` is an existing one; with None, the stack creates one from `secret`, spelled as in the file, and `url`,
    which has a placeholder for the secret. A `url` of None is the type's own address.
    """

    type: str
    secret: str | None = None
    url: str | None = None
    integration: str | None = None


@dataclass(frozen=True)
class TimeOfDay:
    """A time of day, such as 07:00, in an IANA time zone."""

    time: str
    timezone: str


@dataclass(frozen=True)
class Receiver:
    """Who gets messages on which `events` (failure, success, recovered, late), by e-mail or webhook.

    `late_after` is a number of seconds after a scheduled start, or the first such time of day after it. A run that has
    not ended by then is late.
    """

    events: tuple[str, ...]
    email: EmailChannel | None = None
    webhook: WebhookChannel | None = None
    late_after: int | TimeOfDay | None = None


@dataclass(frozen=True)
class Job:
    """One containerized job. `key` is its name in the file, `name` its task, and `after` the tasks of its predecessors.

    `timeout` is in seconds, for one attempt; `retries` counts the attempts after the first. `warehouse` is for the
    container's queries, `task_warehouse` for the task that waits for it. Runs skip a job that is not `enabled`.
    `runner` is managed (a procedure starts it and waits) or direct (its task's statement is the job itself).
    `runbook` describes what to do when it fails. `outputs_file` is the file that its outputs are read from, if not from
    its log; `logs` is table or event_table.
    `marks` has the positions of keys in the file (`""` is the job itself, `after.0` its first predecessor).
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
        """Whether Snowflake runs the job as its task's own statement, without a warehouse."""
        return self.runner == DIRECT


@dataclass(frozen=True)
class Graph:
    """Jobs that run together, in the file's order: a root task starts them, and a finalizer closes the run.

    If `finalizer` is False, there is no task `finalizer_task`. `overlap` is NO_OVERLAP, ALLOW_CHILD_OVERLAP or
    ALLOW_ALL_OVERLAP. `timeout` is in seconds, for a whole run. None means Snowflake's default.
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
        """The tasks of the jobs that runs skip."""
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
        """All tasks of the graph: the root, the jobs in the file's order, the finalizer."""
        end = (self.finalizer_task,) if self.finalizer else ()
        return (self.root_task, *(job.name for job in self.jobs), *end)


@dataclass(frozen=True)
class Config:
    """A whole job configuration. `file` is the path that it was read from, as the user wrote it.

    `warnings` are problems that do not make it invalid.
    """

    file: str
    version: int
    graphs: tuple[Graph, ...]
    warnings: tuple[Problem, ...] = field(default=(), compare=False, repr=False)

    def graph(self, key: str) -> Graph:
        """Return the graph with that key, ignoring case.

        Raises:
            KeyError: if there is no such graph.
        """
        for graph in self.graphs:
            if graph.key.casefold() == key.casefold():
                return graph
        raise KeyError(key)
