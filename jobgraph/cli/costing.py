"""What the commands on cost have in common: times from history, and runs that are stated by hand.

Knows the statements that ask for them. Must not know how cost is estimated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.account import queries
from jobgraph.cost.history import history
from jobgraph.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobgraph.account.client import Client
    from jobgraph.cost.history import History
    from jobgraph.settings import Settings

DAYS = 30


def past_times(client: Client, settings: Settings) -> History:
    """Return how long jobs took in the last 30 days, from the history tables of a stack."""
    tables = queries.Tables(settings.job_runs_table, settings.job_logs_table, settings.task_runs_table)
    attempts = client.rows(queries.job_times(client.place, tables, DAYS))
    return history(attempts, client.rows(queries.task_times(client.place, tables, DAYS)))


def stated_runs(texts: Iterable[str]) -> dict[str, float]:
    """Return runs a month by graph, in upper case, of texts such as `training=20`.

    Raises:
        UsageError: if a text says something else.
    """
    runs = {}
    for text in texts:
        graph, _, number = text.partition("=")
        try:
            runs[graph.upper()] = float(number)
        except ValueError:
            runs[graph.upper()] = -1.0
        if not 0 <= runs[graph.upper()] < float("inf"):
            raise UsageError(
                f"--runs {text}: no number of runs", remedy="write the graph and a number: --runs training=20"
            )
    return runs
