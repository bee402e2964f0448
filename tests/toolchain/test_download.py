import io
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

from jobgraph.toolchain import download

if TYPE_CHECKING:
    from http.client import HTTPResponse


@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that takes connections and never says anything."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]


class Silent:
    """A step that shows nothing."""

    def update(self, detail: str, done: int = 0, total: int = 0) -> None: ...
    def tick(self) -> None: ...


class Sent(io.BytesIO):
    """A response with a body."""

    headers: dict[str, str]

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.headers = {"Content-Length": str(len(body))}


def answer_with(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    monkeypatch.setattr(download, "_answer", lambda _url: cast("HTTPResponse", Sent(body)))


def test_a_server_that_says_nothing_is_given_up(
    tmp_path: Path, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(download, "STALL_SECONDS", 0.5)
    monkeypatch.setenv("no_proxy", "*")

    with pytest.raises(download.NoDownloadError, match="no answer within"):
        download.fetch(f"http://127.0.0.1:{silent_port}/x", tmp_path, Silent())


def test_a_name_in_an_archive_cannot_leave_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name in ("../../evil", "/etc/evil2"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    answer_with(monkeypatch, buffer.getvalue())
    folder = tmp_path / "inner"
    folder.mkdir()

    download.fetch("https://x", folder, Silent())

    assert sorted(path.name for path in folder.iterdir()) == ["evil", "evil2"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("body", [b"<html>log in to the network first</html>", b"\x1f\x8b\x08\x00"])
def test_an_answer_that_is_no_archive_counts_as_none(
    body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, body)

    with pytest.raises(download.NoDownloadError, match="https://x: "):
        download.fetch("https://x", tmp_path, Silent())


@pytest.mark.parametrize(
    ("system", "machine", "command_line", "plugin"),
    [
        ("Linux", "x86_64", "linux-x64", "linux-amd64"),
        ("Linux", "aarch64", "linux-arm64", "linux-arm64"),
        ("Darwin", "arm64", "darwin-arm64", "darwin-arm64"),
    ],
)
def test_addresses(system: str, machine: str, command_line: str, plugin: str) -> None:
    sdk = download.command_line_url("3.250.0", system, machine)
    resource = download.plugin_url("pulumi-resource-snowflake", "2.22.0", system, machine)

    assert sdk == f"https://get.pulumi.com/releases/sdk/pulumi-v3.250.0-{command_line}.tar.gz"
    assert resource == f"https://get.pulumi.com/releases/plugins/pulumi-resource-snowflake-v2.22.0-{plugin}.tar.gz"
