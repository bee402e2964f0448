"""RESOURCE MONITOR (sql-reference/sql/create-resource-monitor): a monthly quota of credits for warehouses.

Knows the declaration, how much its warehouses have used, and whether they may still be resumed. NOTIFY is stored and
shown, but no messages are sent. SUSPEND_IMMEDIATE, intervals other than a month and account monitors are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Kind, Property
from snowflake_sandbox.compute import monitors
from snowflake_sandbox.result import columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.catalog.kind import Creation

_MOST_NOTIFY = 5


def _read_definition(call: Call, creation: Creation) -> bool:
    reader = call.reader
    if reader.accept("WITH"):
        return True
    if not reader.accept("TRIGGERS"):
        return False
    creation.properties["triggers"] = triggers(reader)
    return True


def triggers(reader: Reader) -> list[list[Any]]:
    """Read `ON 80 PERCENT DO NOTIFY` and so on, and return pairs of percent and action."""
    read: list[list[Any]] = []
    while reader.accept("ON"):
        percent = reader.integer()
        reader.expect("PERCENT")
        reader.expect("DO")
        action = reader.identifier()
        if action not in ("NOTIFY", "SUSPEND"):
            raise errors.not_supported(f"a resource monitor's action {action}")
        read.append([percent, action])
    if sum(action == "NOTIFY" for _, action in read) > _MOST_NOTIFY:
        raise errors.invalid_value("NOTIFY", "TRIGGERS")
    return read


def _altered_triggers(call: Call, monitor: SnowflakeObject) -> None:
    with call.world.store.transaction() as tx:
        catalog.update(tx, monitor, {"triggers": triggers(call.reader)})
    call.reader.end()


def _monthly(reader: Reader) -> str:
    word = reader.word()
    if word.upper() != "MONTHLY":
        raise errors.not_supported(f"a resource monitor's FREQUENCY {word}")
    return "MONTHLY"


def _quota(reader: Reader) -> int:
    number = reader.integer()
    if number <= 0:
        raise errors.invalid_value(str(number), "CREDIT_QUOTA")
    return number


def _at(monitor: SnowflakeObject, action: str) -> str | None:
    return ",".join(f"{percent}%" for percent, done in monitor["triggers"] or () if done == action) or None


def _show_row(call: Call, monitor: SnowflakeObject) -> tuple[Any, ...]:
    with call.world.store.reading() as tx:
        spent = monitors.used(tx, monitor.name.name, call.now)
        watches = any(item["resource_monitor"] == monitor.name.name for item in catalog.listing(tx, "WAREHOUSE"))
    quota = monitor["credit_quota"]
    return (
        monitor.name.name,
        None if quota is None else f"{quota:.2f}",
        f"{spent:.2f}",
        None if quota is None else f"{quota - spent:.2f}",
        "WAREHOUSE" if watches else None,
        "MONTHLY",
        monitor.created_on,
        None,
        _at(monitor, "NOTIFY"),
        _at(monitor, "SUSPEND"),
        None,
        monitor.created_on,
        monitor.owner,
        "",
        ",".join(monitor["notify_users"] or ()) or None,
    )


def _dropping(call: Call, monitor: SnowflakeObject) -> None:
    """Remove a dropped monitor from its warehouses."""
    with call.world.store.transaction() as tx:
        for item in catalog.listing(tx, "WAREHOUSE"):
            if item["resource_monitor"] == monitor.name.name:
                catalog.update(tx, item, {"resource_monitor": None})


def _names(reader: Reader) -> list[str]:
    inside = Reader(reader.parenthesized())
    names = []
    while not inside.at_end:
        names.append(inside.identifier())
        if not inside.at_end:
            inside.expect(",")
    return names


KIND = Kind(
    name="RESOURCE MONITOR",
    plural="RESOURCE MONITORS",
    scope=ObjectScope.ACCOUNT,
    show=columns(
        "name credit_quota used_credits remaining_credits level frequency start_time@ end_time@ notify_at suspend_at"
        " suspend_immediately_at created_on@ owner comment notify_users"
    ),
    show_row=_show_row,
    properties=(
        Property("CREDIT_QUOTA", _quota),
        Property("FREQUENCY", _monthly),
        Property("START_TIMESTAMP", Reader.word),
        Property("NOTIFY_USERS", _names),
    ),
    read_definition=_read_definition,
    dropping=_dropping,
    actions={"TRIGGERS": _altered_triggers},
    created_message="Resource monitor {name} successfully created.",
)
