"""Future grants: the privileges that a new object in a schema or database gets when it is created.

Knows the future_grant table; must not know any statement (grants.py reads GRANT … ON FUTURE …). Future grants on a
schema override those on its database for the same kind (docs: sql-reference/sql/grant-privilege, future grants).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.statements.reader import ObjectName
    from snowflake_sandbox.store import Snapshot, Transaction


def _grants(tx: Snapshot, kind: str, name: ObjectName) -> list[sqlite3.Row]:
    if name.schema is None:
        return []
    database, schema = (name.database, name.schema) if name.database else (name.schema, "")
    text = "SELECT * FROM future_grant WHERE database_name = ? AND schema_name = ? AND kind = ?"
    return tx.rows(text, database, schema, kind) or (tx.rows(text, database, "", kind) if schema else [])


def owner(tx: Snapshot, kind: str, name: ObjectName) -> str | None:
    """Return the role to which a future grant gives OWNERSHIP of a new object; None if there is no such grant."""
    return next((row["grantee"] for row in _grants(tx, kind, name) if row["privilege"] == "OWNERSHIP"), None)


def apply(tx: Transaction, item: SnowflakeObject, now: datetime) -> None:
    """Grant the privileges of the future grants on a new object."""
    for row in _grants(tx, item.kind, item.name):
        if row["privilege"] != "OWNERSHIP":
            tx.run(
                "INSERT OR REPLACE INTO object_grant VALUES (?, ?, ?, ?, ?, ?)",
                item.id,
                row["privilege"],
                row["grantee"],
                row["grant_option"],
                item.owner,
                now.isoformat(),
            )
