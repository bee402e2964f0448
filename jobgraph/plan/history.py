"""The history of runs in Snowflake: tables, the table function over the task history, and views.

Knows columns and queries. The quickstart's columns come first, in the quickstart's order. Must not know who writes the
rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.cost.rates import published
from jobgraph.names import quoted
from jobgraph.plan.sql import literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.settings import Settings

TEXT = "VARCHAR(16777216)"
WHOLE = "NUMBER(38,0)"
REAL = "FLOAT"
INSTANT = "TIMESTAMP_LTZ(9)"
# the type of `datetime` columns in the quickstart's tables
WALL_TIME = "TIMESTAMP_NTZ(9)"


@dataclass(frozen=True)
class Column:
    """A column; `default` is an SQL expression."""

    name: str
    type: str
    comment: str
    default: str | None = None


@dataclass(frozen=True)
class TablePlan:
    """A history table. `added`: the columns that tables made by an earlier version lack."""

    name: str
    comment: str
    columns: tuple[Column, ...]
    added: tuple[Column, ...] = ()


@dataclass(frozen=True)
class ViewPlan:
    """A view that answers one question."""

    name: str
    comment: str
    statement: str


@dataclass(frozen=True)
class FunctionPlan:
    """A table function; `arguments` are (name, type)."""

    name: str
    comment: str
    arguments: tuple[tuple[str, str], ...]
    returns: str
    body: str


_WRITTEN = Column("CREATED_DATE", WALL_TIME, "when the row was written", "CURRENT_TIMESTAMP()")

_JOB_RUNS = (
    Column("ROOT_TASK_NAME", TEXT, "root task of the graph"),
    Column("TASK_NAME", TEXT, "task of the job"),
    Column("JOB_STATUS", TEXT, "DONE, FAILED, TIMED_OUT, CANCELLED; LEFT_OUT if the run was asked for without the job"),
    Column("GRAPH_RUN_ID", TEXT, "graph run group, the same for all tasks of a run"),
    Column("GRAPH_START_TIME", INSTANT, "time for which the graph run was scheduled"),
    Column("ERRORS", TEXT, "cause of a failure, then the end of the log"),
    _WRITTEN,
    Column("ATTEMPT", WHOLE, "number of the attempt, from 1"),
    Column("SERVICE_NAME", TEXT, "job service of the attempt"),
    Column("COMPUTE_POOL", TEXT, "compute pool it ran on"),
    Column("EXIT_CODE", WHOLE, "exit code of the container that decided the outcome"),
    Column("REASON", TEXT, "what the platform says of a failure"),
    Column("STARTED_TIME", INSTANT, "when its first container started, or else its service was created"),
    Column("COMPLETED_TIME", INSTANT, "when the runner saw it ended"),
    Column("DURATION_IN_SECS", REAL, "seconds between the two"),
    Column("OUTPUTS", TEXT, "JSON object that the job handed on: its file, or the last line of its log"),
    Column("REASON_CLASS", TEXT, "why it failed: app_error, out_of_memory, image_pull, timeout, cancelled and others"),
    Column("FIRST_ERROR", TEXT, "first line of the log that speaks of an error"),
    Column("IMAGE_DIGEST", TEXT, "digest of the image that ran"),
    Column("NODE_FAMILY", TEXT, "instance family of the compute pool"),
    Column("REPLICAS", WHOLE, "instances of the service"),
    Column("QUERY_ID", TEXT, "query that started the service"),
    Column("LOG_LOCATION", TEXT, "table that keeps the logs of its containers, or how to find them in the event table"),
    Column("GRAPH_NAME", TEXT, "name of the graph in jobconfig.yaml"),
)

_JOB_LOGS = (
    Column("GRAPH_RUN_ID", TEXT, "graph run group"),
    Column("TASK_NAME", TEXT, "task of the job"),
    Column("ATTEMPT", WHOLE, "number of the attempt, from 1"),
    Column("INSTANCE_ID", TEXT, "instance of the service"),
    Column("CONTAINER_NAME", TEXT, "container of the instance"),
    Column("LOG", TEXT, "its log, secrets hidden, at most 128,000 bytes, what was cut is said"),
    _WRITTEN,
    Column("ROOT_TASK_NAME", TEXT, "root task of the graph"),
)

_TASK_RUNS = (
    Column("GRAPH_RUN_GROUP_ID", TEXT, "graph run group"),
    Column("NAME", TEXT, "name of the task"),
    Column("STATE", TEXT, "SUCCEEDED, FAILED, SKIPPED, CANCELLED"),
    Column("RETURN_VALUE", TEXT, "value the task set"),
    Column("QUERY_START_TIME", TEXT, "when it started"),
    Column("COMPLETED_TIME", TEXT, "when it ended"),
    Column("DURATION_IN_SECS", WHOLE, "seconds between the two"),
    Column("ERROR_MESSAGE", TEXT, "why it failed"),
    Column("ATTEMPT_NUMBER", WHOLE, "attempt of the graph run, from 1"),
    Column("SCHEDULED_FROM", TEXT, "what started the run: SCHEDULE, EXECUTE_TASK, a retry"),
    Column("ROOT_TASK_NAME", TEXT, "root task of the graph"),
    Column("GRAPH_NAME", TEXT, "name of the graph in jobconfig.yaml"),
    Column("ROOT_TASK_ID", TEXT, "id of the root task"),
    Column("SCHEDULED_TIME", INSTANT, "time for which it was scheduled"),
    Column("STARTED_TIME", INSTANT, "QUERY_START_TIME as an instant"),
    Column("ENDED_TIME", INSTANT, "COMPLETED_TIME as an instant"),
    Column("RUN_CONFIG", TEXT, "configuration that the run had, as JSON"),
    Column("GRAPH_DEFINITION", TEXT, "on the root's row: the jobs that the graph had in this run, as JSON"),
)

_OPERATIONS = (
    Column("GRAPH_NAME", TEXT, "name of the graph in jobconfig.yaml"),
    Column("GRAPH_RUN_ID", TEXT, "graph run group that was meant or begun; empty if it is not about one run"),
    Column("OPERATION", TEXT, "run, retry, cancel, suspend, resume, backfill and what was done to one"),
    Column("NOTE", TEXT, "why, in the words of whoever did it"),
    Column("STATEMENTS", TEXT, "what was sent, as a JSON list"),
    Column("JOBS", TEXT, "the jobs that it was about, as a JSON list"),
    Column("USER_NAME", TEXT, "who did it"),
    Column("CREATED_TIME", INSTANT, "when"),
    Column("BACKFILL_ID", TEXT, "the backfill that it was about"),
)
_LATER_OPERATIONS = (Column("REQUESTED_TIME", INSTANT, "when a run was asked for; empty in rows of earlier versions"),)
_BACKFILLS = (
    Column("BACKFILL_ID", TEXT, "its name"),
    Column("GRAPH_NAME", TEXT, "name of the graph in jobconfig.yaml"),
    Column("STATE", TEXT, "PENDING, RUNNING, PAUSED, DONE, FAILED, CANCELLED"),
    Column("START_TIME", INSTANT, "where its first interval begins"),
    Column("END_TIME", INSTANT, "where its last interval ends"),
    Column("EVERY", TEXT, "what an interval is: day, hour, schedule"),
    Column("REPROCESS", TEXT, "which intervals it took: missing, failed, all"),
    Column("NEWEST_FIRST", "BOOLEAN", "whether it begins with the newest"),
    Column("USER_NAME", TEXT, "who asked for it"),
    Column("CREATED_TIME", INSTANT, "when it was asked for"),
    Column("CHANGED_TIME", INSTANT, "when its state last changed"),
    Column("RUN_CONFIG", TEXT, "values that its runs have beside the graph's own, as JSON"),
)
_INTERVALS = (
    Column("BACKFILL_ID", TEXT, "backfill that it belongs to"),
    Column("PLACE", WHOLE, "its place in the order, from 1"),
    Column("START_TIME", INSTANT, "where it begins"),
    Column("END_TIME", INSTANT, "where it ends"),
    Column("STATE", TEXT, "PENDING, RUNNING, DONE, FAILED, CANCELLED"),
    Column("GRAPH_RUN_ID", TEXT, "graph run group of the run that claimed it"),
    Column("ROOT_TASK_NAME", TEXT, "root task of that run"),
    Column("CHANGED_TIME", INSTANT, "when its state last changed"),
)

_NOTIFICATIONS = (
    Column("MESSAGE_ID", TEXT, "the same in all rows of a message"),
    Column("STATE", TEXT, "SENDING before it is handed to Snowflake, SENT or REFUSED after"),
    Column("EVENT", TEXT, "failure, success, recovered, late, test"),
    Column("GRAPH_NAME", TEXT, "name of the graph in jobconfig.yaml"),
    Column("ROOT_TASK_NAME", TEXT, "root task of the graph"),
    Column("GRAPH_RUN_ID", TEXT, "graph run group that it is about, if it is about one"),
    Column("ATTEMPT_NUMBER", WHOLE, "attempt of the graph run that it is about"),
    Column("OCCURRENCE", TEXT, "what is told of, once to each receiver"),
    Column("CHANNEL", TEXT, "email, slack, teams, pagerduty"),
    Column("INTEGRATION", TEXT, "notification integration by which it is sent"),
    Column("RECIPIENTS", TEXT, "addresses of an e-mail, or the integration of a webhook"),
    Column("SUBJECT", TEXT, "its subject"),
    Column("BODY", TEXT, "its text, secrets hidden"),
    Column("ANSWER", TEXT, "what Snowflake answered, or why it refused"),
    Column("QUERY_ID", TEXT, "query that handed it to Snowflake"),
    Column("WRITTEN_TIME", INSTANT, "when the row was written"),
    _WRITTEN,
)

# in the quickstart's function, QUERY_START_TIME and COMPLETED_TIME are text in this format
_SECONDS = "'YYYY-MM-DD HH24:MI:SS'"
# column -> (type, expression over TASK_HISTORY)
_TASK_HISTORY: dict[str, tuple[str, str]] = {
    "GRAPH_RUN_GROUP_ID": ("VARCHAR", "GRAPH_RUN_GROUP_ID"),
    "NAME": ("VARCHAR", "NAME"),
    "STATE": ("VARCHAR", "STATE"),
    "RETURN_VALUE": ("VARCHAR", "RETURN_VALUE"),
    "QUERY_START_TIME": ("VARCHAR", f"TO_VARCHAR(QUERY_START_TIME, {_SECONDS})"),
    "COMPLETED_TIME": ("VARCHAR", f"TO_VARCHAR(COMPLETED_TIME, {_SECONDS})"),
    "DURATION_IN_SECS": ("NUMBER", "TIMESTAMPDIFF('second', QUERY_START_TIME, COMPLETED_TIME)"),
    "ERROR_MESSAGE": ("VARCHAR", "ERROR_MESSAGE"),
    "ATTEMPT_NUMBER": ("NUMBER", "ATTEMPT_NUMBER"),
    "SCHEDULED_FROM": ("VARCHAR", "SCHEDULED_FROM"),
}


def tables(settings: Settings) -> tuple[TablePlan, ...]:
    """Return the history tables."""
    return (
        TablePlan(settings.job_runs_table, "jobgraph: one row per attempt of a job", _JOB_RUNS),
        TablePlan(settings.job_logs_table, "jobgraph: logs of the jobs' containers", _JOB_LOGS),
        TablePlan(settings.task_runs_table, "jobgraph: one row per task of a graph run", _TASK_RUNS),
    )


def control_tables(settings: Settings) -> tuple[TablePlan, ...]:
    """Return the tables that later versions added: messages, operations with their notes, backfills.

    A deploy creates each with a statement if it does not exist, so these tables are neither replaced nor imported.
    """
    return (
        TablePlan(
            settings.operations_table,
            "jobgraph: what people did to graphs and runs",
            (*_OPERATIONS, *_LATER_OPERATIONS),
            _LATER_OPERATIONS,
        ),
        TablePlan(settings.backfills_table, "jobgraph: backfills and their states", _BACKFILLS),
        TablePlan(settings.backfill_intervals_table, "jobgraph: intervals of backfills", _INTERVALS),
        TablePlan(
            settings.notifications_table, "jobgraph: messages about runs, a row per step of each", _NOTIFICATIONS
        ),
    )


def create_statement(settings: Settings, table: TablePlan) -> str:
    """Return the statement that creates a table if it does not exist."""
    columns = ", ".join(map(_column, table.columns))
    name = settings.qualified(table.name)
    return f"CREATE TABLE IF NOT EXISTS {name} ({columns}) COMMENT = {literal(table.comment)}"


def add_columns_statement(name: str, columns: Sequence[Column]) -> str:
    """Return the statement that adds those of the columns (at least one) that a table lacks; `name` is qualified."""
    return f"ALTER TABLE {name} ADD COLUMN {', '.join(f'IF NOT EXISTS {_column(column)}' for column in columns)}"


def _column(column: Column) -> str:
    default = f" DEFAULT {column.default}" if column.default else ""
    return f"{quoted(column.name)} {column.type}{default} COMMENT {literal(column.comment)}"


def task_runs_function(settings: Settings) -> FunctionPlan:
    """Return the table function that lists the tasks of a root's runs since a time.

    The row limit is Snowflake's maximum. With the default of 100 rows, larger graphs would be cut off silently.
    """
    columns = ", ".join(f"{name} {kind}" for name, (kind, _) in _TASK_HISTORY.items())
    selected = ",\n    ".join(f"{expression} AS {name}" for name, (_, expression) in _TASK_HISTORY.items())
    body = (
        f"SELECT\n    {selected}\n"
        f"FROM TABLE({quoted(settings.database)}.INFORMATION_SCHEMA.TASK_HISTORY(\n"
        "    ROOT_TASK_ID => ROOT_TASK_ID,\n"
        "    SCHEDULED_TIME_RANGE_START => START_TIME,\n"
        "    RESULT_LIMIT => 10000\n"
        "))"
    )
    arguments = (("ROOT_TASK_ID", "VARCHAR"), ("START_TIME", "TIMESTAMP_LTZ"))
    comment = "jobgraph: tasks of a root's runs since a time"
    return FunctionPlan(settings.task_runs_function, comment, arguments, f"TABLE ({columns})", body)


def views(settings: Settings) -> tuple[ViewPlan, ...]:
    """Return the views for the questions that people ask of history."""
    runs = settings.qualified(settings.job_runs_table)
    latest = (
        f"SELECT * FROM {runs}"
        " QUALIFY ROW_NUMBER() OVER (PARTITION BY ROOT_TASK_NAME, GRAPH_RUN_ID, TASK_NAME ORDER BY ATTEMPT DESC) = 1"
    )
    per_run = (
        "SELECT ROOT_TASK_NAME, GRAPH_RUN_ID, MIN(GRAPH_START_TIME) AS GRAPH_START_TIME, COUNT(*) AS JOBS,"
        " SUM(CASE WHEN JOB_STATUS = 'DONE' THEN 1 ELSE 0 END) AS JOBS_DONE,"
        " SUM(CASE WHEN JOB_STATUS IN ('DONE', 'LEFT_OUT') THEN 0 ELSE 1 END) AS JOBS_FAILED,"
        " SUM(CASE WHEN JOB_STATUS = 'LEFT_OUT' THEN 0 ELSE ATTEMPT END) AS ATTEMPTS,"
        " MAX(COMPLETED_TIME) AS COMPLETED_TIME"
        f" FROM ({latest}) AS LATEST GROUP BY ROOT_TASK_NAME, GRAPH_RUN_ID"
    )
    last_runs = (
        f"SELECT * FROM ({per_run}) AS RUNS"
        " QUALIFY ROW_NUMBER() OVER (PARTITION BY ROOT_TASK_NAME ORDER BY GRAPH_START_TIME DESC) = 1"
    )
    slowest = (
        "SELECT ROOT_TASK_NAME, TASK_NAME, GRAPH_RUN_ID, ATTEMPT, JOB_STATUS, STARTED_TIME, DURATION_IN_SECS,"
        f" COMPUTE_POOL, NODE_FAMILY, REPLICAS FROM {runs} WHERE DURATION_IN_SECS IS NOT NULL"
        " QUALIFY ROW_NUMBER() OVER (PARTITION BY ROOT_TASK_NAME ORDER BY DURATION_IN_SECS DESC) <= 100"
    )
    by_week = (
        "SELECT DATE_TRUNC('week', GRAPH_START_TIME) AS WEEK, ROOT_TASK_NAME, REASON_CLASS, COUNT(*) AS ATTEMPTS,"
        " COUNT(DISTINCT TASK_NAME) AS JOBS, COUNT(DISTINCT GRAPH_RUN_ID) AS RUNS"
        f" FROM {runs} WHERE JOB_STATUS NOT IN ('DONE', 'LEFT_OUT') GROUP BY WEEK, ROOT_TASK_NAME, REASON_CLASS"
    )
    failed = (
        "SELECT GRAPH_START_TIME, ROOT_TASK_NAME, TASK_NAME, ATTEMPT, JOB_STATUS, REASON_CLASS, EXIT_CODE, REASON,"
        " FIRST_ERROR, ERRORS,"
        f" SERVICE_NAME, GRAPH_RUN_ID FROM {runs} WHERE JOB_STATUS NOT IN ('DONE', 'LEFT_OUT')"
    )
    durations = (
        "SELECT ROOT_TASK_NAME, TASK_NAME, COUNT(*) AS ATTEMPTS, AVG(DURATION_IN_SECS) AS AVERAGE_SECS,"
        " MAX(DURATION_IN_SECS) AS LONGEST_SECS, MAX(COMPLETED_TIME) AS LAST_COMPLETED_TIME"
        f" FROM {runs} WHERE JOB_STATUS = 'DONE' GROUP BY ROOT_TASK_NAME, TASK_NAME"
    )
    messages = (
        f"SELECT * FROM {settings.qualified(settings.notifications_table)} QUALIFY ROW_NUMBER() OVER"
        " (PARTITION BY MESSAGE_ID ORDER BY CASE WHEN STATE = 'SENDING' THEN 1 ELSE 0 END, WRITTEN_TIME DESC) = 1"
    )
    return (
        ViewPlan("MESSAGES", "jobgraph: messages about runs, each as it ended", messages),
        ViewPlan("LAST_GRAPH_RUNS", "jobgraph: the last run of each graph", last_runs),
        ViewPlan("FAILED_JOBS", "jobgraph: attempts that failed, with their cause", failed),
        ViewPlan("SLOWEST_JOBS", "jobgraph: the 100 longest attempts of each graph", slowest),
        ViewPlan("FAILURES_BY_WEEK", "jobgraph: failed attempts by week and reason class", by_week),
        ViewPlan(
            "JOB_COSTS", "jobgraph: attempts and seconds on the pool by job, replicas counted", _job_costs(settings)
        ),
        ViewPlan("ATTEMPT_COSTS", "jobgraph: credits of each attempt's nodes by the rates", _attempt_costs(settings)),
        ViewPlan("JOB_DURATIONS", "jobgraph: how long jobs take", durations),
    )


def _job_costs(settings: Settings) -> str:
    """Return the query for attempts and seconds on a pool, job by job."""
    return (
        "SELECT ROOT_TASK_NAME, TASK_NAME, COMPUTE_POOL, NODE_FAMILY, COUNT(DISTINCT GRAPH_RUN_ID) AS RUNS,"
        " COUNT(*) AS ATTEMPTS, SUM(CASE WHEN JOB_STATUS = 'DONE' THEN 0 ELSE 1 END) AS FAILED_ATTEMPTS,"
        " SUM(DURATION_IN_SECS * REPLICAS) AS POOL_SECONDS,"
        " SUM(CASE WHEN JOB_STATUS = 'DONE' THEN 0 ELSE DURATION_IN_SECS * REPLICAS END) AS FAILED_POOL_SECONDS"
        f" FROM ({_with_families(settings)}) AS RUNS WHERE JOB_STATUS <> 'LEFT_OUT'"
        " GROUP BY ROOT_TASK_NAME, TASK_NAME, COMPUTE_POOL, NODE_FAMILY"
    )


def _attempt_costs(settings: Settings) -> str:
    """Return the query for the cost of each attempt: seconds x nodes x rate, with the highest rate of a range."""
    rates = published().overridden(dict(settings.rates), settings.credit_price)
    cases = " ".join(f"WHEN {literal(family)} THEN {rate.high}" for family, rate in sorted(rates.families.items()))
    credits_ = f"DURATION_IN_SECS * REPLICAS / 3600 * CASE NODE_FAMILY {cases} END"
    runs = _with_families(settings)
    return (
        "SELECT GRAPH_NAME, ROOT_TASK_NAME, GRAPH_RUN_ID, TASK_NAME, ATTEMPT, JOB_STATUS, COMPUTE_POOL, NODE_FAMILY,"
        " DATE_TRUNC('week', COMPLETED_TIME) AS WEEK, DURATION_IN_SECS * REPLICAS AS POOL_SECONDS,"
        f" {credits_} AS CREDITS, {credits_} * {rates.credit_price} AS DOLLARS"
        f" FROM ({runs}) AS RUNS WHERE DURATION_IN_SECS IS NOT NULL"
    )


def _with_families(settings: Settings) -> str:
    """Return the query for the attempts with the family of their nodes, also where the row does not say it.

    It is then that of the pool as planned, or of other attempts on the pool.
    """
    cases = " ".join(f"WHEN {literal(pool.name)} THEN {literal(pool.instance_family)}" for pool in settings.pools)
    planned = f"CASE COMPUTE_POOL {cases} END, " if cases else ""
    others = "MAX(NODE_FAMILY) OVER (PARTITION BY COMPUTE_POOL)"
    columns = (
        "GRAPH_NAME, ROOT_TASK_NAME, GRAPH_RUN_ID, TASK_NAME, ATTEMPT, JOB_STATUS, COMPUTE_POOL, DURATION_IN_SECS,"
        " REPLICAS, COMPLETED_TIME"
    )
    return (
        f"SELECT {columns}, COALESCE(NODE_FAMILY, {planned}{others}) AS NODE_FAMILY"
        f" FROM {settings.qualified(settings.job_runs_table)}"
    )
