"""What a role or a login lacks when Snowflake refuses a step of a deploy: its own text never says how to provide it.

Knows which privilege makes which resource, and which resource takes a warehouse. Must not know how a failure is
noticed, nor who is told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jobgraph.names import is_plain, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Snowflake's words of errors 003001 and 000606
_REFUSED, _NO_WAREHOUSE = "Insufficient privileges", "No active warehouse"
# Resources by the level at which they are made: on the account, in a database, in a schema.
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


def lacking(resource_type: str, inputs: Mapping[str, Any], errors: Sequence[str], role: str) -> str | None:
    """Return in words what the role lacks for a resource that was refused, and the GRANT; None for other failures.

    `role` is empty where it is not known. What a login may lack is a warehouse: the provider reads a view through one.
    """
    if any(_NO_WAREHOUSE in error for error in errors):
        return (
            "the login has no warehouse, and the provider reads a view through one. Set the stack's warehouse, which"
            " exists now, as the user's DEFAULT_WAREHOUSE, or in SNOWFLAKE_WAREHOUSE, and run `pulumi up` again"
        )
    if not any(_REFUSED in error for error in errors):
        return None
    statement = _grant(resource_type, inputs, quoted(role.upper()) if is_plain(role) else "<the deploying role>")
    if statement is None:
        return None
    who = f"role {role.upper()}" if is_plain(role) else "the deploying role"
    privilege = statement.removeprefix("GRANT ").partition(" ON ")[0]
    return (
        f"{who} lacks {privilege}. An administrator (ACCOUNTADMIN, for a privilege on the account) grants it:"
        f" {statement}   `jobgraph privileges --role deployer` lists all that it needs"
    )


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
    return None
