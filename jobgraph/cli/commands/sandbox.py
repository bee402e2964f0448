"""The commands on the sandbox: `start`, `stop`, `status`, `env`, `mail` and `reset`.

Knows where a project stores the sandbox's data, and which variables an activated shell needs. Must not know how the
sandbox works: `snowflake_sandbox.control` starts and stops it, and `toolchain` locates `pulumi`.
"""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from jobgraph.cli import environment
from jobgraph.cli.application import Application, examples, is_terminal, note, say, show, show_json, show_text
from jobgraph.cli.stacks import PROJECT_FILE, stacks_of
from jobgraph.cli.tables import table
from jobgraph.errors import NotConnectedError, UsageError
from jobgraph.imaging.sources import image_folders
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from snowflake_sandbox.control import SandboxStatus

# The time of a node's start, which takes about two minutes in an account.
_NODE_START_SECONDS = 2.0
# The stack of the sandbox: `make demo` selects it, Pulumi.dev.yaml is its file.
STACK = "dev"


def data_folder(project: Path) -> Path:
    """Return the folder of a project's sandbox."""
    return project / ".jobgraph" / "sandbox"


def control() -> Any:
    """Return the module that starts and stops the sandbox. It loads slowly, and few commands need it.

    Raises:
        UsageError: if the sandbox, a separate package, is not installed.
    """
    try:
        return import_module("snowflake_sandbox.control")
    except ModuleNotFoundError as error:
        if error.name != "snowflake_sandbox":
            raise
        raise UsageError("The sandbox is not installed.", remedy="pip install 'jobgraph[sandbox]'") from error


@contextmanager
def as_user_errors() -> Iterator[None]:
    """Turn the sandbox's errors into UsageErrors.

    Raises:
        UsageError: if the sandbox raised an error; it has the same text.
    """
    try:
        yield
    except control().SandboxError as error:
        raise UsageError(str(error)) from error


def state(project: Path) -> SandboxStatus:
    """Return the state of the project's sandbox."""
    status: SandboxStatus = control().status(data_folder(project))
    return status


@click.group()
def sandbox() -> None:
    """Start, stop and use the local Snowflake of this project."""


@sandbox.command(
    short_help="Start it in the background.",
    epilog=examples("jobgraph sandbox start", "jobgraph sandbox start --port 8765"),
)
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port to listen on; by default the previous one, or a free one."
)
@click.option(
    "--webhook-receiver",
    metavar="URL",
    help="Local address to post webhooks to, as http://127.0.0.1:9000. Without it, they are written to files.",
)
@click.option(
    "--realistic", is_flag=True, help="Pool nodes and warehouses take seconds to start (in an account: up to minutes)."
)
@click.option("--quiet", is_flag=True, help="Write only errors.")
@click.pass_context
def start(
    context: click.Context, port: int | None, webhook_receiver: str | None, *, realistic: bool, quiet: bool
) -> None:
    """Start the sandbox in the background; if it is already running, nothing changes."""
    application: Application = context.obj
    project = application.folder
    before = state(project)
    try:
        with as_user_errors():
            started = control().start(
                data_folder(project),
                image_folders(project),
                port,
                webhook_receiver=webhook_receiver,
                node_start=_NODE_START_SECONDS if realistic else 0.0,
            )
    except UsageError as error:
        if port is None:
            raise
        raise UsageError(
            error.message, remedy="Run `jobgraph sandbox start` without --port to use a free port, or name another one."
        ) from error
    if quiet:
        return
    verb = "is already running" if before.running else "has started"
    click.echo(f"The sandbox {verb} on 127.0.0.1:{started.port} (process {started.pid}).")
    note('Next: eval "$(jobgraph sandbox env)"   then: pulumi up')


@sandbox.command(short_help="Stop it; its data stays.", epilog=examples("jobgraph sandbox stop"))
@click.pass_context
def stop(context: click.Context) -> None:
    """Stop the sandbox and its containers. Its data stays, and runs continue at the next start."""
    application: Application = context.obj
    with as_user_errors():
        stopped = control().stop(data_folder(application.folder))
    looked = f"The sandbox was not running (looked in {data_folder(application.folder)})."
    click.echo("The sandbox has stopped." if stopped else looked)


@sandbox.command(
    short_help="Show whether it runs, and where.",
    epilog=examples("jobgraph sandbox status", "jobgraph sandbox status --json"),
)
@click.option("--json", "as_json", is_flag=True, help="Write the state as JSON.")
@click.pass_context
def status(context: click.Context, *, as_json: bool) -> None:
    """Show whether the sandbox runs, and where."""
    application: Application = context.obj
    now = state(application.folder)
    if as_json:
        show_json(
            {
                "running": now.running,
                "pid": now.pid if now.running else None,
                "port": now.port if now.running else None,
                "data_folder": str(data_folder(application.folder)),
            }
        )
    else:
        say(describe(now, data_folder(application.folder)))


