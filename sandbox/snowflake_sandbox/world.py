"""The composition: one World with all parts, started and stopped together.

Knows the list of parts and their order; must not know what any of them does.
"""

from __future__ import annotations

import importlib
import logging
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from snowflake_sandbox import context, superfluous
from snowflake_sandbox.access import access, bundles
from snowflake_sandbox.call import World
from snowflake_sandbox.catalog import catalog, registration
from snowflake_sandbox.data import table_functions, temporary
from snowflake_sandbox.data.adapter import DataPlane
from snowflake_sandbox.data_folder.damage import DataFolderError, refuse_damage
from snowflake_sandbox.ddl import get_ddl
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.objects import database as database_kind
from snowflake_sandbox.objects import role, user
from snowflake_sandbox.objects.database import file_key
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.queries import query_history, results
from snowflake_sandbox.queries.running import Queries
from snowflake_sandbox.scripting import statements as scripting
from snowflake_sandbox.statements import definitions, showing
from snowflake_sandbox.store import Store

if TYPE_CHECKING:
    from snowflake_sandbox.clock import Clock

_log = logging.getLogger("snowflake_sandbox.world")

# The order of registration and start; parts stop in reverse order. Tasks come last: the statements that they run again
# after a kill wait for job services and call procedures.
_PARTS = (
    "snowflake_sandbox.compute",
    "snowflake_sandbox.notifications",
    "snowflake_sandbox.services",
    "snowflake_sandbox.procedures",
    "snowflake_sandbox.tasks",
    "snowflake_sandbox.alerts",
)


def build(
    folder: Path,
    images: tuple[Path, ...],
    clock: Clock,
    *,
    address: tuple[str, int] = ("127.0.0.1", 0),
    password: str = "",
) -> World:
    """Create or reopen the sandbox of a data folder, without starting it.

    Args:
        folder: the data folder; created if missing.
        images: folders with images' sources.
        clock: the machine's, or a test's.
        address: host and port at which the sandbox will listen.
        password: the administrator's password.

    Raises:
        DataFolderError: if a file is missing, empty, damaged, of another version, or not writable.
    """
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    parts = [importlib.import_module(name) for name in _PARTS]
    tables = [catalog.TABLES, superfluous.TABLES, access.TABLES, bundles.TABLES, logins.TABLES, database_kind.TABLES]
    tables += [part.TABLES for part in parts if hasattr(part, "TABLES")]
    control, used = folder / "control.sqlite", folder / "used"
    refuse_damage(control, [used, *(folder / "data").glob("*.duckdb")])
    store = Store(control, tables)
    used.touch()
    world = World(store, DataPlane(folder / "data", folder / "stages"), clock, folder, images, address)
    store.define_tables = world.data.define
    try:
        world.parts["queries"] = Queries(world)
        for part in (
            definitions,
            showing,
            bundles,
            context,
            query_history,
            results,
            table_functions,
            registration,
            scripting,
            get_ddl,
            *parts,
        ):
            if hasattr(part, "register"):
                part.register(world)
        _prepare(world, password)
    except BaseException as error:
        world.data.stop()
        store.close()
        if isinstance(error, sqlite3.Error | SnowflakeError):
            raise _not_writable(folder, error) from error
        raise
    return world


def _prepare(world: World, password: str) -> None:
    _attach_all(world)
    now = world.clock.now()
    with world.store.transaction() as tx:
        role.ensure_built_in(tx, now)
        user.ensure_administrator(tx, logins.ADMINISTRATOR, password, now)
        keys = [row["key"] for row in tx.rows("SELECT key FROM superfluous_file")]
    for key in keys:
        database_kind.remove_file(world, key)
    temporary.drop_left_over(world)
    superfluous.remove_left_over(world)


def _attach_all(world: World) -> None:
    """Attach the databases, and let the store apply definitions that were committed right before a kill."""
    with world.store.reading() as tx:
        databases = catalog.listing(tx, "DATABASE")
        keys = [row["key"] for row in tx.rows("SELECT key FROM superfluous_file")]
    for file in world.data.put_aside([*map(file_key, databases), *keys]):
        _log.warning("no database uses the file that is now called %s; delete it if no data is missing", file)
    for database in databases:
        _attach(world, database.name.name, file_key(database))
    world.store.follow([note for database in databases for note in world.data.notes(database.name.name)])
    with world.store.reading() as tx:
        still_there = {database.id for database in catalog.listing(tx, "DATABASE")}
    for database in databases:
        if database.id not in still_there:
            world.data.detach(database.name.name)


def _attach(world: World, name: str, key: str) -> None:
    """Attach an existing database; a missing file must not be replaced by an empty one."""
    file = world.data.file(key)
    if file is not None and not file.exists():
        raise DataFolderError(file, f"is missing: it holds the rows of database {name}")
    try:
        world.data.attach(name, key)
    except duckdb.Error as error:
        raise DataFolderError(file or Path(key), f"cannot be used ({str(error).splitlines()[0]})") from error


def start(world: World) -> None:
    """Start every part's threads, which first recover from an earlier kill.

    Raises:
        DataFolderError: if a record that must be written first cannot be written.
    """
    try:
        for part in world.parts.values():
            part.start()
    except (sqlite3.Error, SnowflakeError) as error:
        raise _not_writable(world.folder, error) from error


def _not_writable(folder: Path, error: Exception) -> DataFolderError:
    return DataFolderError(folder / "control.sqlite", f"cannot be written ({error})")


def stop(world: World) -> None:
    """Stop every part, the last one first, then close the files."""
    for part in reversed(list(world.parts.values())):
        part.stop()
    world.data.stop()
    world.store.close()
