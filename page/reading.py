"""What the page reads, and for how many seconds an answer is good enough to be shown again.

Knows which rows a view needs. Must not know how a view looks. People who look at the same page share what was read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import streamlit as st

from jobgraph.account import cost_queries, overview_records, queries, run_records, steering
from jobgraph.account.client import AbsentError
from jobgraph.account.containers import Log, Logs
from jobgraph.account.run_histories import RunHistories
from jobgraph.account.run_records import NoRunError, RunRecords
from jobgraph.cost.rates import published
from jobgraph.errors import RunFailedError, UsageError, perhaps
from jobgraph.page import connection
from jobgraph.page_model.charges import charges as pool_charges
from jobgraph.page_model.charges import pools_of
from jobgraph.page_model.strip import with_newest
from jobgraph.runs import deployed as deployed_graphs
from jobgraph.runs import graph_run, records, task_runs
from jobgraph.runs.attempts import instant
from jobgraph.runs.deployed import Task

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from jobgraph.account.client import Client
    from jobgraph.page_model.charges import PoolCharges
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.overview import GraphOverview
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.task_runs import TaskRun

# Seconds after which what is shown is read again. With the pause between two looks (`views.live`), something that runs
# is never older than five seconds, also where somebody else's look has read it.
FRESH = 2
# The same for what was charged, which Snowflake tells once an hour, and over how many days that is.
CHARGES_FRESH, CHARGED_DAYS = 600, 7
# The same for what the connection may do.
PRIVILEGES_FRESH = 60
# How many runs the strip of a graph and the grid of a graph show.
STRIP_RUNS = 24
GRID_RUNS = 50


@dataclass(frozen=True)
class RunReader:
    """The connection, and the closed runs that were read through it."""

    client: Client
    histories: RunHistories


@st.cache_resource(show_spinner=False)
def source() -> RunReader:
    """Return the source of the page; raises as `connection.open_client` does."""
    client = connection.open_client()
    return RunReader(client, RunHistories(client))


def forget() -> None:
    """Read everything anew, but for the connection and closed runs: something was done."""
    for function in (graphs, lines, line, root_rows, newest, strips, runs, run, logs):
        function.clear()


@st.cache_resource(ttl=FRESH, show_spinner=False)
def now() -> datetime:
    """Return the server's present instant."""
    value = instant(source().client.rows(queries.now())[0]["NOW"])
    if value is None:
        raise RunFailedError("CURRENT_TIMESTAMP() gave no value")
    return value


@st.cache_resource(ttl=FRESH, show_spinner=False)
def graphs() -> tuple[GraphRecord, ...]:
    """Return the graphs of the schema, deployed or only on record; none where nothing was deployed."""
    client = source().client
    try:
        present = deployed_graphs.read(client.rows(queries.show_tasks(client.place)))
    except AbsentError:
        return ()
    tables = present[0].tables if present else queries.Tables()
    try:
        return records.graphs(present, run_records.recorded_roots(client, tables))
    except AbsentError:
        if present:
            raise
        return ()


def graph(name: str) -> GraphRecord:
    """Return the graph of that name.

    Raises:
        UsageError: if there is none.
    """
    listed = graphs()
    record = records.named(listed, name)
    if record is None:
        names = [each.key for each in listed]
        raise UsageError(f"There is no graph {name!r}{perhaps(name, names)}", remedy="Choose one from the list.")
    return record


@st.cache_resource(ttl=FRESH, show_spinner=False)
def lines() -> Sequence[GraphOverview]:
    """Return the line of each graph, those that need attention first."""
    listed = graphs()
    return overview_records.lines(source().client, listed) if listed else []


@st.cache_resource(ttl=FRESH, show_spinner=False, max_entries=50)
def line(name: str) -> GraphOverview:
    """Return the line of one graph.

    Raises:
        UsageError: if there is no such graph.
    """
    return overview_records.lines(source().client, [graph(name)])[0]


