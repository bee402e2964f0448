import gzip
import hashlib
import io
import os
import socket
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from jobgraph.toolchain import download, installed, launchers, layout
from jobgraph.toolchain.errors import EXIT_CODE, BuildError, NoCommandLineError, NotWritableError, WrongVersionError
from jobgraph.toolchain.progress import Reporter
from jobgraph.toolchain.setup import Setup
from jobgraph.toolchain.sources import Component, Source

RELEASE = layout.pulumi_version()
SNOWFLAKE = layout.SNOWFLAKE_PLUGIN
SNOWFLAKE_RELEASE = layout.snowflake_version()
HOST = layout.LANGUAGE_HOST


@dataclass
class BareMachine:
    """Folders of a made-up machine, and what a setup on it prints."""

    root: Path
    project: Path
    cache: Path
    tools: Path
    output: io.StringIO = field(default_factory=io.StringIO)

    def command(self, name: str, script: str, folder: Path | None = None) -> Path:
        """Put a shell script on the PATH, or into another folder."""
        path = (folder or self.tools) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def pulumi(self, release: str = RELEASE, folder: Path | None = None) -> Path:
        """A `pulumi` that answers with a release."""
        return self.command("pulumi", f"echo v{release}", folder)

    def go(self, built: str = f"echo v{RELEASE}") -> Path:
        """A `go` that "builds" a script, and notes each of its calls in the file `go-calls`."""
        return self.command(
            "go",
            f"""echo "$1" >> {self.root}/go-calls
if [ "$1" = list ]; then printf 'one\\ntwo\\n'; echo 'go: downloading example.org/one v1.0.0' >&2; exit 0; fi
while [ "$1" != -o ]; do shift; done
mkdir -p "$(dirname "$2")"
echo 'one' >&2
printf '#!/bin/sh\\n{built}\\n' > "$2"
chmod 755 "$2" """,
        )

    @property
    def go_calls(self) -> list[str]:
        path = self.root / "go-calls"
        return path.read_text(encoding="utf-8").split() if path.exists() else []

    def setup(self) -> dict[str, Component]:
        """Run a setup; its components by name."""
        search = os.pathsep.join([str(self.tools), "/usr/bin", "/bin"])
        reporter = Reporter(lambda: 0.0, self.output)
        return {row.component: row for row in Setup(self.project, search, self.cache, reporter).run()}

    def plugin(self, name: str, release: str) -> Path:
        """Where the private home holds a plugin."""
        return layout.plugin_folder(layout.private_home(self.project), name, release) / name


@pytest.fixture
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, closed_port: int) -> BareMachine:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("PULUMI_HOME", raising=False)
    monkeypatch.setattr(download, "BASE", f"http://127.0.0.1:{closed_port}")
    monkeypatch.setattr("jobgraph.toolchain.machine.GO_INSTALLED", str(tmp_path / "no-go"))
    return BareMachine(tmp_path, tmp_path / "project", tmp_path / "cache", tmp_path / "tools")


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that refuses connections for as long as the test runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def test_with_the_official_command_line_nothing_is_built(bare_machine: BareMachine) -> None:
    bare_machine.go()
    command_line = bare_machine.pulumi("3.999.0")
    host = bare_machine.command(HOST, "exit 0")

    parts = bare_machine.setup()

    assert parts["pulumi"] == Component("pulumi", "3.999.0", command_line, Source.PATH)
    assert parts[HOST].path == host
    assert parts[HOST].source is Source.PATH
    assert not bare_machine.plugin(HOST, RELEASE).exists()
    assert bare_machine.go_calls == []


def test_a_language_host_beside_the_command_line_is_used_through_a_link(bare_machine: BareMachine) -> None:
    folder = bare_machine.root / "official"
    host = bare_machine.command(HOST, "exit 0", folder)
    bare_machine.tools.mkdir()
    (bare_machine.tools / "pulumi").symlink_to(bare_machine.pulumi(folder=folder))

    assert bare_machine.setup()[HOST].path == host


def test_a_pulumi_that_does_not_run_is_passed_over_and_said(bare_machine: BareMachine) -> None:
    broken = bare_machine.command("pulumi", "exit 1")
    bare_machine.go()

    assert bare_machine.setup()["pulumi"].source is Source.GO
    assert f"{broken} does not answer" in bare_machine.output.getvalue()


