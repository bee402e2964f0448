"""The catalog: the existing objects with their properties, parameters and owners.

Knows rows of two SQLite tables; must not know any kind of object (the kind's own file does).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.statements.reader import ObjectName
from snowflake_sandbox.store import Snapshot, Transaction, to_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping, Sequence

TABLES = """
CREATE TABLE IF NOT EXISTS object (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    database_name TEXT NOT NULL DEFAULT '',
    schema_name TEXT NOT NULL DEFAULT '',
    name TEXT NOT NULL,
    signature TEXT NOT NULL DEFAULT '',
    owner TEXT NOT NULL,
    created_on TEXT NOT NULL,
    properties TEXT NOT NULL,
    parameters TEXT NOT NULL DEFAULT '{}',
    UNIQUE (kind, database_name, schema_name, name, signature)
);
"""


@dataclass(frozen=True)
class SnowflakeObject:
    """An object of the catalog.

    Attributes:
        id: never reused; an object that replaces another one has a new id.
        signature: argument types of a procedure or function, e.g. "(VARCHAR, NUMBER)"; otherwise "".
        properties: the properties that its kind stores, as JSON values.
        parameters: parameters set on the object itself (in SHOW PARAMETERS, `level` is its kind).
    """

    id: int
    kind: str
    name: ObjectName
    signature: str
    owner: str
    created_on: datetime
    properties: Mapping[str, Any]
    parameters: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        """Return a property; None if it was never set."""
        return self.properties.get(key)


def instant(text: str) -> datetime:
    """Return a stored time as an aware datetime in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _key(name: ObjectName) -> tuple[str, str, str]:
    # A schema's name is stored as (database, "", name), a database's as ("", "", name).
    if name.database is not None:
        return (name.database, name.schema or "", name.name)
    return (name.schema or "", "", name.name)


def _object(row: sqlite3.Row) -> SnowflakeObject:
    schema, database = row["schema_name"] or None, row["database_name"] or None
    name = ObjectName(row["name"], schema, database) if schema else ObjectName(row["name"], database)
    return SnowflakeObject(
        id=row["id"],
        kind=row["kind"],
        name=name,
        signature=row["signature"],
        owner=row["owner"],
        created_on=instant(row["created_on"]),
        properties=json.loads(row["properties"]),
        parameters=json.loads(row["parameters"]),
    )


def find(tx: Snapshot, kind: str, name: ObjectName, signature: str = "") -> SnowflakeObject | None:
    """Return the object with exactly this resolved name; None if there is none."""
    row = tx.row(
        "SELECT * FROM object WHERE kind = ? AND database_name = ? AND schema_name = ? AND name = ? AND signature = ?",
        kind,
        *_key(name),
        signature,
    )
    return _object(row) if row else None


def get(tx: Snapshot, kind: str, name: ObjectName, signature: str = "") -> SnowflakeObject:
    """Return the object with exactly this resolved name.

    Raises:
        SnowflakeError: 002003 if there is none.
    """
    match = find(tx, kind, name, signature)
    if match is None:
        raise errors.does_not_exist(kind, name.qualified + signature)
    return match


def by_id(tx: Snapshot, object_id: int) -> SnowflakeObject | None:
    """Return the object with that id; None if it was dropped or replaced."""
    row = tx.row("SELECT * FROM object WHERE id = ?", object_id)
    return _object(row) if row else None


def by_ids(tx: Snapshot, object_ids: Sequence[int]) -> list[SnowflakeObject]:
    """Return the objects with these ids in that order, without those that were dropped or replaced.

    In one query, because a busy process yields the processor at each, and a graph may have a thousand tasks.
    """
    rows = tx.rows(
        "SELECT object.* FROM json_each(?) AS wanted JOIN object ON object.id = wanted.value ORDER BY wanted.key",
        json.dumps(object_ids),
    )
    return [_object(row) for row in rows]


