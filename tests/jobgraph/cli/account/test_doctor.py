"""What `doctor` says of each thing that it looks at, whatever state that is in."""

from __future__ import annotations

import json
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox import control

from jobgraph import toolchain
from jobgraph.account.client import SnowflakeClient
from jobgraph.cli import inspecting
from jobgraph.cli.application import Application
from jobgraph.cli.commands import sandbox
from jobgraph.cli.commands.account import doctor
from jobgraph.errors import NotConnectedError, UsageError
from jobgraph.inspection.answers import Finding
from jobgraph.toolchain.sources import Component, Source

if TYPE_CHECKING:
    from tests.jobgraph.cli.conftest import Invoke
    from tests.jobgraph.cli.recorded import Server

SESSION = {"VERSION": "10.1", "ACCOUNT": "A", "USER_NAME": "ME", "ROLE": "R", "WAREHOUSE": "W"}


@pytest.fixture
def healthy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is there, and the sandbox runs."""
    server.answers = {"CURRENT_VERSION": [SESSION]}
    monkeypatch.setattr(control, "status", lambda _: control.SandboxStatus(running=True, pid=42, port=8765))
    monkeypatch.setattr(toolchain, "report", lambda _: [Component("pulumi", "3.250.0", Path("/bin/sh"), Source.GO)])


def checks(invoke: Invoke, *words: str) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(invoke("doctor", "--json", *words).stdout)}


@pytest.mark.usefixtures("healthy")
def test_all_is_well(invoke: Invoke) -> None:
    done = invoke("doctor")
    assert (done.exit_code, done.stderr) == (0, "")
    lines = {line.split()[0]: " ".join(line.split()[1:]) for line in done.stdout.splitlines()}
    assert lines["pulumi"] in {
        f"ok {installed('pulumi')} Python package",
        "ok 3.250.0 built by Go from its module: /bin/sh",
    }
    assert lines["python"].startswith("ok 3.")
    assert lines["sandbox"].endswith("The sandbox runs on 127.0.0.1:8765 (process 42).")
    assert lines["connection"] == "ok 10.1 127.0.0.1:8765: user ME, role R, warehouse W"


@pytest.mark.usefixtures("healthy")
def test_a_package_that_is_not_installed_is_named_with_the_command(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    def version(name: str) -> str:
        if name == "pulumi-snowflake":
            raise PackageNotFoundError(name)
        return "1"

    monkeypatch.setattr(doctor, "version", version)
    done = invoke("doctor")
    assert done.exit_code == 1
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("pulumi-snowflake"))
    assert line.split() == ["pulumi-snowflake", "to", "do", "not", "installed:", "pip", "install", "pulumi-snowflake"]


@pytest.mark.usefixtures("healthy")
def test_a_part_of_the_toolchain_that_is_missing_is_named_with_the_command(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(toolchain, "report", lambda _: [Component("host", "3.250.0", None, Source.MISSING)])
    check = checks(invoke)["host"]
    assert (check["ok"], check["detail"]) == (False, f"missing: {toolchain.SETUP}")


@pytest.mark.usefixtures("healthy")
def test_a_sandbox_that_is_not_there_is_no_fault(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(control, "status", lambda _: control.SandboxStatus(running=False))
    check = checks(invoke)["sandbox"]
    folder = tmp_path / ".jobgraph" / "sandbox"
    assert check["ok"]
    assert check["detail"] == f"The sandbox is not running (looked in {folder}): jobgraph sandbox start"

    def absent() -> Any:
        raise UsageError("The sandbox is not installed.", remedy="pip install 'jobgraph[sandbox]'")

    monkeypatch.setattr(sandbox, "control", absent)
    check = checks(invoke)["sandbox"]
    assert check["ok"]
    assert check["detail"] == "The sandbox is not installed. pip install 'jobgraph[sandbox]'"


@pytest.mark.usefixtures("healthy")
def test_a_connection_that_fails_says_why_and_what_to_do(invoke: Invoke, server: Server) -> None:
    server.answers = {"": NotConnectedError("Cannot connect to x", cause="Nobody answers.", remedy="Start it.")}
    check = checks(invoke)["connection"]
    assert (check["ok"], check["detail"]) == (False, "Cannot connect to x. Nobody answers. Start it.")


@pytest.mark.usefixtures("healthy")
def test_a_connection_says_how_it_logged_in(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    class Keyed(SnowflakeClient):
        server = "org-acc"
        way_in = "key pair"

        def __init__(self) -> None:
            pass

        def rows(self, statement: Any) -> Any:
            return server.rows(statement)

    monkeypatch.setattr(Application, "client", Keyed())
    check = doctor._connection(Application())
    assert check.detail == "org-acc: user ME, role R, warehouse W, by key pair"


@pytest.mark.usefixtures("healthy", "project")
def test_each_finding_on_the_account_has_a_line_with_its_state(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    account = [Finding("clock", ok=True, detail="a"), Finding("pool P", ok=False, detail="b"), Finding("x", ok=None)]
    monkeypatch.setattr(inspecting, "inspect", lambda *_: account)
    done = invoke("doctor", "--account")
    assert done.exit_code == 1
    assert [line.split() for line in done.stdout.splitlines()[-3:]] == [
        ["clock", "ok", "a"],
        ["pool", "P", "to", "do", "b"],
        ["x", "not", "certain"],
    ]
    monkeypatch.setattr(inspecting, "inspect", lambda *_: [account[0], account[2]])
    assert invoke("doctor", "--account").exit_code == 0
    # a deploy would succeed, but runs fail
    runs = Finding("run role: USAGE on WAREHOUSE W", ok=False, detail="revoked", of_runs=True)
    monkeypatch.setattr(inspecting, "inspect", lambda *_: [account[0], account[2], runs])
    assert invoke("doctor", "--account").exit_code == 5
    monkeypatch.setattr(inspecting, "inspect", lambda *_: [*account, runs])
    assert invoke("doctor", "--account").exit_code == 1


@pytest.mark.usefixtures("healthy", "project")
def test_the_commands_of_a_finding_use_the_present_connection(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    remedy = Finding("image i:1", ok=False, detail="Remedy: jobgraph image push ONE --environment prod")
    monkeypatch.setattr(inspecting, "inspect", lambda *_: [remedy])
    done = invoke("--connection", "p", "doctor", "--account")
    assert "Remedy: jobgraph --connection p image push ONE --environment prod" in done.stdout
