"""The life of a job service as a pure state machine, and the placement of instances onto a pool's nodes.

Must not know the store, processes or the clock. Statuses and message texts are the documented ones (SHOW SERVICE
CONTAINERS IN SERVICE, DESCRIBE SERVICE, "Working with jobs"). When a container fails, the other containers of its job
are ended: they have no further use, and the next attempt needs their node.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from snowflake_sandbox.compute.nodes import PoolLoad

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class ContainerStatus(StrEnum):
    """Status of a container."""

    PENDING = "PENDING"
    READY = "READY"
    DONE = "DONE"
    FAILED = "FAILED"
    TERMINATING = "TERMINATING"


class JobStatus(StrEnum):
    """Status of a job service."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    DONE = "DONE"
    FAILED = "FAILED"
    CANCELLING = "CANCELLING"
    CANCELLED = "CANCELLED"
    INTERNAL_ERROR = "INTERNAL_ERROR"


ENDED = frozenset({JobStatus.DONE, JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.INTERNAL_ERROR})
_SETTLED = frozenset({ContainerStatus.DONE, ContainerStatus.FAILED})

PROVISIONING = "Compute pool node(s) are being provisioned."
STARTING = "Waiting to start"
RUNNING = "Running"
COMPLETED = "Completed successfully"
USER_ERROR = "User application error, check container logs"
OUT_OF_MEMORY = "Container was OOMKilled due to resource usage"
TERMINATED = "Container was terminated"
# The documented message that best fits a lost node; no page says which one Snowflake uses (guess).
LOST = "Encountered fatal error"


@dataclass(frozen=True)
class ContainerRun:
    """One container of one instance."""

    status: ContainerStatus = ContainerStatus.PENDING
    message: str = PROVISIONING
    exit_code: int | None = None
    restarts: int = 0
    placed: bool = False


Key = tuple[int, str]  # instance number and container name


@dataclass(frozen=True)
class JobRun:
    """A job: its containers, and whether its cancellation was requested."""

    containers: Mapping[Key, ContainerRun]
    cancelling: bool = False


@dataclass(frozen=True)
class Placed:
    """An instance was given a node."""

    instance: int


@dataclass(frozen=True)
class Started:
    """A container's process runs."""

    key: Key


@dataclass(frozen=True)
class Exited:
    """A container's process ended; `code` is 128 + signal if it was killed."""

    key: Key
    code: int
    out_of_memory: bool = False


@dataclass(frozen=True)
class CannotStart:
    """A container's image is not available, or its program cannot be started."""

    key: Key
    message: str


@dataclass(frozen=True)
class Cancel:
    """SPCS_CANCEL_JOB, DROP, STOP ALL, or the end of the statement that waits for the job."""


@dataclass(frozen=True)
class Restarted:
    """The sandbox was killed and restarted: running containers are gone and start again."""


@dataclass(frozen=True)
class NodeLost:
    """The node of a running instance was lost; the job is not restarted ("Working with compute pools")."""

    instance: int


Event = Placed | Started | Exited | CannotStart | Cancel | Restarted | NodeLost


@dataclass(frozen=True)
class StartContainer:
    """Start the container's process."""

    key: Key


@dataclass(frozen=True)
class StopContainer:
    """End the container's process; unless `at_once`, give it time to end by itself."""

    key: Key
    at_once: bool = False


@dataclass(frozen=True)
class JobEnded:
    """The job ended with this status."""

    status: JobStatus


Action = StartContainer | StopContainer | JobEnded


@dataclass(frozen=True)
class ServiceStep:
    """The effect of an event; `changed` are the containers to write to the store."""

    run: JobRun
    changed: tuple[Key, ...] = ()
    actions: tuple[Action, ...] = ()


def new_run(replicas: int, names: Iterable[str]) -> JobRun:
    """Return a new job with `replicas` instances, each with these containers."""
    listed = tuple(names)
    return JobRun({(instance, name): ContainerRun() for instance in range(replicas) for name in listed})


