"""The stack that a command is for: it connects to no other account than the stack's."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from jobgraph.account import client
from jobgraph.account.client import ConnectionChoice
from jobgraph.account.stack_account import WrongAccountError, stack_account
from jobgraph.cli.application import Application
from jobgraph.cli.command_line import cli
from tests.jobgraph.cli.configuration import GOOD
from tests.jobgraph.cli.test_client import VARIABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from click.testing import Result

STACK = """\
config:
  snowflake:organizationName: ORGANIZATION
  snowflake:accountName: ACCOUNT
  jobgraph:settings: {pools: {POOL: {instance_family: CPU_X64_XS}}}
"""
REAL = {"SNOWFLAKE_ORGANIZATION_NAME": "organization", "SNOWFLAKE_ACCOUNT_NAME": "account", "SNOWFLAKE_USER": "U"}


@pytest.fixture
def team(project: Path) -> Path:
    """A project with a stack for the sandbox and one for an account."""
    (project / "Pulumi.prod.yaml").write_text(STACK)
    (project / "Pulumi.dev.yaml").write_text("config:\n  jobgraph:settings: {pools: {POOL: {}}}\n")
    image = project / "images" / "load"
    image.mkdir(parents=True)
    (image / "Dockerfile").write_text('FROM scratch\nLABEL org.opencontainers.image.title="my_job_image"\n')
    (project / "jobconfig.yaml").write_text(GOOD)
    return project


def in_sandbox_shell(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(cli, words, obj=Application(folder=folder), env=dict(VARIABLES))


@pytest.mark.parametrize(
    "words",
    [
        ("image", "push", "--environment", "prod"),
        ("doctor", "--account", "--environment", "prod"),
        ("doctor", "--environment", "prod"),
        ("cost", "--environment", "prod", "--history"),
        ("cost", "--environment", "prod", "--since", "7d"),
    ],
)
def test_a_command_for_another_account_is_refused_in_the_sandboxs_shell(team: Path, words: tuple[str, ...]) -> None:
    done = in_sandbox_shell(team, *words)
    assert done.exit_code == 2, done.output
    assert "Pulumi.prod.yaml: stack prod belongs to account ORGANIZATION-ACCOUNT" in done.stderr
    assert "this shell leads to the sandbox, 127.0.0.1:1" in done.stderr
    assert "Use a new shell, or run: unset" in done.stderr
    assert (team / "Pulumi.prod.yaml").read_text() == STACK


def test_what_does_not_connect_is_not_refused(team: Path) -> None:
    assert in_sandbox_shell(team, "cost", "--environment", "prod").exit_code == 0
    assert in_sandbox_shell(team, "validate", "--environment", "prod").exit_code == 0


def test_a_stack_that_names_no_account_is_reached_in_the_sandboxs_shell(team: Path) -> None:
    """Port 1 answers nobody: the command got as far as the connection."""
    done = in_sandbox_shell(team, "image", "push", "--environment", "dev")
    assert done.exit_code == 3, done.output


STACKS_COMMANDS = (("image", "build"), ("image", "push"), ("doctor", "--account"), ("privileges", "--sql"), ("cost",))


@pytest.mark.parametrize("words", STACKS_COMMANDS, ids=" ".join)
def test_what_depends_on_the_stack_asks_which_if_there_are_several(team: Path, words: tuple[str, ...]) -> None:
    done = in_sandbox_shell(team, *words)
    assert done.exit_code == 2, done.output
    assert "names, pools, warehouse and rates depend on the stack: which stack?" in done.stderr
    assert "add --environment dev   (stacks: dev, prod)" in done.stderr


@pytest.mark.parametrize("kind", ["deployer", "run role", "viewer", "operator"])
def test_privileges_have_the_names_of_the_only_stack(team: Path, kind: str) -> None:
    (team / "Pulumi.prod.yaml").unlink()
    settings = "{database: DEV_DB, role: DEV_ROLE, warehouse: DEV_WH, pools: {POOL: {name: DEV_POOL}}}"
    (team / "Pulumi.dev.yaml").write_text(f"config:\n  jobgraph:settings: {settings}\n")
    script = in_sandbox_shell(team, "privileges", "--role", kind, "--sql").stdout
    assert script == in_sandbox_shell(team, "privileges", "--role", kind, "--sql", "--environment", "dev").stdout
    listed = in_sandbox_shell(team, "privileges", "--role", kind)
    assert "DEV_" in listed.stdout
    assert "PR_CONTAINER_ORCHESTRATION" not in listed.stdout + script
    assert "Next: jobgraph privileges --environment dev --sql" in listed.stderr


def chosen(variables: Mapping[str, str], organization: str = "ORGANIZATION", host: str = "") -> ConnectionChoice:
    settings = {"organizationName": organization, "accountName": "ACCOUNT", "host": host}
    return ConnectionChoice(environment=variables, stack=stack_account("prod", "Pulumi.prod.yaml", settings))


def test_variables_of_the_stacks_account_are_accepted() -> None:
    assert client.parameters(chosen(REAL))["account"] == "organization-account"
    private = {"SNOWFLAKE_ACCOUNT": "organization-account.privatelink", "SNOWFLAKE_USER": "U"}
    assert client.parameters(chosen(private))["user"] == "U"
    locator = {"SNOWFLAKE_ACCOUNT": "xy12345.eu-central-1", "SNOWFLAKE_USER": "U"}
    assert client.parameters(chosen(locator))["user"] == "U"
    tunnel = {**REAL, "SNOWFLAKE_HOST": "127.0.0.1"}
    assert client.parameters(chosen(tunnel, host="127.0.0.1"))["host"] == "127.0.0.1"
    assert client.parameters(chosen({**VARIABLES, "SNOWFLAKE_ACCOUNT": "LOCAL-ACCOUNT"}, "LOCAL", "127.0.0.1"))


def test_variables_of_another_account_or_server_are_refused() -> None:
    for variables in (
        {**REAL, "SNOWFLAKE_ACCOUNT_NAME": "other"},
        {**REAL, "SNOWFLAKE_HOST": "127.0.0.1"},
        # SNOWFLAKE_ACCOUNT comes first
        {**REAL, "SNOWFLAKE_ACCOUNT": "LOCAL-SANDBOX"},
    ):
        with pytest.raises(WrongAccountError):
            client.parameters(chosen(variables))


def test_the_cost_is_that_of_the_selected_stack(
    team: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Pulumi keeps the selection in its home folder, by the digest of the project's path."""
    (team / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (team / "Pulumi.prod.yaml").write_text(STACK.replace("CPU_X64_XS", "CPU_X64_L"))
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("PULUMI_HOME", str(home))
    digest = hashlib.sha1(str(team / "Pulumi.yaml").encode(), usedforsecurity=False).hexdigest()
    (home / "workspaces").mkdir()
    (home / "workspaces" / f"shop-{digest}-workspace.json").write_text('{"stack": "organization/shop/prod"}')
    done = in_sandbox_shell(team, "cost")
    assert (done.exit_code, done.stdout) == (0, in_sandbox_shell(team, "cost", "--environment", "prod").stdout)
    assert "Using the selected stack, prod" in done.stderr
    monkeypatch.setenv("PULUMI_STACK", "dev")
    assert in_sandbox_shell(team, "cost").stdout == in_sandbox_shell(team, "cost", "--environment", "dev").stdout
    assert done.stdout != in_sandbox_shell(team, "cost").stdout
    monkeypatch.setenv("PULUMI_STACK", "gone")
    assert in_sandbox_shell(team, "cost").exit_code == 2


@pytest.mark.parametrize("source", ["variable", "project", "login", "login elsewhere"])
def test_the_selection_is_that_of_the_backend_in_use(
    team: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    source: str,
) -> None:
    """Pulumi 3.260 stores `{"stacks": {"file:///...": "organization/shop/dev"}}`."""
    url = "file:///states?metadata=skip"
    home, elsewhere = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("elsewhere")
    monkeypatch.setenv("PULUMI_HOME", str(home))
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.delenv("PULUMI_CREDENTIALS_PATH", raising=False)
    backend = f"backend: {{url: '{url}'}}\n" if source == "project" else ""
    (team / "Pulumi.yaml").write_text(f"name: shop\nruntime: python\n{backend}")
    if source == "variable":
        monkeypatch.setenv("PULUMI_BACKEND_URL", url)
    if source == "login elsewhere":
        monkeypatch.setenv("PULUMI_CREDENTIALS_PATH", str(elsewhere))
    credentials = (elsewhere if source == "login elsewhere" else home) / "credentials.json"
    credentials.write_text(json.dumps({"current": url if "login" in source else "file:///other"}))
    digest = hashlib.sha1(str(team / "Pulumi.yaml").encode(), usedforsecurity=False).hexdigest()
    (home / "workspaces").mkdir()
    stacks = {"file:///other": "organization/shop/prod", url: "organization/shop/dev"}
    (home / "workspaces" / f"shop-{digest}-workspace.json").write_text(json.dumps({"stacks": stacks}))
    done = in_sandbox_shell(team, "privileges")
    assert (done.exit_code, done.stdout) == (0, in_sandbox_shell(team, "privileges", "-e", "dev").stdout)
    assert "Using the selected stack, dev" in done.stderr
