"""Future grants: what objects made later in a schema or database are granted at their creation.

Knows the future_grant table; must not know any statement (grants.py reads GRANT … ON FUTURE …). Schema-level future
grants hide the database-level ones of the same kind (docs: sql-reference/sql/grant-privilege, future grants).
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
    """The role that a future grant of OWNERSHIP makes the owner of a new object, if there is one."""
    return next((row["grantee"] for row in _grants(tx, kind, name) if row["privilege"] == "OWNERSHIP"), None)


def apply(tx: Transaction, item: SnowflakeObject, now: datetime) -> None:
    """Grant a new object's future privileges."""
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
