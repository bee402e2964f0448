"""The warehouses of a sandbox: statements get slots, wait or are refused; the number of running clusters is recorded.

Knows threads, the clock and the order of writing and acting; slots.py has the rules. Slots and queues are in memory
only: a statement waits for the store's writer only if it changes what is recorded, the warehouse's state or clusters.
The lock of this module is the inner one: the hooks of kinds call it inside a transaction, so nobody may begin a
transaction while holding it. Must not know which statements need a warehouse (needs.py).
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import due_work, errors
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.compute import rates, slots, usage
from snowflake_sandbox.store import attempt

if TYPE_CHECKING:
    from snowflake_sandbox.call import World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Transaction

# Threads cannot wait for two events at once: they notice a slot at once, and a cancellation within this time.
_CHECK_SECONDS = 0.05
# The longest sleep, and how often it is recorded that open rows of usage are still open.
_LONGEST_SLEEP = timedelta(minutes=1)
# Nodes of pools take a minute or more to start, warehouses a second or two (user-guide/warehouses-tasks).
_OF_A_NODE = 60


@dataclass
class _Ticket:
    """A statement that requested a slot; `refusal` is the reason why it gets none."""

    decided: threading.Event = field(default_factory=threading.Event)
    refusal: errors.SnowflakeError | None = None


class Warehouses:
    """All warehouses of a world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.RLock()
        self._live: dict[int, slots.Warehouse] = {}
        self._tickets: dict[str, _Ticket] = {}
        self._numbers = itertools.count()
        self._wake, self._stopping = threading.Event(), threading.Event()
        # The time until which the loop sleeps: only what is due earlier has to wake it.
        self._until = datetime.max.replace(tzinfo=UTC)
        self._thread = threading.Thread(target=self._loop, name="warehouses", daemon=True)

    # --- start and stop ----------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Resume from the stored states, then watch the clock."""
        now = self._world.clock.now()
        with self._world.store.transaction() as tx:
            usage.close_left_open(tx, now)
            for warehouse in catalog.listing(tx, "WAREHOUSE"):
                self.take_up(tx, warehouse)
        self._thread.start()

    def stop(self) -> None:
        """Record usage up to now; the code that runs waiting statements cancels them."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._world.store.transaction() as tx:
            usage.see(tx, self._world.clock.now())

    def _loop(self) -> None:
        due_work.repeat(self._look, "warehouses", world=self._world, wake=self._wake, stopping=self._stopping)

    def _look(self) -> datetime:
        """Apply the changes that are due, and return when the next one will be."""
        now = self._world.clock.now()
        until = now + _LONGEST_SLEEP
        with self._world.store.transaction() as tx, self._lock:
            usage.see(tx, now)
            for item in catalog.listing(tx, "WAREHOUSE"):
                terms_ = self._terms(item)
                instant = slots.next_instant(self.live(item), terms_)
                if instant is not None and instant <= now:
                    self._step(item, slots.Look())
                    instant = slots.next_instant(self.live(item), terms_)
                self._write(tx, item, self.live(item), now)
                until = min(until, instant or until)
            self._until = until
        return until

    # --- called by the kind's hooks inside their transactions --------------------------------------------------------

    def take_up(self, tx: Transaction, item: SnowflakeObject) -> None:
        """Add a warehouse that was created, or that exists when the sandbox starts."""
        now = self._world.clock.now()
        suspended = item["state"] != slots.Power.STARTED
        with self._lock:
            self._live[item.id] = slots.new(self._terms(item), now, suspended=suspended)
        self._write(tx, item, self._live[item.id], now)
        tx.otherwise(lambda: self._live.pop(item.id, None))
        self._wake.set()

    def change(self, tx: Transaction, item: SnowflakeObject, event: slots.Event) -> None:
        """Apply an event to a warehouse: it was suspended, resumed, or altered."""
        with self._lock:
            before, after = self._step(item, event)
            tx.otherwise(lambda: self._take_back(item.id, before))
            self._write(tx, item, after, self._world.clock.now())

    def forget(self, tx: Transaction, item: SnowflakeObject) -> None:
        """Remove a dropped warehouse; statements that wait for it are refused."""
        usage.change(tx, item, 0, 0.0, self._world.clock.now())
        tx.afterwards(lambda: self._remove(item.id))

    def _remove(self, item_id: int) -> None:
        with self._lock:
            warehouse = self._live.pop(item_id, None)
            for waiting in warehouse.queue if warehouse is not None else ():
                self._decide(waiting.id, errors.no_active_warehouse())

    def _take_back(self, item_id: int, before: slots.Warehouse) -> None:
        """Undo a change of a transaction that was rolled back; statements that got their slots by it keep them."""
        with self._lock:
            self._live[item_id] = replace(self._live[item_id], power=before.power, clusters=before.clusters)

    def live(self, item: SnowflakeObject) -> slots.Warehouse:
        """Return a warehouse's current state."""
        now = self._world.clock.now()
        return self._live.get(item.id) or slots.new(self._terms(item), now, suspended=True)

    # --- called by statements ----------------------------------------------------------------------------------------

    def arrive(self, item: SnowflakeObject, timeout: int) -> str:
        """Request a slot, and return the number to wait and leave with. `timeout` in seconds, 0 for none.

        Raises:
            SnowflakeError: 000606 the warehouse was dropped.
        """
        number = str(next(self._numbers))
        self._tickets[number] = _Ticket()
        until = self._world.clock.now() + timedelta(seconds=timeout) if timeout else None
        if not self._request(item, slots.Arrive(number, until)):
            del self._tickets[number]
            raise errors.no_active_warehouse()
        return number

    def has_slot(self, number: str) -> bool:
        """Whether a statement has its slot and need not wait."""
        return self._tickets[number].decided.is_set()

    def wait(self, number: str, cancelled: threading.Event) -> None:
        """Wait for the slot.

        Raises:
            SnowflakeError: 000604 cancelled, 000630 waited too long, 000606 warehouse dropped or not to be resumed.
        """
        ticket = self._tickets[number]
        while not ticket.decided.wait(_CHECK_SECONDS):
            if cancelled.is_set():
                raise errors.cancelled()
        if ticket.refusal is not None:
            raise ticket.refusal

    def leave(self, item: SnowflakeObject, number: str) -> None:
        """Record that a statement has ended, or has stopped waiting."""
        self._tickets.pop(number, None)
        present = self._present(item)
        if present is not None:
            self._request(present, slots.Leave(number))

    def _present(self, item: SnowflakeObject) -> SnowflakeObject | None:
        with self._world.store.reading() as tx:
            return catalog.by_id(tx, item.id)

    def provisioning(self, item: SnowflakeObject) -> timedelta:
        """Return how long it still takes until a warehouse's compute is up."""
        ready_at = self.live(item).ready_at
        return timedelta() if ready_at is None else max(timedelta(), ready_at - self._world.clock.now())

    # --- transitions -------------------------------------------------------------------------------------------------

    def _request(self, item: SnowflakeObject, event: slots.Arrive | slots.Leave) -> bool:
        """Apply a statement's event, and write if state or clusters change; return False if the warehouse is gone."""
        if item.id not in self._live and self._present(item) is None:
            return False
        with self._lock:
            before, after = self._step(item, event)
        is_recorded = (after.power, after.clusters) == (before.power, before.clusters)
        if not is_recorded and not attempt(lambda: self._record(item)):
            # The disk is full: the loop writes it as soon as it can, and the statement goes on meanwhile.
            self._wake.set()
        return True

    def _record(self, item: SnowflakeObject) -> None:
        """Write what holds now: other statements may have changed it since, and the last one that writes is right."""
        with self._world.store.transaction() as tx:
            present, live = catalog.by_id(tx, item.id), self._live.get(item.id)
            if present is not None and live is not None:
                self._write(tx, present, live, self._world.clock.now())

    def _step(self, item: SnowflakeObject, event: slots.Event) -> tuple[slots.Warehouse, slots.Warehouse]:
        """Apply an event in memory, with the lock held; return the warehouse before and after it."""
        before, terms_ = self.live(item), self._terms(item)
        step = slots.step(before, event, terms_, self._world.clock.now())
        self._live[item.id] = step.warehouse
        for number in step.admitted:
            self._decide(number, None)
        for number in step.expired:
            self._decide(number, errors.queued_too_long())
        for number in step.refused:
            self._decide(number, errors.no_active_warehouse())
        instant = slots.next_instant(step.warehouse, terms_)
        if instant is not None and instant < self._until:
            self._wake.set()
        return before, step.warehouse

    def _terms(self, item: SnowflakeObject) -> slots.WarehouseTerms:
        return terms(item, self._world.node_start / _OF_A_NODE)

    def _decide(self, number: str, refusal: errors.SnowflakeError | None) -> None:
        ticket = self._tickets.get(number)
        if ticket is not None:
            ticket.refusal = refusal
            ticket.decided.set()

    def _write(self, tx: Transaction, item: SnowflakeObject, warehouse: slots.Warehouse, now: datetime) -> None:
        usage.change(tx, item, warehouse.clusters, rates.WAREHOUSES[item["warehouse_size"]], now)
        if item["state"] != warehouse.power:
            changed: dict[str, Any] = {"state": warehouse.power}
            if warehouse.power is slots.Power.STARTED:
                changed["resumed_on"] = now.isoformat()
            catalog.update(tx, item, changed)


def terms(item: SnowflakeObject, start: timedelta) -> slots.WarehouseTerms:
    """Return the settings of a warehouse, whose compute takes `start` to come up."""
    seconds = item["auto_suspend"]
    return slots.WarehouseTerms(
        level=int(item.parameters.get("MAX_CONCURRENCY_LEVEL") or 8),
        lowest=item["min_cluster_count"],
        highest=max(item["min_cluster_count"], item["max_cluster_count"]),
        idle=timedelta(seconds=seconds) if seconds else None,
        resumes=bool(item["auto_resume"]),
        start=start,
    )
