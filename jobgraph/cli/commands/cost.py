"""The command `cost`: estimates the monthly cost of the jobs, or shows the actual cost of runs.

Knows its options and output. Must not know how cost is estimated (jobgraph.cost). Connects only with `--history`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from jobgraph.cli import budgets, costing, loading
from jobgraph.cli.application import Application, examples, note, show_json, show_text
from jobgraph.cost import rendering, spending_report
from jobgraph.cost.change import changed
from jobgraph.cost.deployment import deployment
from jobgraph.cost.pricing import priced
from jobgraph.cost.rates import published
from jobgraph.cost.spending import GROUPS, savings, spending
from jobgraph.cost.usage import ALERT, POOL, SERVERLESS, WAREHOUSE
from jobgraph.cost.wording import UNSEEN_CHARGES, number
from jobgraph.errors import EXIT_RUN_FAILED, UsageError, perhaps

if TYPE_CHECKING:
    from jobgraph.config.model import Config
    from jobgraph.cost.change import Priced
    from jobgraph.settings import Settings

_FORMATS = ("text", "markdown", "json")


@click.command(
    short_help="Estimate what the jobs cost in a month.",
    epilog=examples(
        "jobgraph cost",
        "jobgraph cost --environment prod --history",
        "jobgraph cost --against main --format markdown",
        "jobgraph cost --environment prod --fail-above 200",
        "jobgraph cost --environment prod --since 7d --by run",
    ),
)
@click.argument("file", required=False)
@click.option(
    "--environment", "-e", metavar="NAME", help="The Pulumi stack that deploys it; by default the selected one."
)
@click.option("--against", metavar="OLD", help="Show the difference from a file or a git revision.")
@click.option("--history", is_flag=True, help="Ask Snowflake how long the jobs took in the last 30 days.")
@click.option("--runs", multiple=True, metavar="GRAPH=N", help="Runs per month of a graph without a schedule.")
@click.option("--fail-above", type=click.FloatRange(min=0), metavar="N", help="Exit with 1 above N credits per month.")
@click.option("--since", metavar="TIME", help="Show the actual cost of runs: of the last 24h, 7d, 4w.")
@click.option("--by", type=click.Choice(GROUPS), default="job", show_default=True, help="With --since: group by this.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="text", show_default=True)
@click.pass_context
def cost(  # noqa: PLR0913  # one parameter for each option
    context: click.Context,
    file: str | None,
    *,
    environment: str | None,
    against: str | None,
    history: bool,
    runs: tuple[str, ...],
    fail_above: float | None,
    since: str | None,
    by: str,
    form: str,
) -> None:
    """Estimate the monthly cost of graphs, in credits and money: jobs, idle pools, and warehouses on which tasks wait.

    FILE defaults to the file that the stack deploys. A job is assumed to run for its `timeout`
    or, with --history, for the time that it took in past runs. Rates and the price of a credit are the published ones
    unless the stack's settings have others (`rates`, `credit_price`). The estimate ends with its assumptions and with
    what it leaves out.

    With --since, show the actual cost of runs instead: the hourly charges for pools, warehouses, serverless tasks and
    the alert, divided among the attempts by their seconds, the idle time, and the largest possible savings. The role
    needs access to SNOWFLAKE.ACCOUNT_USAGE, which is up to three hours late; usage that is not metered there yet is
    priced by the rates.

    --fail-above compares the usual amount, or the highest amount if times are unknown. Exit code 1 if it is more.
    """
    application: Application = context.obj
    environment = loading.stack_of(application, file, environment)
    path = loading.file_of(application, file, environment)
    config, settings = loading.with_settings(application, path, environment)
    if since is not None:
        _tell_spending(application, config, settings, since=since, by=by, as_json=form == "json")
        return
    times = costing.past_times(application.client, settings) if history else None
    stated = costing.stated_runs(runs)

    def estimated(config: Config, settings: Settings) -> Priced:
        _check_pools(config, settings)
        return priced(deployment(config, settings), settings, times, stated)

    new = estimated(config, settings)
    if against is not None:
        change = changed(estimated(*loading.with_settings(application, against, environment)), new)
        if form == "json":
            show_json(rendering.change_as_json(change))
        else:
            written = rendering.change_as_markdown if form == "markdown" else rendering.change_as_text
            show_text(written(change) or rendering.NO_CHANGE)
    elif form == "json":
        show_json(rendering.as_json(new))
    else:
        show_text(rendering.as_markdown(new) if form == "markdown" else rendering.as_text(new))
    if fail_above is not None and _is_above(new, fail_above):
        context.exit(EXIT_RUN_FAILED)


def _tell_spending(  # noqa: PLR0913  # one for each option
    application: Application, config: Config, settings: Settings, *, since: str, by: str, as_json: bool
) -> None:
    """Write the actual cost of runs."""
    client = application.client
    start = costing.since(client, since)
    attempts = costing.ended_attempts(client, settings, config, start)
    attempts += costing.root_runs(client, settings, config, start)
    names = {
        POOL: [*settings.pool_names, *(attempt.pool for attempt in attempts if attempt.pool)],
        WAREHOUSE: [settings.warehouse, *(attempt.warehouse for attempt in attempts if attempt.warehouse)],
        SERVERLESS: [
            *(graph.root_task for graph in config.graphs),
            *(attempt.serverless for attempt in attempts if attempt.serverless),
        ],
        ALERT: [settings.alert],
    }
    hours = costing.metered(client, names, start)
    if hours is None:
        note(f"Not metered, {UNSEEN_CHARGES}")
    deployed, rates = deployment(config, settings), published().overridden(dict(settings.rates), settings.credit_price)
    result = spending(attempts, hours or {}, deployed, rates)
    proposals = savings(result, rates)
    use = budgets.use(client, settings)
    if as_json:
        budget = spending_report.budget_json(use)
        show_json({**spending_report.as_json(result, by, proposals, rates), "budget_this_month": budget})
    else:
        show_text(f"{use.sentence}\n" if use else "")
        show_text(spending_report.as_text(result, by, proposals, rates, since))


def _check_pools(config: Config, settings: Settings) -> None:
    """Raise UsageError for a pool that the settings do not name, because the rate of its nodes is unknown."""
    pools = {job.compute_pool for graph in config.graphs for job in graph.jobs}
    if unknown := sorted(pools.difference(settings.pool_families)):
        raise UsageError(
            f"the settings of the stack have no pool {', '.join(unknown)}{perhaps(unknown[0], settings.pool_families)}",
            where=config.file,
            remedy="name the stack with --environment, or the pool below `pools` in its settings",
        )


def _is_above(new: Priced, limit: float) -> bool:
    amount = new.estimate.credits
    if amount.expected <= limit:
        return False
    kind = "highest" if amount.usual is None else "usual"
    note(
        f"error: the {kind} amount, {number(amount.expected)} credits a month, is above {number(limit)} (--fail-above)"
    )
    return True
