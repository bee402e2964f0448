"""The sandbox's commands and `doctor`: with stand-ins for process and toolchain, then with the real process."""

from __future__ import annotations

import json
import os
import signal
import socket
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox import control

from jobgraph import toolchain
from jobgraph.account import client, queries
from jobgraph.errors import NotConnectedError
from jobgraph.toolchain.sources import Component, Source

if TYPE_CHECKING:
    from tests.jobgraph.cli.conftest import Invoke
    from tests.jobgraph.cli.recorded import Server
    from tests.jobgraph.cli.shell import Shell

PASSWORD = "pass'word"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "status", lambda _: control.SandboxStatus(running=True, pid=42, port=8765))
    variables = {"SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": "8765", "SNOWFLAKE_PASSWORD": PASSWORD}
    monkeypatch.setattr(control, "environment", lambda _: variables)


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [
        Component("pulumi", "3.250.0", Path("/bin/sh"), Source.GO),
        Component("host", "1", Path("/bin/sh"), Source.STAND_IN),
    ]
    monkeypatch.setattr(toolchain, "report", lambda _: parts)
    monkeypatch.setattr(toolchain, "environment", lambda project, _: {"PULUMI_HOME": f"{project}/home"})


@pytest.mark.usefixtures("running", "set_up")
def test_env_brings_everything_together(invoke: Invoke, tmp_path: Path) -> None:
    done = invoke("sandbox", "env")
    assert done.exit_code == 0, done.output
    lines = dict(line.removeprefix("export ").split("=", 1) for line in done.stdout.splitlines())
    assert lines["SNOWFLAKE_PORT"] == "'8765'"
    assert lines["SNOWFLAKE_PASSWORD"] == "'pass'\\''word'"
    assert lines["SNOWFLAKE_DATABASE"] == "'PR_CONTAINER_ORCHESTRATION'"
    assert lines["PULUMI_HOME"] == f"'{tmp_path}/home'"
    assert lines["PULUMI_BACKEND_URL"] == f"'file://{tmp_path}/.jobgraph/pulumi?metadata=skip'"
    assert lines["PULUMI_CONFIG_PASSPHRASE"] != "''"
    assert done.stderr == ""
    assert (tmp_path / ".jobgraph" / "pulumi").is_dir()


@pytest.mark.usefixtures("running", "set_up")
def test_env_writes_a_connection_for_the_user_alone(invoke: Invoke, tmp_path: Path) -> None:
    invoke("sandbox", "env")
    path = tmp_path / ".jobgraph" / "snowflake" / "connections.toml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert tomllib.loads(path.read_text())["sandbox"]["password"] == PASSWORD


