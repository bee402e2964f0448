"""Containers as child processes: environment, log, exit code, memory, stop, and what a killed sandbox leaves."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from snowflake_sandbox.services import containers, logs
from snowflake_sandbox.services.containers import ContainerProcess, Ended, Launch

PATIENCE = 20.0


@dataclass
class Watched:
    launch: Launch
    started: queue.Queue[tuple[int, str]] = field(default_factory=queue.Queue)
    ended: queue.Queue[Ended] = field(default_factory=queue.Queue)

    def start(self) -> ContainerProcess:
        process = ContainerProcess(self.launch, lambda pid, known: self.started.put((pid, known)), self.ended.put)
        process.start()
        return process

    def end(self) -> Ended:
        return self.ended.get(timeout=PATIENCE)


def python(folder: Path, program: str, memory_limit: int | None = None) -> Watched:
    command = (sys.executable, "-u", "-c", program)
    environment = {"PATH": "/usr/bin:/bin", "ONLY": "this"}
    return Watched(Launch(command, folder, environment, folder / "main.log", memory_limit))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_until_gone(pid: int) -> None:
    # The kernel's delivery of a death signal has no event that another process could wait for.
    deadline = time.monotonic() + PATIENCE
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} lives on"
        os.sched_yield()


def test_output_exit_code_folder_and_environment(tmp_path: Path) -> None:
    program = "import os,sys; print(sorted(os.environ), os.getcwd()); print('err', file=sys.stderr); sys.exit(3)"
    watched = python(tmp_path, program)
    watched.start()
    assert watched.end() == Ended(3)
    assert set(eval(logs.read(tmp_path / "main.log").split("]")[0] + "]")) <= {"ONLY", "PATH", "LC_CTYPE"}  # noqa: S307  # our own output
    assert str(tmp_path) in logs.read(tmp_path / "main.log")
    assert logs.read(tmp_path / "main.log").endswith("err\n")


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    watched = Watched(Launch(("no-such-program",), tmp_path, {"PATH": "/bin"}, tmp_path / "main.log"))
    watched.start()
    assert watched.end() == Ended(127)
    assert logs.read(tmp_path / "main.log") == "exec no-such-program: No such file or directory\n"


def test_a_flood_of_output_does_not_hurt(tmp_path: Path) -> None:
    watched = python(tmp_path, "for n in range(50): print('x' * (1 << 20))\nprint('the end')")
    watched.start()
    assert watched.end() == Ended(0)
    assert sum(path.stat().st_size for path in tmp_path.glob("main.log*")) < 4 * 2**20
    assert logs.newest(tmp_path / "main.log", 1, 1000) == "the end\n"


def test_too_much_memory_kills_it(tmp_path: Path) -> None:
    watched = python(tmp_path, "import signal\nx = bytearray(300 << 20)\nsignal.pause()", memory_limit=100 << 20)
    watched.start()
    assert watched.end() == Ended(137, out_of_memory=True)


def test_memory_of_children_counts(tmp_path: Path) -> None:
    inner = "import signal; x = bytearray(300 << 20); signal.pause()"
    program = f"import subprocess,sys; subprocess.run([sys.executable, '-c', {inner!r}])"
    watched = python(tmp_path, program, memory_limit=100 << 20)
    watched.start()
    assert watched.end() == Ended(137, out_of_memory=True)


def test_enough_memory_does_not(tmp_path: Path) -> None:
    watched = python(tmp_path, "print('fine')", memory_limit=1 << 30)
    watched.start()
    assert watched.end() == Ended(0)


def test_stop_lets_it_end_cleanly(tmp_path: Path) -> None:
    program = (
        "import signal,sys\nsignal.pthread_sigmask(signal.SIG_BLOCK, [15])\nprint('ready')\n"
        "signal.sigwait([15])\nsys.exit(7)"
    )
    watched = python(tmp_path, program)
    process = watched.start()
    wait_for_line(tmp_path / "main.log")
    process.stop()
    assert watched.end() == Ended(7)


def wait_for_line(path: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while not logs.read(path).endswith("\n"):
        assert time.monotonic() < deadline
        os.sched_yield()


def test_stop_kills_what_does_not_listen(tmp_path: Path) -> None:
    watched = python(tmp_path, "import signal\nsignal.signal(15, signal.SIG_IGN)\nprint('ready')\nsignal.pause()")
    process = watched.start()
    wait_for_line(tmp_path / "main.log")
    process.stop(grace=0)
    assert watched.end() == Ended(137)


def test_stop_before_the_start(tmp_path: Path) -> None:
    watched = python(tmp_path, "print('never')")
    process = ContainerProcess(watched.launch, lambda *_: pytest.fail("it started"), watched.ended.put)
    process.stop()
    process.start()
    assert watched.end() == Ended(137)


def test_children_end_with_their_container(tmp_path: Path) -> None:
    inner = "import signal; signal.pause()"
    program = f"import subprocess as p,sys; p.Popen([sys.executable, '-c', {inner!r}]); print(); {inner}"
    watched = python(tmp_path, program)
    process = watched.start()
    pid, _ = watched.started.get(timeout=PATIENCE)
    wait_for_line(tmp_path / "main.log")
    members = list(containers._tree(pid))
    assert len(members) >= 3
    process.stop(grace=0)
    assert watched.end() == Ended(137)
    for member in members:
        wait_until_gone(member)


SANDBOX = """
import sys, signal
from pathlib import Path
from snowflake_sandbox.services.containers import ContainerProcess, Launch
program = "import subprocess,signal as s; subprocess.Popen(['sleep', '600']); s.pause()"
folder = Path(sys.argv[1])
launch = Launch((sys.executable, "-c", program), folder, {}, folder / "main.log")
ContainerProcess(launch, lambda pid, known: print(pid, known, flush=True), print).start()
signal.pause()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")
def test_a_killed_sandbox_takes_its_containers_along_and_the_next_one_ends_their_children(tmp_path: Path) -> None:
    root = Path(containers.__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", SANDBOX, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as sandbox:
        assert sandbox.stdout is not None
        pid_text, known = sandbox.stdout.readline().split()
        pid = int(pid_text)
        grandchild = wait_for_child(pid)
        assert containers.identity(pid) == known
        sandbox.send_signal(signal.SIGKILL)
    wait_until_gone(pid)
    containers.end_leftover(pid, known)  # in a process namespace the grandchild has ended already, or is about to
    wait_until_gone(grandchild)
    assert not containers.end_leftover(pid, known)


def wait_for_child(pid: int) -> int:
    deadline = time.monotonic() + PATIENCE
    while True:
        found = [member for member in containers._tree(pid) if member != pid]
        if found:
            return found[0]
        assert time.monotonic() < deadline
        os.sched_yield()


def test_a_stranger_with_the_same_process_id_is_left_alone(tmp_path: Path) -> None:
    watched = python(tmp_path, "import signal; signal.pause()")
    process = watched.start()
    pid, known = watched.started.get(timeout=PATIENCE)
    boot, _, started = known.rpartition(":")
    assert not containers.end_leftover(pid, f"{boot}:{int(started) + 1}")
    assert not containers.end_leftover(pid, f"other-boot:{started}")
    assert is_alive(pid)
    process.stop(grace=0)
    assert watched.end() == Ended(137)
