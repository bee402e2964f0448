import hashlib
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


LIST = "https://list"


def answer_with(monkeypatch: pytest.MonkeyPatch, body: bytes, checksums: str | None = None) -> None:
    """Answer with an archive, and for LIST with its checksum, or with another text."""
    text = f"{hashlib.sha256(body).hexdigest()}  x\n" if checksums is None else checksums
    answers = {LIST: text.encode()}
    monkeypatch.setattr(download, "_answer", lambda url: cast("HTTPResponse", Sent(answers.get(url, body))))


def small_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("tool"), io.BytesIO())
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("checksums", "words"),
    [("0" * 64 + "  x\n", "its SHA-256 is"), (f"{'0' * 64}  y\n", "do not name x"), ("<html>", "do not name x")],
)
def test_what_is_not_the_archive_that_the_release_lists_is_refused(
    checksums: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, small_archive(), checksums)
    with pytest.raises(download.NoDownloadError, match=words):
        download.fetch("https://place/x", tmp_path, Silent(), LIST)


def test_what_is_behind_the_archive_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = small_archive()
    answer_with(monkeypatch, body + b"more", f"{hashlib.sha256(body).hexdigest()} *x\n")
    with pytest.raises(download.NoDownloadError, match="its SHA-256 is"):
        download.fetch("https://place/x", tmp_path, Silent(), LIST)
    answer_with(monkeypatch, body, f"{hashlib.sha256(body).hexdigest().upper()} *x\n")
    download.fetch("https://place/x", tmp_path, Silent(), LIST)


def test_a_list_that_cannot_be_had_is_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(url: str) -> object:
        if url == LIST:
            raise OSError("refused")
        return Sent(small_archive())

    monkeypatch.setattr(download, "_answer", answer)
    with pytest.raises(download.NoDownloadError, match="the checksums at https://list: refused"):
        download.fetch("https://place/x", tmp_path, Silent(), LIST)


def test_the_lists_are_on_another_server_than_the_archives() -> None:
    lists = (
        download.command_line_checksums_url("3.250.0"),
        download.plugin_checksums_url("pulumi-resource-snowflake", "2.22.0"),
    )
    assert lists == (
        "https://github.com/pulumi/pulumi/releases/download/v3.250.0/pulumi-3.250.0-checksums.txt",
        "https://github.com/pulumi/pulumi-snowflake/releases/download/v2.22.0/pulumi-snowflake_2.22.0_checksums.txt",
    )


def test_a_server_that_says_nothing_is_given_up(
    tmp_path: Path, silent_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ANSWER_SECONDS", 0.05)
    monkeypatch.setattr(download, "STALL_SECONDS", 0.5)
    monkeypatch.setenv("no_proxy", "*")

    with pytest.raises(download.NoDownloadError, match="no answer within"):
        download.fetch(f"http://127.0.0.1:{silent_port}/x", tmp_path, Silent(), LIST)


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

    download.fetch("https://place/x", folder, Silent(), LIST)

    assert sorted(path.name for path in folder.iterdir()) == ["evil", "evil2"]
    assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("body", [b"<html>log in to the network first</html>", b"\x1f\x8b\x08\x00"])
def test_an_answer_that_is_no_archive_counts_as_none(
    body: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_with(monkeypatch, body)

    with pytest.raises(download.NoDownloadError, match="https://x: "):
        download.fetch("https://x", tmp_path, Silent(), LIST)


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
