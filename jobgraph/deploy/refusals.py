"""What a role or a login lacks when Snowflake refuses a step of a deploy. Snowflake's own error names no remedy.

Knows which privilege each resource needs, and which resource needs a warehouse. Must not know how a failure is
detected or reported.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jobgraph.names import is_plain, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Parts of Snowflake's errors 003001 and 000606
_REFUSED, _NO_WAREHOUSE = "Insufficient privileges", "No active warehouse"
# Of 002003 and 002043: a container of others that the role may not use looks as if it were not there.
_HIDDEN = re.compile(r"(?:Database|Schema) '[^']*' does not exist or not authorized", re.IGNORECASE)
_PROVIDERS = "snowflake:"
# Resources by the level at which they are created: on the account or in a schema (`_grant` handles databases).
_ON_ACCOUNT = {
    "accountRole": "CREATE ROLE",
    "computePool": "CREATE COMPUTE POOL",
    "database": "CREATE DATABASE",
    "warehouse": "CREATE WAREHOUSE",
}
_IN_SCHEMA = {
    "functionSql": "CREATE FUNCTION",
    "imageRepository": "CREATE IMAGE REPOSITORY",
    "procedurePython": "CREATE PROCEDURE",
    "stageInternal": "CREATE STAGE",
    "table": "CREATE TABLE",
    "task": "CREATE TASK",
    "view": "CREATE VIEW",
}
# What a step creates, because the provider has no fitting resource: on the account, or in a schema.
_STEP = re.compile(
    r"^CREATE (?:OR REPLACE )?(?P<kind>TABLE|ALERT|STREAMLIT|SNOWFLAKE\.CORE\.BUDGET|NOTIFICATION INTEGRATION"
    r'|RESOURCE MONITOR)(?: IF NOT EXISTS)? (?P<place>(?:"[^"]+"\.)*)"[^"]+"'
)
_MONITOR = "CREATE RESOURCE MONITOR is ACCOUNTADMIN's alone: deploy as that, or leave `suspend` out of `budget`"


def lacking(resource_type: str, inputs: Mapping[str, Any], errors: Sequence[str], role: str, stack: str) -> str | None:
    """Return a message that names the missing privilege and its GRANT statement; None for any other failure.

    `role` is empty if it is not known; `stack` is the one that is deployed. A login may also lack a warehouse, which
    the provider needs to read a view; the message then says so.
    """
    if any(_NO_WAREHOUSE in error for error in errors):
        return (
            "the login has no warehouse, and the provider reads a view through one. Set the stack's warehouse, which"
            " exists now, as the user's DEFAULT_WAREHOUSE, or in SNOWFLAKE_WAREHOUSE, and run `pulumi up` again"
        )
    who = f"role {role.upper()}" if is_plain(role) else "the deploying role"
    grantee = quoted(role.upper()) if is_plain(role) else "<the deploying role>"
    if any(_HIDDEN.search(error) for error in errors) and inputs.get("database"):
        return (
            f"{who} may not use the database or the schema, or there is none of that name. If it is another's"
            f" (`existing`), its owner grants it: {_uses(inputs, grantee)}"
        )
    if not any(_REFUSED in error for error in errors) or not resource_type.startswith(_PROVIDERS):
        return None
    statement = _grant(resource_type, inputs, grantee)
    if statement is None or not statement.startswith("GRANT "):
        lack = statement or "something that this step needs, or what it changes belongs to another role"
        return f"{who} lacks {lack}. `jobgraph doctor --account --environment {stack}` names it, with the remedy"
    privilege = statement.removeprefix("GRANT ").partition(" ON " if " ON " in statement else " TO ")[0]
    return (
        f"{who} lacks {privilege}. An administrator (ACCOUNTADMIN, for a privilege on the account) grants it:"
        f" {statement}   `jobgraph privileges --environment {stack} --role deployer` lists all that it needs"
    )


def _uses(inputs: Mapping[str, Any], role: str) -> str:
    """Return the statements that let a role use the database and the schema of a resource."""
    names = [str(inputs[key]) for key in ("database", "schema") if inputs.get(key)]
    places = [
        f"{kind} {quoted(*names[: number + 1])}" for number, kind in enumerate(("DATABASE", "SCHEMA")[: len(names)])
    ]
    return "; ".join(f"GRANT USAGE ON {place} TO ROLE {role}" for place in places)


def _grant(resource_type: str, inputs: Mapping[str, Any], role: str) -> str | None:
    kind = re.sub(r"^snowflake:index/(\w+):\w+$", r"\1", resource_type)
    if kind in _ON_ACCOUNT:
        return f"GRANT {_ON_ACCOUNT[kind]} ON ACCOUNT TO ROLE {role}"
    if kind == "schema":
        return f"GRANT CREATE SCHEMA ON DATABASE {quoted(str(inputs['database']))} TO ROLE {role}"
    if kind in _IN_SCHEMA:
        place = quoted(str(inputs["database"]), str(inputs["schema"]))
        return f"GRANT {_IN_SCHEMA[kind]} ON SCHEMA {place} TO ROLE {role}"
    if kind == "grantPrivilegesToAccountRole" and inputs.get("onAccount"):
        return f"GRANT {', '.join(inputs['privileges'])} ON ACCOUNT TO ROLE {role} WITH GRANT OPTION"
    if kind.startswith("grant"):
        return f"GRANT MANAGE GRANTS ON ACCOUNT TO ROLE {role}"
    match = _STEP.match(str(inputs.get("execute") or "")) if kind == "execute" else None
    return _grant_of_step(match, role) if match is not None else None


def _grant_of_step(created: re.Match[str], role: str) -> str:
    """Return the statement that grants what the creation of an object by a step needs, or what nobody can grant."""
    kind, place = created["kind"], created["place"].rstrip(".")
    if kind == "RESOURCE MONITOR":
        return f"a privilege that cannot be granted: {_MONITOR}"
    if kind == "NOTIFICATION INTEGRATION":
        return f"GRANT CREATE INTEGRATION ON ACCOUNT TO ROLE {role}"
    if kind == "SNOWFLAKE.CORE.BUDGET":
        return f"GRANT DATABASE ROLE SNOWFLAKE.BUDGET_CREATOR TO ROLE {role}"
    return f"GRANT CREATE {kind} ON SCHEMA {place} TO ROLE {role}"
