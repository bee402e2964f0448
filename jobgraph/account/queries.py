"""The SQL that the command sends, as values: one function per statement, text and binds.

Knows Snowflake's statements on tasks and the names and columns of the history tables. Must not know how a statement
is sent. Values are always bound; identifiers pass `jobgraph.names.quoted`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.names import quoted
from jobgraph.plan import sql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

# Of JOBS_RUN_STATS: all that is told of an attempt.
_ATTEMPT = (
    "TASK_NAME, ATTEMPT, JOB_STATUS, REASON_CLASS, REASON, ERRORS, FIRST_ERROR, EXIT_CODE, STARTED_TIME,"
    " COMPLETED_TIME, DURATION_IN_SECS, SERVICE_NAME, COMPUTE_POOL, NODE_FAMILY, REPLICAS, IMAGE_DIGEST, QUERY_ID,"
    " LOG_LOCATION, OUTPUTS"
)

# The largest that TASK_HISTORY allows; its default of 100 silently cuts larger graphs
# (docs.snowflake.com/en/sql-reference/functions/task_history).
MOST_ROWS = 10_000


@dataclass(frozen=True)
class Place:
    """The database and schema that hold a graph."""

    database: str
    schema: str

    def qualified(self, name: str) -> str:
        """Return the quoted full name of an object there; ValueError if a part is no plain identifier."""
        return quoted(self.database, self.schema, name)

    def service(self, name: str) -> str:
        """Return the full name of a job service, not quoted: services refuse quoted names; ValueError as above."""
        self.qualified(name)
        return f"{self.database}.{self.schema}.{name}"

    def __str__(self) -> str:
        """Return it as people write it."""
        return f"{self.database}.{self.schema}"


@dataclass(frozen=True)
class Tables:
    """The names of the history tables; a stack may have others than the usual ones."""

    job_runs: str = "JOBS_RUN_STATS"
    job_logs: str = "JOB_LOGS"
    task_runs: str = "TASK_LOGGING_STATS"


@dataclass(frozen=True)
class Statement:
    """One statement: its text with `?` for every value, and the values."""

    text: str
    binds: tuple[Any, ...] = ()


def session() -> Statement:
    """Who and where this connection is: one row VERSION, ACCOUNT, USER_NAME, ROLE, WAREHOUSE."""
    return Statement(
        "SELECT CURRENT_VERSION() AS VERSION, CURRENT_ACCOUNT() AS ACCOUNT, CURRENT_USER() AS USER_NAME,"
        " CURRENT_ROLE() AS ROLE, CURRENT_WAREHOUSE() AS WAREHOUSE"
    )


def now() -> Statement:
    """The server's present instant: one row NOW."""
    return Statement("SELECT CURRENT_TIMESTAMP() AS NOW")


def show_tasks(place: Place) -> Statement:
    """Every task of the schema, with its predecessors and its state."""
    return Statement(sql.show_tasks(quoted(place.database, place.schema)))


def task_parameters(place: Place, task: str) -> Statement:
    """The parameters of one task, one a row: key, value, default, level."""
    return Statement(f"SHOW PARAMETERS IN TASK {place.qualified(task)}")


def task_history(place: Place, root_id: str, since: datetime | None = None, *, task: str | None = None) -> Statement:
    """The task runs of a graph, oldest first; NOW is the server's present instant.

    Args:
        place: where the graph is.
        root_id: the root task's id in SHOW TASKS.
        since: aware instant; runs scheduled before are left out. Without it, the seven days that Snowflake keeps.
        task: the name of one task, if only its runs are wanted.
    """
    more = ""
    binds = [root_id]
    if since is not None:
        more += ", SCHEDULED_TIME_RANGE_START => ?::TIMESTAMP_LTZ"
        binds.append(since.isoformat())
    if task is not None:
        more += ", TASK_NAME => ?"
        binds.append(task)
    return Statement(
        "SELECT NAME, STATE, SCHEDULED_TIME, QUERY_START_TIME, COMPLETED_TIME, ERROR_MESSAGE, SCHEDULED_FROM,"
        " ATTEMPT_NUMBER, GRAPH_RUN_GROUP_ID, CURRENT_TIMESTAMP() AS NOW"
        f" FROM TABLE({quoted(place.database)}.INFORMATION_SCHEMA.TASK_HISTORY("
        f"ROOT_TASK_ID => ?, RESULT_LIMIT => {MOST_ROWS}{more}))"
        " ORDER BY SCHEDULED_TIME, NAME",
        tuple(binds),
    )


def task_log(place: Place, tables: Tables, run_id: str) -> Statement:
    """The same as `task_history` for one run, from the table that the finalizer fills and that keeps all runs."""
    return Statement(
        "SELECT NAME, STATE, QUERY_START_TIME, COMPLETED_TIME, ERROR_MESSAGE, SCHEDULED_FROM, ATTEMPT_NUMBER,"
        f" GRAPH_RUN_GROUP_ID FROM {place.qualified(tables.task_runs)}"
        " WHERE GRAPH_RUN_GROUP_ID = ? ORDER BY QUERY_START_TIME, NAME",
        (run_id,),
    )


