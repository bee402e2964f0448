"""Containers that want to outlive their job, or to see what is not theirs: 40 of them, and what is left afterwards."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox.services import containers

from tests.sandbox.services.conftest import ASYNC, Jobs, job
from tests.sandbox.services.test_mounts import mounts_work

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 20.0
_SLEEP = "['/bin/sleep', '86400']"
# Ways to leave something behind. `here` is told apart by the mark that every process of the test carries.
_LEAVING = {
    "child": f"subprocess.Popen({_SLEEP})",
    "session": f"subprocess.Popen({_SLEEP}, start_new_session=True)",
    "group": f"subprocess.Popen({_SLEEP}, process_group=0)",
    "closed": f"subprocess.Popen({_SLEEP}, start_new_session=True, stdout=-3, stderr=-3, stdin=-3)",
    "daemon": "os.fork() or (os.setsid(), os.fork() and os._exit(0), time.sleep(86400))",
    "twice": "[os.fork() or (os.setsid(), os.fork() and os._exit(0), time.sleep(86400)) for _ in range(2)]",
    "deaf": "os.fork() or ([signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)], os.setsid(), time.sleep(86400))",
    "stopped": "os.fork() or (os.setsid(), os.kill(os.getpid(), signal.SIGSTOP))",
    "thread": f"threading.Thread(target=subprocess.Popen, args=({_SLEEP},)).start()",
    "many": f"[subprocess.Popen({_SLEEP}, start_new_session=True) for _ in range(20)]",
}
_ENDINGS = {"exits": "", "fails": "os._exit(3)", "is killed": "os.kill(os.getpid(), 9)", "waits": "signal.pause()"}


def _marked(mark: str) -> Iterator[int]:
    """Processes that have a mark in their environment."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                is_zombie = "\nState:\tZ" in (folder / "status").read_text()
                if mark.encode() in (folder / "environ").read_bytes() and not is_zombie:
                    yield int(folder.name)
            except OSError:
                continue


def _nothing_left(mark: str) -> None:
    # The kernel reports no event for processes that are not one's children.
    deadline = time.monotonic() + PATIENCE
    while left := list(_marked(mark)):
        assert time.monotonic() < deadline, [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in left]
        time.sleep(0.02)


def _hostile(name: str, leaving: str, ending: str, mark: str) -> str:
    program = f"import os, signal, subprocess, sys, threading, time\n{leaving}\nprint('left', flush=True)\n{ending}"
    return job(name, "python", program, options=ASYNC, env={"MARK": mark})


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="/proc is Linux's")
def test_nothing_outlives_its_job(jobs: Jobs) -> None:
    mark = f"hostile-{os.getpid()}-{time.monotonic_ns()}"
    jobs.run("ALTER COMPUTE POOL P SET MAX_NODES = 8")
    names = []
    for number, (leaving, ending) in enumerate((a, b) for a in _LEAVING.values() for b in _ENDINGS.values()):
        names.append(f"H{number}")
        jobs.run(_hostile(names[-1], leaving, ending, mark))
    waits = [name for number, name in enumerate(names) if number % len(_ENDINGS) == len(_ENDINGS) - 1]
    for name in [name for name in names if name not in waits]:
        jobs.end(name)
    for name in waits:
        jobs.run(f"CALL {name}!SPCS_CANCEL_JOB()")
        assert jobs.end(name) == "CANCELLED"
    assert len(names) == 40
    _nothing_left(mark)


@pytest.mark.parametrize("statement", ["DROP DATABASE D", "DROP SCHEMA D.S", "DROP SERVICE D.S.J", "stop"])
def test_what_takes_a_job_away_ends_its_container(jobs: Jobs, statement: str) -> None:
    mark = f"dropped-{os.getpid()}-{time.monotonic_ns()}"
    jobs.run(_hostile("J", _LEAVING["daemon"], "signal.pause()", mark))
    deadline = time.monotonic() + PATIENCE
    while len(list(_marked(mark))) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    if statement == "stop":
        jobs.world.parts["services"].stop()
    else:
        jobs.run(statement)
    _nothing_left(mark)


def test_a_container_that_makes_processes_without_end_is_ended(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MOST_PROCESSES", 20)
    jobs.run(
        job(
            "J",
            "python",
            "import os, time\nfor _ in range(60):\n    os.fork() or time.sleep(600)\ntime.sleep(600)",
            options=ASYNC,
        )
    )
    assert jobs.end("J") == "FAILED"
    assert "more than 20 processes" in jobs.log("J")


@pytest.mark.skipif(not mounts_work(), reason="namespaces are not allowed here")
def test_a_container_sees_nothing_of_the_sandbox_and_of_other_jobs(jobs: Jobs) -> None:
    (jobs.folder / "credentials.json").write_text('{"password": "of the administrator"}')
    looked = (
        "import os, subprocess, sys\n"
        "data = sys.argv[3]\n"
        "seen = [os.path.join(f, n) for f, _, names in os.walk(data) for n in names]\n"
        "root = os.environ['HOME']\n"
        "print(sorted(n for n in seen if not n.startswith(root)))\n"
        "os.chdir('..'); os.chdir('../../..'); print(os.path.exists('credentials.json'))\n"
        "print(subprocess.run(['umount', data], capture_output=True).returncode != 0)\n"
        "print([p for p in os.listdir('/proc') if p.isdigit() and int(p) > 50])\n"
    )
    jobs.run(job("J", "python", looked, str(jobs.folder)))
    assert jobs.log("J").splitlines() == ["[]", "False", "True", "[]"]
