"""snowflake.GrantPrivilegesToAccountRole (SQL contract, section 6.6).

Knows the statements and columns of privilege grants. Must not know how statements are sent.
"""

from collections.abc import Iterable
from zlib import crc32

from jobgraph.toolchain.standins.provider.cells import as_set, flag, identifier, upper
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Failure,
    Observation,
    Observed,
    Property,
    ResourceType,
    Statement,
    Statements,
    Values,
)
from jobgraph.toolchain.standins.provider.diff import has_unknown
from jobgraph.toolchain.standins.provider.grants import (
    Target,
    bulk_of,
    bulk_target,
    exactly_one,
    object_target,
    target_normal,
    to_role,
)
from jobgraph.toolchain.standins.provider.objects import Kind, id_parts, rows_or_none, show
from jobgraph.toolchain.standins.provider.sql import identifier_parts, requoted

_ROLES = Kind(name="ROLE", plural="ROLES", columns="")
_TARGETS = ("onAccount", "onAccountObject", "onSchema", "onSchemaObject")
_ALL = "ALL PRIVILEGES"


PROPERTIES = (
    Property(name="accountRoleName", required=True, replaces=True, normal=identifier),
    Property(name="privileges", form="texts", normal=as_set(upper)),
    Property(name="allPrivileges", form="boolean", initial=False),
    Property(name="onAccount", form="boolean", replaces=True, initial=False),
    *(Property(name=name, form="object", replaces=True, normal=target_normal) for name in _TARGETS[1:]),
    Property(name="withGrantOption", form="boolean", replaces=True, normal=bool, initial=False),
    Property(name="alwaysApply", form="boolean", initial=False),
    Property(name="alwaysApplyTrigger"),
)


def _check(values: Values) -> list[Failure]:
    problems = []
    if not exactly_one(values, _TARGETS):
        problems.append(Failure("onAccount", f"give exactly one of {', '.join(_TARGETS)}."))
    if not exactly_one(values, ("privileges", "allPrivileges")):
        problems.append(Failure("privileges", "give exactly one of `privileges` and `allPrivileges`."))
    forms = {
        "onAccountObject": ("objectName",),
        "onSchema": ("schemaName", "allSchemasInDatabase", "futureSchemasInDatabase"),
        "onSchemaObject": ("objectName", "all", "future"),
    }
    for name, choices in forms.items():
        chosen = values.get(name)
        if chosen and not has_unknown(chosen) and not exactly_one(chosen, choices):
            problems.append(
                Failure(name, f"give exactly one of {', '.join(choices)}; `inherited` is not supported here.")
            )
        if chosen and chosen.get("objectName") and not chosen.get("objectType"):
            problems.append(Failure(name, "`objectName` needs `objectType`, for example TABLE."))
        problems += [
            Failure(name, f"`{bulk}` needs exactly one of inDatabase and inSchema.")
            for bulk in ("all", "future")
            if chosen and chosen.get(bulk) and not exactly_one(chosen[bulk], ("inDatabase", "inSchema"))
        ]
    return problems


def _target(values: Values) -> Target:
    if values.get("onAccount"):
        return Target("ACCOUNT", "SHOW GRANTS ON ACCOUNT", "OnAccount")
    account_object = values.get("onAccountObject")
    if account_object:
        return object_target(account_object["objectType"], account_object["objectName"], "OnAccountObject")
    if values.get("onSchema"):
        return _schema_target(values["onSchema"])
    account_object = values["onSchemaObject"]
    if account_object.get("all"):
        return bulk_target("ALL", account_object["all"], "OnSchemaObject|OnAll")
    if account_object.get("future"):
        return bulk_target("FUTURE", account_object["future"], "OnSchemaObject|OnFuture")
    return object_target(account_object["objectType"], account_object["objectName"], "OnSchemaObject|OnObject")


def _schema_target(on_schema: Values) -> Target:
    if on_schema.get("schemaName"):
        name = requoted(on_schema["schemaName"])
        return Target(f"SCHEMA {name}", f"SHOW GRANTS ON SCHEMA {name}", f"OnSchema|OnSchema|{name}")
    if on_schema.get("allSchemasInDatabase"):
        name = requoted(on_schema["allSchemasInDatabase"])
        return Target(f"ALL SCHEMAS IN DATABASE {name}", "", f"OnSchema|OnAllSchemasInDatabase|{name}")
    name = requoted(on_schema["futureSchemasInDatabase"])
    show_statement = f"SHOW FUTURE GRANTS IN DATABASE {name}"
    identity = f"OnSchema|OnFutureSchemasInDatabase|{name}"
    return Target(f"FUTURE SCHEMAS IN DATABASE {name}", show_statement, identity, "SCHEMA")


def _listed(privileges: Iterable[str]) -> str:
    return ", ".join(sorted({privilege.upper() for privilege in privileges}))


