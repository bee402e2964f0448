"""The error for a database or schema that does not exist, or that the role does not see.

Snowflake's own error for a statement in such a place does not name it. Must not know which statement failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.account.client import AbsentError
from jobgraph.account.queries import Statement
from jobgraph.errors import UserError, perhaps
from jobgraph.names import quoted
from jobgraph.runs.wording import some

if TYPE_CHECKING:
    from jobgraph.account.client import Client

_OF_SNOWFLAKE = frozenset({"INFORMATION_SCHEMA", "SNOWFLAKE"})


def absent_place(client: Client) -> AbsentError | None:
    """Return the error for the connection's database or schema; None if the role sees both, or Snowflake does not say.

    Ask only after a statement has failed: it takes one or two more.
    """
    try:
        place = client.place
        schemas = _names(client, f"SHOW SCHEMAS IN DATABASE {quoted(place.database)}")
    except AbsentError:
        return _absent_database(client)
    except UserError:
        return None
    if place.schema in schemas:
        return None
    return _absent("schema", f"{place}", place.schema, f"In {place.database}, the role sees the schemas", schemas)


def _absent_database(client: Client) -> AbsentError | None:
    name = client.place.database
    try:
        databases = _names(client, "SHOW DATABASES")
    except UserError:
        return None
    return _absent("database", name, name, "The role sees the databases", databases)


def _names(client: Client, statement: str) -> list[str]:
    return [str(row["name"]) for row in client.rows(Statement(statement))]


def _absent(kind: str, shown: str, name: str, visible: str, names: list[str]) -> AbsentError:
    others = sorted(set(names) - _OF_SNOWFLAKE)
    return AbsentError(
        f"There is no {kind} {shown}, or this role may not see it{perhaps(name, others)}",
        cause="Nothing is deployed there yet, or the name is wrong in"
        f" --{kind}, SNOWFLAKE_{kind.upper()} or connections.toml. {visible}: {some(others) or 'none'}.",
        remedy=f"Deploy it with `pulumi up`, name another with --{kind}, or choose another role; `jobgraph privileges`"
        " lists what a viewer needs.",
    )
