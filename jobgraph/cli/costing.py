"""Functions that the commands on cost share: reading times and charges, and parsing options.

Knows the statements that read them. Must not know how cost is estimated.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from jobgraph.account import cost_queries, queries
from jobgraph.account.client import AbsentError
from jobgraph.config.account_names import in_account
from jobgraph.cost.allocation import Metered
from jobgraph.cost.history import history
from jobgraph.cost.spending import EndedAttempt
from jobgraph.cost.usage import ALERT, POOL, SERVERLESS, WAREHOUSE
from jobgraph.errors import UsageError
from jobgraph.runs.attempts import families_of_pools, instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Statement
    from jobgraph.config.model import Config, Job
    from jobgraph.cost.history import History
    from jobgraph.settings import Settings

DAYS = 30


def past_times(client: Client, settings: Settings) -> History:
    """Return the durations of jobs in the last 30 days, from the history tables of a stack."""
    tables = _tables(settings)
    attempts = client.rows(cost_queries.job_times(client.place, tables, DAYS))
    return history(attempts, client.rows(cost_queries.task_times(client.place, tables, DAYS)))


def _tables(settings: Settings) -> queries.Tables:
    return queries.Tables(settings.job_runs_table, settings.job_logs_table, settings.task_runs_table)


def stated_runs(texts: Iterable[str]) -> dict[str, float]:
    """Return the runs per month by graph, in upper case, from texts such as `training=20`.

    Raises:
        UsageError: if a text has another form.
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
                f"--runs {text}: not a number of runs", remedy="write the graph and a number: --runs training=20"
            )
    return runs


_SINCE = re.compile(r"([1-9]\d{0,3})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def since(client: Client, text: str) -> datetime:
    """Return the instant that lies before now by a text such as `7d`, rounded down to a full hour.

    Raises:
        UsageError: if the text has another form.
    """
    match = _SINCE.fullmatch(text)
    if match is None:
        raise UsageError(f"--since {text}: not a length of time", remedy="write a number and h, d or w: --since 7d")
    now = instant(client.rows(queries.now())[0]["NOW"]) or datetime.now(tz=UTC)
    return (now - int(match[1]) * _UNITS[match[2]]).replace(minute=0, second=0, microsecond=0)


def ended_attempts(client: Client, settings: Settings, config: Config, start: datetime) -> list[EndedAttempt]:
    """Return the attempts of all graphs of the stack that ended since `start`, without their time before `start`."""
    graphs = in_account(config, settings).graphs
    # rows of earlier versions have only the root task's name
    keys = {graph.root_task: graph.key for graph in graphs}
    jobs = {(graph.root_task, job.name): job for graph in graphs for job in graph.jobs}
    attempts = []
    rows = client.rows(cost_queries.ended_attempts(client.place, _tables(settings), start))
    families = families_of_pools(rows) | {pool.name: pool.instance_family for pool in settings.pools}
    for row, began, ended in spans(rows, start):
        root_task, name = str(row["ROOT_TASK_NAME"]), str(row["TASK_NAME"])
        job = jobs.get((root_task, name))
        attempts.append(
            EndedAttempt(
                graph=str(row["GRAPH_NAME"] or keys.get(root_task, root_task)),
                job=name,
                run_id=str(row["GRAPH_RUN_ID"]),
                number=int(row["ATTEMPT"] or 1),
                pool=str(row["COMPUTE_POOL"]),
                family=str(row["NODE_FAMILY"] or families.get(row["COMPUTE_POOL"], "")),
                warehouse=(job and job.task_warehouse) or settings.warehouse if _waited(row, job) else "",
                start=began,
                end=ended,
                replicas=int(row["REPLICAS"] or 1),
            )
        )
    return attempts


def spans(rows: Iterable[Mapping[str, Any]], start: datetime) -> Iterator[tuple[Mapping[str, Any], datetime, datetime]]:
    """Yield each row that has a start and an end, with both instants; those before `start` are set to `start`."""
    for row in rows:
        began, ended = instant(row["STARTED_TIME"]), instant(row["COMPLETED_TIME"])
        if began is not None and ended is not None:
            yield row, max(began, start), max(ended, start)


def root_runs(client: Client, settings: Settings, config: Config, start: datetime) -> list[EndedAttempt]:
    """Return the executions of the graphs' root tasks that ended since `start`, in the form of attempts.

    The list is empty without a history of tasks; the credits of root tasks then count as idle.
    """
    keys = {graph.root_task: graph.key for graph in config.graphs}
    executions = []
    try:
        rows = client.rows(cost_queries.root_runs(client.place, _tables(settings), start))
    except AbsentError:
        return []
    for row, began, ended in spans(rows, start):
        root_task = str(row["ROOT_TASK_NAME"])
        executions.append(
            EndedAttempt(
                graph=str(row["GRAPH_NAME"] or keys.get(root_task, root_task)),
                job=root_task,
                run_id=str(row["GRAPH_RUN_ID"]),
                number=int(row["ATTEMPT"] or 1),
                pool="",
                family="",
                warehouse="",
                start=began,
                end=ended,
                serverless=root_task,
            )
        )
    return executions


def _waited(row: Mapping[str, Any], job: Job | None) -> bool:
    """Return whether a task waited for the attempt. The name of its service tells: a runner's contains a digest.

    The job may have changed its way of running since. Without a name, the job's present way is assumed.
    """
    if row["SERVICE_NAME"]:
        return queries.service_digest(str(row["GRAPH_RUN_ID"]), str(row["TASK_NAME"])) in str(row["SERVICE_NAME"])
    return job is None or not job.is_direct


def metered(
    client: Client, names: Mapping[str, Iterable[str]], start: datetime
) -> Mapping[tuple[str, str], Sequence[Metered]] | None:
    """Return the hours that Snowflake charged since `start`, by kind and name; None if the role cannot read them."""
    place = client.place
    statements: dict[str, Callable[[Sequence[str], datetime], Statement]] = {
        POOL: cost_queries.metered_pools,
        WAREHOUSE: cost_queries.metered_warehouses,
        SERVERLESS: partial(cost_queries.metered_tasks, place),
        ALERT: partial(cost_queries.metered_alerts, place),
    }
    hours: dict[tuple[str, str], list[Metered]] = {}
    try:
        for kind, object_names in ((kind, sorted(set(each))) for kind, each in names.items()):
            for row in client.rows(statements[kind](object_names, start)) if object_names else ():
                began, ended = instant(row["START_TIME"]), instant(row["END_TIME"])
                if began is not None and ended is not None:
                    hour = Metered(began, ended, float(row["CREDITS"]))
                    hours.setdefault((kind, str(row["NAME"])), []).append(hour)
    except AbsentError:
        return None
    return hours
