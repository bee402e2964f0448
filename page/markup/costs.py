"""The cost of runs as HTML: a bar for each run, a line for each job.

Pure. Says what is not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.page.markup.elements import figures, heading, link, table, text
from jobgraph.page_model import address, looks

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address
    from jobgraph.page_model.charges import PoolCharges
    from jobgraph.page_model.costs import Costs
    from jobgraph.runs.graph_run import GraphRun

_MOST_JOBS = 100


def charges_html(charged: PoolCharges | None, days: int) -> str:
    """Return what Snowflake charged for the graph's pools; None: it did not say."""
    if charged is None:
        note = f"What Snowflake charged in the last {days} days is not shown: the role does not see its metering views."
        remedy = " An administrator grants it: GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE ..."
        return heading("Charged") + f'<p class="quiet">{text(note + remedy)}</p>'
    idle = f"{charged.idle:.3g}" + (f" ({charged.idle / charged.charged:.0%})" if charged.charged else "")
    note = f"Pools {', '.join(charged.pools)}, the last {days} days, all graphs; Snowflake tells it up to 3 hours late."
    return (
        heading("Charged")
        + figures([("credits charged", f"{charged.charged:.3g}"), ("of them for idle nodes", idle)])
        + f'<p class="quiet">{text(note)}</p>'
        + heading("Runs, by the rates")
    )


def costs_html(costs: Costs, here: Address, price: float, effective: str) -> str:
    """Return the cost of runs; `price`: US dollars per credit, `effective`: the date of the rates."""
    count = len(costs.runs)
    longest = max((credit for _, credit in costs.runs), default=0.0)
    bars = "".join(_bar(run, credit, longest, here) for run, credit in costs.runs)
    unrated = f" {costs.unrated} attempts on families without a rate are not in it." if costs.unrated else ""
    note = (
        f"Nodes only, while containers ran, by the published rates of {effective} at ${price:.2f} a credit.{unrated}"
        " With warehouses, and divided among the jobs: "
    )
    return (
        figures(
            [
                ("credits", f"{costs.credits:.3g}"),
                ("US dollars", f"{costs.credits * price:.2f}"),
                ("credits a run", f"{costs.credits / count:.3g}" if count else ""),
                ("in failed or cancelled attempts", f"{costs.lost / costs.credits:.1%}" if costs.credits else ""),
            ]
        )
        + f'<div class="course" style="--runs:{count}">{bars}</div>'
        + f'<p class="quiet">{text(note)}<code>jobgraph cost --since 7d</code></p>'
        + heading("Jobs, the dearest first")
        + table(
            ("job", ">attempts", ">node hours", ">credits", ">lost in failed or cancelled ones", ""),
            (
                (
                    link(here.to(address.JOB, job=job.job), text(job.job)),
                    str(job.attempts),
                    f"{job.hours:.2f}",
                    f"{job.credits:.4f}",
                    f"{job.lost:.4f}" if job.lost else "",
                    _share(job.credits, costs.jobs[0].credits),
                )
                for job in costs.jobs[:_MOST_JOBS]
            ),
        )
    )


def _bar(run: GraphRun, credit: float, longest: float, here: Address) -> str:
    share = max(0.03, credit / longest if longest else 0.0)
    look = looks.look(run.state)
    sign = "" if look.tone == looks.GOOD else look.sign
    bar = f'<i class="{look.tone}" style="height:{share * 100:.0f}%"></i>'
    hint = f"run {run.run_id}: {credit:.4f} credits"
    return link(here.to(address.RUN, run=run.run_id), f"<u>{sign}</u>{bar}", "bar", hint)


def _share(credit: float, highest: float) -> str:
    return f'<i class="share" style="width:{credit / highest * 100 if highest else 0:.0f}%"></i>'
