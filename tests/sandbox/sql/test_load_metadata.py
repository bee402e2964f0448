"""COPY INTO and what it remembers of the files that it loaded (user-guide/data-load-considerations-load)."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from snowflake_sandbox.data import load_metadata

from tests.sandbox.conftest import START

DAY = timedelta(days=1)


@pytest.fixture
def staged(client: Any) -> Any:
    client.rows("CREATE TABLE T (A INT)")
    client.rows("CREATE STAGE S")
    folder = next((client.world.folder / "stages").iterdir())
    (folder / "a.csv").write_text("1\n")
    (folder / "b.csv").write_text("2\n")
    for file in folder.iterdir():
        os.utime(file, (START.timestamp(), START.timestamp()))
    return folder


def copy(client: Any, options: str = "") -> list[Any]:
    return [row[:2] for row in client.values(f"COPY INTO T FROM @S {options}")]


NOTHING = [("Copy executed with 0 files processed.",)]


def test_a_file_is_loaded_once(client: Any, staged: Any) -> None:
    assert copy(client) == [("s/a.csv", "LOADED"), ("s/b.csv", "LOADED")]
    assert copy(client) == NOTHING
    (staged / "c.csv").write_text("3\n")
    assert copy(client) == [("s/c.csv", "LOADED")]
    assert client.values("SELECT A FROM T ORDER BY A") == [(1,), (2,), (3,)]


def test_force_loads_again(client: Any, staged: Any) -> None:
    assert staged.is_dir()
    copy(client)
    assert len(copy(client, "FORCE = TRUE")) == 2
    assert client.values("SELECT COUNT(*) FROM T") == [(4,)]


def test_another_content_is_another_file(client: Any, staged: Any) -> None:
    copy(client)
    (staged / "a.csv").write_text("7\n")
    assert copy(client) == [("s/a.csv", "LOADED")]


@pytest.mark.parametrize("statement", ["TRUNCATE TABLE T", "CREATE OR REPLACE TABLE T (A INT)"])
def test_an_emptied_table_has_forgotten(client: Any, staged: Any, statement: str) -> None:
    assert staged.is_dir()
    copy(client)
    client.rows(statement)
    assert len(copy(client)) == 2


def test_delete_does_not_forget(client: Any, staged: Any) -> None:
    assert staged.is_dir()
    copy(client)
    client.rows("DELETE FROM T")
    assert copy(client) == NOTHING


def test_a_failed_load_is_none_at_all(client: Any, staged: Any) -> None:
    (staged / "b.csv").write_text("x\n")
    assert client.errno("COPY INTO T FROM @S") == 100038
    assert client.values("SELECT COUNT(*) FROM T") == [(0,)]
    (staged / "b.csv").write_text("2\n")
    assert len(copy(client)) == 2


def test_expired_metadata(client: Any, staged: Any) -> None:
    assert staged.is_dir()
    copy(client)
    client.world.clock.move((65 * DAY).total_seconds())
    assert copy(client) == NOTHING
    assert len(copy(client, "LOAD_UNCERTAIN_FILES = TRUE")) == 2


@pytest.mark.parametrize(
    ("first_load", "load", "modified", "loadable"),
    [
        (None, None, 100, True),
        (10, 10, 20, False),
        (100, None, 20, True),
        (100, 70, 100, None),
        (100, None, 100, None),
        (20, None, 100, True),
    ],
)
def test_the_rule_of_64_days(first_load: int | None, load: int | None, modified: int, loadable: Any) -> None:
    first, last = (None if days is None else START - days * DAY for days in (first_load, load))
    assert load_metadata.is_loadable(first, last, START - modified * DAY, START) is loadable


@pytest.mark.parametrize("option", ["ON_ERROR = CONTINUE", "SIZE_LIMIT = 1", "VALIDATION_MODE = RETURN_ERRORS"])
def test_an_option_that_is_not_there_is_refused(client: Any, staged: Any, option: str) -> None:
    assert staged.is_dir()
    assert client.errno(f"COPY INTO T FROM @S {option}") == 2


def test_fields_are_converted_as_insert_does(client: Any, staged: Any) -> None:
    client.rows("CREATE TABLE U (L TIMESTAMP_LTZ, D DATE, B BOOLEAN, N INT)")
    (staged / "a.csv").write_text("2026-11-28 18:34:18.169 +0000,28-Nov-2026,off,1\n")
    (staged / "b.csv").unlink()
    client.rows("COPY INTO U FROM @S")
    client.rows("COPY INTO U (N, D) FROM (SELECT $4 + 1, TO_DATE($2, 'DD-MON-YYYY') FROM @S) FORCE = TRUE")
    rows = client.values("SELECT L::VARCHAR, D::VARCHAR, B, N FROM U ORDER BY N")
    assert rows == [("2026-11-28 18:34:18.169 +0000", "2026-11-28", False, 1), (None, "2026-11-28", None, 2)]
    (staged / "a.csv").write_text("2026-11-28,2026-11-28,on,1,too many\n")
    assert client.errno("COPY INTO U FROM @S") > 0
