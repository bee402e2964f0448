"""Records jobs that their run leaves out: they start no container, and pass on their outputs of the last DONE attempt.

Knows how such a job is recorded and read. Must not know why it is left out. Shipped as a part of a stored procedure's
text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from jobgraph.procedures.attempt import DIRECT, DONE, AttemptRecord, RunContext, object_name
from jobgraph.procedures.history import record
from jobgraph.procedures.outcome import returned_value
from jobgraph.procedures.requested.request import LEFT_OUT, NOT_IN_THIS_RUN
from jobgraph.procedures.sending import send
from jobgraph.procedures.verdicts import verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.procedures.sending import Tagged

# the end of the reason of such an attempt, by which dependents find the results of that run
HANDED_ON = re.compile(
    r"; hands on what it returned in run (?P<run>\S+) of (?P<day>\d{4}-\d\d-\d\d), attempt (?P<n>\d+)$"
)


def leave_out(
    session: Tagged, job: Mapping[str, Any], run: RunContext, why: str = NOT_IN_THIS_RUN, *, returns: bool = True
) -> str:
    """Record that a job is left out, and set its task's return value if it `returns`. Return the value. Repeatable."""
    attempt = _handing_on(session, job, run, why)
    value = verdicts(attempt.outputs, job.get("conditions", ())) + handed_on(attempt)
    record(session, {**job, "compute_pool": None, "instance_family": None}, run, attempt, value if returns else None)
    return value


def _handing_on(session: Tagged, job: Mapping[str, Any], run: RunContext, why: str) -> AttemptRecord:
    """Return the attempt to record, with the outputs of the last DONE attempt, if there is one."""
    statement = (
        "SELECT GRAPH_RUN_ID, TO_VARCHAR(GRAPH_START_TIME, 'YYYY-MM-DD') AS DAY, ATTEMPT, LEFT(OUTPUTS, 10001) AS"
        f" OUTPUTS FROM {object_name(job, 'job_runs_table')} WHERE TASK_NAME = ? AND JOB_STATUS = ?"
        " AND (GRAPH_NAME = ? OR (GRAPH_NAME IS NULL AND ROOT_TASK_NAME = ?)) AND GRAPH_RUN_ID <> ?"
        " ORDER BY COMPLETED_TIME DESC LIMIT 1"
    )
    rows = send(session, statement, [run.task, DONE, job["graph"], run.root, run.group])
    attempt = AttemptRecord(1, "", LEFT_OUT, reason=f"{why}; it was never DONE, so it hands on nothing")
    if not rows:
        return attempt
    source = rows[0]
    place = f"run {source['GRAPH_RUN_ID']} of {source['DAY']}, attempt {source['ATTEMPT']}"
    reason = f"{why}; hands on what it returned in {place}"
    return attempt._replace(reason=reason, outputs=str(source["OUTPUTS"] or ""))


def handed_on(attempt: AttemptRecord) -> str:
    """Return the value of a job that was left out: its value in the run that the reason names."""
    source = HANDED_ON.search(attempt.reason)
    if source is None:
        return json.dumps({"status": LEFT_OUT, "attempt": 1})
    return returned_value(attempt._replace(status=DONE, number=int(source["n"])))


def results_of_source(job: Mapping[str, Any], task: str, attempt: AttemptRecord) -> str:
    """Return the stage folder with the results of the run that the reason names; empty if there is none."""
    place, source = job.get("results"), HANDED_ON.search(attempt.reason)
    if not place or source is None:
        return ""
    # all attempts of a direct job share a folder
    number = DIRECT if task in job.get("direct_predecessors", ()) else source["n"]
    return f"{place}/{source['day']}/{source['run']}/{task}/{number}/"
