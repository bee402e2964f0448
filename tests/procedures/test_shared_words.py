"""What procedures say for themselves, because they import nothing of `jobgraph`, is what `jobgraph` says."""

from __future__ import annotations

import re

from jobgraph.account import queries
from jobgraph.config import model, nested_keys, timing
from jobgraph.plan import history as tables
from jobgraph.plan import notifying, sql
from jobgraph.procedures import finalize_graph, history, outcome, retries
from jobgraph.procedures.notifying import messages, outbox, watch_graphs
from jobgraph.settings import Settings

SETTINGS = Settings()
COLUMNS = {
    table.name: {column.name for column in table.columns}
    for table in (*tables.tables(SETTINGS), *tables.control_tables(SETTINGS))
}
JOB_RUNS, JOB_LOGS, TASK_RUNS, MESSAGES = (
    COLUMNS[name] for name in (*SETTINGS.history_tables, SETTINGS.notifications_table)
)


def test_the_columns_of_history() -> None:
    assert set(history.RUN_COLUMNS) == JOB_RUNS
    assert set(history.LOG_COLUMNS) == JOB_LOGS
    assert set(finalize_graph.COPIED) == TASK_RUNS
    assert set(outbox.MESSAGE_COLUMNS) == MESSAGES


def test_the_columns_that_the_command_reads() -> None:
    place, names = queries.Place("D", "S"), queries.Tables()
    text = queries.attempts(place, names, "ROOT", "1").text
    assert set(re.findall(r"\w+", text.partition("SELECT ")[2].partition(" FROM")[0])) <= JOB_RUNS


def test_the_retries_of_infrastructure_by_which_a_tasks_time_limit_is_reckoned() -> None:
    assert retries.INFRASTRUCTURE_RETRIES == timing.INFRASTRUCTURE_RETRIES
    assert retries.INFRASTRUCTURE_BACKOFF == timing.INFRASTRUCTURE_BACKOFF


def test_the_words_of_retries() -> None:
    assert set(retries.CAUSES.values()) == set(nested_keys.CAUSES)
    assert set(retries.CAUSES) == set(nested_keys.RETRYABLE)
    told = {name for name, _ in (*outcome.OF_MESSAGE, *outcome.OF_ERROR)}
    assert told - retries.CAUSES.keys() == {"spec_invalid", "permission"}


def test_the_events_and_channels_of_messages() -> None:
    events = (messages.FAILURE, messages.SUCCESS, messages.RECOVERED, messages.LATE)
    assert events == nested_keys.EVENTS
    assert {*messages.MOST_CHARACTERS} == {"email", *notifying._TEMPLATES}
    assert watch_graphs.SUSPENDED_BY_FAILURES == sql.SUSPENDED_BY_FAILURES


def test_where_logs_are_kept() -> None:
    assert history.EVENT_TABLE == model.EVENT_TABLE
