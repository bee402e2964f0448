"""snowflake.GrantOwnership (SQL contract, section 6.7).

Knows the statements and columns of ownership grants, and the suspension that changing a task's owner requires. Must not
know how statements are sent.
"""

from jobgraph.toolchain.standins.provider.cells import filled, identifier
from jobgraph.toolchain.standins.provider.definition import (
    Failure,
    Observation,
    Observed,
    Property,
    ResourceType,
    Statement,
    Statements,
    Values,
)
from jobgraph.toolchain.standins.provider.errors import SnowflakeError
from jobgraph.toolchain.standins.provider.grants import (
    Target,
    bulk_of,
    bulk_target,
    exactly_one,
    object_target,
    target_normal,
    to_role,
)
from jobgraph.toolchain.standins.provider.objects import id_parts, reread, rows_or_none
from jobgraph.toolchain.standins.provider.sql import identifier_parts, quoted, requoted
from jobgraph.toolchain.standins.provider.tasks.task_graph import roots_of, show_task

_CURRENT_ROLE = "SELECT CURRENT_ROLE() as CURRENT_ROLE"


PROPERTIES = (
    Property(name="accountRoleName", required=True, replaces=True, normal=identifier),
    Property(name="on", form="object", required=True, replaces=True, normal=target_normal),
    Property(name="outboundPrivileges", allowed=("COPY", "REVOKE"), replaces=True),
)


def _check(values: Values) -> list[Failure]:
    on = values["on"]
    if not exactly_one(on, ("objectName", "all", "future")):
        return [Failure("on", "give exactly one of objectName (with objectType), all and future.")]
    if on.get("objectName") and not on.get("objectType"):
        return [Failure("on", "`objectName` needs `objectType`, for example TABLE.")]
    bulk = on.get("all") or on.get("future")
    if bulk and not exactly_one(bulk, ("inDatabase", "inSchema")):
        return [Failure("on", "`all` and `future` need exactly one of inDatabase and inSchema.")]
    return []


def _target(values: Values) -> Target:
    on = values["on"]
    if on.get("all"):
        return bulk_target("ALL", on["all"], "OnAll")
    if on.get("future"):
        return bulk_target("FUTURE", on["future"], "OnFuture")
    return object_target(on["objectType"], on["objectName"], "OnObject")


def _is_task(values: Values) -> bool:
    return str(values["on"].get("objectType", "")).upper() == "TASK"


def _identity(values: Values) -> str:
    role, outbound = requoted(values["accountRoleName"]), values.get("outboundPrivileges") or ""
    return f"ToAccountRole|{role}|{outbound}|{_target(values).identity}"


def _parse(resource_id: str) -> Values:
    form = "ToAccountRole|role|COPY or REVOKE|target ..."
    parts = id_parts(resource_id, "ownership grant", form, least=6, first="ToAccountRole")
    values: Values = {"accountRoleName": identifier_parts(parts[1])[0]}
    if parts[2]:
        values["outboundPrivileges"] = parts[2]
    if parts[3] == "OnObject":
        return values | {"on": {"objectType": parts[4], "objectName": parts[5]}}
    return values | {"on": {"all" if parts[3] == "OnAll" else "future": bulk_of(parts[4:])}}


def _grant(values: Values, role: str) -> Statement:
    outbound = values.get("outboundPrivileges")
    grants = f" {outbound.upper()} CURRENT GRANTS" if outbound else ""
    return Statement(f"GRANT OWNERSHIP ON {_target(values).clause} TO ROLE {role}{grants}", creates=True)


def _create(values: Values) -> Observation:
    yield from _give(values, requoted(values["accountRoleName"]))
    return (yield from _read(values))


def _give(values: Values, role: str) -> Statements:
    if _is_task(values):
        yield from _give_task(values, role)
    else:
        yield _grant(values, role)


def _give_task(values: Values, role: str) -> Statements:
    """A started task cannot change its owner: its root is suspended, and resumed if we still may."""
    name = identifier_parts(values["on"]["objectName"])
    target = quoted(*name)
    on_task = yield Statement(f"SHOW GRANTS ON TASK {target}")
    on_account = yield Statement("SHOW GRANTS ON ACCOUNT")
    current = (yield Statement(_CURRENT_ROLE))[0]["CURRENT_ROLE"]
    task = yield from show_task(name)
    warehouse = filled(task.get("warehouse"))
    on_warehouse = (yield Statement(f"SHOW GRANTS ON WAREHOUSE {quoted(warehouse)}")) if warehouse else []
    privileges = {str(row["privilege"]).upper() for row in to_role(on_task, quoted(current), "")}
    suspended = []
    if privileges & {"OWNERSHIP", "OPERATE"}:
        for root in (yield from roots_of(name)):
            if root.started:
                yield Statement(f"ALTER TASK {quoted(*root.parts)} SUSPEND")
                suspended.append(root.parts)
    yield _grant(values, role)
    runs = any(row["privilege"] == "EXECUTE TASK" for row in to_role(on_account, quoted(current), ""))
    uses = not warehouse or any(row["privilege"] == "USAGE" for row in to_role(on_warehouse, quoted(current), ""))
    if "OPERATE" in privileges and runs and uses:
        for parts in suspended:
            yield Statement(f"ALTER TASK {quoted(*parts)} RESUME")


def _read(values: Values) -> Observation:
    target = _target(values)
    if not target.show:
        return Observed(values={})
    rows = yield from rows_or_none(target.show, lambda _error: True)
    mine = to_role(rows or (), values["accountRoleName"], target.object_type)
    return Observed(values={}) if any(row["privilege"] == "OWNERSHIP" for row in mine) else None


def _delete(values: Values) -> Statements:
    """Transfer ownership to our own role; for future objects, revoke the grant."""
    if values["on"].get("future"):
        yield Statement(f"REVOKE OWNERSHIP ON {_target(values).clause} FROM ROLE {requoted(values['accountRoleName'])}")
        return
    rows = yield Statement(_CURRENT_ROLE)
    try:
        yield from _give(values, quoted(rows[0]["CURRENT_ROLE"]))
    except SnowflakeError as error:
        if not error.absent:
            raise  # an object that does not exist needs no owner


RESOURCE = ResourceType(
    token="snowflake:index/grantOwnership:GrantOwnership",  # noqa: S106  # a type token
    label="snowflake_grant_ownership",
    properties=PROPERTIES,
    computed=(),
    identity=_identity,
    parse=_parse,
    create=_create,
    read=_read,
    update=reread(_read),
    delete=_delete,
    check=_check,
)