def test_without_a_download_go_builds_once_for_all_clones(bare_machine: BareMachine) -> None:
    bare_machine.go()

    first = bare_machine.setup()
    bare_machine.project = bare_machine.root / "another clone"
    second = bare_machine.setup()

    built = bare_machine.cache / f"pulumi-{RELEASE}" / "bin" / "pulumi"
    assert first["pulumi"] == second["pulumi"] == Component("pulumi", RELEASE, built, Source.GO)
    assert bare_machine.go_calls == ["list", "build"]
    assert [path.name for path in bare_machine.cache.glob("*.new-*")] == []


def test_two_setups_at_once_build_once(bare_machine: BareMachine) -> None:
    bare_machine.go()

    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(lambda _: bare_machine.setup()["pulumi"], range(2)))

    assert parts[0] == parts[1]
    assert bare_machine.go_calls == ["list", "build"]


def test_a_second_setup_changes_nothing(bare_machine: BareMachine) -> None:
    bare_machine.go()
    parts = bare_machine.setup()
    before = {path: path.stat() for path in bare_machine.project.rglob("*") if path.is_file()}

    assert bare_machine.setup() == parts
    after = {path: path.stat() for path in bare_machine.project.rglob("*") if path.is_file()}
    assert {path: found.st_mtime_ns for path, found in after.items()} == {
        path: found.st_mtime_ns for path, found in before.items()
    }
    assert len(after) == 3


def test_a_broken_file_in_the_cache_is_replaced(bare_machine: BareMachine) -> None:
    bare_machine.go()
    bare_machine.command("pulumi", "exit 1", bare_machine.cache / f"pulumi-{RELEASE}" / "bin")

    assert bare_machine.setup()["pulumi"].source is Source.GO
    assert bare_machine.go_calls == ["list", "build"]


def test_a_build_that_fails_says_gos_last_words_and_leaves_nothing_half_done(bare_machine: BareMachine) -> None:
    bare_machine.command("go", "echo 'dial tcp: lookup proxy.example.org: no such host' >&2; exit 1")

    with pytest.raises(BuildError) as caught:
        bare_machine.setup()

    assert "lookup proxy.example.org" in str(caught.value)
    assert "make setup" in str(caught.value)
    assert [path.name for path in bare_machine.cache.iterdir() if path.is_dir()] == []


def test_a_build_that_makes_another_release_is_refused(bare_machine: BareMachine) -> None:
    bare_machine.go(built="echo v1.0.0")

    with pytest.raises(WrongVersionError, match=r"answered `pulumi version` with: 1\.0\.0"):
        bare_machine.setup()
    assert not (bare_machine.cache / f"pulumi-{RELEASE}").exists()


def test_neither_go_nor_download_says_what_to_install(bare_machine: BareMachine) -> None:
    with pytest.raises(NoCommandLineError) as caught:
        bare_machine.setup()

    text = str(caught.value)
    assert caught.value.exit_code == 5
    assert "the official download: http://127.0.0.1" in text
    assert "there is no `go` on the PATH" in text
    for remedy in ("https://www.pulumi.com/docs/install/", "https://go.dev/doc/install", "make setup"):
        assert remedy in text


def test_a_cache_that_cannot_be_written_is_named(bare_machine: BareMachine) -> None:
    bare_machine.cache.write_text("a file where a folder should be")
    bare_machine.go()

    with pytest.raises(NotWritableError, match="XDG_CACHE_HOME"):
        bare_machine.setup()


def test_stand_ins_are_launched_where_nothing_real_is_there(bare_machine: BareMachine) -> None:
    bare_machine.go()

    parts = bare_machine.setup()

    for name, release in ((HOST, RELEASE), (SNOWFLAKE, SNOWFLAKE_RELEASE)):
        path = bare_machine.plugin(name, release)
        assert parts[name] == Component(name, release, path, Source.STAND_IN)
        assert launchers.is_launcher(path)
        assert path.stat().st_mode & 0o111
    assert installed.report(bare_machine.project) == list(parts.values())
    told = bare_machine.output.getvalue()
    assert f"No official download of {SNOWFLAKE} (" in told
    assert "); the stand-in of this project is used." in told


def test_a_plugin_that_the_user_has_takes_the_stand_ins_place(bare_machine: BareMachine) -> None:
    bare_machine.go()
    bare_machine.setup()
    folder = layout.plugin_folder(bare_machine.root / "home" / ".pulumi", SNOWFLAKE, SNOWFLAKE_RELEASE)
    real = bare_machine.command(SNOWFLAKE, "exit 0", folder)

    part = bare_machine.setup()[SNOWFLAKE]

    seen_by_engine = bare_machine.plugin(SNOWFLAKE, SNOWFLAKE_RELEASE)
    assert part == Component(SNOWFLAKE, SNOWFLAKE_RELEASE, real, Source.PLUGINS)
    assert not seen_by_engine.parent.is_symlink()
    assert seen_by_engine.resolve() == real