def status(run: JobRun) -> JobStatus:
    """Any failed = FAILED, all done = DONE, any running = RUNNING, else PENDING; CANCELLING and CANCELLED first."""
    statuses = {container.status for container in run.containers.values()}
    settled = statuses <= _SETTLED
    if run.cancelling:
        return JobStatus.CANCELLED if settled else JobStatus.CANCELLING
    if ContainerStatus.FAILED in statuses:
        # Siblings of a failed container are being stopped; the job has not ended while their processes exist.
        return JobStatus.FAILED if settled else JobStatus.RUNNING
    if statuses == {ContainerStatus.DONE}:
        return JobStatus.DONE
    return JobStatus.RUNNING if statuses & {ContainerStatus.READY, ContainerStatus.DONE} else JobStatus.PENDING


def instance_status(run: JobRun, instance: int) -> str:
    """Return the status for SHOW SERVICE INSTANCES: PENDING, READY, FAILED, TERMINATING or SUCCEEDED."""
    statuses = {container.status for (number, _), container in run.containers.items() if number == instance}
    if ContainerStatus.TERMINATING in statuses:
        return "TERMINATING"
    if ContainerStatus.FAILED in statuses:
        return "FAILED"
    if statuses == {ContainerStatus.DONE}:
        return "SUCCEEDED"
    return "PENDING" if ContainerStatus.PENDING in statuses else "READY"


def step(run: JobRun, event: Event) -> ServiceStep:
    """Apply one event. A late event (the container has settled, the job has ended) changes nothing."""
    before = status(run)
    if before in ENDED:
        return ServiceStep(run)
    changed, actions = _apply(run, event)
    if not changed and not (isinstance(event, Cancel) and not run.cancelling):
        return ServiceStep(run)
    after = JobRun({**run.containers, **changed}, run.cancelling or isinstance(event, Cancel))
    if any(container.status is ContainerStatus.FAILED for container in changed.values()):
        stopped, extra = _stop(after)
        after = replace(after, containers={**after.containers, **stopped})
        changed, actions = {**changed, **stopped}, [*actions, *extra]
    if status(after) in ENDED:
        actions.append(JobEnded(status(after)))
    return ServiceStep(after, tuple(changed), tuple(actions))


def _apply(run: JobRun, event: Event) -> tuple[dict[Key, ContainerRun], list[Action]]:
    if isinstance(event, Placed):
        return _place(run, event.instance)
    if isinstance(event, Cancel):
        return _stop(run)
    if isinstance(event, Restarted):
        return _restart(run)
    if isinstance(event, NodeLost):
        return _lose(run, event.instance)
    container = run.containers[event.key]
    after = None if container.status in _SETTLED else _followed(container, event)
    return ({event.key: after} if after is not None else {}), []


def _followed(container: ContainerRun, event: Started | Exited | CannotStart) -> ContainerRun | None:
    if isinstance(event, CannotStart):
        return replace(container, status=ContainerStatus.FAILED, message=event.message)
    if isinstance(event, Exited):
        return _exited(container, event)
    if container.status is ContainerStatus.PENDING:
        return replace(container, status=ContainerStatus.READY, message=RUNNING)
    return None


def _stopped(container: ContainerRun, code: int | None) -> ContainerRun:
    """Return a container after its process was ended; the exit code is unknown if the node was lost."""
    if container.message == LOST:
        return replace(container, status=ContainerStatus.FAILED)
    return replace(container, status=ContainerStatus.FAILED, message=TERMINATED, exit_code=code)


def _exited(container: ContainerRun, event: Exited) -> ContainerRun:
    if event.out_of_memory:
        return replace(container, status=ContainerStatus.FAILED, message=OUT_OF_MEMORY, exit_code=event.code)
    if container.status is ContainerStatus.TERMINATING:
        return _stopped(container, event.code)
    if event.code == 0:
        return replace(container, status=ContainerStatus.DONE, message=COMPLETED, exit_code=0)
    return replace(container, status=ContainerStatus.FAILED, message=USER_ERROR, exit_code=event.code)


