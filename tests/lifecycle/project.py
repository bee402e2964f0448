"""A copy of the project in a temporary folder, with its own sandbox, its own Pulumi state and an activated environment.

Knows how a newcomer would drive the project (commands only); must not know what any test claims.
"""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import snowflake.connector

from jobgraph.toolchain.layout import PLUGIN_VARIABLE
from tests.lifecycle import fork_server

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = ROOT / ".venv" / "bin"
PARTS = (
    "Pulumi.yaml",
    "Pulumi.dev.yaml",
    "__main__.py",
    "jobconfig.yaml",
    "components",
    "jobgraph",
    "page",
    "procedures",
    "toolchain",
    "images",
)
KEPT_VARIABLES = ("HOME", "LANG", "XDG_CACHE_HOME", "GOPATH", "GOFLAGS", PLUGIN_VARIABLE)
# In which a plugin without an engine has ended the calls that it had begun.
CALLS_SECONDS = 20
EXPORT = re.compile(r"^export (\w+)=(.*)$", re.MULTILINE)
# Have the engine write its state when it ends, not after each step: the same state, in a third of the time.
STATE_AT_END = "PULUMI_SKIP_CHECKPOINTS"


def local(urn: str) -> str:
    """A resource's name without that of the program's JobGraph, with which all others begin."""
    return urn.rpartition("::")[2].removeprefix("jobgraph-")


@dataclass
class Project:
    """A folder like a fresh clone after `make setup`."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *command: str, check: bool = True, timeout: float = 600) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder, in the activated environment."""
        forked = fork_server.VARIABLE in self.environment and command[0] == str(BIN / "jobgraph")
        done = subprocess.run(
            fork_server.as_forked(str(BIN / "python"), command) if forked else command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(
                f"{command} ended with {done.returncode}\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}"
            )
        return done

    def jobgraph(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the jobgraph command."""
        return self.run(str(BIN / "jobgraph"), *words, check=check)

    def activate(self) -> None:
        """Do what `eval "$(jobgraph sandbox env)"` does."""
        text = self.jobgraph("sandbox", "env").stdout
        script = f"{text}\n{sys.executable} -c 'import json, os; print(json.dumps(dict(os.environ)))'"
        shell = subprocess.run(
            ["bash", "-euc", script], env=self.environment, capture_output=True, text=True, check=True, cwd=self.folder
        )
        self.environment = json.loads(shell.stdout)

    def pulumi(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run pulumi on the dev stack, without questions."""
        return self.run("pulumi", *words, "--stack", "dev", "--non-interactive", check=check)

    @property
    def cold(self) -> dict[str, str]:
        """The environment in which the engine works as it does for a user: whoever kills it needs this one."""
        return {
            name: value for name, value in self.environment.items() if name not in {fork_server.VARIABLE, STATE_AT_END}
        }

    def up(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`pulumi up`, straight away."""
        return self.pulumi("up", "--yes", "--skip-preview", "--suppress-permalink", *words)

    def preview(self, *words: str) -> dict[str, Any]:
        """`pulumi preview --json` as a value."""
        text = self.pulumi("preview", "--json", *words).stdout
        preview: dict[str, Any] = json.loads(text[text.index("{") :])
        return preview

    def changes(self, *words: str) -> dict[str, str]:
        """URN's last part -> operation, of every step of a preview that changes something (`read` only looks)."""
        return {
            local(step["urn"]): step["op"]
            for step in self.preview(*words)["steps"]
            if step["op"] not in {"same", "read"}
        }

    def edit(self, old: str, new: str) -> None:
        """Replace a text in jobconfig.yaml; it must be there exactly once."""
        path = self.folder / "jobconfig.yaml"
        text = path.read_text()
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in jobconfig.yaml"
        path.write_text(text.replace(old, new))

    def restore(self) -> None:
        """Put the committed jobconfig.yaml back."""
        shutil.copy(ROOT / "jobconfig.yaml", self.folder / "jobconfig.yaml")

    @contextmanager
    def connect(self, **options: Any) -> Iterator[snowflake.connector.SnowflakeConnection]:
        """The official connector, configured as the activated shell configures it."""
        variables = {
            "account": "SNOWFLAKE_ACCOUNT",
            "host": "SNOWFLAKE_HOST",
            "port": "SNOWFLAKE_PORT",
            "protocol": "SNOWFLAKE_PROTOCOL",
            "user": "SNOWFLAKE_USER",
            "password": "SNOWFLAKE_PASSWORD",
            "role": "SNOWFLAKE_ROLE",
            "warehouse": "SNOWFLAKE_WAREHOUSE",
            "database": "SNOWFLAKE_DATABASE",
            "schema": "SNOWFLAKE_SCHEMA",
        }
        given = {
            name: self.environment[variable] for name, variable in variables.items() if variable in self.environment
        }
        with snowflake.connector.connect(**{**given, **options}) as connection:
            yield connection

    def query(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        """Rows of one statement, as dictionaries."""
        with self.connect(paramstyle="qmark") as connection:
            cursor = connection.cursor(snowflake.connector.DictCursor)
            cursor.execute(sql, values)
            return list(cursor.fetchall())


def children(process: int) -> list[int]:
    """The processes that a process has started, from any of its threads."""
    return [
        int(child) for file in Path(f"/proc/{process}/task").glob("*/children") for child in file.read_text().split()
    ]


def kill(engine: subprocess.Popen[str], *, plugins: bool) -> None:
    """End an engine with a signal that it cannot handle, and wait until its plugins are gone.

    Args:
        engine: started in a session of its own.
        plugins: they are killed too, as by a machine that dies. Else they end the calls that they have begun: they are
            in process groups of their own. The official plugin looks for its engine for five minutes more, in which it
            does nothing, so it is killed after a while.
    """
    started = [(child, os.pidfd_open(child)) for child in children(engine.pid)]
    os.killpg(engine.pid, signal.SIGKILL)
    for child, descriptor in started:
        if plugins or not select.select([descriptor], [], [], CALLS_SECONDS)[0]:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        assert select.select([descriptor], [], [], 60)[0], f"process {child} outlives its engine"
        os.close(descriptor)


def make(folder: Path, *, forking: bool = False) -> Project:
    """Copy the project, set it up, start its sandbox, activate the environment, select the stack.

    Args:
        folder: where it is to be.
        forking: save time as no user does, and no measurement: fork stand-ins and the command from a process that has
            their libraries, and have the engine keep no log of its own and write its state once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, symlinks=True)  # with what Python has compiled
        else:
            shutil.copy(source, folder / part)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    keep = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    project = Project(folder, {**keep, "PATH": f"{BIN}:{os.environ['PATH']}"})
    project.run(str(BIN / "python"), "-m", "jobgraph.toolchain", "setup", "--project", str(folder))
    if forking:
        home = folder / ".jobgraph" / "pulumi-home"
        fork_server.install(home)
        (home / "logs").touch()  # no folder, no log: there is not a setting for it
        project.environment |= {fork_server.VARIABLE: fork_server.address(), "GOGC": "400", STATE_AT_END: "true"}
    project.jobgraph("sandbox", "start")
    project.activate()
    project.run("pulumi", "stack", "select", "--create", "dev", "--non-interactive")
    return project
