"""The SQL that the command sends, as values: one function per statement, with its text and binds.

Knows Snowflake's statements on tasks and the names and columns of the history tables. Must not know how a statement
is sent. Values are always bound; identifiers pass `jobgraph.names.quoted`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.errors import UsageError
from jobgraph.names import is_plain, not_plain, quoted
from jobgraph.plan import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

# The columns of JOBS_RUN_STATS that are shown of an attempt.
_ATTEMPT = (
    "TASK_NAME, ATTEMPT, JOB_STATUS, REASON_CLASS, REASON, ERRORS, FIRST_ERROR, EXIT_CODE, STARTED_TIME,"
    " COMPLETED_TIME, DURATION_IN_SECS, SERVICE_NAME, COMPUTE_POOL, NODE_FAMILY, REPLICAS, IMAGE_DIGEST, QUERY_ID,"
    " LOG_LOCATION, OUTPUTS"
)

# The maximum of TASK_HISTORY; its default of 100 rows silently cuts off larger graphs
# (docs.snowflake.com/en/sql-reference/functions/task_history).
MOST_ROWS = 10_000
# How many runs of a job are searched for one of the requested graph.
_RUNS_OF_JOB = 50


@dataclass(frozen=True)
class Place:
    """The database and schema that hold a graph."""

    database: str
    schema: str

    def qualified(self, name: str) -> str:
        """Return the quoted full name of an object in this schema.

        Raises:
            UsageError: if a part is not a plain identifier, as may be what others created in the schema.
        """
        odd = next((part for part in (self.database, self.schema, name) if not is_plain(part)), None)
        if odd is not None:
            raise UsageError(
                f"jobgraph cannot name {name!r} in {self}: {not_plain(odd)}",
                cause="Somebody else created it: whatever jobgraph deploys has a name that needs no quotes.",
                remedy="Use SQL for it, with the name in double quotes, or rename it.",
            )
        return quoted(self.database, self.schema, name)

    def service(self, name: str) -> str:
        """Return the full name of a job service, unquoted because services refuse quoted names; UsageError as above."""
        self.qualified(name)
        return f"{self.database}.{self.schema}.{name}"

    def __str__(self) -> str:
        """Return the place in readable form."""
        return f"{self.database}.{self.schema}"


@dataclass(frozen=True)
class Tables:
    """The names of the history tables, which may differ from stack to stack."""

    job_runs: str = "JOBS_RUN_STATS"
    job_logs: str = "JOB_LOGS"
    task_runs: str = "TASK_LOGGING_STATS"
    notifications: str = "NOTIFICATIONS"
    operations: str = "OPERATIONS"
    backfills: str = "BACKFILLS"
    intervals: str = "BACKFILL_INTERVALS"


@dataclass(frozen=True)
class Statement:
    """One statement: its text with `?` for every value, and the values."""

    text: str
    binds: tuple[Any, ...] = ()


def session() -> Statement:
    """The session's account and user: one row VERSION, ACCOUNT, USER_NAME, ROLE, WAREHOUSE."""
    return Statement(
        "SELECT CURRENT_VERSION() AS VERSION, CURRENT_ACCOUNT() AS ACCOUNT, CURRENT_USER() AS USER_NAME,"
        " CURRENT_ROLE() AS ROLE, CURRENT_WAREHOUSE() AS WAREHOUSE"
    )


def now() -> Statement:
    """The server's current time: one row NOW."""
    return Statement("SELECT CURRENT_TIMESTAMP() AS NOW")


def show_tasks(place: Place) -> Statement:
    """Every task of the schema, with its predecessors and its state."""
    return Statement(sql.show_tasks(quoted(place.database, place.schema)))


def task_parameters(place: Place, task: str) -> Statement:
    """The parameters of one task, one per row: key, value, default, level."""
    return Statement(f"SHOW PARAMETERS IN TASK {place.qualified(task)}")


