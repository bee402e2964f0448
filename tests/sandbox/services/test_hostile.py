"""Containers that want to outlive their job, or to see what is not theirs: 40 of them, and what is left afterwards."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.services import containers, launching

from tests.sandbox.services.conftest import ASYNC, DOCKERFILE, Jobs, job
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
_MOUNTED = {"name": "v", "mountPath": "/all/mounted"}
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


@pytest.mark.parametrize("place", ["/", "/data/"])
def test_a_container_whose_files_fill_the_disk_is_ended(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(containers, "LEAST_FREE", 1 << 20)
    free = iter([1 << 30, 1 << 19])
    monkeypatch.setattr("shutil.disk_usage", lambda _path: SimpleNamespace(free=next(free, 1 << 19)))
    volume: dict[str, Any] = {
        "volumes": [{"name": "v", "source": "local"}],
        "volumeMounts": [{"name": "v", "mountPath": "/data"}],
    }
    fill = f"import os, signal; at = os.environ['SANDBOX_ROOT'] + '{place}file'; open(at, 'wb').write(bytes(4 << 20))"
    jobs.run(job("J", "python", f"{fill}; print('written', flush=True); signal.pause()", options=ASYNC, **volume))
    assert jobs.end("J") == "FAILED"
    assert "the disk is nearly full of this container's files" in jobs.log("J")


def test_a_container_without_files_of_its_own_outlives_a_full_disk(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[Path] = []

    def full(path: Path) -> SimpleNamespace:
        looks.append(path)
        return SimpleNamespace(free=0)

    monkeypatch.setattr("shutil.disk_usage", full)
    jobs.run(job("J", "python", "import signal; signal.pause()", options=ASYNC))
    deadline = time.monotonic() + PATIENCE
    while len(looks) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert jobs.status("J") == "RUNNING"
    jobs.run("CALL J!SPCS_CANCEL_JOB()")
    assert jobs.end("J") == "CANCELLED"


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="/proc is Linux's")
def test_a_container_that_calls_itself_a_launcher_has_its_limits(jobs: Jobs) -> None:
    program = "import signal; x = bytearray(400 << 20); signal.pause()"
    become = f"import os, sys; os.execv(sys.executable, ['{launching.LAUNCHER}', '-c', {program!r}])"
    jobs.run(job("J", "python", become, options=ASYNC, resources={"limits": {"memory": "100Mi"}}))
    assert jobs.end("J") == "FAILED"
    assert "OOMKilled" in jobs.container("J")["message"]


def test_a_chain_of_processes_may_be_longer_than_pythons_recursion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "_children", lambda pid: [pid + 1] if pid < 5000 else [])
    assert list(containers._tree(1)) == list(range(1, 5001))


def test_processes_that_multiply_as_fast_as_they_are_counted_are_counted_to_an_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(containers, "_children", lambda pid: [pid * 2, pid * 2 + 1])
    assert len(containers._programs(1)) > containers.MOST_PROCESSES


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="/proc is Linux's")
def test_no_variable_of_a_container_reaches_its_launcher(jobs: Jobs, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    mark = f"launcher-{os.getpid()}-{time.monotonic_ns()}"
    os.mkfifo(gate)
    jobs.run(job("J", "wait", str(gate), options=ASYNC, env={"LD_PRELOAD": "/nothing.so", "MARK": mark}))
    # The program's own process has its variables; those around it, which see what it may not, have none of them.
    while not (programs := list(_marked(mark))):
        time.sleep(0.02)
    names = {pid: Path(f"/proc/{pid}/cmdline").read_bytes() for pid in programs}
    gate.write_text("go")
    assert jobs.end("J") == "DONE"
    assert [name for name in names.values() if str(launching.LAUNCHER).encode() in name] == []


def test_a_link_in_a_stage_gives_no_reader_a_file_of_the_sandbox(jobs: Jobs) -> None:
    (jobs.folder / "credentials.json").write_text('{"password": "of the administrator"}')
    jobs.run(
        "CREATE STAGE FILES ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')",
        "CREATE ROLE READER",
        "GRANT USAGE ON DATABASE D TO ROLE READER",
        "GRANT USAGE ON SCHEMA D.S TO ROLE READER",
        "GRANT CREATE SERVICE ON SCHEMA D.S TO ROLE READER",
        "GRANT USAGE ON COMPUTE POOL P TO ROLE READER",
        "GRANT READ ON IMAGE REPOSITORY D.S.R TO ROLE READER",
        "GRANT READ ON STAGE FILES TO ROLE READER",
    )
    volume: dict[str, Any] = {
        "volumes": [{"name": "v", "source": "stage", "stageConfig": {"name": "@FILES"}}],
        "volumeMounts": [{"name": "v", "mountPath": "/data"}],
    }
    at = "import os; d = '/data' if os.path.exists('/data') else os.environ['SANDBOX_ROOT'] + '/data'\n"
    leave = (
        f"os.symlink('{jobs.folder}/credentials.json', d + '/link'); os.symlink('{jobs.folder}', d + '/folder')\n"
        "os.mkfifo(d + '/pipe'); open(d + '/file', 'w').write('a file')"
    )
    jobs.run(job("WRITES", "python", at + leave, **volume))
    reader = logins.open_session(
        jobs.world, logins.ADMINISTRATOR, "READER", warehouse="FOR_EVERYBODY", database="D", schema="S"
    )
    look = "print(sorted(os.listdir(d)), open(d + '/file').read())"
    jobs.rows(job("READS", "python", at + look, **volume), reader)
    (log,) = jobs.rows("SELECT SYSTEM$GET_SERVICE_LOGS('READS', '0', 'main') AS L", reader)
    assert log["L"] == "['file'] a file\n"


def test_links_of_an_image_do_not_lead_its_secrets_and_token_elsewhere(jobs: Jobs) -> None:
    target = jobs.folder / "credentials.json"
    target.write_text("of the administrator")
    image = jobs.images / "test_image"
    (image / "creds").mkdir()
    (image / "creds" / "secret_string").symlink_to(target)
    (image / "session").mkdir()
    (image / "session" / "token").symlink_to(target)
    (image / "mounted").symlink_to(target)
    copies = "COPY creds /creds\nCOPY session /snowflake/session\nCOPY . /all/\n"
    (image / "Dockerfile").write_text(f"{DOCKERFILE}{copies}")
    jobs.run("CREATE SECRET TOKEN TYPE = GENERIC_STRING SECRET_STRING = 'value'")
    for number, path in enumerate(("/creds", "/all/creds")):
        secrets = [{"snowflakeSecret": {"objectName": "TOKEN"}, "directoryPath": path}]
        jobs.run(job(f"J{number}", "token", secrets=secrets))
        assert jobs.log(f"J{number}").startswith("0o600")
    jobs.run(job("K", "token", volumes=[{"name": "v", "source": "local"}], volumeMounts=[_MOUNTED]))
    assert target.read_text() == "of the administrator"


@pytest.mark.skipif(not mounts_work(), reason="namespaces are not allowed here")
def test_a_container_sees_nothing_of_the_sandbox_and_of_other_jobs(jobs: Jobs) -> None:
    (jobs.folder / "credentials.json").write_text('{"password": "of the administrator"}')
    looked = (
        "import os, subprocess, sys\n"
        "data = sys.argv[3]\n"
        "root, seen = os.environ['HOME'], []\n"
        "for folder, folders, files in os.walk(data):\n"
        "    seen += [path for n in files if not (path := os.path.join(folder, n)).startswith(root)]\n"
        # its own root has all of the machine's programs
        "    folders[:] = [n for n in folders if os.path.join(folder, n) != root]\n"
        "print(sorted(seen))\n"
        "os.chdir('..'); os.chdir('../../..'); print(os.path.exists('credentials.json'))\n"
        "print(subprocess.run(['umount', data], capture_output=True).returncode != 0)\n"
        "print([p for p in os.listdir('/proc') if p.isdigit() and int(p) > 50])\n"
    )
    jobs.run(job("J", "python", looked, str(jobs.folder)))
    assert jobs.log("J").splitlines() == ["[]", "False", "True", "[]"]


@pytest.mark.skipif(not mounts_work(), reason="namespaces are not allowed here")
def test_a_container_does_not_see_what_a_project_has_beside_the_data(jobs: Jobs) -> None:
    around = jobs.folder.parent
    for name in ("snowflake/connections.toml", "pulumi/stack.json"):
        (around / name).parent.mkdir()
        (around / name).write_text("password = 'of the administrator'")
    jobs.run(job("J", "python", "import os, sys; print(os.listdir(sys.argv[3]))", str(around)))
    assert jobs.log("J") == "['sandbox']\n"


@pytest.mark.skipif(not mounts_work(), reason="namespaces are not allowed here")
def test_data_that_a_link_leads_to_are_hidden_too(jobs: Jobs, tmp_path: Path) -> None:
    jobs.stop()
    jobs.folder.rename(tmp_path / "disk")
    jobs.folder.symlink_to(tmp_path / "disk")
    jobs.start()
    (jobs.folder / "credentials.json").write_text("of the administrator")
    jobs.run(
        job(
            "J",
            "python",
            "import os, sys; print('credentials.json' in os.listdir(sys.argv[3]))",
            "/".join((str(tmp_path), "disk")),
        )
    )
    assert jobs.log("J") == "False\n"


def test_what_is_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    around = tmp_path / ".jobgraph"
    assert launching.hidden_folders(around / "sandbox") == (around / "sandbox", around)
    assert launching.hidden_folders(tmp_path / "data") == (tmp_path / "data",)
    for folder in (tmp_path, around):
        (folder / "snowflake").mkdir(parents=True)
        (folder / "snowflake" / "connections.toml").touch()
    assert launching.hidden_folders(tmp_path / "data") == (tmp_path / "data", tmp_path / "snowflake")
    monkeypatch.setattr("sys.executable", str(around / "tools" / "python"))
    assert launching.hidden_folders(around / "sandbox") == (around / "sandbox", around / "snowflake")
    monkeypatch.setattr("sys.executable", str(around / "sandbox" / "python"))
    assert launching.hidden_folders(around / "sandbox") == (around / "snowflake",)