def attempts(place: Place, tables: Tables, run_id: str) -> Statement:
    """Every attempt of every job in a run, in order."""
    return Statement(
        f"SELECT {_ATTEMPT} FROM {place.qualified(tables.job_runs)} WHERE GRAPH_RUN_ID = ? ORDER BY TASK_NAME, ATTEMPT",
        (run_id,),
    )


def finished_runs(place: Place, tables: Tables, root_task: str, limit: int) -> Statement:
    """The newest runs that the finalizer has closed, newest first: one row for each task of each run."""
    table = place.qualified(tables.task_runs)
    return Statement(
        "SELECT t.GRAPH_RUN_GROUP_ID, t.NAME, t.STATE, t.QUERY_START_TIME, t.COMPLETED_TIME, t.SCHEDULED_FROM,"
        f" t.ATTEMPT_NUMBER, t.ERROR_MESSAGE FROM {table} t JOIN (SELECT GRAPH_RUN_GROUP_ID,"
        f" MIN(QUERY_START_TIME) AS STARTED FROM {table} WHERE ROOT_TASK_NAME = ? GROUP BY GRAPH_RUN_GROUP_ID"
        f" ORDER BY STARTED DESC LIMIT {int(limit)}) r ON t.GRAPH_RUN_GROUP_ID = r.GRAPH_RUN_GROUP_ID"
        " ORDER BY r.STARTED DESC, t.QUERY_START_TIME, t.NAME",
        (root_task,),
    )


def attempts_of_runs(place: Place, tables: Tables, run_ids: Sequence[str]) -> Statement:
    """Every attempt of every job in several runs; `run_ids` is not empty."""
    marks = ", ".join("?" for _ in run_ids)
    return Statement(
        f"SELECT GRAPH_RUN_ID, {_ATTEMPT}"
        f" FROM {place.qualified(tables.job_runs)} WHERE GRAPH_RUN_ID IN ({marks}) ORDER BY TASK_NAME, ATTEMPT",
        tuple(run_ids),
    )


def last_run_of_job(place: Place, tables: Tables, job: str) -> Statement:
    """The newest run in which the job made an attempt: at most one row GRAPH_RUN_ID."""
    return Statement(
        f"SELECT GRAPH_RUN_ID FROM {place.qualified(tables.job_runs)} WHERE TASK_NAME = ?"
        " ORDER BY CREATED_DATE DESC, ATTEMPT DESC LIMIT 1",
        (job,),
    )


def logs(place: Place, tables: Tables, run_id: str, job: str, attempt: int | None) -> Statement:
    """The kept logs of a job in a run, in the order of attempt, instance and container."""
    only = " AND ATTEMPT = ?" if attempt is not None else ""
    return Statement(
        f"SELECT ATTEMPT, INSTANCE_ID, CONTAINER_NAME, LOG FROM {place.qualified(tables.job_logs)}"
        f" WHERE GRAPH_RUN_ID = ? AND TASK_NAME = ?{only} ORDER BY ATTEMPT, INSTANCE_ID, CONTAINER_NAME",
        (run_id, job, *((attempt,) if attempt is not None else ())),
    )


def containers(place: Place, service: str) -> Statement:
    """The containers of a job service that is still there."""
    return Statement(f"SHOW SERVICE CONTAINERS IN SERVICE {place.service(service)}")


def live_log(place: Place, service: str, instance: str, container: str, lines: int) -> Statement:
    """The newest log lines of a container (100 KB at most): one row LOG."""
    return Statement(
        "SELECT SYSTEM$GET_SERVICE_LOGS(?, ?, ?, ?) AS LOG",
        (place.service(service), instance, container, lines),
    )


def job_services(place: Place, run_id: str, job: str) -> Statement:
    """The job services of one job in one run, the ended ones too.

    The runner names an attempt's service by the job, a digest of run and job, and the attempt's number
    (`service_name` in procedures/service.py). SHOW takes no binds; a digest needs no quoting.
    """
    digest = hashlib.sha256(f"{run_id}/{job}".encode()).hexdigest()[:16].upper()
    return Statement(f"SHOW JOB SERVICES LIKE '%{digest}%' IN SCHEMA {quoted(place.database, place.schema)}")


def cancel_service(place: Place, service: str) -> Statement:
    """Stop a job's containers."""
    return Statement(f"CALL {place.service(service)}!SPCS_CANCEL_JOB()")


def execute(place: Place, root_task: str) -> Statement:
    """Start a graph now, out of its schedule."""
    return Statement(f"EXECUTE TASK {place.qualified(root_task)}")


def retry_last(place: Place, root_task: str) -> Statement:
    """Run again what failed or was cancelled in the last run, under the same run id."""
    return Statement(f"EXECUTE TASK {place.qualified(root_task)} RETRY LAST")


def suspend(place: Place, task: str) -> Statement:
    """Stop a task from being started by its schedule."""
    return Statement(f"ALTER TASK {place.qualified(task)} SUSPEND")


def resume(place: Place, task: str) -> Statement:
    """Let a task be started by its schedule."""
    return Statement(f"ALTER TASK {place.qualified(task)} RESUME")


def cancel_task(place: Place, task: str) -> Statement:
    """Stop the executing run of one task; the other tasks of the graph go on."""
    return Statement("SELECT SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS(?) AS STATUS", (place.qualified(task),))
