"""`python -m tests.clients [--check] [NAME …]`: runs official clients against the sandbox and writes docs/coverage.md.

With --check the page stays as it is, and what it says differently is an error.
"""

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

from tests.clients.table import CLIENTS, PROGRAMS, Client, Outcome, differences, document

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "coverage.md"
# Outside of the clone: every clone of a machine uses the same environments.
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "jobgraph" / "clients"
FOLDER = Path(os.environ.get("CLIENTS_FOLDER", _CACHE))
_IMAGE = 'FROM python:3.11-slim\nCOPY main.py ./\nENTRYPOINT ["python3", "main.py"]\n'
# A task's container that asks for the task it is of, and gives it a value.
_CONTEXT = """
from snowflake.core.task.context import TaskContext
from snowflake.snowpark import Session
import os, pathlib

token = pathlib.Path("/snowflake/session/token").read_text()
place = {name: os.environ[f"SNOWFLAKE_{name.upper()}"] for name in ("host", "account")}
context = TaskContext(Session.builder.configs({**place, "authenticator": "oauth", "token": token}).create())
env = context.get_task_graph_config_property("env")
context.set_return_value(f"{env}, {context.get_predecessor_return_value()}")
"""
_IMAGES = {"hello": 'print("hello")\n', "context": _CONTEXT}
_SECONDS = 1800
# For the sandbox to start and to end: on a busy machine, the clients run beside other work at a low priority.
_PATIENCE = 300.0
_COUNTS = (
    "SELECT COUNT(*), COUNT_IF(EXECUTION_STATUS = 'SUCCESS'), COUNT_IF(ERROR_CODE = '2')"
    " FROM TABLE(COUNTING.INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000))"
)


def command_of(client: Client) -> list[str]:
    """The command that runs the client's program; its environment is made where it is not there."""
    folder = FOLDER / client.folder
    if not (folder / ".done").exists():
        sys.stderr.write(f"clients: installing {client.name} into {folder}\n")
        folder.mkdir(parents=True, exist_ok=True)
        {"py": _install_python, "js": _install_node, "java": _install_java}[client.language](client, folder)
        (folder / ".done").touch()
    program = str(PROGRAMS / client.program)
    if client.language == "js":
        # A program of this folder finds the modules of the client's folder by a variable alone.
        return ["env", f"NODE_PATH={folder / 'node_modules'}", "node", program]
    if client.language == "java":
        # The driver reads Arrow through java.nio.
        return ["java", "--add-opens=java.base/java.nio=ALL-UNNAMED", "-cp", f"{folder}/*", program]
    return [str(folder / "bin" / "python"), program]


def _install_python(client: Client, folder: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    python = folder / "bin" / "python"
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if client.without:
        subprocess.run([*install, "--no-deps", *client.packages], check=True)
        subprocess.run([*install, *_requirements(python, client)], check=True)
    else:
        subprocess.run([*install, *client.packages], check=True)


def _install_node(client: Client, folder: Path) -> None:
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    subprocess.run(["npm", "install", *quiet, "--prefix", str(folder), *client.packages], check=True)


def _install_java(client: Client, folder: Path) -> None:
    copy = ["mvn", "--quiet", "--batch-mode", "dependency:copy", f"-DoutputDirectory={folder}"]
    for package in client.packages:
        subprocess.run([*copy, f"-Dartifact={package}"], check=True, cwd=folder)


def _requirements(python: Path, client: Client) -> list[str]:
    name = client.packages[0].partition("=")[0]
    code = f"from importlib.metadata import requires; print('\\n'.join(requires({name!r}) or []))"
    listed = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in listed if "extra ==" not in line and not line.startswith(client.without)]


def run(client: Client) -> Outcome:
    """Run a client's program against an empty sandbox."""
    command = command_of(client)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, program in _IMAGES.items():
            image = folder / "images" / name
            image.mkdir(parents=True)
            (image / "Dockerfile").write_text(_IMAGE)
            (image / "main.py").write_text(program)
        control.start(folder / "sandbox", (folder / "images",), timeout=_PATIENCE)
        try:
            environment = control.environment(folder / "sandbox")
            ended = _ended(command, {**os.environ, **environment})
            statements = _statements(environment)
        finally:
            control.stop(folder / "sandbox", timeout=_PATIENCE)
    lines = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith('{"step"')]
    steps = [(line["step"], line["outcome"], line["detail"]) for line in lines]
    if ended.returncode:
        steps.append(("the program", "wrong", (ended.stderr.strip().splitlines() or [""])[-1]))
    return Outcome(client, tuple(steps), statements)


def _ended(command: list[str], environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The program's end; one that takes too long has failed, and what it said until then counts."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            output, errors = running.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            running.kill()
            output, _ = running.communicate()
            errors = f"it took more than {_SECONDS} seconds"
    return subprocess.CompletedProcess(command, running.returncode, output, errors)


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


def main(words: list[str]) -> int:
    """Run the clients, print the table, write the page when all of them ran, or hold it against the table.

    Returns:
        1 when a step was wrong, or the page says something else.
    """
    names = [word for word in words if word != "--check"]
    clients = [client for client in CLIENTS if not names or client.folder in names]
    for client in clients:
        command_of(client)
    with ThreadPoolExecutor(2) as pool:  # as many as the smallest machine has cores
        outcomes = list(pool.map(run, clients))
    text = document(outcomes, datetime.now(UTC).date().isoformat())
    sys.stdout.write(text)
    if "--check" in words:
        changed = differences(PAGE.read_text(), text)
        for line in changed:
            sys.stderr.write(f"docs/coverage.md is out of date, run `make clients`: {line}\n")
        return int(bool(changed))
    if not names:
        PAGE.write_text(text)
    return int(any(result == "wrong" for outcome in outcomes for _, result, _ in outcome.steps))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
