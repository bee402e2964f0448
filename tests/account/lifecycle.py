"""The life of a stack on whatever a connection leads to: deployed, run by both runners, its alert tried, destroyed.

Knows the commands that a user gives. Must not know what they do. All names on the account are the kit's.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

import yaml

from tests.account.scratch import MARK
from tests.lifecycle.project import BIN, PARTS, ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from tests.account.scratch import Ask

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
# A graph of one job that is its task's own statement, and the alert on late runs, if somebody can be told.
DIRECT = "kit_direct"
ALERT = ("EXECUTE ALERT",)
_TELLS = frozenset({"message", "alert"})
_PATIENCE = 300.0
# A step that takes longer hangs; once interrupted, it may take as long to end what it has begun.
STEP_SECONDS, ENDING_SECONDS = 1800.0, 120.0
_UP = ("pulumi", "up", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK)
FIRST_UP, SECOND_UP = "first up", "first up, again"
# What decision 0020 could not settle: the steps after the first do not depend on it.
NO_WAREHOUSE = "000606"
LATE = (
    "the provider's sessions did not get the stack's warehouse, which was created after their login; see decision 0020"
)
STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (FIRST_UP, _UP),
    ("nothing to do", ("pulumi", "preview", "--expect-no-changes", "--non-interactive", "--stack", STACK)),
    ("image push", ("jobgraph", "image", "push", "--environment", STACK, "--inside")),
    ("up with the image", _UP),
    ("doctor", ("jobgraph", "doctor", "--account", "--environment", STACK)),
    ("run", ("jobgraph", "run", "container_jobs", "--wait")),
    ("logs", ("jobgraph", "logs", "t_myjob_1")),
    ("run without a warehouse", ("jobgraph", "run", DIRECT, "--wait")),
    ("message", ("jobgraph", "notify", "test", DIRECT)),
    ("alert", ALERT),
    ("refresh", ("pulumi", "refresh", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK)),
    ("destroy", ("pulumi", "destroy", "--yes", "--skip-preview", "--non-interactive", "--stack", STACK)),
)


def prepare(folder: Path, variables: Mapping[str, str], address: str = "") -> dict[str, str]:
    """Copy the project with a stack of the kit's own, and return the environment of its commands.

    `address` is that of a user, who is told of runs.
    """
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, folder / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / part)
    (folder / ".venv").symlink_to(ROOT / ".venv")
    jobs = folder / "jobconfig.yaml"
    jobs.write_text(yaml.safe_dump(_with_direct(yaml.safe_load(jobs.read_text()), address), sort_keys=False))
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


def _with_direct(config: dict[str, Any], address: str) -> dict[str, Any]:
    """Return the jobs with a graph of the kit's own beside them."""
    args = ["--query=select 1 as one", "--result_table=results_direct"]
    graph: dict[str, Any] = {"jobs": {"t_direct": {"runner": "direct", "args": args}}}
    if address:
        graph |= {"notify": {"email": [address], "late_after": "1 hour"}, "schedule": "11 hours"}
    return {**config, "graphs": {**config["graphs"], DIRECT: graph}}


def address_of(ask: Ask) -> str:
    """Return the address of the user who is logged in; empty if there is none, or the role does not see it."""
    user = str(ask("SELECT CURRENT_USER() AS NAME")[0]["NAME"])
    rows = [row for row in ask("SHOW USERS") if row["name"] == user]
    return str(rows[0]["email"] or "") if rows else ""


def live(
    folder: Path,
    environment: Mapping[str, str],
    ask: Ask,
    address: str = "",
    over: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[str, str]]:
    """Yield each step and how it went; what follows a failure is left out, but for the destruction.

    So is what would begin when the budget is `over`.
    """
    failed = False
    for name, command in STEPS:
        if (failed or over()) and name != "destroy":
            yield name, "left out" if failed else "left out: the budget is spent"
            continue
        if name in _TELLS and not address:
            yield name, "ok, left out: the user has no address"
            continue
        began = time.monotonic()
        if command is ALERT:
            state = _evaluated(ask)
            failed = state != "TRIGGERED"
            yield name, f"{'failed' if failed else 'ok'}, {state} after {time.monotonic() - began:.0f} s"
            continue
        step, done = name, _run(command, folder, environment)
        if name == FIRST_UP and done.returncode and NO_WAREHOUSE in done.stdout + done.stderr:
            yield name, f"failed with {NO_WAREHOUSE}: {LATE}"
            step, done = SECOND_UP, _run(command, folder, environment)
        seconds = f"{time.monotonic() - began:.0f} s"
        if done.returncode:
            failed = True
            yield step, f"failed after {seconds}: {(done.stdout + done.stderr).strip()[-1500:]}"
        else:
            yield step, f"ok, {seconds}"


def _evaluated(ask: Ask) -> str:
    """Have the stack's alert evaluated; returns the state that its history has in the end."""
    database = SETTINGS["database"]
    ask(f"EXECUTE ALERT {database}.PUBLIC.WATCH_GRAPHS")
    history = (
        f"SELECT STATE FROM TABLE({database}.INFORMATION_SCHEMA.ALERT_HISTORY(ALERT_NAME => 'WATCH_GRAPHS'))"
        " WHERE COMPLETED_TIME IS NOT NULL ORDER BY SCHEDULED_TIME DESC"
    )
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        rows = ask(history)
        if rows:
            return str(rows[0]["STATE"])
        time.sleep(2)
    return "not evaluated"


def _run(command: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command in a process group of its own, so that Ctrl-C reaches it only through this process.

    If this process is interrupted, or the command takes too long, the command is interrupted, too: the engine then ends
    the steps that it has begun, so that nothing is created after the kit has removed its objects.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    with process:
        try:
            out, err = process.communicate(timeout=STEP_SECONDS)
        except subprocess.TimeoutExpired:
            out, err = _ended(process)
            return subprocess.CompletedProcess(
                command, process.returncode or 1, out, f"{err}\nnot ended after {STEP_SECONDS:.0f} s"
            )
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.communicate()
            raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _ended(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Interrupt a command; if it does not end by that, end it and all that it has started."""
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=ENDING_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()
