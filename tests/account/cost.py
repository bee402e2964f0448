"""What the kit costs: told before it starts, counted when it has ended. Credits by the published rates.

Knows how long things take on an account, roughly, and what is billed by what. Must not know who pays.
"""

from __future__ import annotations

from jobgraph.cost.rates import published

# Seconds of a warehouse that a case takes, and of the lifecycle on warehouse and pools; guesses, on the high side.
SECONDS_A_CASE, LIFECYCLE_SECONDS = 3.0, 900.0
# A pool is billed for five minutes at least, a warehouse for one; each idles a while before it is suspended.
_LEAST_POOL, _IDLE_POOL, _IDLE_WAREHOUSE = 300.0, 300.0, 60.0
_POOLS = ("CPU_X64_XS", "CPU_X64_S")


def credits_of(corpus_seconds: float, lifecycle_seconds: float) -> float:
    """Return the credits of a kit whose two parts took that long."""
    rates = published()
    warehouse = (corpus_seconds + lifecycle_seconds + 2 * _IDLE_WAREHOUSE) / 3600 * rates.warehouses["XSMALL"].low
    if not lifecycle_seconds:
        return warehouse
    up = max(_LEAST_POOL, lifecycle_seconds) + _IDLE_POOL
    return warehouse + sum(up / 3600 * rates.families[family].high for family in _POOLS)


def estimate(cases: int, *, lifecycle: bool) -> float:
    """Return the credits that a kit will take at most, as far as can be told."""
    return credits_of(cases * SECONDS_A_CASE, LIFECYCLE_SECONDS if lifecycle else 0.0)
