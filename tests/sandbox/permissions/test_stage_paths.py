"""A path of a stage stays inside the stage, whatever it is written like and whatever links stand in its folder."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.objects import stage
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.statements.reader import ObjectName
from snowflake_sandbox.tables import file_urls, stage_files

from tests.sandbox.conftest import Client

_ESCAPES = (
    "../outside",
    "a/../../outside",
    "..\\outside",
    "a\\..\\..\\outside",
    "%2e%2e/outside",
    "%2E%2E%2Foutside",
    "..%2foutside",
    "link/outside",
    "a\x00/../outside",
)


@pytest.fixture
def root(client: Client) -> Path:
    """The folder of stage S, with a link in it that leads out of it."""
    client.rows("create stage S encryption = (type = 'SNOWFLAKE_SSE')")
    with client.world.store.transaction() as tx:
        folder = stage.folder(client.world, catalog.get(tx, "STAGE", ObjectName("S", "PUBLIC", "D")))
    (folder / "link").symlink_to(folder.parent)
    (folder / "file").symlink_to("/etc/hostname")
    return folder


@pytest.mark.parametrize("path", _ESCAPES)
def test_a_path_that_leaves_the_stage_is_refused(root: Path, path: str) -> None:
    with pytest.raises(SnowflakeError) as error:
        stage_files.inside(root, path)
    assert error.value.errno == 1008


@pytest.mark.parametrize("path", ["/etc/passwd", "//etc/passwd", "a//b", "a/./b", "%2e", "a..b", "..."])
def test_all_other_paths_are_below_the_stages_folder(root: Path, path: str) -> None:
    assert stage_files.inside(root, path).resolve().is_relative_to(root.resolve())


@pytest.mark.parametrize("path", ["a" * 256, "é" * 128, "a/" * 600 + "a", "a" * 200 + "/" + "b" * 100_000, "\ud800"])
def test_a_path_that_no_file_can_have_is_refused(root: Path, path: str) -> None:
    with pytest.raises(SnowflakeError) as error:
        stage_files.inside(root, path)
    assert error.value.errno == 1008


@pytest.mark.parametrize(
    "statement",
    [
        "copy into @S/taken from (select 1) single = true overwrite = true",
        "copy into @S/below/file/more from (select 1) single = true overwrite = true",
        "copy into @S/below/file/ from (select 1) overwrite = true",
        f"copy into @S/{'a' * 250} from (select 1) overwrite = true",
        "put 'file:///etc/hostname' @S/below/file",
        "put 'file:///etc/hostname' @S/below/file/more",
        "copy files into @S/below/file/ from @S files = ('below/file')",
    ],
)
def test_what_is_in_a_files_way_is_said(client: Client, root: Path, statement: str) -> None:
    (root / "taken").mkdir()
    (root / "below").mkdir()
    (root / "below" / "file").write_text("here")
    with pytest.raises(SnowflakeError) as error:
        client.rows(statement)
    assert error.value.errno == (1008 if "aaa" in statement else 2)
    assert (root / "below" / "file").read_text() == "here"


@pytest.mark.parametrize("path", ["/tmp/jobgraph-escape", *_ESCAPES])  # noqa: S108  # must not be written
def test_no_statement_writes_outside(client: Client, root: Path, path: str) -> None:
    before = {file for file in root.parent.rglob("*") if file.name != "out"}
    for statement in (
        f"copy into '@S/{path}' from (select 1) single = true overwrite = true",
        f"copy into '@S/{path}-/out' from (select 1) overwrite = true",
        f"put 'file:///etc/hostname' '@S/{path}--'",
        f"remove '@S/{path}'",
    ):
        with suppress(SnowflakeError):
            client.rows(statement)
    outside = {file for file in root.parent.rglob("*") if not file.is_relative_to(root)}
    assert outside <= before
    assert not Path("/tmp/jobgraph-escape").exists()  # noqa: S108  # as above


def test_a_link_is_no_file_of_the_stage(client: Client, root: Path) -> None:
    client.rows("create table T (A varchar)")
    assert client.rows("list @S") == []
    assert client.rows("copy into T from @S") == [{"status": "Copy executed with 0 files processed."}]
    client.rows("remove @S")
    assert (root / "file").is_symlink()
    with pytest.raises(SnowflakeError):
        client.rows("copy into @S/file from (select 1) single = true overwrite = true")


def _content(client: Client, url: str) -> bytes:
    return bytes(client.world.parts[file_urls.PART].read(client.session, url.partition("/api/files/")[2]))


@pytest.mark.parametrize("path", ["real", "folder/real"])
def test_a_link_that_took_a_files_place_is_not_read_by_a_scoped_url(client: Client, root: Path, path: str) -> None:
    (root / "folder").mkdir()
    (root / path).write_text("of the stage")
    ((url,),) = client.values(f"select build_scoped_file_url(@S, '{path}')")
    assert _content(client, url) == b"of the stage"
    # as a container does that writes to the stage
    outside = root.parent / f"outside of {root.name}"
    outside.mkdir()
    (outside / "real").write_text("of the host")
    if path == "real":
        (root / path).unlink()
        (root / path).symlink_to(outside / "real")
    else:
        shutil.rmtree(root / "folder")
        (root / "folder").symlink_to(outside)
    with pytest.raises(SnowflakeError) as error:
        _content(client, url)
    assert error.value.errno == 390420


def test_a_scoped_url_is_not_for_a_service_of_the_same_name(client: Client, root: Path) -> None:
    (root / "real").write_text("of the stage")
    ((url,),) = client.values("select build_scoped_file_url(@S, 'real')")
    named = logins.open_session(client.world, client.session.user, "PUBLIC", service="D.OTHER.SANDBOX_ADMIN")
    with pytest.raises(SnowflakeError) as error:
        _content(Client(client.world, named), url)
    assert error.value.errno == 390420