def task_history(
    place: Place,
    *,
    root_id: str | None = None,
    since: datetime | None = None,
    task: str | None = None,
    bodies: bool = False,
) -> Statement:
    """The task runs of a graph, oldest first; NOW is the server's current time.

    Args:
        place: where the graph is.
        root_id: the root task's id in SHOW TASKS, to get only runs of that root.
        since: timezone-aware; runs scheduled earlier are left out. Default: the seven days that Snowflake keeps.
        task: the name of one task, to get only its runs.
        bodies: whether to include QUERY_TEXT, the body that ran.
    """
    arguments = {"DATABASE_NAME": place.database, "SCHEMA_NAME": place.schema}
    if root_id is not None:
        arguments["ROOT_TASK_ID"] = root_id
    if since is not None:
        arguments["SCHEDULED_TIME_RANGE_START"] = since.isoformat()
    if task is not None:
        arguments["TASK_NAME"] = task
    casts = {"SCHEDULED_TIME_RANGE_START": "?::TIMESTAMP_LTZ"}
    clause = ", ".join(f"{name} => {casts.get(name, '?')}" for name in arguments)
    return Statement(
        "SELECT NAME, STATE, SCHEDULED_TIME, QUERY_START_TIME, COMPLETED_TIME, ERROR_MESSAGE, SCHEDULED_FROM,"
        f" ATTEMPT_NUMBER, GRAPH_RUN_GROUP_ID, ROOT_TASK_ID, CONFIG,{' QUERY_TEXT,' if bodies else ''}"
        " CURRENT_TIMESTAMP() AS NOW"
        f" FROM TABLE({quoted(place.database)}.INFORMATION_SCHEMA.TASK_HISTORY({clause}, RESULT_LIMIT => {MOST_ROWS}))"
        " ORDER BY SCHEDULED_TIME, NAME",
        tuple(arguments.values()),
    )


def roots_history(place: Place, root_tasks: Sequence[str]) -> Statement:
    """The runs of one or more root tasks in the last seven days, including scheduled ones."""
    marks = ", ".join("?" for _ in root_tasks)
    return Statement(
        "SELECT NAME, STATE, SCHEDULED_TIME, QUERY_START_TIME, COMPLETED_TIME, ERROR_MESSAGE, SCHEDULED_FROM,"
        " ATTEMPT_NUMBER, GRAPH_RUN_GROUP_ID, ROOT_TASK_ID, CONFIG, CURRENT_TIMESTAMP() AS NOW"
        f" FROM TABLE({quoted(place.database)}.INFORMATION_SCHEMA.TASK_HISTORY(DATABASE_NAME => ?, SCHEMA_NAME => ?,"
        f" RESULT_LIMIT => {MOST_ROWS})) WHERE NAME IN ({marks}) ORDER BY SCHEDULED_TIME, NAME",
        (place.database, place.schema, *root_tasks),
    )


def spans(place: Place, tables: Tables, limit: int) -> Statement:
    """Start and end of the newest closed runs of each graph in which every job was DONE, and their number of bad tasks.

    A job that was left out has no attempt that is DONE, and nor has one that failed while its graph went on.
    """
    return Statement(
        "SELECT ROOT_TASK_NAME, GRAPH_RUN_GROUP_ID, MIN(QUERY_START_TIME) AS BEGAN, MAX(COMPLETED_TIME) AS ENDED,"
        " SUM(CASE WHEN STATE IN ('SUCCEEDED', 'SKIPPED') THEN 0 ELSE 1 END) AS BAD"
        f" FROM {place.qualified(tables.task_runs)} AS T WHERE NOT EXISTS (SELECT 1 FROM"
        f" (SELECT ROOT_TASK_NAME, GRAPH_RUN_ID FROM {place.qualified(tables.job_runs)}"
        " GROUP BY ROOT_TASK_NAME, GRAPH_RUN_ID, TASK_NAME"
        " HAVING MAX(CASE WHEN JOB_STATUS = 'DONE' THEN 1 ELSE 0 END) = 0) AS J"
        " WHERE J.GRAPH_RUN_ID = T.GRAPH_RUN_GROUP_ID AND J.ROOT_TASK_NAME = T.ROOT_TASK_NAME)"
        " GROUP BY ROOT_TASK_NAME, GRAPH_RUN_GROUP_ID"
        " QUALIFY ROW_NUMBER() OVER (PARTITION BY ROOT_TASK_NAME ORDER BY MIN(QUERY_START_TIME) DESC)"
        f" <= {int(limit)}"
    )


def recorded_roots(place: Place, tables: Tables, limit: int, root_tasks: Sequence[str] = ()) -> Statement:
    """The roots' rows of the newest closed runs of every root, or of `root_tasks`, newest first.

    Selects all columns by `*`, because the table of an earlier version lacks later ones.
    """
    among = f" AND ROOT_TASK_NAME IN ({', '.join('?' for _ in root_tasks)})" if root_tasks else ""
    return Statement(
        f"SELECT * FROM {place.qualified(tables.task_runs)} WHERE NAME = ROOT_TASK_NAME{among}"
        f" QUALIFY ROW_NUMBER() OVER (PARTITION BY ROOT_TASK_NAME ORDER BY QUERY_START_TIME DESC) <= {int(limit)}"
        " ORDER BY QUERY_START_TIME DESC",
        tuple(root_tasks),
    )


