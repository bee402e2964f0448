"""Files and folders of the data folder that a statement makes superfluous: removed after it, and never before.

A statement may fail after it has dropped an object. What a killed process leaves is on record, so that the next start
removes it. Must not know whose files they are.
"""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from snowflake_sandbox.call import World

TABLES = "CREATE TABLE IF NOT EXISTS superfluous_path (path TEXT PRIMARY KEY);"


def remove_afterwards(world: World, path: Path) -> None:
    """Remove a file or folder once the present transaction has committed."""
    name = str(path.relative_to(world.folder))
    with world.store.transaction() as tx:
        tx.run("INSERT OR IGNORE INTO superfluous_path VALUES (?)", name)
        tx.afterwards(lambda: world.store.soon("remove files", lambda: _remove(world, name)))


def remove_left_over(world: World) -> None:
    """Remove what an earlier process no longer could."""
    with world.store.reading() as tx:
        names = [row["path"] for row in tx.rows("SELECT path FROM superfluous_path")]
    for name in names:
        _remove(world, name)


def _remove(world: World, name: str) -> None:
    path = world.folder / name
    if path.is_dir() and not path.is_symlink():
        with suppress(FileNotFoundError):
            shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    with world.store.transaction() as tx:
        tx.run("DELETE FROM superfluous_path WHERE path = ?", name)
