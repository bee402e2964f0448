"""The commands `notify test` and `notify history`: send a test message, and list the messages about runs.

Knows their options and output. Must not know the text of a message or how it is sent.
"""

from __future__ import annotations

import click

from jobgraph.account import messages
from jobgraph.account.queries import Tables
from jobgraph.cli import lookup
from jobgraph.cli.application import Application, examples, graph_option, is_terminal, note, say, show, show_json
from jobgraph.cli.tables import table
from jobgraph.errors import RunFailedError, UsageError
from jobgraph.runs.wording import instant

_EVENTS = ("failure", "success", "recovered", "late")


@click.group(short_help="Test whether messages about runs arrive, and list those that were sent.")
def notify() -> None:
    """Messages about runs: by e-mail, Slack, Teams or PagerDuty, as `notify` in the configuration says."""


@notify.command(
    short_help="Send a message that is marked as a test.",
    epilog=examples("jobgraph notify test", "jobgraph notify test container_jobs --event late"),
)
@graph_option
@click.option(
    "--event",
    type=click.Choice(_EVENTS),
    default="failure",
    show_default=True,
    help="The event whose receivers get it.",
)
@click.pass_context
def test(context: click.Context, graph: str | None, event: str) -> None:
    """Send a message, marked as a test, to all receivers of an event of the deployed GRAPH."""
    application: Application = context.obj
    deployed = lookup.graph(application, graph)
    tests = messages.tests(application.client, deployed, event)
    if not tests:
        raise UsageError(
            f"No receiver of graph {deployed.key} takes the event {event}",
            remedy=f"Name a receiver in `notify` whose events include {event}, and run `pulumi up`.",
        )
    refused = []
    for message in tests:
        answer = messages.send(application.client, deployed.tables.notifications, message)
        why = f" ({answer.text})" if messages.refused(answer) else ""
        say(f"{message.receiver['channel']} to {message.recipients}: {answer.state.lower()}{why}")
        refused += [message.recipients] if messages.refused(answer) else []
    if refused:
        raise RunFailedError(
            f"Snowflake refused {len(refused)} of {len(tests)} messages",
            cause="The integration does not exist, is not enabled or may not be used, or an address is not verified.",
            remedy="docs/alerts.md says what each channel needs.",
        )
    note("Snowflake has accepted the messages. To see whether it delivered them: jobgraph notify history")


@notify.command(
    short_help="List the messages that were sent.",
    epilog=examples("jobgraph notify history", "jobgraph notify history container_jobs --limit 50 --json"),
)
@graph_option
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many to show.")
@click.option("--json", "as_json", is_flag=True, help="Write the messages as JSON.")
@click.pass_context
def history(context: click.Context, graph: str | None, *, limit: int, as_json: bool) -> None:
    """List messages about the runs of GRAPH, or of all graphs, newest first, and whether they arrived."""
    application: Application = context.obj
    deployed = lookup.graph(application, graph) if graph else None
    name = deployed.tables.notifications if deployed else Tables().notifications
    sent = messages.sent(application.client, name, graph=deployed.key if deployed else None, limit=limit)
    if as_json:
        show_json([{**message.__dict__, "written": str(message.written)} for message in sent])
    elif not sent:
        note("No messages have been sent. `jobgraph notify test` sends one.")
    else:
        rows = [
            [
                instant(m.written),
                m.state,
                m.event,
                m.graph,
                m.run,
                m.channel,
                m.recipients,
                "" if m.arrived else m.answer,
            ]
            for m in sent
        ]
        names = ["WRITTEN (UTC)", "STATE", "EVENT", "GRAPH", "RUN", "CHANNEL", "TO", "ANSWER"]
        show(table(names, rows, terminal=is_terminal()))
