"""Downloads Pulumi's official archives.

Knows their addresses, how long to wait for a response, and how to unpack one without trusting the names in it. Does not
know the purpose of the files.
"""

import hashlib
import platform
import queue
import tarfile
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import IO, cast

from jobgraph.toolchain.progress import Step

ANSWER_SECONDS = 4.0
"""How long the download server may take to answer at all, name lookup included, before it is given up."""

STALL_SECONDS = 20.0
"""How long a started download may stand still."""

BASE = "https://get.pulumi.com/releases"

CHECKSUMS = "https://github.com/pulumi"
"""Where each release's checksums are published: another server than the archives', so one alone can forge nothing."""

MEBIBYTE = 1 << 20


class NoDownloadError(Exception):
    """The archive cannot be downloaded; the text gives the reason, for a list of attempts."""


def command_line_url(release: str, system: str, machine: str) -> str:
    """Return the URL of the official command line, given `platform.system()` and `platform.machine()`."""
    return f"{BASE}/sdk/pulumi-v{release}-{system.lower()}-{_architecture(machine, 'x64')}.tar.gz"


def plugin_url(file_name: str, release: str, system: str, machine: str) -> str:
    """Return the URL of an official plugin."""
    return f"{BASE}/plugins/{file_name}-v{release}-{system.lower()}-{_architecture(machine, 'amd64')}.tar.gz"


def command_line_checksums_url(release: str) -> str:
    """Return the URL of the checksums for a release of the command line."""
    return f"{CHECKSUMS}/pulumi/releases/download/v{release}/pulumi-{release}-checksums.txt"


def plugin_checksums_url(file_name: str, release: str) -> str:
    """Return the URL of the checksums for a release of a plugin."""
    name = f"pulumi-{file_name.removeprefix('pulumi-resource-')}"
    return f"{CHECKSUMS}/{name}/releases/download/v{release}/{name}_{release}_checksums.txt"


def checksum(checksums_url: str, archive_url: str) -> str:
    """Return the SHA-256 of an archive, in hex, from a release's list.

    Raises:
        NoDownloadError: If the list cannot be downloaded, or does not contain the archive.
    """
    name = archive_url.rpartition("/")[2]
    try:
        with _answer(checksums_url) as response:
            lines = response.read(MEBIBYTE).decode("ascii", "replace").splitlines()
    except (OSError, HTTPException) as error:
        raise NoDownloadError(f"the checksums at {checksums_url}: {_reason(error)}") from error
    listed = {words[1].lstrip("*"): words[0] for line in lines if len(words := line.split()) == 2}  # noqa: PLR2004  # a sum and a name
    if name not in listed:
        raise NoDownloadError(f"the checksums at {checksums_url} do not name {name}")
    return listed[name].lower()


def this_machine() -> tuple[str, str]:
    """Return the operating system and the processor, as Python names them."""
    return platform.system(), platform.machine()


def fetch(url: str, folder: Path, step: Step, checksums_url: str) -> None:
    """Download an archive, verify it, and write its files, without their folders, to an existing folder.

    Raises:
        NoDownloadError: If the server does not respond in time, refuses, stops in the middle, or sends no such archive,
            or if the checksum differs. The folder's content must then not be used.
    """
    try:
        response = _answer(url)
        with response:
            source = _Counted(response, step)
            with tarfile.open(fileobj=cast("IO[bytes]", source), mode="r|gz") as archive:
                for name, content in _files(archive):
                    path = folder / name
                    path.write_bytes(content)
                    path.chmod(0o755)
            source.drain()
    except (OSError, tarfile.TarError, EOFError, HTTPException) as error:
        raise NoDownloadError(f"{url}: {_reason(error)}") from error
    expected = checksum(checksums_url, url)
    if source.digest != expected:
        raise NoDownloadError(f"{url}: its SHA-256 is {source.digest}, and the release's list has {expected}")


def _architecture(machine: str, intel: str) -> str:
    return (
        intel
        if machine.lower() in {"x86_64", "amd64"}
        else "arm64"
        if machine.lower() in {"arm64", "aarch64"}
        else machine
    )


def _answer(url: str) -> HTTPResponse:
    """Open a URL, but give up after ANSWER_SECONDS in total.

    This runs in a thread, because no socket timeout covers the name lookup, which alone can take half a minute if a
    firewall drops it.
    """
    answers: queue.SimpleQueue[HTTPResponse | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=STALL_SECONDS))  # noqa: S310  # the addresses are above
        except OSError as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=ANSWER_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer within {ANSWER_SECONDS:.0f} seconds") from None
    if isinstance(answer, OSError):
        raise answer
    return answer


class _Counted:
    """A response that reports the bytes read to a step, and computes their hash."""

    def __init__(self, response: HTTPResponse, step: Step) -> None:
        self._response, self._step = response, step
        self._size = int(response.headers.get("Content-Length") or 0)
        self._read = 0
        self._hash = hashlib.sha256()

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the bytes read, in hex."""
        return self._hash.hexdigest()

    def drain(self) -> None:
        """Read the bytes after the archive's end."""
        while self.read(MEBIBYTE):
            pass

    def read(self, size: int) -> bytes:
        content = self._response.read(size)
        self._hash.update(content)
        self._read += len(content)
        self._step.update(f"{self._read // MEBIBYTE} MiB", self._read, self._size)
        return content


def _files(archive: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in archive:
        content = archive.extractfile(member) if member.isfile() else None
        if content:
            yield PurePosixPath(member.name).name, content.read()


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"answered {error.code} {error.reason}"
    if isinstance(error, urllib.error.URLError):
        return str(getattr(error.reason, "strerror", None) or error.reason)
    return str(error) or type(error).__name__
