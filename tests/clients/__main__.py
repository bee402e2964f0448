"""`python -m tests.clients [NAME …]`: runs official clients against the sandbox and writes docs/coverage.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import snowflake.connector
from snowflake_sandbox import control

from tests.clients.table import CLIENTS, PROGRAMS, Client, Outcome, document

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("CLIENTS_FOLDER", ROOT / ".jobgraph" / "clients"))
_IMAGE = 'FROM python:3.11-slim\nCOPY main.py ./\nENTRYPOINT ["python3", "main.py"]\n'
_SECONDS = 900
_COUNTS = (
    "SELECT COUNT(*), COUNT_IF(EXECUTION_STATUS = 'SUCCESS'), COUNT_IF(ERROR_CODE = '2')"
    " FROM TABLE(COUNTING.INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000))"
)


def python_of(client: Client) -> Path:
    """The client's interpreter; its environment is made where it is not there."""
    folder = FOLDER / client.folder
    python = folder / "bin" / "python"
    if not (folder / ".done").exists():
        sys.stderr.write(f"clients: installing {client.name} into {folder}\n")
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if client.without:
            subprocess.run([*install, "--no-deps", *client.packages], check=True)
            subprocess.run([*install, *_requirements(python, client)], check=True)
        else:
            subprocess.run([*install, *client.packages], check=True)
        (folder / ".done").touch()
    return python


def _requirements(python: Path, client: Client) -> list[str]:
    name = client.packages[0].partition("=")[0]
    code = f"from importlib.metadata import requires; print('\\n'.join(requires({name!r}) or []))"
    listed = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in listed if "extra ==" not in line and not line.startswith(client.without)]


def run(client: Client) -> Outcome:
    """Run a client's program against an empty sandbox."""
    python = python_of(client)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        image = folder / "images" / "hello"
        image.mkdir(parents=True)
        (image / "Dockerfile").write_text(_IMAGE)
        (image / "main.py").write_text('print("hello")\n')
        control.start(folder / "sandbox", (folder / "images",))
        try:
            environment = control.environment(folder / "sandbox")
            ended = subprocess.run(
                [str(python), str(PROGRAMS / client.program)],
                env={**os.environ, **environment},
                capture_output=True,
                text=True,
                check=False,
                timeout=_SECONDS,
            )
            statements = _statements(environment)
        finally:
            control.stop(folder / "sandbox")
    lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith('{"step"')]
    steps = [(line["step"], line["outcome"], line["detail"]) for line in lines]
    if ended.returncode:
        steps.append(("the program", "wrong", (ended.stderr.strip().splitlines() or [""])[-1]))
    return Outcome(client, tuple(steps), statements)


def _statements(environment: Mapping[str, str]) -> tuple[int, int, int, int]:
    with snowflake.connector.connect(
        host=environment["SNOWFLAKE_HOST"],
        port=int(environment["SNOWFLAKE_PORT"]),
        protocol="http",
        account=environment["SNOWFLAKE_ACCOUNT"],
        user=environment["SNOWFLAKE_USER"],
        password=environment["SNOWFLAKE_PASSWORD"],
        role="ACCOUNTADMIN",
    ) as connection:
        (sent, answered, refused), *_ = [
            [int(cell) for cell in row]
            for statement in ("CREATE DATABASE COUNTING", "CREATE WAREHOUSE COUNTING", _COUNTS)
            for row in connection.cursor().execute(statement) or ()
            if statement == _COUNTS
        ]
    own = 3
    return sent - own, answered - own + 1, refused, sent - answered - refused - 1


def main(names: list[str]) -> int:
    """Run the clients, print the table, write the page when all of them ran; 1 when a step was wrong."""
    clients = [client for client in CLIENTS if not names or client.folder in names]
    for client in clients:
        python_of(client)
    with ThreadPoolExecutor(2) as pool:  # as many as the smallest machine has cores
        outcomes = list(pool.map(run, clients))
    text = document(outcomes, datetime.now(UTC).date().isoformat())
    sys.stdout.write(text)
    if not names:
        (ROOT / "docs" / "coverage.md").write_text(text)
    return int(any(result == "wrong" for outcome in outcomes for _, result, _ in outcome.steps))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
