"""The compute pools of a sandbox: starts, removes and suspends nodes over time, and records how many were up.

Knows threads, the clock and the store; nodes.py has the rules. There is one lock, the store's transaction, as in
warehouses.py. Must not know jobs: the services part reports the load, and is notified when nodes have come up.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from snowflake_sandbox import due_work
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.compute import nodes, rates, usage

if TYPE_CHECKING:
    from datetime import datetime

    from snowflake_sandbox.call import World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Transaction

_LONGEST_SLEEP = timedelta(minutes=1)


class Pools:
    """All compute pools of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._live: dict[int, nodes.Pool] = {}
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._loop, name="compute pools", daemon=True)

    def start(self) -> None:
        """Resume from the stored states, then watch the clock. Warehouses.start has closed usage rows left open."""
        with self._world.store.transaction() as tx:
            for pool in catalog.listing(tx, "COMPUTE POOL"):
                self.settle(tx, pool, nodes.PoolLoad())
        self._thread.start()

    def stop(self) -> None:
        """Stop watching the clock."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _loop(self) -> None:
        due_work.repeat(self._look, "compute pools", world=self._world, wake=self._wake, stopping=self._stopping)

    def _look(self) -> datetime:
        """Apply the changes that are due, and return when the next one will be."""
        now = self._world.clock.now()
        until, came_up = now + _LONGEST_SLEEP, False
        with self._world.store.transaction() as tx:
            for object_id, pool in list(self._live.items()):
                item = catalog.by_id(tx, object_id)
                if item is None:
                    del self._live[object_id]
                    continue
                instant = nodes.next_instant(pool, self._terms(item))
                if instant is not None and instant <= now:
                    came_up |= self.settle(tx, item, pool.load).ready > pool.ready
                    instant = nodes.next_instant(self._live[object_id], self._terms(item))
                until = min(until, instant or until)
        services = self._world.parts.get("services")
        if came_up and services is not None:
            services.pool_changed()
        return until

    def settle(self, tx: Transaction, item: SnowflakeObject, load: nodes.PoolLoad | None = None) -> nodes.Pool:
        """Return a pool's current state under a load (default: the previous one), and store the state if it changed."""
        now = self._world.clock.now()
        before = self.live(item)
        # The catalog says whether a user suspended or resumed it; the load stays as it was until services report again.
        if before.suspended != bool(item["suspended"]):
            ready = before.ready if item["suspended"] else 0
            load_before = replace(before.load, used=min(before.ready, before.load.demand))
            before = nodes.Pool(bool(item["suspended"]), now, ready, load=load_before)
        after = nodes.settled(before, before.load if load is None else load, self._terms(item), now)
        if after.suspended != bool(item["suspended"]):
            catalog.update(tx, item, {"suspended": after.suspended, "updated_on": now.isoformat()})
        usage.change(tx, item, after.ready, rates.NODES[item["instance_family"]], now)
        self._live[item.id] = after
        self._wake.set()
        return after

    def forget(self, tx: Transaction, item: SnowflakeObject) -> None:
        """Remove a dropped pool."""
        self._live.pop(item.id, None)
        usage.change(tx, item, 0, 0.0, self._world.clock.now())

    def live(self, item: SnowflakeObject) -> nodes.Pool:
        """Return a pool's last recorded state."""
        pool = self._live.get(item.id)
        return nodes.Pool(bool(item["suspended"]), self._world.clock.now()) if pool is None else pool

    def _terms(self, item: SnowflakeObject) -> nodes.PoolTerms:
        seconds = item["auto_suspend_secs"]
        return nodes.PoolTerms(
            lowest=item["min_nodes"],
            highest=item["max_nodes"],
            idle=timedelta(seconds=seconds) if seconds else None,
            start=self._world.node_start,
        )
