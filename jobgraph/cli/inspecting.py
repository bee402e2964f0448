"""The plan of a stack, and asking an account, and the engine's state, whether it meets the plan's needs.

Knows where the procedures' source is, how questions are sent, and `pulumi stack export`, which needs no passphrase.
Must not know what a plan contains, which questions are asked, nor what follows from the answers (jobgraph.inspection).
"""

from __future__ import annotations

import json
import subprocess
import time
from datetime import UTC, datetime
from importlib.resources import files
from shutil import which
from typing import TYPE_CHECKING

from jobgraph.account import queries
from jobgraph.account.queries import Statement
from jobgraph.cli import budgets, loading
from jobgraph.cli.stacks import PROJECT_FILE, stacks_of
from jobgraph.errors import RunFailedError, UsageError
from jobgraph.inspection import questions
from jobgraph.inspection.answers import Answers, Finding
from jobgraph.inspection.findings import findings
from jobgraph.inspection.stack_state import StackState, stack_state
from jobgraph.plan.planning import Procedures, plan
from jobgraph.plan.procedure_text import sources_in, texts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jobgraph.account.client import Client
    from jobgraph.cli.application import Application
    from jobgraph.inspection.answers import Rows
    from jobgraph.plan.planning import Plan

_EXPORT_SECONDS = 60


def planned(application: Application, file: str | None, environment: str | None) -> Plan:
    """Return the plan of a configuration with the settings of a stack, or with the default settings if there is none.

    Raises:
        ConfigErrors: lists all problems of the configuration.
        UsageError: if the file or the stack's file cannot be used.
    """
    path = loading.file_of(application, file, environment)
    config, settings = loading.with_settings(application, path, environment)
    return plan(config, settings, Procedures(**texts(sources_in(files("jobgraph.procedures")))))


def inspect(application: Application, stack: Plan, environment: str | None) -> list[Finding]:
    """Ask all questions and return the findings. A refused question is a finding, not a failure.

    The commands in the remedies name the stack `environment`.
    """
    client = application.client
    rows: dict[str, Rows] = {}
    refused: dict[str, str] = {}
    for name, text in questions.questions(stack).items():
        try:
            rows[name] = client.rows(Statement(text))
        except RunFailedError as error:
            refused[name] = error.message
    use = None
    try:
        use = budgets.use(client, stack.settings)
    except RunFailedError as error:
        refused[questions.BUDGET_USE] = error.message
    role = str(client.rows(queries.session())[0]["ROLE"])
    server = client.rows(queries.now())[0]["NOW"]
    own = datetime.fromtimestamp(time.time(), UTC)
    grants, reached = _grants(client, role)
    state, problem = _state(application, environment)
    answers = Answers(
        rows,
        role,
        server,
        own,
        grants,
        refused,
        use,
        environment,
        roles=reached,
        stack_role=_deploying_role(application, environment),
        state=state,
        state_problem=problem,
    )
    return findings(stack, answers)


def _state(application: Application, environment: str | None) -> tuple[StackState | None, str]:
    """Return what the stack's state records, or why it is not known and what follows from that."""
    try:
        return read_state(application.folder, environment, application.choice.environment), ""
    except UsageError as error:
        return None, (
            "could not be read, so what is new is not told from what somebody dropped or revoked, nor this stack's"
            f" objects from another stack's: {error.message}"
        )


def _deploying_role(application: Application, environment: str | None) -> str:
    """Return the role that the stack's file names for the deploy; empty if it names none."""
    return stacks_of(application.folder / PROJECT_FILE).role(environment) if environment is not None else ""


def _grants(client: Client, role: str) -> tuple[Rows, frozenset[str]]:
    """Return the rows of SHOW GRANTS for a role and for all visible roles below it, and these roles."""
    rows: Rows = []
    waiting, reached = [role], {role}
    while waiting:
        try:
            own = client.rows(Statement(questions.show_grants(waiting.pop())))
        except (RunFailedError, ValueError):
            continue  # a role of somebody else: not visible, or with a name that no stack's role can have
        rows += own
        below = {
            str(row["name"]) for row in own if row["granted_on"] == "ROLE" and row["privilege"] == "USAGE"
        } - reached
        reached |= below
        waiting += sorted(below)
    return rows, frozenset(reached)


def read_state(folder: Path, stack: str | None, environment: Mapping[str, str]) -> StackState:
    """Return the state of a stack of the project in `folder`.

    Raises:
        UsageError: the state cannot be read; its text says why.
    """
    engine = which("pulumi", path=environment.get("PATH"))
    if stack is None or engine is None:
        raise UsageError("no stack is named" if stack is None else "pulumi is not on the PATH")
    command = (engine, "stack", "export", "--stack", stack, "--non-interactive")
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=dict(environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=_EXPORT_SECONDS,
        )
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"pulumi ended with {done.returncode}"]
            raise UsageError(lines[0].removeprefix("error: "))
        return stack_state(json.loads(done.stdout))
    except (OSError, ValueError, AttributeError, KeyError, TypeError, subprocess.SubprocessError) as error:
        raise UsageError(f"`{' '.join(command[1:])}` failed: {error}") from None
