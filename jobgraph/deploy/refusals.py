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
    if not any(_REFUSED in error for error in errors):
        return None
    statement = _grant(resource_type, inputs, quoted(role.upper()) if is_plain(role) else "<the deploying role>")
    if statement is None:
        return None
    who = f"role {role.upper()}" if is_plain(role) else "the deploying role"
    privilege = statement.removeprefix("GRANT ").partition(" ON ")[0]
    return (
        f"{who} lacks {privilege}. An administrator (ACCOUNTADMIN, for a privilege on the account) grants it:"
        f" {statement}   `jobgraph privileges --environment {stack} --role deployer` lists all that it needs"
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
