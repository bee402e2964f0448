"""Which statements need a warehouse, and how they get a slot of it (user-guide/warehouses-overview).

Knows sessions and syntax trees; must not know how slots are assigned (warehouses.py). Statements that the body of a
CALL sends to the CALL's own warehouse run in the CALL's slot. Tasks without a warehouse are serverless and need no
slot.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.compute import monitors
from snowflake_sandbox.dialect import permitted
from snowflake_sandbox.parameters import session_value
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from snowflake_sandbox.call import Call, ScalarFunction, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.compute.warehouses import Warehouses
    from snowflake_sandbox.session import Session

_CHANGES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Copy)
_ROWS = (exp.Table, exp.TableFromRows, exp.Lateral, exp.Values)
QUEUED_TIMEOUT = "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS"


def needs_warehouse(tree: exp.Expr, functions: Mapping[str, ScalarFunction]) -> bool:
    """Whether a statement reads or changes rows.

    A SELECT without FROM runs without a warehouse unless it calls a user-defined function; so do TRUNCATE, BEGIN,
    COMMIT and ROLLBACK.
    """
    if isinstance(tree, _CHANGES):
        return True
    if not isinstance(tree, exp.Query):
        return False
    called = tree.find_all(exp.Anonymous)
    return tree.find(*_ROWS) is not None or any(not permitted.is_known(node, functions) for node in called)


def active(world: World, session: Session) -> SnowflakeObject | None:
    """Return the session's warehouse if it exists and the session's role may use it; otherwise None."""
    if session.warehouse is None:
        return None
    with world.store.reading() as tx:
        warehouse = catalog.find(tx, "WAREHOUSE", ObjectName(session.warehouse))
    if warehouse is None or not access.has(world, session, warehouse, "USAGE"):
        return None
    return warehouse


def require(call: Call) -> None:
    """Check that the session has compute, before a part of the statement requests a slot.

    Raises:
        SnowflakeError: 000606 if there is no active warehouse.
    """
    if not call.session.serverless and active(call.world, call.session) is None:
        raise errors.no_active_warehouse()


@contextmanager
def compute(call: Call, without: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Wait for a slot of the session's warehouse, and hold it as long as the block lasts.

    `without` is called if there is no active warehouse, and may raise an error that comes first.

    Raises:
        SnowflakeError: 000606 no active warehouse, 090073 suspended by its resource monitor, 000630 waited too long,
            000604 cancelled while waiting.
    """
    session = call.session
    if session.serverless:
        yield
        return
    # One turn of the store for all that follows (store.py).
    with call.world.store.reading() as tx:
        warehouse = active(call.world, session)
        refusal = None if warehouse is None else monitors.refusal(tx, warehouse, call.world.clock.now())
    if warehouse is None:
        without()
        raise errors.no_active_warehouse()
    if warehouse.id in session.slot_warehouses:
        yield
        return
    if refusal is not None:
        raise refusal
    part: Warehouses = call.world.parts["warehouses"]
    number = part.arrive(warehouse, _timeout(session, warehouse))
    try:
        if not part.has_slot(number):
            provisioning = part.provisioning(warehouse)
            with call.world.query_records.queued(call.query_id, call.world.clock, provisioning):
                part.wait(number, call.cancelled)
        else:
            part.wait(number, call.cancelled)
        call.world.query_records.ran_on(call.query_id, warehouse["warehouse_size"], warehouse["warehouse_type"])
        yield
    finally:
        part.leave(warehouse, number)


@contextmanager
def body(call: Call, session: Session) -> Iterator[None]:
    """Run the session's statements on the caller's warehouse in the call's slot as long as the block lasts."""
    warehouse = active(call.world, call.session)
    if warehouse is None:
        yield
        return
    session.slot_warehouses.append(warehouse.id)
    try:
        yield
    finally:
        session.slot_warehouses.remove(warehouse.id)


def _timeout(session: Session, warehouse: SnowflakeObject) -> int:
    """Return the shorter of the session's and the warehouse's timeout, in seconds (sql-reference/parameters)."""
    values = (session_value(session, QUEUED_TIMEOUT), warehouse.parameters.get(QUEUED_TIMEOUT))
    return min((int(value) for value in values if value and int(value) > 0), default=0)
