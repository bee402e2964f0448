"""What a data folder keeps: objects, rows and grants are there again when the folder is opened anew."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox import world
from snowflake_sandbox.clock import SystemClock
from snowflake_sandbox.data_folder.damage import StoreFormatError
from snowflake_sandbox.protocol import logins, wire
from snowflake_sandbox.statements import dispatch

if TYPE_CHECKING:
    from pathlib import Path


def values(made: Any, text: str) -> list[tuple[Any, ...]]:
    session = logins.open_session(
        made, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="W", database="D", schema="PUBLIC"
    )
    return list(wire.python_rows(dispatch.execute(made, session, text)))


def reopened(folder: Path) -> Any:
    return world.build(folder, (), SystemClock(), password="again")


def test_everything_is_there_again(tmp_path: Path) -> None:
    made = reopened(tmp_path)
    for text in (
        "CREATE WAREHOUSE W",
        "CREATE DATABASE D",
        'CREATE DATABASE "odd-name"',
        "CREATE TABLE D.PUBLIC.T (ID INT IDENTITY START 1 INCREMENT 1, A VARCHAR)",
        "INSERT INTO T (A) VALUES ('x')",
        "CREATE TEMPORARY TABLE D.PUBLIC.GONE (A INT)",
        "ALTER DATABASE D RENAME TO E",
        "ALTER DATABASE E RENAME TO D",
        "CREATE ROLE R",
        "GRANT SELECT ON TABLE D.PUBLIC.T TO ROLE R",
    ):
        values(made, text)
    world.stop(made)
    made = reopened(tmp_path)
    values(made, "INSERT INTO T (A) VALUES ('y')")
    assert values(made, "SELECT ID, A FROM T ORDER BY ID") == [(1, "x"), (2, "y")]
    assert [row[1] for row in values(made, "SHOW TABLES IN DATABASE D")] == ["T"]
    assert [row[1] for row in values(made, "SHOW GRANTS ON TABLE T")] == ["OWNERSHIP", "SELECT"]
    assert values(made, 'SELECT COUNT(*) FROM "odd-name".INFORMATION_SCHEMA.TABLES') == [(0,)]
    world.stop(made)


def test_a_dropped_database_leaves_no_file(tmp_path: Path) -> None:
    made = reopened(tmp_path)
    values(made, "CREATE DATABASE D")
    values(made, "CREATE STAGE D.PUBLIC.S")
    assert list((tmp_path / "data").glob("database_*"))
    values(made, "DROP DATABASE D")
    assert not list((tmp_path / "data").glob("database_*"))
    assert not list((tmp_path / "stages").iterdir())
    world.stop(made)


def test_a_folder_of_another_version_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "control.sqlite") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreFormatError, match="sandbox reset"):
        reopened(tmp_path)


def test_no_password_is_kept_in_clear(tmp_path: Path) -> None:
    made = world.build(tmp_path, (), SystemClock(), password="very-secret-text")
    token = logins.issue_token(made, logins.ADMINISTRATOR, "SYSADMIN")
    values(made, "CREATE DATABASE D")
    values(made, "CREATE USER U PASSWORD = 'another-secret-text'")
    world.stop(made)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"secret-text" not in kept
    assert token.encode() not in kept