def run_log(place: Place, tables: Tables, run_ids: Sequence[str], *, roots_only: bool = False) -> Statement:
    """The history rows of the runs with these ids (at least one), of any graph: of all tasks, or only of the roots.

    Selects all columns by `*`, because the table of an earlier version lacks later ones.
    """
    marks = ", ".join("?" for _ in run_ids)
    return Statement(
        f"SELECT * FROM {place.qualified(tables.task_runs)} WHERE GRAPH_RUN_GROUP_ID IN ({marks})"
        f"{' AND NAME = ROOT_TASK_NAME' if roots_only else ''} ORDER BY QUERY_START_TIME, NAME",
        tuple(run_ids),
    )


def roots_under_way(place: Place, run_id: str) -> Statement:
    """The tasks of the runs with that id in the last seven days, of any graph: rows of NAME."""
    return Statement(
        f"SELECT NAME FROM TABLE({quoted(place.database)}.INFORMATION_SCHEMA.TASK_HISTORY(DATABASE_NAME => ?,"
        f" SCHEMA_NAME => ?, RESULT_LIMIT => {MOST_ROWS})) WHERE GRAPH_RUN_GROUP_ID::VARCHAR = ?",
        (place.database, place.schema, run_id),
    )


def finished_runs(place: Place, tables: Tables, root_tasks: Sequence[str], limit: int) -> Statement:
    """The newest runs that a finalizer has closed, newest first: rows of ROOT_TASK_NAME and GRAPH_RUN_GROUP_ID."""
    marks = ", ".join("?" for _ in root_tasks)
    return Statement(
        f"SELECT ROOT_TASK_NAME, GRAPH_RUN_GROUP_ID FROM {place.qualified(tables.task_runs)}"
        f" WHERE ROOT_TASK_NAME IN ({marks}) GROUP BY ROOT_TASK_NAME, GRAPH_RUN_GROUP_ID"
        f" ORDER BY MIN(QUERY_START_TIME) DESC LIMIT {int(limit)}",
        tuple(root_tasks),
    )


def attempts(place: Place, tables: Tables, root_task: str, run_id: str) -> Statement:
    """Every attempt of every job in a run of a graph, in order."""
    return Statement(
        f"SELECT {_ATTEMPT} FROM {place.qualified(tables.job_runs)} WHERE GRAPH_RUN_ID = ? AND ROOT_TASK_NAME = ?"
        " ORDER BY TASK_NAME, ATTEMPT",
        (run_id, root_task),
    )


def attempts_of_runs(place: Place, tables: Tables, run_ids: Sequence[str]) -> Statement:
    """Every attempt of every job in the runs with these ids, of any graph; `run_ids` must not be empty."""
    marks = ", ".join("?" for _ in run_ids)
    return Statement(
        f"SELECT ROOT_TASK_NAME, GRAPH_RUN_ID, {_ATTEMPT} FROM {place.qualified(tables.job_runs)}"
        f" WHERE GRAPH_RUN_ID IN ({marks}) ORDER BY TASK_NAME, ATTEMPT",
        tuple(run_ids),
    )


def last_done(place: Place, tables: Tables, graph: str, root_task: str, jobs: Sequence[str]) -> Statement:
    """The run in which each of these jobs (at least one) of a graph was last DONE: rows of TASK_NAME, GRAPH_RUN_ID.

    When a run leaves the job out, the runner passes on the outputs of that run (procedures/requested/left_out.py).
    """
    marks = ", ".join("?" for _ in jobs)
    return Statement(
        f"SELECT TASK_NAME, GRAPH_RUN_ID FROM {place.qualified(tables.job_runs)} WHERE JOB_STATUS = 'DONE'"
        f" AND (GRAPH_NAME = ? OR (GRAPH_NAME IS NULL AND ROOT_TASK_NAME = ?)) AND TASK_NAME IN ({marks})"
        " QUALIFY ROW_NUMBER() OVER (PARTITION BY TASK_NAME ORDER BY COMPLETED_TIME DESC) = 1",
        (graph, root_task, *jobs),
    )