@st.cache_resource(ttl=FRESH, show_spinner=False, max_entries=50)
def root_rows(name: str) -> tuple[TaskRun, ...]:
    """Return what Snowflake's history has of the roots of a graph."""
    client = source().client
    return task_runs.read(client.rows(queries.roots_history(client.place, graph(name).root_tasks)))


@st.cache_resource(ttl=FRESH, show_spinner=False, max_entries=50)
def newest(name: str) -> GraphRun | None:
    """Return the newest run of a graph, be it one of a part; None if it has not run."""
    try:
        return RunRecords(source().client, graph(name), root_rows(name)).run()
    except NoRunError:
        return None


@st.cache_resource(ttl=PRIVILEGES_FRESH, show_spinner=False, max_entries=50)
def may_operate(name: str) -> bool | None:
    """Return whether the connection may start, stop and suspend a graph; None if that is not known."""
    deployed = graph(name).deployed
    return None if deployed is None else steering.may_operate(source().client, deployed)


@st.cache_resource(ttl=CHARGES_FRESH, show_spinner=False, max_entries=50)
def charges(name: str) -> PoolCharges | None:
    """Return what the pools of a graph were charged; None if Snowflake does not say, or nothing ran of late."""
    client, record = source().client, graph(name)
    since = (now() - timedelta(days=CHARGED_DAYS)).replace(minute=0, second=0, microsecond=0)
    attempts = client.rows(cost_queries.ended_attempts(client.place, record.tables, since))
    pools = pools_of(attempts, record.root_task)
    if not pools:
        return None
    try:
        metered = client.rows(cost_queries.metered_pools(pools, since))
    except (AbsentError, RunFailedError):
        return None
    return pool_charges(pools, metered, attempts, published().families, since)


@st.cache_resource(ttl=FRESH, show_spinner=False)
def strips() -> dict[str, list[GraphRun]]:
    """Return the newest closed runs of every graph, as many as are read so far."""
    return source().histories.newest(graphs(), STRIP_RUNS)[0]


@st.cache_resource(ttl=FRESH, show_spinner=False, max_entries=50)
def runs(name: str, limit: int = GRID_RUNS) -> tuple[list[GraphRun], int]:
    """Return the newest runs of a graph, newest first, also one under way, and how many are not read yet."""
    record = graph(name)
    histories, unread = source().histories.newest([record], limit)
    closed = histories[record.key]
    # what was good is not tried again: unless another run has begun, nothing needs to be read
    row = task_runs.newest_run(root_rows(name))
    if closed and closed[0].state == graph_run.DONE and (row is None or row.run_id == closed[0].run_id):
        return closed, unread
    return with_newest(line(name), closed)[:limit], unread


@st.cache_resource(ttl=FRESH, show_spinner=False, max_entries=50)
def run(name: str, run_id: str) -> GraphRun:
    """Return a run, or the newest if no id is given.

    Raises:
        UsageError: if the graph has no run of that id.
        RunFailedError: if it has none at all.
    """
    last = None if run_id else newest(name)
    if last is not None:
        return last
    return RunRecords(source().client, graph(name)).run(run_id or None)


@st.cache_resource(ttl=FRESH, show_spinner=False, max_entries=50)
def logs(name: str, run_id: str, job: str, attempt: int | None, *, live: bool) -> list[Log]:
    """Return the logs of a job's containers in a run; `live`: of services that are still there, too."""
    record, its_run = graph(name), run(name, run_id)
    task = next((task for task in its_run.shape.jobs if task.name == job), Task(job, (), started=True))
    if not task.definition and record.deployed and job in record.deployed.job_names:
        task = replace(task, definition=record.deployed.task(job).definition)
    its_job = its_run.job(job)
    tries = its_job.tries if its_job else ()
    logs_of_job = Logs(source().client, record.tables, its_run.root_task, task, tries=tries)
    return logs_of_job.of(its_run.run_id, attempt, live=live)
