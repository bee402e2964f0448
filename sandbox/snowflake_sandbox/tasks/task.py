"""TASK (contract 6.15): the declaration of the object kind, and what a task needs to be started.

Knows CREATE, ALTER and DESCRIBE of tasks; must not know how runs progress (scheduler.py, machine.py). links.py has the
rules for changing a graph, showing.py the row of SHOW.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import FROM_SHOW, Creation, Kind, Property, terse
from snowflake_sandbox.data import task_conditions, trees
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.parameters import SESSION
from snowflake_sandbox.result import SHOW, Result
from snowflake_sandbox.scripting import parser
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements import flow
from snowflake_sandbox.statements.reader import ObjectName, Reader, is_block
from snowflake_sandbox.tasks import graph as graphs
from snowflake_sandbox.tasks import links, rules, schedule, scheduler, showing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Snapshot, Transaction

_OWN_PARAMETERS = {
    "SERVERLESS_TASK_MAX_STATEMENT_SIZE": "X2Large",
    "SERVERLESS_TASK_MIN_STATEMENT_SIZE": "XSMALL",
    "SUSPEND_TASK_AFTER_NUM_FAILURES": "10",
    "TASK_AUTO_RETRY_ATTEMPTS": "0",
    "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE": "Medium",
    "USER_TASK_MINIMUM_TRIGGER_INTERVAL_IN_SECONDS": "30",
    "USER_TASK_TIMEOUT_MS": "3600000",
}
# The session parameters of contract section 5, except the client's result format, which a task cannot set.
_SESSION_PARAMETERS = {
    name: default for name, default in SESSION.items() if name != "PYTHON_CONNECTOR_QUERY_RESULT_FORMAT"
}
_OVERLAP_POLICIES = ("NO_OVERLAP", "ALLOW_CHILD_OVERLAP", "ALLOW_ALL_OVERLAP")


def _schedule(reader: Reader) -> str:
    text = reader.string()
    schedule.parse(text)
    return text


def _interval(reader: Reader) -> str:
    text = reader.string()
    schedule.require_interval(text, "TARGET_COMPLETION_INTERVAL")
    return text


def _config(reader: Reader) -> str:
    text = reader.string()
    try:
        read = json.loads(text)
    except ValueError as error:
        raise errors.invalid_value(text, "CONFIG") from error
    if not isinstance(read, dict):
        raise errors.invalid_value(text, "CONFIG")
    return text


def _name(reader: Reader) -> str:
    return reader.quoted_name().name


def _overlap_policy(reader: Reader) -> str:
    word = reader.word().upper()
    if word not in _OVERLAP_POLICIES:
        raise errors.invalid_value(word, "OVERLAP_POLICY")
    return word


def _read_definition(call: Call, creation: Creation) -> bool:
    reader, properties = call.reader, creation.properties
    if reader.accept("FINALIZE"):
        reader.expect("=")
        properties["finalize"] = links.finalized(call, creation.name, reader.quoted_name())
    elif reader.accept("AFTER"):
        properties["after"] = links.predecessors(call, creation.name, reader.name_list())
    elif reader.accept("WHEN"):
        properties["condition"] = _condition(reader)
    elif reader.accept("AS"):
        properties["definition"] = _body(call)
    elif reader.accept("EXECUTE AS"):
        raise errors.not_supported("CREATE TASK … EXECUTE AS USER")
    else:
        return False
    return True


def _body(call: Call) -> str:
    """Return the text after AS, which must begin a statement, and parse if it is a query or changes rows.

    Raises:
        SnowflakeError: 001003.
    """
    reader = call.reader
    first = reader.index
    text = parser.body(reader)
    reader.index, last = first, reader.index
    word = reader.peek()
    if not is_block(reader) and word not in _FIRST_WORDS and not any(key.split()[0] == word for key in _commands(call)):
        raise reader.unexpected()
    if not is_block(reader):
        _parse_chain(call, text)
    reader.index = last
    return text


def _parse_chain(call: Call, text: str) -> None:
    """Parse the queries and changes of rows among statements joined by `->>`; usually there is one statement."""
    for statement in flow.statements(replace(call, reader=Reader(text), text=text, binds={})):
        reader = statement.reader
        is_procedure = (reader.peek(2), reader.peek(3)) == ("AS", "PROCEDURE")
        if reader.peek() in _PARSED and not is_procedure:
            trees.parse(statement.text)


# Statements whose grammar does not depend on the catalog.
_PARSED = frozenset({"SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE"})
# Statements that are no command of the sandbox's table, or that it refuses by name when the task runs.
_FIRST_WORDS = _PARSED | {"", "(", "TRUNCATE", "BEGIN", "COMMIT", "ROLLBACK", "EXPLAIN", "REFRESH", "UNDROP"}


def _commands(call: Call) -> Iterable[str]:
    return call.world.statements


def _condition(reader: Reader) -> str:
    """Return the text of WHEN, up to the first AS outside parentheses."""
    start, depth = reader.index, 0
    while not reader.at_end and (depth or reader.peek() != "AS"):
        depth += {"(": 1, ")": -1}.get(reader.peek(), 0)
        reader.index += 1
    tokens = reader.tokens[start : reader.index]
    if not tokens:
        raise reader.unexpected()
    text = reader.text[tokens[0].start : tokens[-1].end + 1]
    if "SYSTEM$STREAM_HAS_DATA" in text.upper():
        raise errors.not_supported("SYSTEM$STREAM_HAS_DATA")
    task_conditions.require_plain(text)
    return text


def _finish(call: Call, creation: Creation) -> None:
    properties = creation.properties
    if not properties.get("definition"):
        raise errors.missing_property("AS", "CREATE TASK")
    rules.require_session_parameters(creation.parameters)
    rules.require_sizes(creation.parameters)
    rules.require_root_settings(creation.name, properties, creation.parameters)
    _require_integrations(call, properties)
    interval = properties.get("target_completion_interval")
    rules.require_serverless(creation.name, properties.get("warehouse"), creation.parameters, interval)
    properties |= {"state": "suspended", "uuid": call.world.new_id(), "last_committed_on": None, "revision": 0}


def _require_integrations(call: Call, properties: Mapping[str, Any]) -> None:
    """Require that the integrations that a task names exist (a guess: no page says what accounts answer).

    Raises:
        SnowflakeError: 002003.
    """
    with call.world.store.reading() as tx:
        for key in ("error_integration", "success_integration"):
            if properties.get(key):
                catalog.get(tx, "NOTIFICATION INTEGRATION", ObjectName(properties[key]))


def _created(call: Call, task: SnowflakeObject) -> None:
    with call.world.store.transaction() as tx:
        if task["after"] or task["finalize"]:
            links.connect(tx, task, task["after"] or [], task["finalize"])


def _altered(call: Call, before: SnowflakeObject, after: SnowflakeObject) -> None:
    _require_integrations(call, {key: value for key, value in after.properties.items() if before[key] != value})
    with call.world.store.transaction() as tx:
        links.require_changeable(tx, before)
        given = {name: value for name, value in after.parameters.items() if before.parameters.get(name) != value}
        rules.require_session_parameters(given)
        rules.require_sizes(after.parameters)
        rules.require_root_settings(after.name, after.properties, given)
        interval = after["target_completion_interval"]
        changed_interval = None if interval == before["target_completion_interval"] else interval
        rules.require_serverless(after.name, before["warehouse"], given, changed_interval)
        changed = catalog.update(tx, after, links.next_revision(after))
        if changed["state"] == "started" and before["schedule"] != after["schedule"]:
            scheduler.set_due(tx, changed, call.now)
    call.world.parts["tasks"].wake()


def resume(call: Call, task: SnowflakeObject) -> Result | None:
    """ALTER TASK … RESUME; it has no effect on a started task.

    Raises:
        SnowflakeError: 091089 if the owner lacks a privilege, 091421 if a child's root is started, 091088 if a root's
            graph has another root or a cycle, 091423 if another client changed the graph between the check and the
            resume.
    """
    with call.world.store.reading() as tx:
        current = catalog.by_id(tx, task.id) or task
        if current["state"] == "started":
            return None
        if current["after"] or current["finalize"]:
            links.require_suspended_root(tx, current)
        else:
            graphs.require_runnable(tx, current)
        checked = _frozen(tx, current)
        require_owner_privileges(call.world, tx, current)
    with call.world.store.transaction() as tx:
        if _frozen(tx, current) != checked:
            raise rules.refused(
                f"Graph of {current.name.qualified} was modified while attempting to RESUME TASK. Try again.", 91423
            )
        start(call.world, tx, current)
    call.world.parts["tasks"].wake()
    return None


def _frozen(tx: Snapshot, task: SnowflakeObject) -> Any:
    """Return a root's frozen graph for comparison; None for a child, whose resume only checks its root's state."""
    return None if task["after"] or task["finalize"] else graphs.freeze(tx, task)


def start(world: World, tx: Transaction, task: SnowflakeObject) -> None:
    """Set a task to started, after checking the privileges that its owner needs."""
    require_owner_privileges(world, tx, task)
    now = world.clock.now()
    changed = {"state": "started", "resumed_on": now.isoformat(), "last_committed_on": now.isoformat()}
    scheduler.set_due(tx, catalog.update(tx, task, changed), now)
    tx.run("DELETE FROM task_failures WHERE uuid = ?", task["uuid"])


def require_owner_privileges(world: World, tx: Snapshot, task: SnowflakeObject) -> None:
    """Check that a task's owner may run it (user-guide/tasks-intro, access control).

    Raises:
        SnowflakeError: 091089 for the privileges on the account, 003001 for the warehouse.
    """
    needed = ["EXECUTE TASK"] if task["warehouse"] else ["EXECUTE TASK", "EXECUTE MANAGED TASK"]
    for privilege in needed:
        if not access.has_on_account(world, task.owner, privilege):
            raise SnowflakeError(
                91089,
                "42501",
                f"Cannot execute task , {privilege} privilege must be granted to owner role"
                f" (task {task.name.qualified}, role {task.owner}).",
            )
    if task["warehouse"]:
        warehouse = catalog.get(tx, "WAREHOUSE", ObjectName(task["warehouse"]))
        if not access.role_has(world, task.owner, warehouse, "USAGE", "OPERATE"):
            raise SnowflakeError(
                91089,
                "42501",
                f"Cannot execute task , USAGE privilege on the task's warehouse must be granted to owner role"
                f" (task {task.name.qualified}, role {task.owner}, warehouse {task['warehouse']}).",
            )


def _suspend(call: Call, task: SnowflakeObject) -> Result | None:
    with call.world.store.transaction() as tx:
        current = catalog.by_id(tx, task.id) or task
        if current["state"] == "suspended":
            return None
        if current["after"] or current["finalize"]:
            links.require_suspended_root(tx, current)
        scheduler.suspend(tx, current, call.now, "USER_SUSPENDED")
    return None


def _modify_body(call: Call, task: SnowflakeObject) -> Result | None:
    links.change(call, task, {"definition": _body(call)})
    return None


def _modify_condition(call: Call, task: SnowflakeObject) -> Result | None:
    links.change(call, task, {"condition": _condition(call.reader)})
    return None


def _remove_condition(call: Call, task: SnowflakeObject) -> Result | None:
    links.change(call, task, {"condition": None})
    return None


def _describe(call: Call, task: SnowflakeObject) -> Result:
    return Result(showing.SHOWN, [showing.show_row(call, task)], SHOW)


DECLARATION = Kind(
    name="TASK",
    plural="TASKS",
    scope=ObjectScope.SCHEMA,
    show=showing.SHOWN,
    show_row=showing.show_row,
    terse=terse(schedule=FROM_SHOW),
    properties=(
        Property("WAREHOUSE", _name),
        Property("SCHEDULE", _schedule),
        Property("CONFIG", _config),
        Property("ALLOW_OVERLAPPING_EXECUTION", Reader.boolean, default=False),
        Property("OVERLAP_POLICY", _overlap_policy),
        Property("ERROR_INTEGRATION", _name),
        Property("SUCCESS_INTEGRATION", _name),
        Property("COMMENT", Reader.string),
        Property("TARGET_COMPLETION_INTERVAL", _interval),
    ),
    parameters={**_OWN_PARAMETERS, **_SESSION_PARAMETERS},
    describe=_describe,
    read_definition=_read_definition,
    finish_definition=_finish,
    created=_created,
    altered=_altered,
    dropping=links.dropping,
    owner_changed=links.owner_changed,
    actions={
        "RESUME": resume,
        "SUSPEND": _suspend,
        "MODIFY AS": _modify_body,
        "MODIFY WHEN": _modify_condition,
        "REMOVE WHEN": _remove_condition,
        "ADD AFTER": links.add_after,
        "REMOVE AFTER": links.remove_after,
        "SET FINALIZE": links.set_finalize,
        "UNSET FINALIZE": links.unset_finalize,
    },
)