def runs_of_job(place: Place, tables: Tables, job: str) -> Statement:
    """The newest runs in which a job with that name made an attempt: rows of ROOT_TASK_NAME and GRAPH_RUN_ID."""
    return Statement(
        f"SELECT ROOT_TASK_NAME, GRAPH_RUN_ID FROM {place.qualified(tables.job_runs)} WHERE TASK_NAME = ?"
        f" GROUP BY ROOT_TASK_NAME, GRAPH_RUN_ID ORDER BY MAX(CREATED_DATE) DESC LIMIT {_RUNS_OF_JOB}",
        (job,),
    )


def logs(  # noqa: PLR0913  # one for each part of the condition, and the table
    place: Place, tables: Tables, root_task: str, run_id: str, job: str, *, former: str = ""
) -> Statement:
    """The logs in history of a job in a run of a graph, ordered by attempt, instance and container.

    They are in the present table of logs, or in the `former` one with that quoted full name. The graph comes from the
    row of the attempt, because log rows of earlier versions do not name it.
    """
    kept_in = former or place.qualified(tables.job_logs)
    return Statement(
        f"SELECT L.ATTEMPT, L.INSTANCE_ID, L.CONTAINER_NAME, L.LOG FROM {kept_in} AS L"
        " WHERE L.GRAPH_RUN_ID = ? AND L.TASK_NAME = ? AND EXISTS (SELECT 1 FROM"
        f" {place.qualified(tables.job_runs)} AS R WHERE R.GRAPH_RUN_ID = L.GRAPH_RUN_ID"
        " AND R.TASK_NAME = L.TASK_NAME AND R.ATTEMPT = L.ATTEMPT AND R.ROOT_TASK_NAME = ?)"
        " ORDER BY L.ATTEMPT, L.INSTANCE_ID, L.CONTAINER_NAME",
        (run_id, job, root_task),
    )


def containers(place: Place, service: str) -> Statement:
    """The containers of a job service that still exists."""
    return Statement(f"SHOW SERVICE CONTAINERS IN SERVICE {place.service(service)}")


def live_log(place: Place, service: str, instance: str, container: str, lines: int) -> Statement:
    """The newest log lines of a container (100 KB at most): one row LOG."""
    return Statement(
        "SELECT SYSTEM$GET_SERVICE_LOGS(?, ?, ?, ?) AS LOG",
        (place.service(service), instance, container, lines),
    )


def service_digest(run_id: str, job: str) -> str:
    """The part common to the names of all services that a runner starts for a job in a run (procedures/service.py)."""
    return hashlib.sha256(f"{run_id}/{job}".encode()).hexdigest()[:16].upper()


def job_services(place: Place, run_id: str, job: str) -> Statement:
    """The job services of a job in one run, including ended ones. SHOW accepts no binds; a digest needs no quoting."""
    pattern = f"'%{service_digest(run_id, job)}%'"
    return Statement(f"SHOW JOB SERVICES LIKE {pattern} IN SCHEMA {quoted(place.database, place.schema)}")


def all_job_services(place: Place) -> Statement:
    """The job services of the schema, including ended ones; their comments identify graph and job."""
    return Statement(f"SHOW JOB SERVICES IN SCHEMA {quoted(place.database, place.schema)}")


def cancel_service(place: Place, service: str) -> Statement:
    """Stop a job's containers."""
    return Statement(f"CALL {place.service(service)}!SPCS_CANCEL_JOB()")


def execute(place: Place, root_task: str, config: Mapping[str, Any] | None = None) -> Statement:
    """Start a graph now, outside its schedule; `config` changes values of its configuration for this run.

    The CONFIG clause accepts no bind (docs.snowflake.com/en/sql-reference/sql/execute-task).
    """
    using = f" USING CONFIG = {sql.json_literal(config)}" if config else ""
    return Statement(f"EXECUTE TASK {place.qualified(root_task)}{using}")


def retry_last(place: Place, root_task: str) -> Statement:
    """Rerun what failed or was cancelled in the last run, under the same run id."""
    return Statement(f"EXECUTE TASK {place.qualified(root_task)} RETRY LAST")


def suspend(place: Place, task: str) -> Statement:
    """Suspend a task, so that its schedule does not start it."""
    return Statement(f"ALTER TASK {place.qualified(task)} SUSPEND")


def resume(place: Place, task: str) -> Statement:
    """Resume a task, so that its schedule starts it."""
    return Statement(f"ALTER TASK {place.qualified(task)} RESUME")


def cancel_task(place: Place, task: str) -> Statement:
    """Stop the executing run of one task; the other tasks of the graph continue."""
    return Statement("SELECT SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS(?) AS STATUS", (place.qualified(task),))
