"""What an object has on the disk goes with the object: not before, if the statement fails after all, and not later."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox import world as worlds
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.objects import secret
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.statements.reader import ObjectName

from tests.sandbox.conftest import Client, build

if TYPE_CHECKING:
    from pathlib import Path

    from snowflake_sandbox.call import World

OLD, NEW = "the-old-one-71", "the-new-one-72"


class _DiskIsFullError(Exception):
    """What was to be written could not be."""


@pytest.fixture
def filled(own_client: Client) -> Client:
    """A stage with a file, and a secret."""
    return fill(own_client)


def fill(client: Client) -> Client:
    client.rows("CREATE STAGE D.PUBLIC.S")
    client.rows("COPY INTO @D.PUBLIC.S/a.csv FROM (SELECT 1) SINGLE = TRUE")
    client.rows(f"CREATE SECRET D.PUBLIC.X TYPE = GENERIC_STRING SECRET_STRING = '{OLD}'")
    return client


def value(world: World) -> str:
    with world.store.reading() as tx:
        return secret.values(world, catalog.get(tx, "SECRET", ObjectName("X", "PUBLIC", "D")))["secret_string"]


def kept(folder: Path) -> list[str]:
    """The files of stages and secrets."""
    files = [file for place in ("stages", "secrets") for file in (folder / place).rglob("*") if file.is_file()]
    return [file.read_text("utf-8", errors="replace") for file in files]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP STAGE S",
        "CREATE OR REPLACE STAGE S",
        "DROP SECRET X",
        f"ALTER SECRET X SET SECRET_STRING = '{NEW}'",
        f"CREATE OR REPLACE SECRET X TYPE = GENERIC_STRING SECRET_STRING = '{NEW}'",
        f"CREATE SECRET Y TYPE = GENERIC_STRING SECRET_STRING = '{NEW}'",
        "DROP SCHEMA PUBLIC",
        "DROP DATABASE D",
    ],
)
def test_a_statement_that_fails_at_its_end_has_removed_nothing(filled: Client, statement: str) -> None:
    with suppress(_DiskIsFullError), filled.world.store.transaction():
        filled.rows(statement)
        raise _DiskIsFullError
    assert value(filled.world) == OLD
    assert [row["name"] for row in filled.rows("LIST @D.PUBLIC.S")] == ["s/a.csv"]
    assert NEW not in kept(filled.world.folder)


@pytest.mark.parametrize("statement", ["DROP SECRET X", "DROP SCHEMA PUBLIC", "DROP DATABASE D"])
def test_a_dropped_secret_is_on_the_disk_no_more(filled: Client, statement: str) -> None:
    filled.rows(statement)
    assert OLD not in kept(filled.world.folder)


def test_only_the_value_of_now_is_on_the_disk(filled: Client) -> None:
    filled.rows(f"ALTER SECRET X SET SECRET_STRING = '{NEW}'")
    assert value(filled.world) == NEW
    assert OLD not in kept(filled.world.folder)
    filled.rows("ALTER SECRET X SET COMMENT = 'c'")
    assert value(filled.world) == NEW


def test_what_a_killed_process_did_not_remove_the_next_start_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = build(tmp_path)
    client = Client(made, logins.open_session(made, logins.ADMINISTRATOR, "ACCOUNTADMIN"))
    client.rows("CREATE DATABASE D")
    client.rows("CREATE WAREHOUSE W")
    fill(client)
    with monkeypatch.context() as killed:
        killed.setattr("snowflake_sandbox.store._do", lambda _actions: None)  # what follows a commit
        client.rows("DROP STAGE S")
        client.rows("DROP SECRET X")
    assert len(kept(tmp_path)) == 2
    worlds.stop(made)
    worlds.stop(build(tmp_path))
    assert kept(tmp_path) == []
