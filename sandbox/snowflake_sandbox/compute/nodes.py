"""A compute pool's nodes as a pure state machine: how many are up, which are being started, when it suspends.

Knows the rules of developer-guide/snowpark-container-services/working-with-compute-pool; must not know the clock, the
store or jobs. Nodes are numbered from 0. A node that nothing runs on goes at once if it is more than MIN_NODES (guess:
Snowflake waits a while).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum


class PoolState(StrEnum):
    """The states of a pool, as SHOW COMPUTE POOLS has them; IDLE, ACTIVE, STOPPING and RESIZING are charged."""

    STARTING = "STARTING"
    IDLE = "IDLE"
    ACTIVE = "ACTIVE"
    RESIZING = "RESIZING"
    STOPPING = "STOPPING"
    SUSPENDED = "SUSPENDED"


@dataclass(frozen=True)
class PoolTerms:
    """How a pool is set up; `idle`: how long it is idle until it suspends, None: it never does."""

    lowest: int
    highest: int
    idle: timedelta | None
    start: timedelta = timedelta()


@dataclass(frozen=True)
class PoolLoad:
    """What jobs want of a pool: nodes for all of them, the nodes up to the last one in use, and whether there are any.

    `demand` counts what waits, as if MAX_NODES were up.
    """

    demand: int = 0
    used: int = 0
    has_jobs: bool = False


@dataclass(frozen=True)
class Pool:
    """A pool at an instant.

    Attributes:
        ready: nodes that are up: those that are charged.
        starting: when each of the nodes that are being started will be up, in order.
        idle_since: since when there has been no job.
    """

    suspended: bool
    idle_since: datetime
    ready: int = 0
    starting: tuple[datetime, ...] = ()
    load: PoolLoad = PoolLoad()

    @property
    def target(self) -> int:
        """Nodes that there will be."""
        return self.ready + len(self.starting)

    @property
    def state(self) -> PoolState:
        """What SHOW says."""
        if self.suspended:
            return PoolState.STOPPING if self.ready else PoolState.SUSPENDED
        if not self.ready:
            return PoolState.STARTING
        if self.starting:
            return PoolState.RESIZING
        return PoolState.ACTIVE if self.load.has_jobs else PoolState.IDLE


def settled(pool: Pool, load: PoolLoad, terms: PoolTerms, now: datetime) -> Pool:
    """The pool after time has passed, with what jobs want of it now."""
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
    """When time alone changes something next."""
    instants = list(pool.starting)
    if not pool.suspended and not pool.load.has_jobs and terms.idle is not None:
        instants.append(pool.idle_since + terms.idle)
    return min(instants, default=None)
