"""Answers the program of a direct job in a run that was requested for a part of the graph or for an interval.

The program calls the runner at its start (images/runtime/job_run.py), to ask whether it may run, and where the results
of predecessors are that were left out. Knows how such a job is recorded. Must not know what the program does next.
Shipped as a part of a stored procedure's text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobgraph.procedures.attempt import AttemptRecord, RunContext, mark, object_name
from jobgraph.procedures.requested.claiming import claim
from jobgraph.procedures.requested.left_out import leave_out, results_of_source
from jobgraph.procedures.requested.request import LEFT_OUT, NOT_IN_THIS_RUN
from jobgraph.procedures.sending import Tagged, send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snowflake.snowpark import Session


def answer(session: Session, job: Mapping[str, Any], run: RunContext) -> str:
    """Return JSON: either `left_out`, why the program must not run, and `value`, its task's return value; or `results`.

    `results` are the stage folders of the predecessors that were left out.
    """
    tagged = Tagged(session, mark(job, run, 1))
    refusal = NOT_IN_THIS_RUN if run.task in run.request.left_out else ""
    if not refusal and run.request.backfill:
        refusal = claim(tagged, job, run)
    if refusal:
        return json.dumps({"left_out": refusal, "value": leave_out(tagged, job, run, refusal, returns=False)})
    return json.dumps({"results": _results(tagged, job, run)})


def _results(session: Tagged, job: Mapping[str, Any], run: RunContext) -> dict[str, str]:
    """Return the stage folders of the predecessors that were left out."""
    before = list(job.get("predecessors", ()))
    if not before:
        return {}
    marks = ", ".join("?" for _ in before)
    statement = (
        f"SELECT TASK_NAME, REASON FROM {object_name(job, 'job_runs_table')} WHERE GRAPH_RUN_ID = ? AND JOB_STATUS = ?"
        f" AND TASK_NAME IN ({marks})"
    )
    rows = send(session, statement, [run.group, LEFT_OUT, *before])
    attempts = {str(row["TASK_NAME"]): AttemptRecord(1, "", LEFT_OUT, reason=str(row["REASON"] or "")) for row in rows}
    return {name: results_of_source(job, name, attempt) for name, attempt in attempts.items()}