def _privileges(values: Values) -> str:
    return _ALL if values.get("allPrivileges") else _listed(values["privileges"])


def _in_a_set(privileges: Iterable[str]) -> list[str]:
    """Return the privileges in the order of a Terraform set: by the texts of their checksums."""
    return sorted({privilege.upper() for privilege in privileges}, key=lambda name: str(crc32(f"{name};".encode())))


def _identity(values: Values) -> str:
    flags = [str(bool(values.get(name))).lower() for name in ("withGrantOption", "alwaysApply")]
    privileges = "ALL" if values.get("allPrivileges") else ",".join(_in_a_set(values["privileges"]))
    return "|".join([requoted(values["accountRoleName"]), *flags, privileges, _target(values).identity])


def _parse(resource_id: str) -> Values:
    parts = id_parts(resource_id, "grant", "role|grant option|always apply|privileges|target ...", least=5)
    values: Values = {"accountRoleName": identifier_parts(parts[0])[0]}
    if parts[1] == "true":
        values["withGrantOption"] = True
    if parts[3] == "ALL":
        values["allPrivileges"] = True
    else:
        values["privileges"] = parts[3].split(",")
    return values | _parsed_target(parts[4], parts[5:])


def _parsed_target(kind: str, parts: list[str]) -> Values:
    if kind == "OnAccount":
        return {"onAccount": True}
    if kind == "OnAccountObject":
        return {"onAccountObject": {"objectType": parts[0], "objectName": identifier_parts(parts[1])[0]}}
    form, *parts = parts
    if kind == "OnSchema":
        name = {"OnSchema": "schemaName", "OnAllSchemasInDatabase": "allSchemasInDatabase"}
        return {"onSchema": {name.get(form, "futureSchemasInDatabase"): parts[0]}}
    if form == "OnObject":
        return {"onSchemaObject": {"objectType": parts[0], "objectName": parts[1]}}
    return {"onSchemaObject": {"all" if form == "OnAll" else "future": bulk_of(parts)}}


def _always_differ(news: Values) -> frozenset[str]:
    """`alwaysApply` grants again at every run, because ALL forms only cover the objects that exist at that time."""
    return frozenset({"alwaysApplyTrigger"}) if news.get("alwaysApply") else frozenset()


def _role(values: Values) -> str:
    return requoted(values["accountRoleName"])


def _grant(values: Values, privileges: str) -> Statement:
    option = " WITH GRANT OPTION" if values.get("withGrantOption") else ""
    line = f"GRANT {privileges} ON {_target(values).clause} TO ROLE {_role(values)}{option}"
    return Statement(line, creates=True)


def _create(values: Values) -> Observation:
    yield _grant(values, _privileges(values))
    return (yield from _read(values))


def _read(values: Values) -> Observation:
    if (yield from show(_ROLES, identifier_parts(values["accountRoleName"]))) is None:
        return None
    target = _target(values)
    if values.get("allPrivileges") or not target.show:
        return Observed(values={})
    rows = yield from rows_or_none(target.show, lambda error: error.absent_or_not_authorized)
    if rows is None:
        return None
    option = bool(values.get("withGrantOption"))
    granted = {
        str(row["privilege"]).upper()
        for row in to_role(rows, values["accountRoleName"], target.object_type)
        if flag(row.get("grant_option")) == option
    }
    return Observed(
        values={"privileges": [privilege for privilege in values["privileges"] if privilege.upper() in granted]}
    )


def _update(change: Change) -> Observation:
    news = change.news
    old, new = (
        {_ALL} if side.get("allPrivileges") else {privilege.upper() for privilege in side.get("privileges") or ()}
        for side in (change.olds, news)
    )
    clause, role = _target(news).clause, _role(news)
    added, removed = new - old, old - new
    if added:
        if not news.get("withGrantOption"):
            yield Statement(f"REVOKE GRANT OPTION FOR {_listed(added)} ON {clause} FROM ROLE {role}")
        yield _grant(news, _listed(added))
    if removed:
        yield Statement(f"REVOKE {_listed(removed)} ON {clause} FROM ROLE {role}")
    if news.get("alwaysApply") and not added:
        yield _grant(news, _privileges(news))
    return (yield from _read(news))


def _delete(values: Values) -> Statements:
    privileges = _privileges(values) if values.get("allPrivileges") or values.get("privileges") else ""
    if privileges:
        yield Statement(f"REVOKE {privileges} ON {_target(values).clause} FROM ROLE {_role(values)}")


RESOURCE = ResourceType(
    token="snowflake:index/grantPrivilegesToAccountRole:GrantPrivilegesToAccountRole",  # noqa: S106  # a type token
    label="snowflake_grant_privileges_to_account_role",
    properties=PROPERTIES,
    computed=(),
    identity=_identity,
    parse=_parse,
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
    check=_check,
    always_differ=_always_differ,
)
