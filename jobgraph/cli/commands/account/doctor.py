"""The command `doctor`: shows what is installed, where it came from, and whether Snowflake answers.

Knows the list of checks. Must not know how the toolchain and the sandbox determine their own state.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import click

from jobgraph.account import queries
from jobgraph.account.client import SnowflakeClient
from jobgraph.account.stack_account import WrongAccountError
from jobgraph.cli import inspecting, loading, tables
from jobgraph.cli.application import Application, examples, is_terminal, note, show, show_json, spelled
from jobgraph.cli.commands import sandbox
from jobgraph.cli.inspecting import planned
from jobgraph.errors import EXIT_DONE, EXIT_RUN_FAILED, EXIT_RUNS_FAIL, UsageError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from jobgraph.plan.planning import Plan

_PACKAGES = ("jobgraph", "pulumi", "pulumi-snowflake", "snowflake-connector-python", "snowflake-snowpark-python")


@dataclass(frozen=True)
class Check:
    """One line of the report. `ok` is False if something has to be done; `detail` has the facts or the remedy.

    If `certain` is False, the state could not be determined. If `of_runs`, only runs will fail, not the deploy.
    """

    name: str
    ok: bool
    version: str
    detail: str
    certain: bool = True
    of_runs: bool = False

    @property
    def state(self) -> str:
        """In words."""
        return ("ok" if self.ok else "to do") if self.certain else "not certain"


def _packages() -> Iterator[Check]:
    yield Check("python", ok=True, version=platform.python_version(), detail="")
    for name in _PACKAGES:
        try:
            yield Check(name, ok=True, version=version(name), detail="Python package")
        except PackageNotFoundError:
            yield Check(name, ok=False, version="", detail=f"not installed: pip install {name}")


def _toolchain(project: Path) -> Iterator[Check]:
    from jobgraph import toolchain  # noqa: PLC0415  # only this command needs it

    for part in toolchain.report(project):
        present = part.path is not None and part.source.value != "missing"
        origin = f"{part.source.value}: {part.path}" if present else f"missing: {toolchain.SETUP}"
        yield Check(part.component, ok=present, version=part.version, detail=origin)


def _sandbox(project: Path) -> Check:
    """Return the line on the sandbox. It need not run, because an account may be used instead."""
    try:
        detail = sandbox.describe(sandbox.state(project), sandbox.data_folder(project))
    except UsageError as error:
        return Check("sandbox", ok=True, version="", detail=f"{error.message} {error.remedy}")
    return Check("sandbox", ok=True, version=version("snowflake-sandbox"), detail=detail)


def _account(application: Application, stack: Plan, environment: str | None) -> list[Check]:
    """Return a line for everything that a deploy or a run needs from the account."""
    return [
        Check(
            finding.name,
            finding.ok is not False,
            "",
            spelled(finding.detail),
            certain=finding.ok is not None,
            of_runs=finding.of_runs,
        )
        for finding in inspecting.inspect(application, stack, environment)
    ]


def _connection(application: Application) -> Check:
    try:
        client = application.client
        row = client.rows(queries.session())[0]
    except WrongAccountError:
        raise
    except UserError as error:
        sentences = (f"{error.message.rstrip('.')}.", error.cause, error.remedy)
        return Check("connection", ok=False, version="", detail=" ".join(filter(None, sentences)))
    detail = f"{client.server}: user {row['USER_NAME']}, role {row['ROLE']}, warehouse {row['WAREHOUSE'] or 'none'}"
    if isinstance(client, SnowflakeClient):
        detail += f", by {client.way_in}"
    return Check("connection", ok=True, version=str(row["VERSION"]), detail=detail)


@click.command(
    short_help="Show what is installed, and whether Snowflake answers.",
    epilog=examples(
        "jobgraph doctor",
        "jobgraph --connection production doctor --account --environment prod",
        "jobgraph --connection production doctor --json",
    ),
)
@click.argument("file", required=False)
@click.option("--account", "with_account", is_flag=True, help="Also report what would make a deploy or a run fail.")
@click.option("--environment", "-e", metavar="NAME", help="The Pulumi stack to deploy; by default the selected one.")
@click.option("--json", "as_json", is_flag=True, help="Write the report as JSON.")
@click.pass_context
def doctor(
    context: click.Context, file: str | None, *, with_account: bool, environment: str | None, as_json: bool
) -> None:
    """Show what is installed, where it came from, what is a stand-in, and whether Snowflake answers.

    With --account, also check in advance what would make a deploy of FILE, or a run, fail: the clock, each privilege
    of the role that logs in and of the run role, warehouse, pools, integrations, secrets, images, Anaconda's
    packages and behaviour change bundles. Log in as the deploying role for that. The exit code is 1 if something has
    to be fixed before a deploy, and 5 if the deploy would succeed but runs fail; each such line says what.
    """
    application: Application = context.obj
    folder = application.folder
    if with_account:
        environment = loading.stack_of(application, file, environment)
    # before the connection, which must lead to the stack's account
    stack = planned(application, file, environment) if with_account or environment is not None else None
    checks = [*_packages(), *_toolchain(folder), _sandbox(folder), _connection(application)]
    if with_account and stack is not None and checks[-1].ok:
        checks += _account(application, stack, environment)
    if as_json:
        show_json([asdict(check) for check in checks])
    else:
        rows = ((check.name, check.state, check.version, check.detail) for check in checks)
        show(tables.table(("what", "state", "version", "detail"), rows, terminal=is_terminal()))
    stand_ins = [check.name for check in checks if check.detail.startswith("stand-in")]
    if stand_ins:
        note(f"Stand-ins of this project are used for: {', '.join(stand_ins)}. They are made for the sandbox.")
    context.exit(_exit_code(checks))


def _exit_code(checks: Sequence[Check]) -> int:
    wrong = [check for check in checks if not check.ok]
    if not wrong:
        return EXIT_DONE
    return EXIT_RUNS_FAIL if all(check.of_runs for check in wrong) else EXIT_RUN_FAILED
