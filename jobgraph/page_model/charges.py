"""What Snowflake charged for the pools of a graph, and how much of that was for idle nodes.

Pure. Knows rows of the metering views and of attempts. Must not know who asked for them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.runs.attempts import families_of_pools, instant

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobgraph.cost.rates import Rate

_SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True)
class PoolCharges:
    """Credits that pools were `charged`, and those of them for nodes that ran containers of any graph."""

    pools: tuple[str, ...]
    charged: float
    used: float

    @property
    def idle(self) -> float:
        """Credits for nodes that waited: between jobs, until a pool is suspended, for the shortest charge."""
        return max(0.0, self.charged - self.used)


def pools_of(attempts: Sequence[Mapping[str, Any]], root: str) -> tuple[str, ...]:
    """Return the pools on which attempts of a graph ran."""
    return tuple(sorted({str(row["COMPUTE_POOL"]) for row in attempts if row["ROOT_TASK_NAME"] == root}))


def charges(
    pools: Sequence[str],
    metered: Sequence[Mapping[str, Any]],
    attempts: Sequence[Mapping[str, Any]],
    rates: Mapping[str, Rate],
    since: datetime,
) -> PoolCharges:
    """Return the charges of pools since an instant; where a rate is a range, its upper end counts as used."""
    families = families_of_pools(attempts)
    used = sum(_credits(row, families, rates, since) for row in attempts if row["COMPUTE_POOL"] in pools)
    return PoolCharges(tuple(pools), sum(float(row["CREDITS"]) for row in metered), used)


def _credits(
    attempt: Mapping[str, Any], families: Mapping[str, str], rates: Mapping[str, Rate], since: datetime
) -> float:
    began, ended = instant(attempt["STARTED_TIME"]), instant(attempt["COMPLETED_TIME"])
    rate = rates.get(str(attempt["NODE_FAMILY"] or families.get(attempt["COMPUTE_POOL"], "")))
    if began is None or ended is None or rate is None:
        return 0.0
    seconds = (ended - max(began, since)).total_seconds()
    return max(0.0, seconds) * int(attempt["REPLICAS"] or 1) / _SECONDS_AN_HOUR * rate.high
