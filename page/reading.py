"""What the page reads from Snowflake, and for how many seconds each answer is reused.

Knows which rows a view needs. Must not know how a view looks. People who look at the same page share what was read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import streamlit as st

from jobgraph.account import (
    cost_queries,
    overview_records,
    queries,
    run_records,
    steering,
    unclosed_queries,
    unclosed_runs,
)
from jobgraph.account.client import AbsentError, rows_of
from jobgraph.account.containers import Log, Logs
from jobgraph.account.run_histories import AT_ONCE, RunHistories
from jobgraph.account.run_records import NoRunError, RunRecords
from jobgraph.cost.rates import published
from jobgraph.errors import RunFailedError, UsageError, perhaps
from jobgraph.page import connection
from jobgraph.page_model.charges import charges as pool_charges
from jobgraph.page_model.charges import pools_of
from jobgraph.page_model.strip import with_others
from jobgraph.runs import deployed as deployed_graphs
from jobgraph.runs import overview, records, task_runs, unclosed
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
# The same for which graphs are on record: a deploy changes that, and a deployed graph is seen at once.
RECORD_FRESH = 30
# How many job runs are read before something is drawn; further ones are read with the next look.
FIRST_LOOK = 1_000
_DRAWN = "drawn"
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
    """Read everything again, except the connection and closed runs: an action was performed."""
    for function in (graphs, _on_record, _lines, line, _present, newest, _strips, _runs, run, logs):
        function.clear()


def drawn() -> None:
    """Remember that this view has been drawn once, so that the next refresh may take longer and read older runs."""
    st.session_state[_DRAWN] = _view_of_address()


def _job_runs() -> int:
    """Return how many job runs may be read now: few before the view is first drawn, so that it appears soon."""
    return AT_ONCE if st.session_state.get(_DRAWN) == _view_of_address() else FIRST_LOOK


def _view_of_address() -> tuple[str, str]:
    return st.query_params.get("view", ""), st.query_params.get("graph", "")


@st.cache_resource(ttl=FRESH, show_spinner=False)
def now() -> datetime:
    """Return the server's current time."""
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
    try:
        roots, never_closed = _on_record(present[0].tables if present else queries.Tables())
    except AbsentError:
        if present:
            raise
        return ()
    return records.joined(records.graphs(present, roots), never_closed)


@st.cache_resource(ttl=RECORD_FRESH, show_spinner=False)
def _on_record(tables: queries.Tables) -> tuple[tuple[TaskRun, ...], tuple[GraphRecord, ...]]:
    """Return rows of roots in history, which name graphs, and the graphs of which only attempts are recorded."""
    client = source().client
    return run_records.recorded_roots(client, tables), unclosed_runs.graphs_of_attempts(client, tables)


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


def lines() -> Sequence[GraphOverview]:
    """Return the line of each graph, those that need attention first."""
    return _lines(_job_runs())


@st.cache_resource(ttl=FRESH, show_spinner=False)
def _lines(job_runs: int) -> Sequence[GraphOverview]:
    listed = graphs()
    return overview_records.lines(source().client, listed, _strips(job_runs)) if listed else []


@st.cache_resource(ttl=FRESH, show_spinner=False, max_entries=50)
def line(name: str) -> GraphOverview:
    """Return the line of one graph.

    Raises:
        UsageError: if there is no such graph.
    """
    record = graph(name)
    closed, _ = source().histories.newest([record], 1)
    return overview_records.lines(source().client, [record], closed)[0]


@st.cache_resource(ttl=FRESH, show_spinner=False, max_entries=50)
def _present(name: str) -> tuple[tuple[TaskRun, ...], frozenset[tuple[str, str]]]:
    """Return the roots' rows of TASK_HISTORY, and (root, run id) of the graph's unclosed runs."""
    client, record = source().client, graph(name)
    history, unclosed_rows = rows_of(
        client,
        queries.roots_history(client.place, record.root_tasks),
        unclosed_queries.unclosed_ids(client.place, record.tables, record.root_tasks),
    )
    return task_runs.read(history), unclosed_runs.ids(unclosed_rows)


@st.cache_resource(ttl=FRESH, show_spinner=False, max_entries=50)
def newest(name: str) -> GraphRun | None:
    """Return the newest run of a graph, possibly a partial one; None if it has not run."""
    record = graph(name)
    closed, _ = source().histories.newest([record], 1)
    history, unclosed_ids = _present(name)
    settled = overview.settled(record, closed[record.key], history, unclosed_ids)
    if settled is not None:
        return settled[0]
    try:
        return RunRecords(source().client, record, history).run()
    except NoRunError:
        return None


@st.cache_resource(ttl=PRIVILEGES_FRESH, show_spinner=False, max_entries=50)
def may_operate(name: str) -> bool | None:
    """Return whether the connection may start, stop and suspend a graph; None if that is not known."""
    deployed = graph(name).deployed
    return None if deployed is None else steering.may_operate(source().client, deployed)


@st.cache_resource(ttl=CHARGES_FRESH, show_spinner=False, max_entries=50)
def charges(name: str) -> PoolCharges | None:
    """Return the charges of a graph's pools; None if Snowflake does not tell them, or nothing ran recently."""
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


def strips() -> dict[str, list[GraphRun]]:
    """Return the newest closed runs of every graph, as many as have been read so far."""
    return _strips(_job_runs())


@st.cache_resource(ttl=FRESH, show_spinner=False)
def _strips(job_runs: int) -> dict[str, list[GraphRun]]:
    return source().histories.newest(graphs(), STRIP_RUNS, job_runs)[0]


def runs(name: str, limit: int = GRID_RUNS) -> tuple[list[GraphRun], int]:
    """Return the newest runs of a graph, newest first, and how many have not been read yet.

    Runs under way, and those that no finalizer closed, are among them.
    """
    return _runs(name, limit, _job_runs())


@st.cache_resource(ttl=FRESH, show_spinner=False, max_entries=50)
def _runs(name: str, limit: int, job_runs: int) -> tuple[list[GraphRun], int]:
    record = graph(name)
    histories, unread = source().histories.newest([record], limit, job_runs)
    listed = histories[record.key]
    history, unclosed_ids = _present(name)
    records_of_graph = RunRecords(source().client, record, history)
    if overview.settled(record, listed, history, unclosed_ids) is None:
        listed = with_others(records_of_graph.since_whole(), listed)
    # runs that have not been read yet would be taken for missing ones
    if not unread and unclosed.are_missing(record.root_tasks, listed, limit, history, unclosed_ids):
        listed = with_others(records_of_graph.unclosed(limit), listed)
    return listed[:limit], unread


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
