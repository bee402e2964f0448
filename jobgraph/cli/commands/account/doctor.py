"""The command `doctor`: what is installed here, from where, and whether Snowflake answers.

Knows which checks there are. Must not know how the toolchain or the sandbox find out about themselves.
"""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

import click

from jobgraph.account import queries
from jobgraph.cli import views
from jobgraph.cli.application import Application, examples, is_terminal, note, show, show_json
from jobgraph.cli.commands import sandbox
from jobgraph.errors import UsageError, UserError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_PACKAGES = ("jobgraph", "pulumi", "pulumi-snowflake", "snowflake-connector-python", "snowflake-snowpark-python")


@dataclass(frozen=True)
class Check:
    """One line of the report. `ok` is False if something has to be done; `detail` says what is there, or what to do."""

    name: str
    ok: bool
    version: str
    detail: str


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
    """Return the line on the sandbox; without one, or where it does not run, an account may be used instead."""
    try:
        detail = sandbox.describe(sandbox.state(project), sandbox.data_folder(project))
    except UsageError as error:
        return Check("sandbox", ok=True, version="", detail=f"{error.message} {error.remedy}")
    return Check("sandbox", ok=True, version=version("snowflake-sandbox"), detail=detail)


def _connection(application: Application) -> Check:
    try:
        client = application.client
        row = client.rows(queries.session())[0]
    except UserError as error:
        return Check("connection", ok=False, version="", detail=f"{error.message.rstrip('.')}. {error.remedy}".strip())
    detail = f"{client.server}: user {row['USER_NAME']}, role {row['ROLE']}, warehouse {row['WAREHOUSE'] or 'none'}"
    return Check("connection", ok=True, version=str(row["VERSION"]), detail=detail)


@click.command(
    short_help="Tell what is installed and what answers.",
    epilog=examples("jobgraph doctor", "jobgraph --connection production doctor --json"),
)
@click.option("--json", "as_json", is_flag=True, help="Write the report as JSON.")
@click.pass_context
def doctor(context: click.Context, *, as_json: bool) -> None:
    """Tell what is installed, from where, what is a stand-in, and whether Snowflake answers.

    Exit code 1 if something has to be done; each such line says what.
    """
    application: Application = context.obj
    folder = application.folder
    checks = [*_packages(), *_toolchain(folder), _sandbox(folder), _connection(application)]
    if as_json:
        show_json([asdict(check) for check in checks])
    else:
        rows = ((check.name, "ok" if check.ok else "to do", check.version, check.detail) for check in checks)
        show(views.table(("what", "state", "version", "detail"), rows, terminal=is_terminal()))
    stand_ins = [check.name for check in checks if check.detail.startswith("stand-in")]
    if stand_ins:
        note(f"Stand-ins of this project are used for: {', '.join(stand_ins)}. They are made for the sandbox.")
    context.exit(0 if all(check.ok for check in checks) else 1)
