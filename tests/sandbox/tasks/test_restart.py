"""A real sandbox process, killed with -9 in the middle of a graph run and started again.

The graph: ROOT, then A and B (a Python procedure starts a job service and waits, as the runner does), then C (the
task's own statement is the job service), then the finalizer F. Containers announce themselves on a FIFO and wait
on another one, so that the test knows where the run stands without any clock.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector
from snowflake_sandbox import control

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30.0
DOCKERFILE = 'FROM python:3.11-slim\nWORKDIR /app\nCOPY main.py ./\nENTRYPOINT ["python3", "main.py"]\n'
PROGRAM = """
import os, sys
name, started, go = sys.argv[1:]
with open(started, "w") as fifo:
    fifo.write(name + "\\n")
with open(f"{go}-{name}") as fifo:
    fifo.read()
print("finished", name)
"""
QUICK = "print('finished')\n"
RUNNER = """
def main(session, name, specification):
    asked = "SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID')"
    run = session.sql(asked).collect()[0][0]
    service = f"D.S.{name}_{run}"
    try:
        session.sql(f"EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = {service} ASYNC = TRUE"
                    f" FROM SPECIFICATION '{specification}'").collect()
    except Exception as error:
        if "already exists" not in str(error):
            raise
    session.sql(f"CALL {service}!SPCS_WAIT_FOR('DONE', 600)").collect()
    session.sql("INSERT INTO D.S.HISTORY SELECT ?, ? WHERE NOT EXISTS"
                " (SELECT 1 FROM D.S.HISTORY WHERE RUN = ? AND NAME = ?)", params=[run, name, run, name]).collect()
    session.sql("CALL SYSTEM$SET_RETURN_VALUE(?)", params=[name]).collect()
    return name
