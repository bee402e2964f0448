"""The life of a stack on whatever a connection leads to: deployed, run with the example image, changed, destroyed.

Knows the commands that a user gives. Must not know what they do. All names on the account are the kit's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, Any

import yaml

from tests.account.scratch import MARK
from tests.lifecycle.project import BIN, PARTS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

STACK = "kit"
SETTINGS: dict[str, Any] = {
    "database": f"{MARK}_STACK",
    "role": f"{MARK}_ROLE",
    "warehouse": f"{MARK}_STACK_WAREHOUSE",
    "pools": {
        "PR_STD_POOL_XS": {"name": f"{MARK}_POOL_XS", "instance_family": "CPU_X64_XS"},
        "PR_STD_POOL_S": {"name": f"{MARK}_POOL_S", "instance_family": "CPU_X64_S", "max_nodes": 2},
    },
    "retain": False,
}
_UP = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK)
STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("first up", _UP),
    ("nothing to do", ("pulumi", "preview", "--expect-no-changes", "--non-interactive", "--stack", STACK)),
    ("image push", ("jobgraph", "image", "push", "--environment", STACK, "--inside")),
    ("up with the image", _UP),
    ("doctor", ("jobgraph", "doctor", "--account", "--environment", STACK)),
    ("run", ("jobgraph", "run", "--wait")),
    ("logs", ("jobgraph", "logs", "t_myjob_1")),
    ("refresh", ("pulumi", "refresh", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK)),
    ("destroy", ("pulumi", "destroy", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK)),
)


def prepare(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """Copy the project with a stack of the kit's own, and return the environment of its commands."""
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    config = yaml.safe_load((ROOT / "Pulumi.dev.yaml").read_text())["config"]
    text = yaml.safe_dump({"config": {**config, "jobgraph:settings": SETTINGS}}, sort_keys=False)
    (folder / f"Pulumi.{STACK}.yaml").write_text(text)
    (folder / "state").mkdir()
    environment = {
        **os.environ,
        **variables,
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "PULUMI_BACKEND_URL": f"file://{folder / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE": "the state goes with the folder",
        "SNOWFLAKE_DATABASE": SETTINGS["database"],
        "SNOWFLAKE_SCHEMA": "PUBLIC",
        "SNOWFLAKE_WAREHOUSE": SETTINGS["warehouse"],
    }
    _run(("python", "-m", "jobgraph.toolchain", "setup"), folder, environment)
    from jobgraph.toolchain import environment as of_toolchain  # noqa: PLC0415  # after the setup

    environment |= of_toolchain(folder, environment)
    _run(("pulumi", "stack", "select", "--create", STACK, "--non-interactive"), folder, environment)
    return environment


def live(folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each step and how it went; what follows a failure is left out, but for the destruction."""
    failed = False
    for name, command in STEPS:
        if failed and name != "destroy":
            yield name, "left out"
            continue
        began = time.monotonic()
        done = _run(command, folder, environment)
        seconds = f"{time.monotonic() - began:.0f} s"
        if done.returncode:
            failed = True
            yield name, f"failed after {seconds}: {(done.stdout + done.stderr).strip()[-1500:]}"
        else:
            yield name, f"ok, {seconds}"


def _run(command: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False)
