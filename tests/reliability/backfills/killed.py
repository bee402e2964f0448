"""A backfill on a sandbox that is killed again and again: real processes, real containers, SIGKILL.

Run as a module, it is the sandbox that is killed: it deploys a graph if its folder is new, says its port and waits.
Must not know how the figures are shown.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from jobgraph.account.client import ConnectionChoice, connect
from jobgraph.account.queries import Statement
from jobgraph.errors import UserError
from tests.runner.deployed import deployed, write_image

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERVALS, KILLS = 5, 8
PATIENCE = 240.0
JOBS = {"t_first": {"args": ["nothing"]}, "t_second": {"args": ["nothing"], "after": ["t_first"]}}
DEFAULTS = {
    "image": "job:latest",
    "compute_pool": "POOL",
    "timeout": "60 seconds",
    "retries": {"count": 3, "backoff": "1 second"},
}


def run(seed: int, _count: int) -> tuple[list[str], list[str]]:
    """Run one backfill to its end through all kills; returns figures and what is wrong."""
    chance = random.Random(seed)  # noqa: S311  # no secret
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _prepare(folder)
        process, port = _start(folder)
        try:
            _ask(port)
            for _ in range(KILLS):
                time.sleep(chance.uniform(0.3, 3.0))
                process.kill()
                process.wait()
                process, port = _start(folder)
            rows = _finished(port)
        finally:
            process.kill()
            process.wait()
    wrong = list(_wrong(*rows))
    done = sum(row["STATE"] == "DONE" for row in rows[0])
    return [f"backfill killed {KILLS} times: {done} of {INTERVALS} intervals done, {len(wrong)} lost or doubled"], wrong


def _prepare(folder: Path) -> None:
    write_image(folder / "images")
    graphs = {"g": {"jobs": JOBS}}
    (folder / "jobs.yaml").write_text(yaml.safe_dump({"version": 1, "defaults": DEFAULTS, "graphs": graphs}))


def _start(folder: Path) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, "-m", __name__, str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def _rows(port: int, text: str) -> list[dict[str, Any]]:
    variables = {
        "SNOWFLAKE_ACCOUNT": "sandbox",
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_PORT": str(port),
        "SNOWFLAKE_PROTOCOL": "http",
        "SNOWFLAKE_USER": "SANDBOX_ADMIN",
        "SNOWFLAKE_PASSWORD": "-",
        "SNOWFLAKE_ROLE": "ACCOUNTADMIN",
        "SNOWFLAKE_DATABASE": "D",
        "SNOWFLAKE_SCHEMA": "S",
        "SNOWFLAKE_WAREHOUSE": "WH",
    }
    client = connect(ConnectionChoice(environment=variables))
    try:
        return client.rows(Statement(text))
    finally:
        with suppress(UserError):
            client.close()


def _ask(port: int) -> None:
    values = ", ".join(
        f"('b', {n}, '2026-01-0{n}'::TIMESTAMP_LTZ, '2026-01-0{n + 1}'::TIMESTAMP_LTZ, 'PENDING')"
        for n in range(1, INTERVALS + 1)
    )
    _rows(port, f"INSERT INTO BACKFILL_INTERVALS (BACKFILL_ID, PLACE, START_TIME, END_TIME, STATE) VALUES {values}")
    _rows(
        port,
        "INSERT INTO BACKFILLS (BACKFILL_ID, GRAPH_NAME, STATE, CREATED_TIME)"
        " VALUES ('b', 'g', 'PENDING', CURRENT_TIMESTAMP())",
    )
    _rows(port, "EXECUTE TASK G_ROOT")


def _finished(port: int) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Wait until no interval is open; returns the intervals, and the jobs that ran."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        intervals = _rows(port, "SELECT * FROM BACKFILL_INTERVALS ORDER BY PLACE")
        if not any(row["STATE"] in {"PENDING", "RUNNING"} for row in intervals):
            break
        time.sleep(1)
    jobs = (
        "SELECT DISTINCT R.GRAPH_RUN_ID, T.RUN_CONFIG FROM JOBS_RUN_STATS AS R JOIN TASK_LOGGING_STATS AS T"
        " ON T.GRAPH_RUN_GROUP_ID = R.GRAPH_RUN_ID AND T.NAME = T.ROOT_TASK_NAME WHERE R.JOB_STATUS = 'DONE'"
    )
    return intervals, _rows(port, jobs)


def _wrong(intervals: list[dict[str, Any]], ran: list[dict[str, Any]]) -> Iterator[str]:
    for row in intervals:
        mark = f'"interval": {row["PLACE"]},'
        runs = {str(run["GRAPH_RUN_ID"]) for run in ran if mark in str(run["RUN_CONFIG"]).replace("}", ",")}
        if row["STATE"] != "DONE" or runs != {str(row["GRAPH_RUN_ID"])}:
            yield f"interval {row['PLACE']} is {row['STATE']}, claimed by {row['GRAPH_RUN_ID']}, run by {sorted(runs)}"


def main() -> None:
    """Be the sandbox that is killed."""
    folder = Path(sys.argv[1])
    images, file = folder / "images", folder / "jobs.yaml"
    is_new = not (folder / "sandbox").exists()
    with deployed(folder / "sandbox", images, file, lambda task: task.sql, is_new=is_new) as graph:
        sys.stdout.write(f"{graph.world.address[1]}\n")
        sys.stdout.flush()
        signal.pause()


if __name__ == "__main__":
    main()
