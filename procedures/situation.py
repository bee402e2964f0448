"""Reads the facts that a task's statement passes to the runner: the run, and the history of the job's attempts.

Knows the JSON that the statement's query returns, which saves the runner queries. Must not know how an attempt is made.
Shipped as a part of a stored procedure's text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.attempt import DIRECT, DONE, AttemptRecord, RunContext, bare_name, object_name, results_path
from jobgraph.procedures.outcome import returned_value
from jobgraph.procedures.requested.left_out import handed_on, results_of_source
from jobgraph.procedures.requested.request import LEFT_OUT, split_config
from jobgraph.procedures.sending import is_refusal, send
from jobgraph.procedures.verdicts import without_verdicts

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from jobgraph.procedures.sending import Tagged

# a backfill with more runs than this hides the last ordinary one; the interval then has no beginning
RUNS_LOOKED_AT = 10_000


def situation(text: str, job: Mapping[str, Any], task: str) -> tuple[RunContext, list[AttemptRecord]]:
    """Return the run, and the attempts of this job that it has already, by number.

    A disabled predecessor has no attempt in this run, so the job gets no value of it.
    """
    facts = json.loads(text)
    request, config = split_config(str(facts.get("config") or ""))
    run = RunContext(
        root=bare_name(facts["root"]),
        task=task,
        group=str(facts["group"]),
        started=str(facts["started"]),
        since=request.start or str(facts.get("since") or ""),
        config=config,
        until=request.end,
        request=request,
    )
    # without rows, Snowflake returns an empty list; a sandbox may omit it
    rows = sorted(facts.get("attempts") or [], key=lambda row: int(row["ATTEMPT"]))
    before = {row["TASK_NAME"]: _recorded(row) for row in rows if row["TASK_NAME"] in job.get("predecessors", ())}
    results = {name: _results_left(job, run, name, attempt) for name, attempt in before.items()}
    run = run._replace(
        returned={name: _returned(attempt) for name, attempt in before.items()},
        results={name: path for name, path in results.items() if path},
    )
    return run, [_recorded(row) for row in rows if row["TASK_NAME"] == task]


def _returned(attempt: AttemptRecord) -> str:
    return handed_on(attempt) if attempt.status == LEFT_OUT else returned_value(attempt)


def _results_left(job: Mapping[str, Any], run: RunContext, task: str, attempt: AttemptRecord) -> str:
    if attempt.status == LEFT_OUT:
        return results_of_source(job, task, attempt)
    return results_path(job, run, task, attempt.number) if attempt.status == DONE else ""


def follows_another_request(text: str) -> bool:
    """Return whether the last successful run was a partial one or an interval of a backfill, not an ordinary one.

    Such a run does not cover the time since the previous run, so the next run's interval must not begin with it.
    """
    request, _ = split_config(str(json.loads(text).get("last_config") or ""))
    return not request.is_ordinary


def since_ordinary(session: Tagged, job: Mapping[str, Any], run: RunContext) -> str:
    """Return the scheduled time of the last successful ordinary run as text; empty if there is none."""
    latest = (
        "SELECT GRAPH_RUN_GROUP_ID, NAME, STATE, RUN_CONFIG, FIRST_VALUE(SCHEDULED_TIME) OVER (PARTITION BY"
        " GRAPH_RUN_GROUP_ID, NAME ORDER BY ATTEMPT_NUMBER) AS SCHEDULED, ROW_NUMBER() OVER (PARTITION BY"
        " GRAPH_RUN_GROUP_ID, NAME ORDER BY ATTEMPT_NUMBER DESC) AS PLACE"
        f" FROM {object_name(job, 'task_runs_table')} WHERE ROOT_TASK_NAME = ? AND GRAPH_NAME = ?"
        " AND GRAPH_RUN_GROUP_ID <> ?"
    )
    runs = (
        "SELECT MIN(IFF(NAME = ?, SCHEDULED, NULL)) AS SCHEDULED, MAX(RUN_CONFIG) AS CONFIG,"
        " SUM(IFF(STATE IN ('SUCCEEDED', 'SKIPPED'), 0, 1)) AS BAD"
        f" FROM ({latest}) AS LATEST WHERE PLACE = 1 GROUP BY GRAPH_RUN_GROUP_ID"
    )
    statement = (
        "SELECT TO_VARCHAR(CONVERT_TIMEZONE('UTC', SCHEDULED)::TIMESTAMP_NTZ, 'YYYY-MM-DD HH24:MI:SS.FF3') || ' Z' AS"
        f" SINCE, CONFIG FROM ({runs}) AS RUNS WHERE BAD = 0 AND SCHEDULED < ?::TIMESTAMP_LTZ"
        f" ORDER BY SCHEDULED DESC LIMIT {RUNS_LOOKED_AT}"
    )
    rows = send(session, statement, [run.root, run.root, job["graph"], run.group, run.started])
    return next((str(row["SINCE"]) for row in rows if split_config(str(row["CONFIG"] or ""))[0].is_ordinary), "")


def left_out_before(text: str) -> set[str]:
    """Return the predecessors that this run leaves out. They are recorded at once, even if they are direct jobs."""
    rows = json.loads(text).get("attempts") or []
    return {str(row["TASK_NAME"]) for row in rows if row["JOB_STATUS"] == LEFT_OUT}


def with_direct_values(
    session: Tagged, job: Mapping[str, Any], run: RunContext, left_out: Collection[str] = ()
) -> RunContext:
    """Return the run with the return values of direct predecessors.

    Only the finalizer records them, except those `left_out`, so they are read from Snowflake. Snowflake does not return
    the value of a suspended task; the job gets none then.
    """
    returned, results = dict(run.returned), dict(run.results)
    for name in job.get("direct_predecessors", ()):
        if name in left_out:
            continue
        try:
            value = send(session, "SELECT SYSTEM$GET_PREDECESSOR_RETURN_VALUE(?)", [name])[0][0]
        except SnowparkSQLException as error:
            if not is_refusal(error):
                raise
            continue
        returned[name] = without_verdicts(str(value)) if value is not None else json.dumps({"status": DONE})
        if path := results_path(job, run, name, DIRECT):
            results[name] = path
    return run._replace(returned=returned, results=results)


def _recorded(row: Mapping[str, Any]) -> AttemptRecord:
    code = row.get("EXIT_CODE")
    return AttemptRecord(
        number=int(row["ATTEMPT"]),
        service=str(row.get("SERVICE_NAME") or ""),
        status=str(row["JOB_STATUS"]),
        reason_class=row.get("REASON_CLASS") or "",
        reason=row.get("REASON") or "",
        cause=row.get("CAUSE") or "",
        first_error=row.get("FIRST_ERROR") or "",
        exit_code=None if code is None else int(code),
        outputs=row.get("OUTPUTS") or "",
        age=float(row.get("AGE") or 0),
    )


def of_this_task_run(
    session: Tagged, job: Mapping[str, Any], run: RunContext, recorded: list[AttemptRecord]
) -> list[AttemptRecord]:
    """Return the recorded attempts that ended since the task run began.

    Its statement was interrupted and continues with them. Other attempts belong to an earlier task run: the graph run
    is being retried, as by EXECUTE TASK ... RETRY LAST, and the job gets new attempts. Only the task history can
    distinguish the two; it is queried only if there are recorded attempts.
    """
    history = f'"{job["database"]}".INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => ?, RESULT_LIMIT => 10000)'
    statement = (
        f"SELECT H.ATTEMPT FROM {object_name(job, 'job_runs_table')} AS H WHERE H.GRAPH_RUN_ID = ? AND H.TASK_NAME = ?"
        f" AND H.COMPLETED_TIME >= (SELECT MAX(T.QUERY_START_TIME) FROM TABLE({history}) AS T"
        " WHERE T.GRAPH_RUN_GROUP_ID = ? AND T.STATE = 'EXECUTING' AND T.DATABASE_NAME = ? AND T.SCHEMA_NAME = ?)"
    )
    binds = [run.group, run.task, run.task, run.group, job["database"], job["schema"]]
    numbers = {int(row[0]) for row in send(session, statement, binds)}
    return [attempt for attempt in recorded if attempt.number in numbers]
