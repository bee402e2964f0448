"""The root of the `jobgraph` command: its commands and the options that they share.

Knows the list of commands. Must not know what they do.
"""

from __future__ import annotations

import os
from dataclasses import replace

import click

from jobgraph.account.client import ConnectionChoice
from jobgraph.cli.application import Application, Group
from jobgraph.cli.commands import (
    cancel,
    compare,
    cost,
    diff,
    graph,
    history,
    import_,
    init,
    logs,
    preview_summary,
    resume,
    retry,
    run,
    sandbox,
    setup,
    status,
    suspend,
    validate,
    wait,
)
from jobgraph.cli.commands.account import doctor, image, privileges
from jobgraph.cli.commands.backfill import group as backfill_group
from jobgraph.cli.commands.local import page
from jobgraph.cli.commands.notify import group as notify_group


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--connection", "-c", metavar="NAME", help="Connection of connections.toml to use.")
@click.option("--database", metavar="NAME", help="Database of the graphs, if it differs from the connection's.")
@click.option("--schema", metavar="NAME", help="Schema of the graphs, if it differs from the connection's.")
@click.version_option(package_name="jobgraph", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context, connection: str | None, database: str | None, schema: str | None) -> None:
    """Check, run, watch and steer graphs of containerized jobs on Snowflake.

    Without --connection, the SNOWFLAKE_* variables are used, or else the default connection of connections.toml. For
    the local sandbox: eval "$(jobgraph sandbox env)".

    Exit codes: 0 done, 1 the run or a job failed, 2 wrong usage or configuration, 3 cannot connect, 4 timed out,
    5 a deploy would succeed but runs fail (doctor), 130 interrupted.
    """
    application = context.obj if isinstance(context.obj, Application) else Application()
    choice = ConnectionChoice(connection, database, schema, dict(os.environ))
    context.obj = replace(application, choice=choice)
    context.call_on_close(context.obj.close)


for command in (
    init.init,
    setup.setup,
    validate.validate,
    graph.graph,
    diff.diff,
    cost.cost,
    import_.import_command,
    preview_summary.preview_summary,
    run.run,
    wait.wait,
    retry.retry,
    backfill_group.backfill,
    status.status,
    history.history,
    logs.logs,
    page.page,
    compare.compare,
    notify_group.notify,
    cancel.cancel,
    suspend.suspend,
    resume.resume,
    sandbox.sandbox,
    image.image,
    privileges.privileges,
    doctor.doctor,
):
    cli.add_command(command)
