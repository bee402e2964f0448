"""SNOWFLAKE.CORE.BUDGET (sql-reference/classes/budget): custom budgets, stored and shown; no messages are sent.

Knows CREATE, DROP and SHOW of the class, the methods that configure and read a budget, and SYSTEM$REFERENCE, which
passes objects to it. The tokens of the class's name form the name of the kind, as for all kinds.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Kind, Property
from snowflake_sandbox.result import CALL, Result, ResultColumn, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.catalog.kind import Creation

_NAME = "SNOWFLAKE . CORE . BUDGET"
_REFERENCE = "ENT_REF_"
# the types of objects to which a reference is possible here, and the privilege that a budget needs on the object
_KINDS = {"COMPUTE_POOL": "COMPUTE POOL", "WAREHOUSE": "WAREHOUSE", "TASK": "TASK"}
_PRIVILEGE = "APPLYBUDGET"
# CREATE BUDGET requires this role in addition to the privilege on the schema; the text of the error is a guess
_CREATOR = "SNOWFLAKE.BUDGET_CREATOR"


def register(world: World) -> None:
    """Add the function that creates references to objects."""
    world.functions |= {"SYSTEM$REFERENCE": _reference}


def _read_definition(call: Call, _creation: Creation) -> bool:
    if call.reader.peek() == "(":
        if call.reader.parenthesized().strip():
            raise call.reader.unexpected()
        return True
    return bool(call.reader.accept("WITH"))


def _finish(call: Call, creation: Creation) -> None:
    if not access.has_database_role(call.world, call.session, _CREATOR):
        raise errors.insufficient_privileges("database role", _CREATOR)
    creation.properties |= {"spending_limit": -1, "emails": "", "muted": False, "resources": []}


def _show_row(_call: Call, budget: SnowflakeObject) -> tuple[Any, ...]:
    name = budget.name
    shown = budget.created_on, name.name, name.database, name.schema, "", "ROLE", budget.owner, budget["comment"] or ""
    return (*shown, "ROLE")


KIND = Kind(
    name=_NAME,
    plural=_NAME,
    scope=ObjectScope.SCHEMA,
    show=columns("created_on@ name database_name schema_name current_version owner_type owner comment owner_role_type"),
    show_row=_show_row,
    properties=(Property("COMMENT", Reader.string),),
    read_definition=_read_definition,
    finish_definition=_finish,
    created_message="Instance {name} successfully created.",
)


def _reference(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$REFERENCE(type, name, 'SESSION', 'APPLYBUDGET'): a text that refers to the object.

    Raises:
        SnowflakeError: 002003 no such object, 003001 missing privilege, 505028 another type of object.
    """
    kind_word, name, *scope_and_privileges = (str(argument) for argument in arguments)
    kind = _KINDS.get(kind_word.upper())
    if kind is None or scope_and_privileges[:1] not in ([], ["CALL"], ["SESSION"], ["PERSISTENT"]):
        raise errors.not_supported(f"SYSTEM$REFERENCE of {kind_word}")
    resolved = call.session.resolve(Reader(name).object_name(), call.world.kinds[kind].scope, "SYSTEM$REFERENCE")
    with call.world.store.reading() as tx:
        item = catalog.get(tx, kind, resolved)
    privileges = [privilege.upper() for privilege in scope_and_privileges[1:]]
    for privilege in privileges:
        access.require(call, privilege, item)
    return _REFERENCE + json.dumps([kind, item.id, privileges]).encode().hex().upper()


def _referenced(call: Call, text: Any) -> SnowflakeObject:
    try:
        kind, object_id, privileges = json.loads(bytes.fromhex(str(text).removeprefix(_REFERENCE)))
    except ValueError:
        raise errors.invalid_value(str(text), "reference") from None
    with call.world.store.reading() as tx:
        item = catalog.by_id(tx, object_id)
    if item is None or item.kind != kind or _PRIVILEGE not in privileges:
        raise errors.invalid_value(str(text), "reference")
    return item


