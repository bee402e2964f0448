from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jobgraph.cli.application import Application
from jobgraph.cli.command_line import cli
from tests.golden import compare
from tests.jobgraph.cli.configuration import GOOD
from tests.jobgraph.cli.recorded import ManualClock, Server
from tests.jobgraph.cli.shell import Shell

PROJECT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parent / "golden"

Invoke = Callable[..., Result]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def server(clock: ManualClock) -> Server:
    return Server(clock)


@pytest.fixture
def invoke(server: Server, clock: ManualClock, tmp_path: Path) -> Invoke:
    """Run a command against the recorded server, in a project folder of its own."""

    def run(*arguments: str) -> Result:
        application = Application(connect=lambda _: server, clock=clock, folder=tmp_path)
        return CliRunner().invoke(cli, arguments, obj=application)

    return run


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a valid jobconfig.yaml, the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobconfig.yaml").write_text(GOOD)
    return tmp_path


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with tests/jobgraph/cli/golden/NAME."""
    return lambda name, text: compare(GOLDEN / name, text)


@pytest.fixture
def far_away(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times are shown in UTC, from wherever one looks: here from a place far away from it."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Asia/Kathmandu")
        time.tzset()
        yield
    time.tzset()


@contextmanager
def shell_in(folder: Path) -> Iterator[Shell]:
    """A shell in a folder, whose sandbox is stopped in the end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SNOWFLAKE_", "PULUMI_"))}
    made = Shell(folder, {**kept, "PYTHONPATH": str(PROJECT)})
    yield made
    made.run("sandbox", "stop")


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    """A shell in an empty project folder."""
    with shell_in(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    """A shell with a sandbox for all tests of a file; each makes its database anew."""
    with shell_in(tmp_path_factory.mktemp("started")) as made:
        made.run("sandbox", "start")
        made.activate()
        yield made
