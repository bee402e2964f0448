"""The session's context: USE, ALTER SESSION, and the CURRENT_… functions.

Knows sessions and the names of context functions; must not know how data SQL calls them (rewrite.py).
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data import execution, transactions, trees
from snowflake_sandbox.data.function_arguments import counted
from snowflake_sandbox.parameters import SESSION, checked, require_supported
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.result import Result, status
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from snowflake_sandbox.call import Call, World

VERSION = "10.0.0"
REGION = "AWS_US_WEST_2"


def register(world: World) -> None:
    """Add the statements and functions of this module."""
    world.statements |= {
        "USE": _use_database,
        "USE ROLE": _use_role,
        "USE WAREHOUSE": _use_warehouse,
        "USE DATABASE": _use_database,
        "USE SCHEMA": _use_schema,
        "USE SECONDARY ROLES": _use_secondary_roles,
        "ALTER SESSION SET": _alter_session_set,
        "ALTER SESSION UNSET": _alter_session_unset,
        "SET": _set_variable,
        "UNSET": _unset_variable,
    }
    world.functions |= {name: _plain(value) for name, value in _VALUES.items()}
    world.functions |= {
        "IS_ROLE_IN_SESSION": _is_role_in_session,
        "LAST_QUERY_ID": _last_query_id,
        "SYSTEM$WAIT": _wait,
    }


_VALUES: dict[str, Callable[[Call], Any]] = {
    "CURRENT_ACCOUNT": lambda _call: f"{logins.ORGANIZATION}_{logins.ACCOUNT}",
    "CURRENT_ACCOUNT_NAME": lambda _call: logins.ACCOUNT,
    "CURRENT_ORGANIZATION_NAME": lambda _call: logins.ORGANIZATION,
    "CURRENT_REGION": lambda _call: REGION,
    "CURRENT_SESSION": lambda call: str(call.session.id),
    "CURRENT_USER": lambda call: call.session.user,
    "CURRENT_ROLE": lambda call: call.session.role,
    "CURRENT_ROLE_TYPE": lambda _call: "ROLE",
    "CURRENT_SECONDARY_ROLES": lambda call: json.dumps({"roles": "", "value": call.session.secondary_roles}),
    "CURRENT_AVAILABLE_ROLES": lambda call: json.dumps(sorted(access.available_roles(call.world, call.session))),
    "CURRENT_DATABASE": lambda call: call.session.database,
    "CURRENT_SCHEMA": lambda call: call.session.schema,
    "CURRENT_SCHEMAS": lambda call: json.dumps([f"{call.session.database}.{call.session.schema}"]),
    "CURRENT_VERSION": lambda _call: VERSION,
    "CURRENT_CLIENT": lambda call: str(call.session.parameters.get("CLIENT_APP_ID") or ""),
    "CURRENT_STATEMENT": lambda call: call.text,
    "CURRENT_TRANSACTION": lambda call: transactions.current(call.session),
    "CURRENT_IP_ADDRESS": lambda _call: "127.0.0.1",
}


def _plain(value: Callable[[Call], Any]) -> Callable[[Call, tuple[Any, ...]], Any]:
    return lambda call, _arguments: value(call)


def _is_role_in_session(call: Call, arguments: tuple[Any, ...]) -> bool:
    (role,) = counted(arguments, 1, 1, "IS_ROLE_IN_SESSION")
    return role in access.session_roles(call.world, call.session)


def _last_query_id(call: Call, _arguments: tuple[Any, ...]) -> str | None:
    return call.session.previous_query_id


_UNITS = {"MILLISECONDS": 0.001, "SECONDS": 1.0, "MINUTES": 60.0, "HOURS": 3600.0, "DAYS": 86400.0}


def _wait(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$WAIT(amount [, unit]).

    Raises:
        SnowflakeError: 001008 for an unknown unit, 000604 if cancelled.
    """
    amount, *units = counted(arguments, 1, 2, "SYSTEM$WAIT")
    unit = str(units[0]).upper() if units else "SECONDS"
    if unit not in _UNITS:
        raise errors.invalid_value(unit, "time_unit")
    if call.world.clock.wait(call.cancelled, float(amount) * _UNITS[unit]):
        raise errors.cancelled()
    return f"waited {amount} {unit.lower()}"


def _refuse_with_owners_rights(call: Call) -> None:
    if call.session.owners_rights:
        raise errors.SnowflakeError(
            90236,  # guess
            "42601",
            "Stored procedure execution error: Unsupported statement type 'USE ROLE'. A procedure with its owner's"
            " rights has only its owner's role; with EXECUTE AS CALLER it has the caller's.",
        )


