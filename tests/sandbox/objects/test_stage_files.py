"""LIST and REMOVE with a pattern; paths that a bucket could hold and a folder cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
