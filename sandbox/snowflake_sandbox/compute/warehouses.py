"""The warehouses of a sandbox: statements get slots, wait or are refused; the number of running clusters is recorded.

Knows threads, the clock and the order of writing and acting; slots.py has the rules. There is one lock, the store's
transaction: the hooks of kinds call this inside one. Must not know which statements need a warehouse (needs.py).
"""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import due_work, errors
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.compute import rates, slots, usage

if TYPE_CHECKING:
    from datetime import datetime

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
        self._live: dict[int, slots.Warehouse] = {}
        self._tickets: dict[str, _Ticket] = {}
        self._numbers = itertools.count()
        self._wake, self._stopping = threading.Event(), threading.Event()
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
        with self._world.store.transaction() as tx:
            usage.see(tx, now)
            for object_id, warehouse in list(self._live.items()):
                item = catalog.by_id(tx, object_id)
                if item is None:
                    continue
                instant = slots.next_instant(warehouse, self._terms(item))
                if instant is not None and instant <= now:
                    self._apply(tx, item, slots.Look())
                    instant = slots.next_instant(self._live[object_id], self._terms(item))
                until = min(until, instant or until)
        return until

    # --- called by the kind's hooks inside their transactions --------------------------------------------------------

    def take_up(self, tx: Transaction, item: SnowflakeObject) -> None:
        """Add a warehouse that was created, or that exists when the sandbox starts."""
        now = self._world.clock.now()
        suspended = item["state"] != slots.Power.STARTED
        self._live[item.id] = slots.new(self._terms(item), now, suspended=suspended)
        self._write(tx, item, self._live[item.id], now)
        self._wake.set()

    def change(self, tx: Transaction, item: SnowflakeObject, event: slots.Event) -> None:
        """Apply an event to a warehouse: it was suspended, resumed, or altered."""
        self._apply(tx, item, event)

    def forget(self, tx: Transaction, item: SnowflakeObject) -> None:
        """Remove a dropped warehouse; statements that wait for it are refused."""
        warehouse = self._live.pop(item.id, None)
        usage.change(tx, item, 0, 0.0, self._world.clock.now())
        for waiting in warehouse.queue if warehouse is not None else ():
            self._decide(waiting.id, errors.no_active_warehouse())

    def live(self, item: SnowflakeObject) -> slots.Warehouse:
        """Return a warehouse's current state."""
        now = self._world.clock.now()
        return self._live.get(item.id) or slots.new(self._terms(item), now, suspended=True)

    # --- called by statements ----------------------------------------------------------------------------------------

    def arrive(self, item: SnowflakeObject, timeout: int) -> str:
        """Request a slot, and return the number to wait and leave with. `timeout` in seconds, 0 for none."""
        number = str(next(self._numbers))
        self._tickets[number] = _Ticket()
        until = self._world.clock.now() + timedelta(seconds=timeout) if timeout else None
        with self._world.store.transaction() as tx:
            present = catalog.by_id(tx, item.id)
            if present is None:
                del self._tickets[number]
                raise errors.no_active_warehouse()
            self._apply(tx, present, slots.Arrive(number, until))
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
        with self._world.store.transaction() as tx:
            present = catalog.by_id(tx, item.id)
            if present is not None:
                self._apply(tx, present, slots.Leave(number))

    def provisioning(self, item: SnowflakeObject) -> timedelta:
        """Return how long it still takes until a warehouse's compute is up."""
        ready_at = self.live(item).ready_at
        return timedelta() if ready_at is None else max(timedelta(), ready_at - self._world.clock.now())

    # --- transitions -------------------------------------------------------------------------------------------------

    def _apply(self, tx: Transaction, item: SnowflakeObject, event: slots.Event) -> None:
        now = self._world.clock.now()
        before = self.live(item)
        step = slots.step(before, event, self._terms(item), now)
        self._write(tx, item, step.warehouse, now)
        self._live[item.id] = step.warehouse
        for number in step.admitted:
            self._decide(number, None)
        for number in step.expired:
            self._decide(number, errors.queued_too_long())
        for number in step.refused:
            self._decide(number, errors.no_active_warehouse())
        if slots.next_instant(step.warehouse, self._terms(item)) != slots.next_instant(before, self._terms(item)):
            self._wake.set()

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