@contextmanager
def _entering() -> Iterator[None]:
    """Replace the error for what does not exist or is not visible by that of USE, which names nothing."""
    try:
        yield
    except errors.SnowflakeError as error:
        if error.errno == errors.does_not_exist("", "").errno:
            raise errors.nothing_to_enter() from error
        raise


def _use_role(call: Call) -> Result:
    _refuse_with_owners_rights(call)
    role = call.reader.object_name().name
    call.reader.end()
    with _entering(), call.world.store.reading() as tx:
        catalog.get(tx, "ROLE", ObjectName(role))
    if role not in access.available_roles(call.world, call.session) | {call.session.role}:
        raise errors.SnowflakeError(
            3013,
            "42501",
            f"SQL access control error:\nRequested role '{role}' is not assigned to the executing user."
            " Specify another role to activate.",
        )
    call.session.role = role
    return status()


def _use_warehouse(call: Call) -> Result:
    name = ObjectName(call.reader.object_name().name)
    call.reader.end()
    with _entering():
        with call.world.store.reading() as tx:
            warehouse = catalog.get(tx, "WAREHOUSE", name)
        access.require(call, "USAGE", warehouse)
    call.session.warehouse = warehouse.name.name
    return status()


def _use_database(call: Call) -> Result:
    name = call.reader.object_name()
    call.reader.end()
    if name.schema is not None:
        return _enter_schema(call, name)
    with _entering(), call.world.store.reading() as tx:
        database = catalog.get(tx, "DATABASE", ObjectName(name.name))
        public = catalog.find(tx, "SCHEMA", ObjectName("PUBLIC", name.name))
    if not access.visible(call, [database]):
        raise errors.nothing_to_enter()
    call.session.database, call.session.schema = database.name.name, "PUBLIC" if public else None
    return status()


def _use_schema(call: Call) -> Result:
    name = call.reader.object_name()
    call.reader.end()
    return _enter_schema(call, name)


def _enter_schema(call: Call, name: ObjectName) -> Result:
    resolved = call.session.resolve(name, ObjectScope.DATABASE, "USE SCHEMA")
    if resolved.name != "INFORMATION_SCHEMA":
        with _entering(), call.world.store.reading() as tx:
            schema = catalog.get(tx, "SCHEMA", resolved)
        if not access.visible(call, [schema]):
            raise errors.nothing_to_enter()
    call.session.database, call.session.schema = resolved.schema, resolved.name
    return status()


def _use_secondary_roles(call: Call) -> Result:
    _refuse_with_owners_rights(call)
    word = call.reader.identifier()
    call.reader.end()
    if word not in ("ALL", "NONE"):
        raise errors.not_supported(f"USE SECONDARY ROLES {word}")
    call.session.secondary_roles = word
    return status()


def _alter_session_set(call: Call) -> Result:
    reader = call.reader
    values: dict[str, Any] = {}
    while not reader.at_end:
        name = reader.identifier()
        reader.expect("=")
        if name not in SESSION:
            raise errors.invalid_property(name, "ALTER SESSION")
        values[name] = checked(name, reader.value())
        reader.accept(",")
    if not values:
        raise reader.unexpected()
    require_supported(values)
    if "AUTOCOMMIT" in values:
        execution.commit(call)
    call.world.data.apply_parameters(call.session, values)
    call.session.parameters.update(values)
    return status()


def _alter_session_unset(call: Call) -> Result:
    names: list[str] = []
    while not call.reader.at_end:
        name = call.reader.identifier()
        if name not in SESSION:
            raise errors.invalid_property(name, "ALTER SESSION")
        names.append(name)
        call.reader.accept(",")
    if not names:
        raise call.reader.unexpected()
    for name in names:
        call.session.parameters.pop(name, None)
    call.world.data.apply_parameters(call.session, {name: SESSION.get(name) for name in names})
    return status()


def _set_variable(call: Call) -> Result:
    """`SET a = …`, `SET (a, b) = (…, …)`."""
    reader = call.reader
    if not reader.accept("("):
        name = reader.identifier()
        reader.expect("=")
        call.session.variables[name] = execution.evaluate(call, reader.rest())
        return status()
    names = [name.name for name in reader.name_list(")")]
    reader.expect("=")
    texts = trees.projections(reader.parenthesized())
    reader.end()
    if len(texts) != len(names):
        raise errors.other_width()
    call.session.variables |= {
        name: execution.evaluate(call, text.sql("snowflake")) for name, text in zip(names, texts, strict=True)
    }
    return status()


def _unset_variable(call: Call) -> Result:
    name = call.reader.identifier()
    call.reader.end()
    call.session.variables.pop(name, None)
    return status()
