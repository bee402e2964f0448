"""WAREHOUSE (contract 6.1). Statements run in DuckDB, limited by the warehouse's slots (compute/warehouses.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Kind, Property
from snowflake_sandbox.compute import slots
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.property_values import one_of, whole_number
from snowflake_sandbox.statements.reader import ObjectName, Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.compute.warehouses import Warehouses
    from snowflake_sandbox.store import Transaction

# The provider fails on a size that it cannot parse, so SHOW must use exactly these spellings.
_SIZES = {
    "XSMALL": "X-Small",
    "SMALL": "Small",
    "MEDIUM": "Medium",
    "LARGE": "Large",
    "XLARGE": "X-Large",
    "XXLARGE": "2X-Large",
    "X2LARGE": "2X-Large",
    "XXXLARGE": "3X-Large",
    "X3LARGE": "3X-Large",
    "X4LARGE": "4X-Large",
    "X5LARGE": "5X-Large",
    "X6LARGE": "6X-Large",
}


_TYPES = ("STANDARD", "SNOWPARK-OPTIMIZED", "ADAPTIVE")
# Of an X-Small warehouse; larger ones have fewer (user-guide/warehouses-multicluster).
_MOST_CLUSTERS = 300


def _auto_suspend(reader: Reader) -> int | None:
    """Read a number of seconds; NULL means never, as does 0."""
    return None if reader.accept("NULL") else whole_number("AUTO_SUSPEND", 0)(reader)


def _require_clusters(properties: Any) -> None:
    """Refuse a minimum of clusters above the maximum.

    Raises:
        SnowflakeError: 001008 (guess: the number).
    """
    if properties["min_cluster_count"] > properties["max_cluster_count"]:
        raise errors.invalid_value(str(properties["min_cluster_count"]), "MIN_CLUSTER_COUNT")


def _size(reader: Reader) -> str:
    written = reader.word()
    key = written.upper().replace("-", "").replace("2X", "X2").replace("3X", "X3")
    if key not in _SIZES:
        raise errors.invalid_value(written, "WAREHOUSE_SIZE")
    return _SIZES[key]


def _monitor(reader: Reader) -> str | None:
    """Read the name of a resource monitor; NULL means none."""
    return None if reader.accept("NULL") else reader.identifier()


def _suspend(call: Call, warehouse: SnowflakeObject) -> Result | None:
    if warehouse["state"] == "SUSPENDED":
        raise errors.invalid_state(
            f"Invalid state. Warehouse '{warehouse.name.name}' cannot be suspended.", 90064, "22000"
        )
    with call.world.store.transaction() as tx:
        _part(call).change(tx, warehouse, slots.Suspend())
    return None


def _resume(call: Call, warehouse: SnowflakeObject) -> Result | None:
    conditional = call.reader.accept("IF SUSPENDED")
    if warehouse["state"] == "STARTED" and not conditional:
        raise errors.invalid_state(
            f"Invalid state. Warehouse '{warehouse.name.name}' cannot be resumed.", 90063, "22000"
        )
    with call.world.store.transaction() as tx:
        _part(call).change(tx, warehouse, slots.Resume())
    return None


def _part(call: Call) -> Warehouses:
    part: Warehouses = call.world.parts["warehouses"]
    return part


def _created(call: Call, warehouse: SnowflakeObject) -> None:
    """Make a new warehouse the current one of the session that created it (sql-reference/sql/create-warehouse)."""
    with call.world.store.transaction() as tx:
        _require_monitor(tx, warehouse)
        _part(call).take_up(tx, warehouse)
    call.session.warehouse = warehouse.name.name


def _require_monitor(tx: Transaction, warehouse: SnowflakeObject) -> None:
    if warehouse["resource_monitor"]:
        catalog.get(tx, "RESOURCE MONITOR", ObjectName(warehouse["resource_monitor"]))


def _altered(call: Call, _before: SnowflakeObject, after: SnowflakeObject) -> None:
    _require_clusters(after.properties)
    with call.world.store.transaction() as tx:
        _require_monitor(tx, after)
        _part(call).change(tx, after, slots.Look())


def _dropping(call: Call, warehouse: SnowflakeObject) -> None:
    with call.world.store.transaction() as tx:
        _part(call).forget(tx, warehouse)


def _show_row(call: Call, warehouse: SnowflakeObject) -> tuple[Any, ...]:
    current = "Y" if call.session.warehouse == warehouse.name.name else "N"
    live = _part(call).live(warehouse)
    started = live.power is slots.Power.STARTED
    return (
        warehouse.name.name,
        live.power.value,
        warehouse["warehouse_type"],
        warehouse["warehouse_size"],
        warehouse["min_cluster_count"],
        warehouse["max_cluster_count"],
        live.clusters,
        len(live.running),
        len(live.queue),
        "N",
        current,
        warehouse["auto_suspend"],
        warehouse["auto_resume"],
        "100" if started else "",
        "",
        "",
        "",
        warehouse.created_on,
        catalog.instant(warehouse["resumed_on"]) if warehouse["resumed_on"] else warehouse.created_on,
        warehouse.created_on,
        warehouse.owner,
        warehouse["comment"] or "",
        warehouse["enable_query_acceleration"],
        warehouse["query_acceleration_max_scale_factor"],
        warehouse["resource_monitor"] or "null",
        live.clusters,
        0,
        0,
        0 if started else 1,
        str(warehouse.id),
        warehouse["scaling_policy"],
        "ROLE",
        None,
        "1",
    )


def _finish(_call: Call, creation: Any) -> None:
    _require_clusters(creation.properties)
    suspended = creation.properties.pop("initially_suspended")
    creation.properties["state"] = "SUSPENDED" if suspended else "STARTED"


KIND = Kind(
    name="WAREHOUSE",
    plural="WAREHOUSES",
    scope=ObjectScope.ACCOUNT,
    show=columns(
        "name state type size min_cluster_count# max_cluster_count# started_clusters# running# queued# is_default"
        " is_current auto_suspend# auto_resume? available provisioning quiescing other created_on@ resumed_on@"
        " updated_on@ owner comment enable_query_acceleration? query_acceleration_max_scale_factor# resource_monitor"
        " actives# pendings# failed# suspended# uuid scaling_policy owner_role_type resource_constraint generation"
    ),
    show_row=_show_row,
    properties=(
        Property("WAREHOUSE_TYPE", one_of("WAREHOUSE_TYPE", *_TYPES), "STANDARD"),
        Property("WAREHOUSE_SIZE", _size, "X-Small"),
        Property("MAX_CLUSTER_COUNT", whole_number("MAX_CLUSTER_COUNT", 1, _MOST_CLUSTERS), 1),
        Property("MIN_CLUSTER_COUNT", whole_number("MIN_CLUSTER_COUNT", 1, _MOST_CLUSTERS), 1),
        Property("SCALING_POLICY", one_of("SCALING_POLICY", "STANDARD", "ECONOMY"), "STANDARD"),
        Property("AUTO_SUSPEND", _auto_suspend, 600),
        Property("AUTO_RESUME", Reader.boolean, default=True),
        Property("INITIALLY_SUSPENDED", Reader.boolean, default=False, alterable=False),
        Property("RESOURCE_MONITOR", _monitor),
        Property("COMMENT", Reader.string),
        Property("ENABLE_QUERY_ACCELERATION", Reader.boolean, default=False),
        Property("QUERY_ACCELERATION_MAX_SCALE_FACTOR", whole_number("QUERY_ACCELERATION_MAX_SCALE_FACTOR", 0, 100), 8),
        Property("WAIT_FOR_COMPLETION", Reader.boolean),
    ),
    parameters={
        "MAX_CONCURRENCY_LEVEL": "8",
        "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": "0",
        "STATEMENT_TIMEOUT_IN_SECONDS": "172800",
    },
    # CREATE WAREHOUSE w WITH …
    read_definition=lambda call, _creation: call.reader.accept("WITH"),
    finish_definition=_finish,
    created=_created,
    altered=_altered,
    dropping=_dropping,
    actions={"SUSPEND": _suspend, "RESUME": _resume},
)
