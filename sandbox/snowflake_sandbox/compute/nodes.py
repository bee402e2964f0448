"""A compute pool's nodes as a pure state machine: how many are up, which are starting, when the pool suspends.

Knows the rules of developer-guide/snowpark-container-services/working-with-compute-pool; must not know the clock, the
store or jobs. Nodes are numbered from 0. An unused node beyond MIN_NODES is removed at once (guess: Snowflake waits a
while).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class PoolState(StrEnum):
    """The states of a pool in SHOW COMPUTE POOLS; IDLE, ACTIVE, STOPPING and RESIZING are charged."""

    STARTING = "STARTING"
    IDLE = "IDLE"
    ACTIVE = "ACTIVE"
    RESIZING = "RESIZING"
    STOPPING = "STOPPING"
    SUSPENDED = "SUSPENDED"


@dataclass(frozen=True)
class PoolTerms:
    """The settings of a pool; `idle`: the idle time after which it suspends, None: never."""

    lowest: int
    highest: int
    idle: timedelta | None
    start: timedelta = timedelta()


@dataclass(frozen=True)
class PoolLoad:
    """The load on a pool: nodes needed for all jobs, nodes up to the last one in use, and whether there are jobs.

    `demand` includes what waits, as if MAX_NODES nodes were up.
    """

    demand: int = 0
    used: int = 0
    has_jobs: bool = False


@dataclass(frozen=True)
class Pool:
    """A pool at one point in time.

    Attributes:
        ready: nodes that are up, and charged.
        starting: for each starting node, when it will be up, in order.
        idle_since: since when the pool has had no job.
    """

    suspended: bool
    idle_since: datetime
    ready: int = 0
    starting: tuple[datetime, ...] = ()
    load: PoolLoad = PoolLoad()

    @property
    def target(self) -> int:
        """Return how many nodes there will be."""
        return self.ready + len(self.starting)

    @property
    def state(self) -> PoolState:
        """Return the state that SHOW has."""
        if self.suspended:
            return PoolState.STOPPING if self.ready else PoolState.SUSPENDED
        if not self.ready:
            return PoolState.STARTING
        if self.starting:
            return PoolState.RESIZING
        return PoolState.ACTIVE if self.load.has_jobs else PoolState.IDLE


def settled(pool: Pool, load: PoolLoad, terms: PoolTerms, now: datetime) -> Pool:
    """Return the pool at a later time, with the current load."""
    had_jobs = pool.load.has_jobs or load.has_jobs
    pool = replace(pool, load=load, idle_since=now if had_jobs else pool.idle_since)
    up = sum(instant <= now for instant in pool.starting)
    pool = replace(pool, ready=pool.ready + up, starting=pool.starting[up:])
    if not pool.suspended and not load.has_jobs and terms.idle is not None and now - pool.idle_since >= terms.idle:
        pool = replace(pool, suspended=True)
    if pool.suspended:
        return replace(pool, ready=min(pool.ready, load.used), starting=())
    demand = min(terms.highest, max(terms.lowest, load.demand))
    ready = min(pool.ready, max(demand, min(load.used, terms.highest)))
    missing = max(0, demand - ready)
    if not terms.start:
        return replace(pool, ready=ready + missing, starting=())
    pending = pool.starting[:missing]
    return replace(pool, ready=ready, starting=pending + (now + terms.start,) * (missing - len(pending)))


def next_instant(pool: Pool, terms: PoolTerms) -> datetime | None:
    """Return the next time at which something changes without an event; None if there is none."""
    instants = list(pool.starting)
    if not pool.suspended and not pool.load.has_jobs and terms.idle is not None:
        instants.append(pool.idle_since + terms.idle)
    return min(instants, default=None)
