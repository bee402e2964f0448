"""A warehouse as a pure state machine: which statements run in its slots, which wait, and how many clusters are up.

Knows the rules of user-guide/warehouses-overview and warehouses-multicluster; must not know the clock, the store or
threads. A cluster runs MAX_CONCURRENCY_LEVEL statements at a time, whatever their size (guess: Snowflake weighs them);
the others wait in order of arrival. Clusters are added at once when statements wait, and removed one at a time when
fewer would have been enough for two minutes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

# The page says after two to three successful checks, which are a minute apart.
SPARE = timedelta(minutes=2)


class Power(StrEnum):
    """The states of a warehouse in SHOW WAREHOUSES."""

    STARTED = "STARTED"
    SUSPENDING = "SUSPENDING"
    SUSPENDED = "SUSPENDED"


@dataclass(frozen=True)
class WarehouseTerms:
    """The settings of a warehouse.

    Attributes:
        level: statements that one cluster runs at a time.
        lowest, highest: numbers of clusters.
        idle: the idle time after which it suspends; None: never.
        resumes: whether a statement resumes it.
        start: how long it takes until its compute is up, after it was created or resumed.
    """

    level: int
    lowest: int = 1
    highest: int = 1
    idle: timedelta | None = None
    resumes: bool = True
    start: timedelta = timedelta()


@dataclass(frozen=True)
class Waiting:
    """A statement in the queue; it is cancelled at `until`, unless that is None."""

    id: str
    until: datetime | None = None


@dataclass(frozen=True)
class Warehouse:
    """A warehouse at one point in time.

    Attributes:
        idle_since: when its last statement ended, or when it was started.
        spare_since: since when fewer clusters would be enough.
        ready_at: when its compute will be up; None if it is.
    """

    power: Power
    idle_since: datetime
    clusters: int = 0
    running: tuple[str, ...] = ()
    queue: tuple[Waiting, ...] = ()
    spare_since: datetime | None = None
    ready_at: datetime | None = None


@dataclass(frozen=True)
class Arrive:
    """A statement requests a slot."""

    id: str
    until: datetime | None = None


@dataclass(frozen=True)
class Leave:
    """A statement has ended, or has stopped waiting."""

    id: str


@dataclass(frozen=True)
class Suspend:
    """ALTER WAREHOUSE … SUSPEND: running statements end first."""


@dataclass(frozen=True)
class Resume:
    """ALTER WAREHOUSE … RESUME."""


@dataclass(frozen=True)
class Look:
    """Time has passed, or the terms have changed."""


Event = Arrive | Leave | Suspend | Resume | Look


@dataclass(frozen=True)
class SlotStep:
    """The result of an event: statements that may run now, that waited too long, and that cannot get a slot."""

    warehouse: Warehouse
    admitted: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def new(terms: WarehouseTerms, now: datetime, *, suspended: bool) -> Warehouse:
    """Return a warehouse without statements."""
    if suspended:
        return Warehouse(Power.SUSPENDED, now)
    return _provisioned(Warehouse(Power.STARTED, now, terms.lowest), terms, now)


def step(warehouse: Warehouse, event: Event, terms: WarehouseTerms, now: datetime) -> SlotStep:
    """Apply an event."""
    after = _applied(warehouse, event, terms, now)
    expired = tuple(each.id for each in after.queue if each.until is not None and each.until <= now)
    after = replace(after, queue=tuple(each for each in after.queue if each.id not in expired))
    after = _powered(after, terms, now)
    if after.power is Power.SUSPENDED and after.queue:
        return SlotStep(replace(after, queue=()), expired=expired, refused=tuple(each.id for each in after.queue))
    if after.power is not Power.STARTED:
        return SlotStep(after, expired=expired)
    after = _scaled(after, terms, now)
    if after.ready_at is not None and now < after.ready_at:
        return SlotStep(after, expired=expired)
    after = replace(after, ready_at=None)
    admitted = after.queue[: max(0, after.clusters * terms.level - len(after.running))]
    ids = tuple(each.id for each in admitted)
    after = replace(after, running=after.running + ids, queue=after.queue[len(admitted) :])
    return SlotStep(after, ids, expired)


def next_instant(warehouse: Warehouse, terms: WarehouseTerms) -> datetime | None:
    """Return the next time at which something changes without an event; None if there is none."""
    instants = [each.until for each in warehouse.queue if each.until is not None]
    if warehouse.power is Power.STARTED:
        if terms.idle is not None and not warehouse.running:
            instants.append(warehouse.idle_since + terms.idle)
        if warehouse.spare_since is not None:
            instants.append(warehouse.spare_since + SPARE)
        if warehouse.ready_at is not None:
            instants.append(warehouse.ready_at)
    return min(instants, default=None)


def _applied(warehouse: Warehouse, event: Event, terms: WarehouseTerms, now: datetime) -> Warehouse:
    if isinstance(event, Arrive):
        return replace(warehouse, queue=(*warehouse.queue, Waiting(event.id, event.until)))
    if isinstance(event, Leave):
        running = tuple(each for each in warehouse.running if each != event.id)
        idle_since = warehouse.idle_since if running == warehouse.running else now
        queue = tuple(each for each in warehouse.queue if each.id != event.id)
        return replace(warehouse, running=running, queue=queue, idle_since=idle_since)
    if isinstance(event, Suspend) and warehouse.power is Power.STARTED:
        return replace(warehouse, power=Power.SUSPENDING)
    if isinstance(event, Resume) and warehouse.power is not Power.STARTED:
        return _resumed(warehouse, terms, now)
    return warehouse


def _resumed(warehouse: Warehouse, terms: WarehouseTerms, now: datetime) -> Warehouse:
    """Start the warehouse; if it was only about to suspend, its compute is still up."""
    resumed = replace(warehouse, power=Power.STARTED, idle_since=now)
    return resumed if warehouse.power is Power.SUSPENDING else _provisioned(resumed, terms, now)


def _provisioned(warehouse: Warehouse, terms: WarehouseTerms, now: datetime) -> Warehouse:
    return replace(warehouse, ready_at=now + terms.start) if terms.start else warehouse


def _powered(warehouse: Warehouse, terms: WarehouseTerms, now: datetime) -> Warehouse:
    """Suspend the warehouse when its last statement has ended, resume it if statements wait."""
    if warehouse.power is Power.STARTED:
        is_idle = not warehouse.running and not warehouse.queue
        if is_idle and terms.idle is not None and now - warehouse.idle_since >= terms.idle:
            return Warehouse(Power.SUSPENDED, now)
        return warehouse
    if warehouse.queue and terms.resumes:
        return _resumed(warehouse, terms, now)
    if not warehouse.running:
        return Warehouse(Power.SUSPENDED, warehouse.idle_since, queue=warehouse.queue)
    return warehouse


def _scaled(warehouse: Warehouse, terms: WarehouseTerms, now: datetime) -> Warehouse:
    demand = -(-(len(warehouse.running) + len(warehouse.queue)) // terms.level)
    needed = min(terms.highest, max(terms.lowest, demand))
    if needed >= warehouse.clusters:
        return replace(warehouse, clusters=needed, spare_since=None)
    since = warehouse.spare_since or now
    if now - since >= SPARE:
        fewer = warehouse.clusters - 1
        return replace(warehouse, clusters=fewer, spare_since=now if fewer > needed else None)
    return replace(warehouse, spare_since=since)