def _set_limit(call: Call, budget: SnowflakeObject, arguments: tuple[Any, ...]) -> str:
    (limit,) = arguments
    if isinstance(limit, bool) or not isinstance(limit, int) or limit <= 0:
        raise errors.invalid_value(str(limit), "spending limit")
    _keep(call, budget, spending_limit=limit)
    return f"The spending limit has been updated to {limit} credits."


def _set_emails(call: Call, budget: SnowflakeObject, arguments: tuple[Any, ...]) -> str:
    _keep(call, budget, emails=str(arguments[-1]))
    return "The email integration is updated."


def _mute(call: Call, budget: SnowflakeObject, arguments: tuple[Any, ...]) -> str:
    (muted,) = arguments
    if not isinstance(muted, bool):
        raise errors.invalid_value(str(muted), "mute flag")
    _keep(call, budget, muted=muted)
    return f"The notification mute flag has been updated to {str(muted).lower()}."


def _add(call: Call, budget: SnowflakeObject, arguments: tuple[Any, ...]) -> str:
    item = _referenced(call, arguments[0])
    entry = [item.kind, item.name.name]
    with call.world.store.transaction() as tx:
        # an object can be in only one budget; it is silently removed from the other one
        for other in catalog.listing(tx, _NAME):
            catalog.update(tx, other, {"resources": [each for each in other["resources"] if each != entry]})
        present = catalog.by_id(tx, budget.id) or budget
        catalog.update(tx, present, {"resources": [*present["resources"], entry]})
    return "Successfully added resource to resource group"


def _remove(call: Call, budget: SnowflakeObject, arguments: tuple[Any, ...]) -> str:
    item = _referenced(call, arguments[0])
    _keep(call, budget, resources=[each for each in budget["resources"] if each != [item.kind, item.name.name]])
    return "Successfully removed resource from resource group"


def _linked(call: Call, budget: SnowflakeObject) -> list[tuple[Any, ...]]:
    with call.world.store.reading() as tx:
        items = [(catalog.find(tx, kind, ObjectName(name)), kind, name) for kind, name in budget["resources"]]
    return [(item.id if item else None, name, kind.replace(" ", "_"), None, None) for item, kind, name in items]


def _keep(call: Call, budget: SnowflakeObject, **values: Any) -> None:
    with call.world.store.transaction() as tx:
        catalog.update(tx, catalog.by_id(tx, budget.id) or budget, values)


_SETTING = {
    "SET_SPENDING_LIMIT": _set_limit,
    "SET_EMAIL_NOTIFICATIONS": _set_emails,
    "SET_NOTIFICATION_MUTE_FLAG": _mute,
    "ADD_RESOURCE": _add,
    "REMOVE_RESOURCE": _remove,
}
# the property that each method reads
_READ = {
    "GET_SPENDING_LIMIT": "spending_limit",
    "GET_NOTIFICATION_EMAIL": "emails",
    "GET_NOTIFICATION_MUTE_FLAG": "muted",
}
METHODS = frozenset({*_SETTING, *_READ, "GET_LINKED_RESOURCES"})


def call_method(call: Call, written: ObjectName, method: str, arguments: tuple[Any, ...]) -> Result:
    """Run `CALL budget!METHOD(arguments)`. The owner may do so, like the budget's instance role ADMIN.

    Raises:
        SnowflakeError: 002003 no such budget, 003001 another owner, and what the method raises.
    """
    name = call.session.resolve(written, ObjectScope.SCHEMA, "CALL")
    with call.world.store.reading() as tx:
        budget = catalog.get(tx, _NAME, name)
    access.require(call, "OWNERSHIP", budget)
    if method in _SETTING:
        return Result((ResultColumn(method),), ((_SETTING[method](call, budget, arguments),),), CALL)
    if method == "GET_LINKED_RESOURCES":
        return Result(columns("RESOURCE_ID# NAME DOMAIN SCHEMA_NAME DATABASE_NAME"), _linked(call, budget), CALL)
    value = budget[_READ[method]]
    text = str(bool(value)).upper() if _READ[method] == "muted" else str(value)
    return Result((ResultColumn(method),), ((text,),), CALL)
