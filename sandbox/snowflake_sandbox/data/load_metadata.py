"""The files that COPY INTO loaded into a table, and whether it loads a file again.

The rule: user-guide/data-load-considerations-load, "Load metadata".

Knows a DuckDB table per database, so that rolling back a load also removes its record; must not know the statement.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from snowflake_sandbox.data.adapter import quoted

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from snowflake_sandbox.catalog.catalog import SnowflakeObject

# How long Snowflake stores the metadata of a load.
KEPT_FOR = timedelta(days=64)


def _table(table: SnowflakeObject) -> str:
    return quoted(table.name.database or "", "main", "_loaded_files")


def tag(path: Path) -> str:
    """Return a file's ETag, which depends on the content."""
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def is_loadable(first_load: datetime | None, load: datetime | None, modified: datetime, now: datetime) -> bool | None:
    """Whether COPY INTO loads a file; None if Snowflake cannot know because the metadata has expired.

    Args:
        first_load: when the table was loaded for the first time.
        load: when a file with this name and content was loaded.
        modified: when the file was staged.
        now: the current time.
    """
    if load is not None and now - load <= KEPT_FOR:
        return False
    is_forgotten = first_load is not None and now - first_load > KEPT_FOR
    return None if is_forgotten and now - modified > KEPT_FOR else True


def unloaded(
    duck: duckdb.DuckDBPyConnection,
    table: SnowflakeObject,
    files: dict[str, Path],
    now: datetime,
    *,
    uncertain: bool,
) -> dict[str, Path]:
    """Return the staged files that have not been loaded into a table before.

    Args:
        duck: the session's connection.
        table: the target.
        files: the files by their names in the stage.
        now: the current time.
        uncertain: whether to load files whose metadata has expired (LOAD_UNCERTAIN_FILES).
    """
    query = f"SELECT file, tag, loaded_on FROM {_table(table)} WHERE table_id = ?"
    rows = duck.execute(query, [table.id]).fetchall()
    loads = {(file, tag): loaded_on for file, tag, loaded_on in rows}
    first_load = min(loads.values(), default=None)
    chosen = {}
    for name, path in files.items():
        modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        loadable = is_loadable(first_load, loads.get((name, tag(path))), modified, now)
        if loadable or (loadable is None and uncertain):
            chosen[name] = path
    return chosen


def remember(duck: duckdb.DuckDBPyConnection, table: SnowflakeObject, name: str, path: Path, now: datetime) -> None:
    """Record that a file was loaded, in the transaction that loads it."""
    duck.execute(f"DELETE FROM {_table(table)} WHERE table_id = ? AND file = ?", [table.id, name])
    duck.execute(f"INSERT INTO {_table(table)} VALUES (?, ?, ?, ?)", [table.id, name, tag(path), now])


def forget(duck: duckdb.DuckDBPyConnection, table: SnowflakeObject) -> None:
    """Remove the records of all loads of a table (TRUNCATE TABLE)."""
    duck.execute(f"DELETE FROM {_table(table)} WHERE table_id = ?", [table.id])