def listing(
    tx: Snapshot, kind: str, database: str | None = None, schema: str | None = None, like: str | None = None
) -> list[SnowflakeObject]:
    """Return the objects of a kind by name; optionally only those of a database or schema or matching a LIKE."""
    # The condition contains only what is needed, so that SQLite can use the unique index; a graph has up to 1,000 rows.
    conditions, values = ["kind = ?"], [kind]
    for column, value in (("database_name", database), ("schema_name", schema)):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if like is not None:
        conditions.append("name LIKE ? ESCAPE '\\'")
        values.append(like)
    rows = tx.rows(
        f"SELECT * FROM object WHERE {' AND '.join(conditions)} ORDER BY database_name, schema_name, name, signature",
        *values,
    )
    return [_object(row) for row in rows]


def children(tx: Snapshot, database: str, schema: str | None = None) -> list[SnowflakeObject]:
    """Return every object in a database or in one of its schemas (without the schema itself), newest first."""
    rows = tx.rows(
        "SELECT * FROM object WHERE database_name = ? AND (? IS NULL OR schema_name = ?) ORDER BY id DESC",
        database,
        schema,
        schema,
    )
    return [_object(row) for row in rows]


def owned_by(tx: Snapshot, role: str) -> list[SnowflakeObject]:
    """Return every object that a role owns, oldest first."""
    return [_object(row) for row in tx.rows("SELECT * FROM object WHERE owner = ? ORDER BY id", role)]


def like_pattern(like: str | None) -> re.Pattern[str] | None:
    """Return SHOW's LIKE as a regular expression: ignoring case, with wildcards `%` and `_`, escaped by a backslash.

    The text between two `%` matches at its leftmost place only. Trying it further right could never find a match that
    this misses, and backtracking through all places would take practically forever for `%a%a%a…`.
    """
    if like is None:
        return None
    pieces = re.findall(r"\\.|.", like, flags=re.DOTALL)
    parts = [""]
    for piece in pieces:
        if piece == "%":
            parts.append("")
        else:
            parts[-1] += "." if piece == "_" else re.escape(piece[-1])
    first, *middle = parts
    last = middle.pop() if middle else None
    text = first + "".join(f"(?>.*?{part})" for part in middle if part) + ("" if last is None else f".*{last}")
    return re.compile(text, re.IGNORECASE | re.DOTALL)


def create(  # noqa: PLR0913, PLR0917  # the row's columns
    tx: Transaction,
    kind: str,
    name: ObjectName,
    owner: str,
    now: datetime,
    properties: Mapping[str, Any],
    parameters: Mapping[str, Any] | None = None,
    signature: str = "",
) -> SnowflakeObject:
    """Add an object and return it.

    Raises:
        SnowflakeError: 002002 if the name is in use.
    """
    if find(tx, kind, name, signature) is not None:
        raise errors.already_exists(name.qualified + signature)
    tx.run(
        "INSERT INTO object (kind, database_name, schema_name, name, signature, owner, created_on, properties,"
        " parameters) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        kind,
        *_key(name),
        signature,
        owner,
        now.isoformat(),
        to_json(dict(properties)),
        to_json(dict(parameters or {})),
    )
    return get(tx, kind, name, signature)


def update(
    tx: Transaction,
    item: SnowflakeObject,
    properties: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> SnowflakeObject:
    """Merge new values into an object's properties and parameters; a parameter with the value None is unset."""
    merged = {**item.parameters, **(parameters or {})}
    tx.run(
        "UPDATE object SET properties = ?, parameters = ? WHERE id = ?",
        to_json({**item.properties, **(properties or {})}),
        to_json({key: value for key, value in merged.items() if value is not None}),
        item.id,
    )
    return get(tx, item.kind, item.name, item.signature)


def set_owner(tx: Transaction, item: SnowflakeObject, role: str) -> None:
    """Transfer ownership."""
    tx.run("UPDATE object SET owner = ? WHERE id = ?", role, item.id)


def rename(tx: Transaction, item: SnowflakeObject, name: ObjectName) -> None:
    """Rename one object (the file of databases or schemas renames the objects inside them).

    Raises:
        SnowflakeError: 002002 if the name is in use.
    """
    if find(tx, item.kind, name, item.signature) is not None:
        raise errors.already_exists(name.qualified)
    tx.run("UPDATE object SET database_name = ?, schema_name = ?, name = ? WHERE id = ?", *_key(name), item.id)


def delete(tx: Transaction, item: SnowflakeObject) -> None:
    """Remove one object (the file of databases or schemas removes the objects inside them)."""
    tx.run("DELETE FROM object WHERE id = ?", item.id)