def _place(run: JobRun, instance: int) -> tuple[dict[Key, ContainerRun], list[Action]]:
    places = {
        key: replace(container, placed=True, message=STARTING)
        for key, container in run.containers.items()
        if key[0] == instance and container.status is ContainerStatus.PENDING and not container.placed
    }
    return places, [StartContainer(key) for key in places]


def _stop(run: JobRun) -> tuple[dict[Key, ContainerRun], list[Action]]:
    changed: dict[Key, ContainerRun] = {}
    actions: list[Action] = []
    for key, container in run.containers.items():
        if container.status is ContainerStatus.READY or (
            container.status is ContainerStatus.PENDING and container.placed
        ):
            changed[key] = replace(container, status=ContainerStatus.TERMINATING)
            actions.append(StopContainer(key))
        elif container.status is ContainerStatus.PENDING:
            changed[key] = replace(container, status=ContainerStatus.FAILED, message=TERMINATED)
    return changed, actions


def _lose(run: JobRun, instance: int) -> tuple[dict[Key, ContainerRun], list[Action]]:
    changed = {
        key: replace(container, status=ContainerStatus.TERMINATING, message=LOST)
        for key, container in run.containers.items()
        if key[0] == instance
        and container.placed
        and container.status in (ContainerStatus.PENDING, ContainerStatus.READY)
    }
    return changed, [StopContainer(key, at_once=True) for key in changed]


def _restart(run: JobRun) -> tuple[dict[Key, ContainerRun], list[Action]]:
    changed: dict[Key, ContainerRun] = {}
    for key, container in run.containers.items():
        if container.status is ContainerStatus.TERMINATING:
            changed[key] = _stopped(container, None)
        elif container.status not in _SETTLED and (container.placed or container.status is ContainerStatus.READY):
            changed[key] = replace(
                container, status=ContainerStatus.PENDING, restarts=container.restarts + 1, placed=False
            )
    return changed, []


@dataclass(frozen=True)
class Demand:
    """What an instance needs of a node: CPUs, and bytes of memory."""

    cpu: float
    memory: float


def place(waiting: Iterable[Demand], used: Iterable[tuple[int, Demand]], nodes: int, node: Demand) -> list[int | None]:
    """Return a node number for each waiting instance, in the same order; None for one that must wait.

    Args:
        waiting: what each waiting instance needs.
        used: (node number, demand) of every running instance.
        nodes: how many nodes the pool may have.
        node: what one node offers. An instance that needs more always gets None.
    """
    free = [[node.cpu, node.memory] for _ in range(nodes)]
    for number, demand in used:
        if number < nodes:
            free[number][0] -= demand.cpu
            free[number][1] -= demand.memory
    nodes_found: list[int | None] = []
    for demand in waiting:
        fitting = [n for n in range(nodes) if demand.cpu <= free[n][0] + 1e-9 and demand.memory <= free[n][1]]
        chosen = fitting[0] if fitting else None
        nodes_found.append(chosen)
        if chosen is not None:
            free[chosen][0] -= demand.cpu
            free[chosen][1] -= demand.memory
    return nodes_found


def load(
    waiting: Sequence[Demand], used: Sequence[tuple[int, Demand]], most: int, node: Demand, *, has_jobs: bool
) -> PoolLoad:
    """Return a pool's load: nodes needed by running and waiting jobs, and the number of nodes up to the last in use."""
    in_use = 1 + max((number for number, _ in used), default=-1)
    whole = place(waiting, used, most, node)
    wanted = 1 + max((number for number in whole if number is not None), default=-1)
    return PoolLoad(max(wanted, in_use), in_use, has_jobs)
