"""snowflake.GrantAccountRole: a role granted to a role or a user (SQL contract, section 6.5).

Knows the statements and columns of role grants. Must not know how statements are sent.
"""

from jobgraph.toolchain.standins.provider.cells import identifier
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
from jobgraph.toolchain.standins.provider.errors import NotThereError
from jobgraph.toolchain.standins.provider.objects import id_parts, reread, rows_or_none
from jobgraph.toolchain.standins.provider.sql import identifier_parts, requoted

_FORM = '"<role>"|ROLE|"<parent role>" or "<role>"|USER|"<user>"'
PROPERTIES = (
    Property(name="roleName", required=True, replaces=True, normal=identifier),
    Property(name="parentRoleName", replaces=True, normal=identifier),
    Property(name="userName", replaces=True, normal=identifier),
)


def _check(values: Values) -> list[Failure]:
    if ("parentRoleName" in values) == ("userName" in values):
        return [Failure("parentRoleName", "give exactly one of `parentRoleName` and `userName`.")]
    return []


def _grantee(values: Values) -> tuple[str, str]:
    """Return the kind and name of the grantee."""
    return ("ROLE", values["parentRoleName"]) if values.get("parentRoleName") else ("USER", values["userName"])


def _identity(values: Values) -> str:
    kind, name = _grantee(values)
    return f"{requoted(values['roleName'])}|{kind}|{requoted(name)}"


def _parse(resource_id: str) -> Values:
    parts = id_parts(resource_id, "grant", _FORM, least=3)
    if len(parts) > 3 or parts[1] not in {"ROLE", "USER"}:  # noqa: PLR2004  # role, kind, grantee
        raise NotThereError(f"{resource_id!r} is not the id of a grant: an id has the form {_FORM}.")
    role, grantee = (identifier_parts(part)[0] for part in (parts[0], parts[2]))
    return {"roleName": role, "parentRoleName" if parts[1] == "ROLE" else "userName": grantee}


def _create(values: Values) -> Observation:
    kind, name = _grantee(values)
    yield Statement(f"GRANT ROLE {requoted(values['roleName'])} TO {kind} {requoted(name)}", creates=True)
    return (yield from _read(values))


def _read(values: Values) -> Observation:
    rows = yield from rows_or_none(f"SHOW GRANTS OF ROLE {requoted(values['roleName'])}", lambda _error: True)
    kind, name = _grantee(values)
    role_name = identifier_parts(name)[0]
    is_granted = any(
        row["granted_to"] == kind and row["grantee_name"] in {role_name, f'"{role_name}"'} for row in rows or ()
    )
    return Observed(values={}) if is_granted else None


def _delete(values: Values) -> Statements:
    kind, name = _grantee(values)
    yield Statement(f"REVOKE ROLE {requoted(values['roleName'])} FROM {kind} {requoted(name)}")


RESOURCE = ResourceType(
    token="snowflake:index/grantAccountRole:GrantAccountRole",  # noqa: S106  # a type token
    label="snowflake_grant_account_role",
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