def test_tests_of_the_stand_in_may_ask_for_it_where_the_official_plugin_is(
    bare_machine: BareMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare_machine.pulumi()
    users = layout.plugin_folder(layout.home_folder() / ".pulumi", SNOWFLAKE, SNOWFLAKE_RELEASE)
    bare_machine.command(SNOWFLAKE, "exit 0", users)
    assert bare_machine.setup()[SNOWFLAKE].source is Source.PLUGINS
    monkeypatch.setenv(layout.PLUGIN_VARIABLE, "stand-in")
    assert bare_machine.setup()[SNOWFLAKE].source is Source.STAND_IN
    doctor = [sys.executable, "-m", "jobgraph.toolchain", "doctor", "--project", str(bare_machine.project)]
    codes = [
        subprocess.run([*doctor, "--expect-plugin", plugin], capture_output=True, check=False).returncode
        for plugin in ("stand-in", "official")
    ]
    assert codes == [0, EXIT_CODE]
    monkeypatch.delenv(layout.PLUGIN_VARIABLE)
    assert bare_machine.setup()[SNOWFLAKE].source is Source.PLUGINS


def test_the_stand_in_goes_when_a_real_plugin_comes_onto_the_path(bare_machine: BareMachine) -> None:
    bare_machine.go()
    bare_machine.setup()
    bare_machine.command(SNOWFLAKE, "exit 0")

    assert bare_machine.setup()[SNOWFLAKE].source is Source.PATH
    assert not bare_machine.plugin(SNOWFLAKE, SNOWFLAKE_RELEASE).parent.exists()


def test_a_plugin_that_the_engine_installed_is_left_alone(bare_machine: BareMachine) -> None:
    bare_machine.go()
    path = bare_machine.plugin(SNOWFLAKE, SNOWFLAKE_RELEASE)
    bare_machine.command(SNOWFLAKE, "exit 0", path.parent)

    assert bare_machine.setup()[SNOWFLAKE] == Component(SNOWFLAKE, SNOWFLAKE_RELEASE, path, Source.DOWNLOAD)
    assert not launchers.is_launcher(path)


class OfficialServer(BaseHTTPRequestHandler):
    """Answers for both archives with small ones of the same shape."""

    def do_GET(self) -> None:
        """Serve the archive that the path names."""
        body = self._archive(of_command_line="/sdk/" in self.path)
        if self.path.endswith("checksums.txt"):
            body = self._list()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _archive(self, *, of_command_line: bool) -> bytes:
        names = ("pulumi/pulumi", f"pulumi/{HOST}") if of_command_line else (f"./{SNOWFLAKE}",)
        return archive(dict.fromkeys(names, f"#!/bin/sh\necho v{RELEASE}\n"))

    def _list(self) -> bytes:
        urls = {
            download.command_line_url(RELEASE, *download.this_machine()): self._archive(of_command_line=True),
            download.plugin_url(SNOWFLAKE, SNOWFLAKE_RELEASE, *download.this_machine()): self._archive(
                of_command_line=False
            ),
        }
        lines = (f"{hashlib.sha256(body).hexdigest()}  {url.rpartition('/')[2]}\n" for url, body in urls.items())
        return "".join(lines).encode()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def archive(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    # the time in gzip's header would make another archive of the same files
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()


@pytest.fixture
def official_server(monkeypatch: pytest.MonkeyPatch, bare_machine: BareMachine) -> Iterator[None]:
    assert bare_machine  # its own BASE must be set first
    server = HTTPServer(("127.0.0.1", 0), OfficialServer)
    for name in ("BASE", "CHECKSUMS"):
        monkeypatch.setattr(download, name, f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("official_server")
def test_what_can_be_downloaded_is_neither_built_nor_stood_in_for(bare_machine: BareMachine) -> None:
    bare_machine.go()

    parts = bare_machine.setup()

    assert {row.source for row in parts.values()} == {Source.DOWNLOAD}
    assert bare_machine.go_calls == []
    assert not bare_machine.plugin(HOST, RELEASE).exists()
    assert bare_machine.plugin(SNOWFLAKE, SNOWFLAKE_RELEASE).resolve() == parts[SNOWFLAKE].path
    assert bare_machine.setup() == parts
