"""A stand-in that the fork server starts is to the engine what it is without: streams, end, signals."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from jobgraph.toolchain.launchers import Launcher, install_launcher
from tests.lifecycle import fork_server
from tests.lifecycle.project import BIN

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# Says what it was given, waits for a line, and ends with 3; an interrupt ends it with 4, from a thread: a handler would
# not be called for one that arrives just before `readline` blocks.
STAND_IN = """
import json, os, signal, sys, threading
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
def interrupted():
    signal.sigwait([signal.SIGINT])
    os._exit(4)
threading.Thread(target=interrupted, daemon=True).start()
given = {"arguments": sys.argv[1:], "folder": os.getcwd(), "variable": os.environ["MINE"], "process": os.getpid()}
print(json.dumps(given | {"main": __name__, "forked": "pulumi_snowflake" in sys.modules}), flush=True)
print(sys.stdin.readline(), end="", file=sys.stderr)
sys.exit(3)
"""


def start(folder: Path, variables: dict[str, str]) -> subprocess.Popen[str]:
    (folder / "stand_in.py").write_text(STAND_IN)
    plugin = folder / "home" / "plugins" / "resource-mine-v1" / "pulumi-resource-mine"
    install_launcher(plugin, Launcher("stand_in", BIN / "python", folder, folder).text())
    fork_server.install(folder / "home")
    return subprocess.Popen(
        [plugin, "127.0.0.1:1", "--more"],
        cwd=folder,
        env={"PATH": os.environ["PATH"], "MINE": "a value", **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(params=["forked", "started anew"])
def plugin(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """A plugin that has said what it was given, and its process."""
    forked = request.param == "forked"
    with start(tmp_path, {fork_server.VARIABLE: fork_server.address()} if forked else {}) as launched:
        assert launched.stdout
        said = json.loads(launched.stdout.readline())
        process = said.pop("process")
        assert (process != launched.pid) is forked
        assert said == {
            "arguments": ["127.0.0.1:1", "--more"],
            "folder": str(tmp_path),
            "variable": "a value",
            "main": "__main__",
            "forked": forked,
        }
        yield launched, process


def test_streams_and_exit_code_are_those_of_the_process(plugin: tuple[subprocess.Popen[str], int]) -> None:
    assert plugin[0].communicate("a line\n", timeout=60) == ("", "a line\n")
    assert plugin[0].returncode == 3


def test_an_interrupt_reaches_the_process(plugin: tuple[subprocess.Popen[str], int]) -> None:
    plugin[0].send_signal(signal.SIGINT)
    assert plugin[0].wait(60) == 4


def test_a_killed_launcher_takes_the_process_with_it(plugin: tuple[subprocess.Popen[str], int]) -> None:
    launched, process = plugin
    ended = os.pidfd_open(process)
    launched.kill()
    assert select.select([ended], [], [], 60)[0]
    os.close(ended)
