"""ALERT (contract 6.21): the declaration of the kind, and the privileges required to resume an alert.

Knows CREATE, ALTER, SHOW and DESCRIBE of alerts (sql-reference/sql/create-alert); must not know how an alert is run
(runner.py). An alert without SCHEDULE is an alert on new data (new_data.py).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.alerts import new_data
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import FROM_SHOW, Creation, Kind, Property, terse
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.result import SHOW, Result, columns
from snowflake_sandbox.scripting import parser
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader
from snowflake_sandbox.tasks import schedule

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Snapshot

SUSPEND_AFTER = "SUSPEND_ALERT_AFTER_NUM_FAILURES"
_INTERVAL = re.compile(r"\s*(\d+)\s+(?:MINUTES?|M)\s*", re.IGNORECASE)
_LONGEST_MINUTES = 11_520
_LONGEST_RUNBOOK = 2048
_CONDITIONS = ("SELECT", "WITH", "SHOW", "CALL", "(")


def _schedule(reader: Reader) -> str:
    """Read a schedule and return it as SHOW ALERTS has it: `5 MINUTE`, required by the provider, or `USING CRON …`."""
    text = reader.string()
    interval = _INTERVAL.fullmatch(text)
    if interval is None:
        if isinstance(schedule.parse(text), schedule.Interval):
            raise errors.invalid_value(text, "SCHEDULE")
        return " ".join(text.split())
    minutes = int(interval[1])
    if not 1 <= minutes <= _LONGEST_MINUTES:
        raise errors.invalid_value(text, "SCHEDULE")
    return f"{minutes} MINUTE"


def _config(reader: Reader) -> str:
    text = reader.string()
    try:
        is_object = isinstance(json.loads(text), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise errors.invalid_value(text, "CONFIG")
    return text


def _runbook(reader: Reader) -> str:
    text = reader.string()
    if len(text) > _LONGEST_RUNBOOK:
        raise errors.invalid_value(text, "RUNBOOK")
    return text


def _read_definition(call: Call, creation: Creation) -> bool:
    reader = call.reader
    if reader.peek() != "IF":
        return False
    reader.expect("IF")
    inside = Reader(reader.parenthesized())
    creation.properties["condition"] = _condition(inside)
    inside.end()
    reader.expect("THEN")
    creation.properties["action"] = parser.body(reader)
    return True


def _condition(reader: Reader) -> str:
    """Read the text within EXISTS( )."""
    reader.expect("EXISTS")
    text = reader.parenthesized()
    if not text or Reader(text).peek() not in _CONDITIONS:
        raise errors.syntax_error(text.split()[0] if text else ")", 0)
    return text


def _finish(call: Call, creation: Creation) -> None:
    properties = creation.properties
    if not properties.get("action"):
        raise errors.missing_property("IF (EXISTS (…)) THEN", "CREATE ALERT")
    if properties["schedule"] is None:
        new_data.source(properties["condition"])
    for privilege in _needed(properties["warehouse"]):
        access.require_on_account(call, privilege)
    if properties["warehouse"]:
        with call.world.store.reading() as tx:
            warehouse = catalog.get(tx, "WAREHOUSE", ObjectName(properties["warehouse"]))
        access.require(call, "USAGE", warehouse)
    properties |= {"state": "suspended", "resumed_on": None, "was_auto_suspended": None, "failures": 0}


def _needed(warehouse: str | None) -> tuple[str, ...]:
    return ("EXECUTE ALERT",) if warehouse else ("EXECUTE ALERT", "EXECUTE MANAGED ALERT")


def require_owner_privileges(world: World, tx: Snapshot, alert: SnowflakeObject) -> None:
    """Check that an alert's owner may run it (user-guide/alerts, granting the privileges).

    Raises:
        SnowflakeError: 091089 (guess: the number and text of the error for tasks).
    """
    for privilege in _needed(alert["warehouse"]):
        if not access.has_on_account(world, alert.owner, privilege):
            raise _refusal(alert, f"{privilege} privilege")
    if alert["warehouse"]:
        warehouse = catalog.get(tx, "WAREHOUSE", ObjectName(alert["warehouse"]))
        if not access.role_has(world, alert.owner, warehouse, "USAGE", "OPERATE"):
            raise _refusal(alert, "USAGE privilege on the alert's warehouse")


def _refusal(alert: SnowflakeObject, privilege: str) -> SnowflakeError:
    return SnowflakeError(
        91089,
        "42501",
        f"Cannot execute alert , {privilege} must be granted to owner role"
        f" (alert {alert.name.qualified}, role {alert.owner}).",
    )


def _resume(call: Call, alert: SnowflakeObject) -> Result | None:
    with call.world.store.transaction() as tx:
        current = catalog.by_id(tx, alert.id) or alert
        if current["state"] == "started":
            return None
        require_owner_privileges(call.world, tx, current)
        if current["schedule"] is None:
            call.world.parts["alerts"].watch(tx, current)
        auto = None if current["was_auto_suspended"] is None else False
        changed = {"state": "started", "resumed_on": call.now.isoformat(), "was_auto_suspended": auto, "failures": 0}
        call.world.parts["alerts"].plan(tx, catalog.update(tx, current, changed))
    return None


def _suspend(call: Call, alert: SnowflakeObject) -> Result | None:
    with call.world.store.transaction() as tx:
        current = catalog.by_id(tx, alert.id) or alert
        call.world.parts["alerts"].plan(tx, catalog.update(tx, current, {"state": "suspended"}))
    call.world.parts["alerts"].cancel(alert.id)
    return None


def _altered(call: Call, before: SnowflakeObject, after: SnowflakeObject) -> None:
    if (before["schedule"] is None) != (after["schedule"] is None):
        raise errors.not_supported("changing an alert on new data to one on a schedule, or the reverse,")
    with call.world.store.transaction() as tx:
        call.world.parts["alerts"].plan(tx, after)


def _modify_condition(call: Call, alert: SnowflakeObject) -> Result | None:
    condition = _condition(call.reader)
    if alert["schedule"] is None:
        new_data.source(condition)
    with call.world.store.transaction() as tx:
        _modify(call, alert, {"condition": condition})
        current = catalog.by_id(tx, alert.id) or alert
        if current["schedule"] is None and current["state"] == "started":
            call.world.parts["alerts"].watch(tx, current)
    return None


def _modify_action(call: Call, alert: SnowflakeObject) -> Result | None:
    return _modify(call, alert, {"action": parser.body(call.reader)})


def _modify(call: Call, alert: SnowflakeObject, changed: dict[str, Any]) -> Result | None:
    access.require(call, "OWNERSHIP", alert)
    with call.world.store.transaction() as tx:
        catalog.update(tx, alert, changed)
    return None


def _owner_changed(call: Call, alert: SnowflakeObject) -> None:
    # guess: an alert is suspended like a task, since another role's privileges now apply
    with call.world.store.transaction() as tx:
        call.world.parts["alerts"].plan(tx, catalog.update(tx, alert, {"state": "suspended"}))


_SHOW_COLUMNS = columns(
    "created_on@ name database_name schema_name owner comment warehouse schedule state condition action owner_role_type"
    " runbook config was_auto_suspended?"
)


def _show_row(_call: Call, alert: SnowflakeObject) -> tuple[Any, ...]:
    return (
        alert.created_on,
        alert.name.name,
        alert.name.database,
        alert.name.schema,
        alert.owner,
        alert["comment"],
        alert["warehouse"],
        alert["schedule"],
        alert["state"],
        alert["condition"],
        alert["action"],
        "ROLE",
        alert["runbook"],
        alert["config"],
        alert["was_auto_suspended"],
    )


def _describe(call: Call, alert: SnowflakeObject) -> Result:
    return Result(_SHOW_COLUMNS, [_show_row(call, alert)], SHOW)


KIND = Kind(
    name="ALERT",
    plural="ALERTS",
    scope=ObjectScope.SCHEMA,
    show=_SHOW_COLUMNS,
    show_row=_show_row,
    terse=terse(schedule=FROM_SHOW, state=FROM_SHOW),
    properties=(
        Property("WAREHOUSE", lambda reader: reader.quoted_name().name),
        Property("SCHEDULE", _schedule),
        Property("COMMENT", Reader.string),
        Property("CONFIG", _config),
        Property("RUNBOOK", _runbook),
    ),
    parameters={SUSPEND_AFTER: "10"},  # guess
    describe=_describe,
    read_definition=_read_definition,
    finish_definition=_finish,
    altered=_altered,
    owner_changed=_owner_changed,
    actions={
        "RESUME": _resume,
        "SUSPEND": _suspend,
        "MODIFY CONDITION": _modify_condition,
        "MODIFY ACTION": _modify_action,
    },
)