"""


@dataclass
class Sandbox:
    """A sandbox process on a folder of its own."""

    folder: Path
    images: Path
    pid: int = 0
    children: set[int] = field(default_factory=set)

    def start(self) -> None:
        self.pid = control.start(self.folder, (self.images,)).pid

    def kill(self) -> None:
        """Kill it with -9; returns when it and all that it had started are gone, or fails."""
        watched = [os.pidfd_open(pid) for pid in (self.pid, *descendants(self.pid))]
        self.children |= set(descendants(self.pid))
        os.kill(self.pid, signal.SIGKILL)
        control._children.pop(self.pid).wait()
        for descriptor in watched:
            poll = select.poll()
            poll.register(descriptor, select.POLLIN)
            assert poll.poll(PATIENCE * 1000), "a child of the killed sandbox lives on"
            os.close(descriptor)

    def connect(self) -> snowflake.connector.SnowflakeConnection:
        login = control.credentials(self.folder)
        return snowflake.connector.connect(
            host="127.0.0.1",
            port=control.status(self.folder).port,
            protocol="http",
            account="LOCAL-SANDBOX",
            user=login.user,
            password=login.password,
            role="ACCOUNTADMIN",
            warehouse="LOOKING",
        )

    def rows(self, *statements: str) -> list[Any]:
        """Run statements; the rows of the last one."""
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def wait_for_end(self) -> None:
        """Ask until no graph run goes on; there is no statement that waits for a graph."""
        deadline = time.monotonic() + PATIENCE
        with closing(self.connect()) as connection, closing(connection.cursor()) as cursor:
            running = "SELECT COUNT(*) FROM TABLE(INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS())"
            while cursor.execute(running) and cursor.fetchall() != [(0,)]:
                assert time.monotonic() < deadline, "the graph run hangs"


def descendants(pid: int) -> list[int]:
    found: list[int] = []
    try:
        children = "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    except OSError:
        return found
    for child in map(int, children.split()):
        found += [child, *descendants(child)]
    return found


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    image = tmp_path / "images" / "gated"
    image.mkdir(parents=True)
    (image / "Dockerfile").write_text(DOCKERFILE)
    (image / "main.py").write_text(PROGRAM)
    quick = tmp_path / "images" / "quick"
    quick.mkdir()
    (quick / "Dockerfile").write_text(DOCKERFILE)
    (quick / "main.py").write_text(QUICK)
    made = Sandbox(tmp_path / "sandbox", tmp_path / "images")
    made.start()
    made.rows("CREATE WAREHOUSE LOOKING")
    yield made
    control.stop(made.folder)


def specification(image: str, *arguments: str) -> str:
    container = {"name": "main", "image": f"/d/s/r/{image}:latest", "args": list(arguments)}
    return json.dumps({"spec": {"containers": [container]}})


def deploy(sandbox: Sandbox, image: str, fifos: list[str]) -> None:
    runner = (
        "CREATE PROCEDURE RUN(NAME VARCHAR, SPECIFICATION VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON"
        " RUNTIME_VERSION = '3.11' PACKAGES = ('snowflake-snowpark-python') HANDLER = 'main' EXECUTE AS CALLER"
        f" AS $${RUNNER}$$"
    )

    def task(name: str, clause: str, body: str) -> str:
        return f"CREATE TASK {name} WAREHOUSE = W {clause} AS {body}"

    def job(name: str) -> str:
        return specification(image, name, *fifos) if fifos else specification(image)

    sandbox.rows(
        "CREATE DATABASE D",
        "CREATE SCHEMA D.S",
        "USE SCHEMA D.S",
        "CREATE WAREHOUSE W",
        "CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 4 INSTANCE_FAMILY = CPU_X64_S",
        "CREATE IMAGE REPOSITORY R",
        "CREATE TABLE HISTORY (RUN VARCHAR, NAME VARCHAR)",
        runner,
        task("ROOT", "", "SELECT 1"),
        task("A", "AFTER ROOT", f"CALL RUN('A', $${job('A')}$$)"),
        task("B", "AFTER ROOT", f"CALL RUN('B', $${job('B')}$$)"),
        task("C", "AFTER A, B", f"EXECUTE JOB SERVICE IN COMPUTE POOL P FROM SPECIFICATION $${job('C')}$$"),
        task("F", "FINALIZE = ROOT", "INSERT INTO HISTORY SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_NAME'), 'F'"),
        "SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('ROOT')",
    )


def check(sandbox: Sandbox, restarts: dict[str, int] | None = None) -> None:
    """The run is whole: nothing lost, nothing doubled."""
    sandbox.wait_for_end()
    history = sandbox.rows(
        "SELECT NAME, STATE, ERROR_MESSAGE, RETURN_VALUE, GRAPH_RUN_GROUP_ID"
        " FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 1000))"
    )
    assert sorted(row[:4] for row in history) == [
        ("A", "SUCCEEDED", None, "A"),
        ("B", "SUCCEEDED", None, "B"),
        ("C", "SUCCEEDED", None, None),
        ("F", "SUCCEEDED", None, None),
        ("ROOT", "SUCCEEDED", None, None),
    ]
    assert len({row[4] for row in history}) == 1
    assert sorted(row[0] for row in sandbox.rows("SELECT NAME FROM D.S.HISTORY WHERE NAME <> 'F'")) == ["A", "B"]
    services = sandbox.rows("SHOW JOB SERVICES IN SCHEMA D.S")
    assert [row[1] for row in services] == ["DONE"] * 3
    if restarts is not None:
        for name, expected in restarts.items():
            found = next(row[0] for row in services if row[0].startswith(name))
            containers = sandbox.rows(f"SHOW SERVICE CONTAINERS IN SERVICE D.S.{found}")
            assert [row[11] for row in containers] == [expected], found
    pid = sandbox.pid
    control.stop(sandbox.folder)
    assert descendants(pid) == []


@pytest.mark.sandbox
def test_killed_in_the_middle_of_a_run_it_ends_the_run_after_the_restart(sandbox: Sandbox, tmp_path: Path) -> None:
    announcements, go = tmp_path / "started", tmp_path / "go"
    os.mkfifo(announcements)
    # Opened for writing too, so that it stays open between two containers.
    started = os.open(announcements, os.O_RDWR)
    for name in "ABC":
        os.mkfifo(f"{go}-{name}")
    deploy(sandbox, "gated", [str(announcements), str(go)])
    sandbox.rows("USE SCHEMA D.S", "EXECUTE TASK ROOT")

    assert announced(started, 2) == {"A", "B"}
    sandbox.kill()
    sandbox.start()
    assert announced(started, 2) == {"A", "B"}
    let_go(go, "AB")
    assert announced(started, 1) == {"C"}
    sandbox.kill()
    sandbox.start()
    assert announced(started, 1) == {"C"}
    let_go(go, "C")
    os.close(started)
    check(sandbox, {"A": 1, "B": 1, "JOB": 1})


def announced(started: int, count: int) -> set[str]:
    """The names of the next containers that say that they run; fails when they do not come."""
    poll = select.poll()
    poll.register(started, select.POLLIN)
    found: list[str] = []
    while len(found) < count:
        assert poll.poll(PATIENCE * 1000), f"only {found} of {count} containers run"
        found += os.read(started, 1000).decode().split()
    return set(found)


def let_go(go: Path, names: str) -> None:
    for name in names:
        Path(f"{go}-{name}").write_text("go")


@pytest.mark.sandbox
def test_killed_at_any_moment_nothing_is_lost_or_doubled(sandbox: Sandbox) -> None:
    deploy(sandbox, "quick", [])
    sandbox.rows("USE SCHEMA D.S", "EXECUTE TASK ROOT")
    moments = random.Random(20_260_102)  # noqa: S311  # a seed, so that the test can be repeated
    for _ in range(3):
        # The moment of the kill is what is tested here, hence real time.
        time.sleep(moments.uniform(0.0, 0.3))
        sandbox.kill()
        sandbox.start()
    check(sandbox)
