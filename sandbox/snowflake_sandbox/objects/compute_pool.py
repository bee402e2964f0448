"""COMPUTE POOL (contract 6.8). Nodes are only counted (compute/pools.py); services determine which are in use."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.compute.nodes import PoolLoad
from snowflake_sandbox.result import Result, ResultColumn, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements import property_values
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.compute.pools import Pools

# The provider refuses any other family (facts C5).
FAMILIES = frozenset(
    [
        "CPU_X64_XS",
        "CPU_X64_S",
        "CPU_X64_M",
        "CPU_X64_SL",
        "CPU_X64_L",
        "GEN_X64_G2_2",
        "GEN_X64_G2_4",
        "GEN_X64_G2_8",
        "GEN_X64_G2_16",
        "GEN_X64_G2_32",
        "GEN_ARM_G1_2",
        "GEN_ARM_G1_4",
        "GEN_ARM_G1_8",
        "GEN_ARM_G1_16",
        "GEN_ARM_G1_32",
        "HIGHMEM_X64_S",
        "HIGHMEM_X64_M",
        "HIGHMEM_X64_SL",
        "HIGHMEM_X64_L",
        "MEM_X64_G2_8",
        "MEM_X64_G2_32",
        "MEM_X64_G2_64",
        "MEM_X64_G2_96",
        "MEM_X64_G2_192",
        "GPU_NV_XS",
        "GPU_NV_S",
        "GPU_NV_SM",
        "GPU_NV_M",
        "GPU_NV_L",
        "GPU_NV_2M",
        "GPU_NV_3M",
        "GPU_NV_SL",
        "GPU_L40S_G1_8",
        "GPU_L40S_G1_16",
        "GPU_L40S_G1_48",
        "GPU_L40S_G1_192",
        "GPU_R6K_G1_8",
        "GPU_R6K_G1_16",
        "GPU_R6K_G1_32",
        "GPU_R6K_G1_48",
        "GPU_R6K_G1_96",
        "GPU_R6K_G1_192",
        "GPU_A100_G1_12",
        "GPU_A100_G1_48",
        "GPU_GCP_NV_L4_1_24G",
        "GPU_GCP_NV_L4_4_24G",
        "GPU_GCP_NV_A100_8_40G",
    ]
)
_SHOWN = columns(
    "name state min_nodes# max_nodes# instance_family num_services# num_jobs# auto_suspend_secs# auto_resume?"
    " active_nodes# idle_nodes# target_nodes# created_on@ resumed_on@ updated_on@ owner comment is_exclusive?"
    " application placement_group backup_instance_families"
)


def usage(world: World, name: str) -> tuple[int, int, int]:
    """Return a pool's numbers of services, running jobs and nodes in use, from the services part (`pool_usage`)."""
    services = world.parts.get("services")
    if services is None or not hasattr(services, "pool_usage"):
        return (0, 0, 0)
    counted: tuple[int, int, int] = services.pool_usage(name)
    return counted


def resume_if_allowed(call_now: Any, world: World, pool: SnowflakeObject) -> SnowflakeObject:
    """Resume a suspended pool on which a service starts, if AUTO_RESUME is on; return the pool.

    Raises:
        SnowflakeError: the pool is suspended and must not resume by itself.
    """
    if not pool["suspended"]:
        return pool
    if not pool["auto_resume"]:
        raise errors.invalid_state(f"Compute pool '{pool.name.name}' is suspended and AUTO_RESUME is false.", 391004)
    with world.store.transaction() as tx:
        resumed = catalog.update(tx, pool, {"suspended": False, "resumed_on": call_now.isoformat()})
        world.parts["pools"].settle(tx, resumed)
        return resumed


def _family(reader: Reader) -> str:
    written = reader.word().upper()
    if written not in FAMILIES:
        raise errors.invalid_value(written, "INSTANCE_FAMILY")
    return written


def _check_nodes(properties: Any) -> None:
    if properties["min_nodes"] > properties["max_nodes"]:
        raise errors.SnowflakeError(
            391085, "22023", "SQL compilation error:\nMAX_NODES must be greater than or equal to MIN_NODES."
        )


# Quoted names for other characters or in lower case are not supported (sql-reference/sql/create-compute-pool).
_NAME = re.compile(r"[A-Z_][A-Z0-9_$]*")


def _finish(call: Call, creation: Creation) -> None:
    if not _NAME.fullmatch(creation.name.name):
        raise errors.SnowflakeError(
            904, "42000", f"SQL compilation error:\ninvalid identifier '{creation.name.written}'"
        )
    _check_nodes(creation.properties)
    creation.properties["suspended"] = creation.properties.pop("initially_suspended")
    creation.properties["resumed_on"] = creation.properties["updated_on"] = call.now.isoformat()


