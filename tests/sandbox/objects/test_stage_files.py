"""LIST and REMOVE with a pattern; paths that a bucket could hold and a folder cannot; files are whole or not there."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from snowflake_sandbox.objects import stage
from snowflake_sandbox.tables import stage_transfers

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client


def test_files_are_removed_by_a_pattern(client: Client) -> None:
    client.rows("CREATE STAGE S")
    for name in ("in/a.csv", "in/b.txt", "c.csv"):
        client.rows(f"COPY INTO @S/{name} FROM (SELECT 1) SINGLE = TRUE")
    assert [name for name, *_ in client.values("LIST @S PATTERN = '.*csv'")] == ["s/c.csv", "s/in/a.csv"]
    assert client.values("REMOVE @S/in PATTERN = '.*[.]csv'") == [("s/in/a.csv", "removed")]
    assert client.values("RM @S PATTERN = 'nothing'") == []
    assert [name for name, *_ in client.values("LIST @S")] == ["s/c.csv", "s/in/b.txt"]


def test_a_path_below_a_file_is_refused_by_name(client: Client) -> None:
    client.rows("CREATE STAGE S")
    client.rows("COPY INTO @S/out/ FROM (SELECT 1) SINGLE = TRUE")
    assert [name for name, *_ in client.values("LIST @S")] == ["s/out/data"]
    assert client.errno("COPY INTO @S/out/data/more FROM (SELECT 1) SINGLE = TRUE") == 2
    assert client.errno("PUT file:///tmp/a @S/out/data") == 2


def _fill_after(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    """Let the disk be full in the middle of a file, after some whole files."""
    copy, write = shutil.copyfile, Path.write_bytes
    left = [count]

    def full(place: Any) -> NoReturn:
        write(Path(place), b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    def copying(source: Any, place: Any, **more: Any) -> Any:
        left[0] -= 1
        return copy(source, place, **more) if left[0] >= 0 else full(place)

    monkeypatch.setattr(shutil, "copyfile", copying)
    monkeypatch.setattr(Path, "write_bytes", lambda place, _content: full(place))


@pytest.mark.parametrize(
    "statement",
    [
        "COPY FILES INTO @S/copies/ FROM @S",
        "COPY FILES INTO @S FROM @OTHER",
        "COPY INTO @S/a FROM (SELECT 'new') SINGLE = TRUE OVERWRITE = TRUE",
        "COPY INTO @S/new FROM (SELECT PARSE_JSON('1')) FILE_FORMAT = (TYPE = JSON)",
    ],
)
def test_a_disk_that_is_full_in_the_middle_of_a_file_changes_no_file(
    client: Client, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    for name in ("S", "OTHER"):
        client.rows(f"CREATE STAGE {name}")
        for file in ("a", "b"):
            client.rows(f"COPY INTO @{name}/{file} FROM (SELECT '{name}') SINGLE = TRUE")
    before = client.rows("LIST @S")
    with monkeypatch.context() as patched:
        _fill_after(patched, 1)
        with pytest.raises(OSError, match="No space left"):
            client.rows(statement)
    assert client.rows("LIST @S") == before
    assert [file.name for file in stage.root(client.world).rglob("*.partial")] == []


def test_files_are_copied_to_where_they_are(client: Client) -> None:
    client.rows("CREATE STAGE S")
    client.rows("COPY INTO @S/a FROM (SELECT 1) SINGLE = TRUE")
    before = client.rows("LIST @S")
    assert client.values("COPY FILES INTO @S FROM @S") == [("a",)]
    assert [row["md5"] for row in client.rows("LIST @S")] == [row["md5"] for row in before]


def test_a_part_that_a_killed_process_left_is_no_file_and_goes(client: Client) -> None:
    client.rows("CREATE STAGE S")
    client.rows("COPY INTO @S/.mine.partial FROM (SELECT 1) SINGLE = TRUE")
    (file,) = [path for path in stage.root(client.world).rglob("*") if path.name == ".mine.partial"]
    left = file.with_name(".0123456789abcdef.partial")
    left.write_bytes(b"half")
    assert [name for name, *_ in client.values("LIST @S")] == ["s/.mine.partial"]
    client.world.parts[stage_transfers.PART].start()
    assert (left.exists(), file.exists()) == (False, True)