def describe(status_now: SandboxStatus, folder: Path) -> str:
    """Return the state of the sandbox, whose data is in `folder`, as a sentence."""
    if status_now.running:
        return f"The sandbox runs on 127.0.0.1:{status_now.port} (process {status_now.pid})."
    return f"The sandbox is not running (looked in {folder}): jobgraph sandbox start"


@sandbox.command(short_help="Print the variables that point to it.", epilog=examples('eval "$(jobgraph sandbox env)"'))
@click.pass_context
def env(context: click.Context) -> None:
    """Print the variables that point `pulumi` and every Snowflake client at the sandbox, for a POSIX shell.

    They hold the sandbox's password. A connection named `sandbox` is also written to connections.toml in the project's
    .jobgraph/snowflake folder, readable only for you.
    """
    application: Application = context.obj
    project = application.folder
    now = state(project)
    variables = {**_snowflake(project), **_toolchain(project), **_pulumi(project)}
    environment.write_private(
        project / ".jobgraph" / "snowflake" / "connections.toml", environment.connections(variables)
    )
    click.echo(environment.exports(variables), nl=False)
    if not now.running:
        note(describe(now, data_folder(project)))
    if is_terminal():
        note('To set them in this shell: eval "$(jobgraph sandbox env)"')


def _snowflake(project: Path) -> dict[str, str]:
    try:
        connection = control().environment(data_folder(project))
    except control().SandboxError as error:
        raise NotConnectedError(str(error)) from error
    settings = stacks_of(project / PROJECT_FILE).settings(STACK) or Settings()
    return {
        **connection,
        "SNOWFLAKE_WAREHOUSE": settings.warehouse,
        "SNOWFLAKE_DATABASE": settings.database,
        "SNOWFLAKE_SCHEMA": settings.schema,
        "SNOWFLAKE_HOME": str(project / ".jobgraph" / "snowflake"),
        "SNOWFLAKE_DEFAULT_CONNECTION_NAME": environment.CONNECTION,
    }


def _toolchain(project: Path) -> dict[str, str]:
    """Return the toolchain's variables. There are none before its setup, but Snowflake clients work without them."""
    from jobgraph import toolchain  # noqa: PLC0415  # only this command needs it

    try:
        return toolchain.environment(project, os.environ)
    except toolchain.errors.ToolchainError as error:
        note(f"These variables do not include pulumi: {error}")
        return {}


def _pulumi(project: Path) -> dict[str, str]:
    variables = environment.pulumi(project)
    (project / ".jobgraph" / "pulumi").mkdir(parents=True, exist_ok=True)
    return variables


@sandbox.command(
    short_help="List the e-mails and webhooks it sent.",
    epilog=examples("jobgraph sandbox mail", "jobgraph sandbox mail 3"),
)
@click.argument("number", type=click.IntRange(min=1), required=False)
@click.option("--json", "as_json", is_flag=True, help="Write the messages as JSON.")
@click.pass_context
def mail(context: click.Context, number: int | None, *, as_json: bool) -> None:
    """List the sent e-mails, and the webhooks without a receiver. With NUMBER, show that message."""
    application: Application = context.obj
    control()  # raises an error with the installation command if the sandbox is not installed
    from snowflake_sandbox.notifications import mailbox  # noqa: PLC0415  # only this command needs it

    messages = mailbox.messages(data_folder(application.folder))
    if number is not None and number > len(messages):
        raise UsageError(f"There is no message {number}; there are {len(messages)}", remedy="jobgraph sandbox mail")
    chosen = messages if number is None else messages[number - 1 : number]
    if as_json:
        show_json([{**asdict(message), "file": str(message.file)} for message in chosen])
    elif number is not None:
        show_text(f"{chosen[0].file}\nTo: {chosen[0].to}\nSubject: {chosen[0].subject}\n\n{chosen[0].text}\n")
    elif not messages:
        say("No message was sent. Jobs and procedures send them.")
    else:
        rows = [[str(m.number), m.sent[:15], m.kind, m.to, m.subject or m.text.partition("\n")[0]] for m in messages]
        show(table([">NO", "SENT", "KIND", "TO", "SUBJECT"], rows, terminal=is_terminal()))


@sandbox.command(short_help="Delete everything in it.", epilog=examples("jobgraph sandbox reset --yes"))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def reset(context: click.Context, *, yes: bool) -> None:
    """Stop the sandbox, and delete everything in it and Pulumi's state of its stack."""
    application: Application = context.obj
    project = application.folder
    folders = [data_folder(project), project / ".jobgraph" / "pulumi"]
    if not yes:
        click.confirm(f"Delete {' and '.join(map(str, folders))}?", abort=True, err=True)
    with as_user_errors():
        control().reset(folders[0])
    # The stack's resources are gone with the sandbox. If the state stayed, `pulumi up` would do nothing.
    if folders[1].exists():
        shutil.rmtree(folders[1])
    click.echo("The sandbox is reset: it has no data and no deployment.")
    note("Next: jobgraph sandbox start")