def _read_definition(call: Call, creation: Creation) -> bool:
    if not call.reader.accept("FOR APPLICATION"):
        return False
    creation.properties["application"] = call.reader.identifier()
    return True


def _part(call: Call) -> Pools:
    part: Pools = call.world.parts["pools"]
    return part


def _created(call: Call, pool: SnowflakeObject) -> None:
    with call.world.store.transaction() as tx:
        _part(call).settle(tx, pool, PoolLoad())


def _altered(call: Call, _before: SnowflakeObject, after: SnowflakeObject) -> None:
    _check_nodes(after.properties)
    with call.world.store.transaction() as tx:
        _part(call).settle(tx, catalog.update(tx, after, {"updated_on": call.now.isoformat()}))
    _tell_services(call.world)


def _row(call: Call, pool: SnowflakeObject) -> tuple[Any, ...]:
    services, jobs, in_use = usage(call.world, pool.name.name)
    live = _part(call).live(pool)
    in_use = min(in_use, live.ready)
    # Jobs that have just ended do not count, even if the services part has not been updated since.
    ready = in_use if live.suspended else live.ready
    live = replace(live, ready=ready, load=replace(live.load, has_jobs=bool(jobs)))
    return (
        pool.name.name,
        live.state.value,
        pool["min_nodes"],
        pool["max_nodes"],
        pool["instance_family"],
        services,
        jobs,
        pool["auto_suspend_secs"],
        pool["auto_resume"],
        in_use,
        live.ready - in_use,
        0 if live.suspended else live.target,
        pool.created_on,
        catalog.instant(pool["resumed_on"]),
        catalog.instant(pool["updated_on"]),
        pool.owner,
        pool["comment"],
        bool(pool["application"]),
        pool["application"],
        None,
        "[]",  # never NULL, which the official provider's plugin cannot read
    )


def _describe(call: Call, pool: SnowflakeObject) -> Result:
    message = "Compute pool is suspended" if pool["suspended"] else "Compute pool is ready"
    row = _row(call, pool)
    described = (*_SHOWN[:-2], ResultColumn("error_code"), ResultColumn("status_message"), *_SHOWN[-2:])
    return Result(described, [(*row[:-2], "", message, *row[-2:])])


def _tell_services(world: World) -> None:
    """Notify the services part that waiting jobs may now get a node."""
    services = world.parts.get("services")
    if services is not None:
        services.pool_changed()


def _set_suspended(*, suspended: bool) -> Any:
    def action(call: Call, pool: SnowflakeObject) -> Result | None:
        with call.world.store.transaction() as tx:
            changed = catalog.update(tx, pool, {"suspended": suspended, "resumed_on": call.now.isoformat()})
            _part(call).settle(tx, changed)
        _tell_services(call.world)
        return None

    return action


def _stop_all(call: Call, pool: SnowflakeObject) -> Result | None:
    services = call.world.parts.get("services")
    if services is not None and hasattr(services, "stop_pool"):
        services.stop_pool(call, pool.name.name)
    return None


def _dropping(call: Call, pool: SnowflakeObject) -> None:
    services, _jobs, _nodes_used = usage(call.world, pool.name.name)
    if services:
        raise errors.invalid_state(
            f"Cannot drop compute pool '{pool.name.name}': it has services. Run ALTER COMPUTE POOL … STOP ALL first.",
            393914,
        )
    _stop_all(call, pool)
    with call.world.store.transaction() as tx:
        _part(call).forget(tx, pool)


KIND = Kind(
    name="COMPUTE POOL",
    plural="COMPUTE POOLS",
    scope=ObjectScope.ACCOUNT,
    show=_SHOWN,
    show_row=_row,
    properties=(
        Property("MIN_NODES", property_values.whole_number("MIN_NODES", 1), required=True),
        Property("MAX_NODES", property_values.whole_number("MAX_NODES", 1), required=True),
        Property("INSTANCE_FAMILY", _family, required=True, alterable=False),
        Property("AUTO_RESUME", Reader.boolean, default=True),
        Property("INITIALLY_SUSPENDED", Reader.boolean, default=False, alterable=False),
        Property("AUTO_SUSPEND_SECS", property_values.whole_number("AUTO_SUSPEND_SECS", 0), 3600),
        Property("COMMENT", Reader.string),
    ),
    replaceable=False,
    renameable=False,
    describe=_describe,
    read_definition=_read_definition,
    finish_definition=_finish,
    created=_created,
    altered=_altered,
    dropping=_dropping,
    actions={
        "SUSPEND": _set_suspended(suspended=True),
        "RESUME": _set_suspended(suspended=False),
        "STOP ALL": _stop_all,
    },
)