@pytest.mark.usefixtures("running", "set_up")
def test_env_takes_the_names_of_the_stack(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  jobgraph:settings: {database: mine, schema: s}\n")
    done = invoke("sandbox", "env")
    assert "export SNOWFLAKE_DATABASE='MINE'\n" in done.stdout
    (tmp_path / "Pulumi.dev.yaml").write_text("config:\n  jobgraph:settings: {databse: mine}\n")
    done = invoke("sandbox", "env")
    assert done.exit_code == 2
    assert "perhaps you meant database" in done.stderr


@pytest.mark.usefixtures("running")
def test_env_without_a_toolchain_still_serves_snowflake_clients(invoke: Invoke) -> None:
    done = invoke("sandbox", "env")
    assert done.exit_code == 0
    assert "SNOWFLAKE_HOST" in done.stdout
    assert "jobgraph setup" in done.stderr


def test_env_before_the_first_start(invoke: Invoke) -> None:
    done = invoke("sandbox", "env")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "jobgraph sandbox start" in done.stderr


@pytest.mark.usefixtures("running")
def test_status(invoke: Invoke, tmp_path: Path) -> None:
    assert invoke("sandbox", "status").stdout == "The sandbox runs on 127.0.0.1:8765 (process 42).\n"
    told = json.loads(invoke("sandbox", "status", "--json").stdout)
    folder = str(tmp_path / ".jobgraph" / "sandbox")
    assert told == {"running": True, "pid": 42, "port": 8765, "data_folder": folder}


def test_status_of_a_sandbox_that_does_not_run(invoke: Invoke, tmp_path: Path) -> None:
    looked = f"(looked in {tmp_path / '.jobgraph' / 'sandbox'})"
    assert invoke("sandbox", "status").stdout == f"The sandbox is not running {looked}: jobgraph sandbox start\n"
    assert json.loads(invoke("sandbox", "status", "--json").stdout)["pid"] is None


def test_start_says_what_to_do_next_unless_it_is_quiet(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    started = control.SandboxStatus(running=True, pid=42, port=8765)
    monkeypatch.setattr(control, "start", lambda *_, **_options: started)
    done = invoke("sandbox", "start")
    assert done.stdout == "The sandbox has started on 127.0.0.1:8765 (process 42).\n"
    assert 'Next: eval "$(jobgraph sandbox env)"' in done.stderr
    quiet = invoke("sandbox", "start", "--quiet")
    assert (quiet.exit_code, quiet.output) == (0, "")


def test_make_starts_the_sandbox_without_advice_that_it_follows_itself() -> None:
    """`make demo` deploys itself, and `make destroy` has nothing to deploy."""
    lines = (ROOT / "Makefile").read_text().splitlines()
    starts = [line for line in lines if "sandbox start" in line]
    assert len(starts) == 2
    assert all(line.endswith(" sandbox start --quiet") for line in starts)
    # the variables of the sandbox are told before the commands that need them, which `run` prints
    in_order = [line.split()[0] for line in lines if "in your shell: eval" in line or "jobgraph run --wait" in line]
    assert in_order == ["echo", "jobgraph"]


def test_start_says_what_stands_in_the_way(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: Any, **_options: Any) -> control.SandboxStatus:
        raise control.SandboxError("Port 8765 of 127.0.0.1 cannot be used")

    monkeypatch.setattr(control, "start", start)
    done = invoke("sandbox", "start", "--port", "8765")
    assert done.exit_code == 2
    assert "Port 8765" in done.stderr
    assert "--port" in done.stderr
    assert "--port" not in invoke("sandbox", "start").stderr


def test_reset_asks_first(invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(control, "reset", asked.append)
    record = tmp_path / ".jobgraph" / "pulumi" / "stack.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    refused = invoke("sandbox", "reset")
    assert (refused.exit_code, asked, record.exists()) == (1, [], True)
    done = invoke("sandbox", "reset", "--yes")
    assert done.exit_code == 0
    assert asked == [tmp_path / ".jobgraph" / "sandbox"]
    assert not record.exists()


@pytest.mark.usefixtures("running", "set_up")
def test_doctor_tells_what_is_a_stand_in(invoke: Invoke, server: Server) -> None:
    row = {"VERSION": "10", "ACCOUNT": "A", "USER_NAME": "ME", "ROLE": "R", "WAREHOUSE": None}
    server.answers = {"CURRENT_VERSION": [row]}
    done = invoke("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(done.stdout)}
    assert checks["connection"]["detail"] == "127.0.0.1:8765: user ME, role R, warehouse none"
    assert checks["host"]["detail"] == "stand-in: /bin/sh"
    assert "Stand-ins of this project are used for: host" in done.stderr


def test_doctor_names_what_is_to_be_done(invoke: Invoke, server: Server) -> None:
    server.answers = {"": NotConnectedError("Cannot connect to x", remedy="jobgraph sandbox start")}
    done = invoke("doctor")
    assert done.exit_code == 1
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert "to do" in lines["connection"]
    assert "jobgraph sandbox start" in lines["connection"]
    assert "make setup" in lines["pulumi-resource-snowflake"]


@pytest.mark.sandbox
def test_a_real_sandbox_is_started_used_and_reset(shell: Shell) -> None:
    assert shell.run("sandbox", "start").returncode == 0
    assert "is already running" in shell.run("sandbox", "start").stdout
    shell.activate()
    checks = {check["name"]: check for check in json.loads(shell.run("doctor", "--json").stdout)}
    assert checks["connection"]["ok"], checks["connection"]
    assert "SANDBOX_ADMIN" in checks["connection"]["detail"]
    assert "has stopped" in shell.run("sandbox", "stop").stdout
    assert shell.run("sandbox", "reset", "--yes").returncode == 0
    assert not (shell.folder / ".jobgraph" / "sandbox").exists()


@pytest.mark.sandbox
def test_a_taken_port_is_told_by_the_real_sandbox(shell: Shell) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = shell.run("sandbox", "start", "--port", port)
    assert done.returncode == 2, done.stderr
    assert port in done.stderr
    assert "--port" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.sandbox
def test_trouble_with_a_real_sandbox_has_its_exit_codes(shell: Shell) -> None:
    shell.run("sandbox", "start")
    shell.activate()
    empty = shell.run("status")
    assert empty.returncode == 1, empty.stderr
    assert "pulumi up" in empty.stderr
    right = shell.variables["SNOWFLAKE_PASSWORD"]
    shell.variables["SNOWFLAKE_PASSWORD"] = "wrong-horse"
    wrong = shell.run("run", "--wait")
    assert wrong.returncode == 3, wrong.stderr
    assert "Incorrect username or password" in wrong.stderr
    assert "wrong-horse" not in wrong.stderr
    shell.variables["SNOWFLAKE_PASSWORD"] = right
    shell.run("sandbox", "stop")
    gone = shell.run("run", "--wait")
    assert gone.returncode == 3, gone.stderr
    assert "jobgraph sandbox start" in gone.stderr
    assert "Traceback" not in empty.stderr + wrong.stderr + gone.stderr


@pytest.mark.sandbox
def test_a_sandbox_that_is_killed_is_told_at_once_and_again_after_its_restart(shell: Shell) -> None:
    shell.run("sandbox", "start")
    shell.activate()
    connected = client.connect(client.ConnectionChoice(environment=shell.variables))
    os.kill(json.loads(shell.run("sandbox", "status", "--json").stdout)["pid"], signal.SIGKILL)
    with pytest.raises(NotConnectedError, match="Cannot connect"):
        connected.rows(queries.now())
    shell.run("sandbox", "start")
    with pytest.raises(NotConnectedError, match="has ended the session"):
        connected.rows(queries.now())
    connected.close()
    assert client.connect(client.ConnectionChoice(environment=shell.variables)).rows(queries.now())
