"""The finalizer's messages on how its run ended.

Knows a run's rows in history. Must not know how a message is sent. Shipped as a part of a stored procedure's text.
"""

from __future__ import annotations

from collections import Counter
from itertools import takewhile
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from jobgraph.procedures.attempt import CANCELLED, DONE, FAILED, object_name
from jobgraph.procedures.notifying.messages import (
    FAILURE,
    RECOVERED,
    SENT,
    SKIPPED,
    SUCCESS,
    FailedJob,
    Message,
    RunEnd,
    linked,
    of_run_end,
    receiver_for,
)
from jobgraph.procedures.notifying.outbox import deliver
from jobgraph.procedures.recovery import TaskEnd
from jobgraph.procedures.requested.json_texts import read_object
from jobgraph.procedures.requested.request import LEFT_OUT, split_config
from jobgraph.procedures.sending import send

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from jobgraph.procedures.attempt import RunContext
    from jobgraph.procedures.sending import Tagged

# the most earlier runs from which the usual duration is computed
MOST_EARLIER = 20
# with fewer good runs, there is no usual duration
FEWEST_USUAL = 3


class PastRun(NamedTuple):
    """The end of an earlier run: the tasks that ended badly, the jobs that were left out, and the duration.

    A failed job counts as bad even if its task succeeded, because of `on_failure: continue`. `blocked` are the jobs
    that did not run because an ancestor ended badly.
    """

    bad: frozenset[str]
    left_out: frozenset[str] = frozenset()
    seconds: float | None = None
    blocked: frozenset[str] = frozenset()


class News(NamedTuple):
    """Whether a run was bad, and whether it ends earlier trouble.

    `incidents` are the integrations that sent bad news and, since then, no message that the trouble is over.
    """

    bad: bool
    was_bad: bool
    incidents: frozenset[str] = frozenset()


# rows of earlier versions do not name their graph: they count as those of the root's present one
OF_GRAPH = "ROOT_TASK_NAME = ? AND (GRAPH_NAME = ? OR GRAPH_NAME IS NULL)"
ATTEMPT_FACTS = ("TASK_NAME", "ATTEMPT", "JOB_STATUS", "REASON_CLASS", "EXIT_CODE", "REASON", "FIRST_ERROR")


def tell_of_end(session: Tagged, graph: Mapping[str, Any], run: RunContext, ends: Mapping[str, TaskEnd]) -> list[str]:
    """Send messages about the end of a run to the graph's receivers. Return the failures.

    Each retry of a run has its own messages, because it is another attempt.
    """
    notify = graph.get("notify")
    if not notify:
        return []
    runs = _runs_of_graph(session, graph, run)
    present = next((row for row in runs if str(row["GRAPH_RUN_GROUP_ID"]) == run.group), None)
    earlier = [row for row in runs if str(row["GRAPH_RUN_GROUP_ID"]) != run.group]
    attempt = int(present["ATTEMPTS"]) if present else 1
    request = split_config(str(present["RUN_CONFIG"] or "") if present else "")[0]
    left_out = tuple(sorted(request.left_out))
    last_attempts = _attempts_by_task(session, graph, run, ends)
    tolerated = tuple(_tolerated_jobs(notify, ends, last_attempts))
    bad = bool(tolerated) or any(end.bad for end in ends.values())
    failed_jobs = _failed_jobs_by_run(session, graph, run, [str(row["GRAPH_RUN_GROUP_ID"]) for row in earlier])
    past_runs = [(str(row["GRAPH_RUN_GROUP_ID"]), _past_run(row, failed_jobs)) for row in earlier]
    earlier_runs = _with_blocked(session, graph, run, past_runs)
    was_bad = ends_trouble(earlier_runs, left_out, retried=attempt > 1)
    end = RunEnd(
        graph=str(graph["graph"]),
        group=run.group,
        started=run.started,
        attempt=attempt,
        failed=tuple(_failed_jobs(notify, run, ends, last_attempts)),
        tolerated=tolerated,
        not_run=sum(end.state == SKIPPED for name, end in ends.items() if name not in left_out),
        seconds=float(present["SECONDS"]) if present and present["SECONDS"] is not None else None,
        usual=None if left_out else usual_seconds(earlier_runs),
        left_out=left_out,
        jobs=len(graph["jobs"]),
        backfill=request.backfill,
        interval=f"{request.span} UTC",
        link=linked(notify.get("page", ""), str(graph["graph"]), run.group),
    )
    incidents = frozenset() if bad or was_bad or left_out else _open_incidents(session, graph, run)
    news = News(bad=bad, was_bad=was_bad, incidents=incidents)
    return deliver(session, graph, end_messages(notify["receivers"], end, run.root, news))


def ends_trouble(past_runs: Sequence[PastRun], left_out: Collection[str], *, retried: bool) -> bool:
    """Return whether a good run ends earlier trouble: there was some, and the run left out none of its tasks.

    Args:
        past_runs: the runs before it, newest first.
        left_out: the jobs that were left out of the run.
        retried: whether it is a retry of a bad run.
    """
    trouble = tasks_in_trouble(past_runs)
    return (retried or bool(trouble)) and not trouble.intersection(left_out)


def tasks_in_trouble(past_runs: Sequence[PastRun]) -> frozenset[str]:
    """Return the tasks that ended badly or were blocked, and were in no later run. `past_runs` is newest first.

    `jobgraph status` follows the same rule (jobgraph/runs/overview.py).
    """
    trouble: frozenset[str] = frozenset()
    for run in reversed(past_runs):
        trouble = (trouble & run.left_out) | run.bad | (run.blocked - run.left_out)
    return trouble


def blocked_jobs(jobs: Sequence[Mapping[str, Any]], ends: Mapping[str, TaskEnd], root: str) -> frozenset[str]:
    """Return the jobs that could not run because an ancestor ended badly.

    Args:
        jobs: the graph's jobs in that run: their `name`, and in `after` the indices of their predecessors in this list.
        ends: the ends of the tasks of that run; a task that could not run is SKIPPED or missing.
        root: the root task, the predecessor of all jobs without others.
    """
    stopping = {name for name, end in ends.items() if end.bad}
    before = {job["name"]: [jobs[place]["name"] for place in job.get("after") or ()] or [root] for job in jobs}
    waiting = [name for name in before if name not in ends or ends[name].state == SKIPPED]
    blocked: set[str] = set()
    while reached := [n for n in waiting if n not in blocked and not (stopping | blocked).isdisjoint(before[n])]:
        blocked.update(reached)
    return frozenset(blocked)


def usual_seconds(past_runs: Sequence[PastRun]) -> float | None:
    """Return the usual seconds of good runs of the whole graph; None if there are fewer than `FEWEST_USUAL`."""
    spans = [run.seconds for run in past_runs if not run.bad and not run.left_out and run.seconds is not None]
    return median(spans) if len(spans) >= FEWEST_USUAL else None


def _with_blocked(
    session: Tagged, graph: Mapping[str, Any], run: RunContext, past_runs: Sequence[tuple[str, PastRun]]
) -> list[PastRun]:
    """Return earlier runs, newest first, with their blocked jobs, back to the last run of the whole graph.

    Trouble before a run of the whole graph is over, or is in that run too.
    """
    parts = list(takewhile(lambda entry: entry[1].left_out, past_runs))
    groups = [group for group, each in past_runs[: len(parts) + 1] if each.bad]
    if not groups:
        return [each for _, each in past_runs]
    marks = ", ".join("?" for _ in groups)
    statement = (
        "SELECT GRAPH_RUN_GROUP_ID, NAME, STATE, ERROR_MESSAGE, GRAPH_DEFINITION"
        f" FROM {object_name(graph, 'task_runs_table')} WHERE {OF_GRAPH} AND GRAPH_RUN_GROUP_ID IN ({marks})"
        " ORDER BY ATTEMPT_NUMBER"
    )
    ends: dict[str, dict[str, TaskEnd]] = {group: {} for group in groups}
    jobs: dict[str, Sequence[Mapping[str, Any]]] = {}
    for row in send(session, statement, [run.root, graph["graph"], *groups]):
        group = str(row["GRAPH_RUN_GROUP_ID"])
        ends[group][str(row["NAME"])] = TaskEnd(str(row["STATE"]), str(row["ERROR_MESSAGE"] or ""))
        if row["GRAPH_DEFINITION"]:
            jobs[group] = read_object(str(row["GRAPH_DEFINITION"])).get("jobs") or ()
    blocked = {group: blocked_jobs(jobs.get(group, ()), ends[group], run.root) for group in groups}
    return [each._replace(blocked=blocked.get(group, frozenset())) for group, each in past_runs]


def _past_run(row: Mapping[str, Any], failed_jobs: Mapping[str, frozenset[str]]) -> PastRun:
    bad_tasks = frozenset(name for name in str(row["BAD"] or "").split(",") if name)
    return PastRun(
        bad=bad_tasks | failed_jobs.get(str(row["GRAPH_RUN_GROUP_ID"]), frozenset()),
        left_out=frozenset(split_config(str(row["RUN_CONFIG"] or ""))[0].left_out),
        seconds=None if row["SECONDS"] is None else float(row["SECONDS"]),
    )


def end_messages(receivers: Sequence[Mapping[str, Any]], end: RunEnd, root: str, news: News) -> list[Message]:
    """Return at most one message for each interested receiver: the most informative one."""
    chosen = []
    for receiver in receivers:
        over = news.was_bad or receiver["integration"] in news.incidents
        events = [FAILURE] if news.bad else [RECOVERED, SUCCESS] if over else [SUCCESS]
        event = next((event for event in events if event in receiver["events"]), None)
        if event is not None:
            subject, body = of_run_end(event, end)
            occurrence = f"run {end.group} {end.attempt}"
            to = receiver_for(event, receiver)
            chosen.append(Message(event, end.graph, root, end.group, end.attempt, occurrence, to, subject, body))
    return chosen


def _open_incidents(session: Tagged, graph: Mapping[str, Any], run: RunContext) -> frozenset[str]:
    """Return the integrations with an open incident about this graph, for example because of a late run."""
    resolving = {r["integration"]: r["resolving"] for r in graph["notify"]["receivers"] if "resolving" in r}
    if not resolving:
        return frozenset()
    statement = (
        "SELECT INTEGRATION, MAX(WRITTEN_TIME) AS LAST_TIME"
        f" FROM {object_name(graph, 'notifications_table')} WHERE {OF_GRAPH} AND STATE = '{SENT}'"
        " GROUP BY INTEGRATION"
    )
    rows = send(session, statement, [run.root, graph["graph"]])
    last = {str(row["INTEGRATION"]): row["LAST_TIME"] for row in rows}
    return frozenset(
        opening
        for opening, ending in resolving.items()
        if opening in last and (ending not in last or last[ending] < last[opening])
    )


def _runs_of_graph(session: Tagged, graph: Mapping[str, Any], run: RunContext) -> list[Any]:
    """Return the rows of the ends of this run and of earlier ones, newest first."""
    last = "QUALIFY ROW_NUMBER() OVER (PARTITION BY GRAPH_RUN_GROUP_ID, NAME ORDER BY ATTEMPT_NUMBER DESC) = 1"
    statement = (
        "SELECT GRAPH_RUN_GROUP_ID, MIN(STARTED_TIME) AS BEGAN, MAX(ATTEMPT_NUMBER) AS ATTEMPTS,"
        " LISTAGG(CASE WHEN STATE LIKE 'FAILED%' OR STATE = 'CANCELLED' THEN NAME END, ',') AS BAD,"
        " MAX(RUN_CONFIG) AS RUN_CONFIG,"
        " DATEDIFF('second', MIN(STARTED_TIME), MAX(ENDED_TIME)) AS SECONDS"
        f" FROM (SELECT * FROM {object_name(graph, 'task_runs_table')} WHERE {OF_GRAPH} {last}) AS ENDS"
        " WHERE STATE <> 'SKIPPED' GROUP BY GRAPH_RUN_GROUP_ID HAVING MIN(STARTED_TIME) IS NOT NULL"
        f" ORDER BY BEGAN DESC LIMIT {MOST_EARLIER + 1}"
    )
    return list(send(session, statement, [run.root, graph["graph"]]))


def _failed_jobs_by_run(
    session: Tagged, graph: Mapping[str, Any], run: RunContext, groups: Sequence[str]
) -> dict[str, frozenset[str]]:
    """Return the jobs whose last attempt in a run was not DONE, by run; including jobs whose tasks failed."""
    if not groups:
        return {}
    marks = ", ".join("?" for _ in groups)
    last = "QUALIFY ROW_NUMBER() OVER (PARTITION BY GRAPH_RUN_ID, TASK_NAME ORDER BY ATTEMPT DESC) = 1"
    statement = (
        "SELECT GRAPH_RUN_ID, LISTAGG(TASK_NAME, ',') AS BAD"
        f" FROM (SELECT * FROM {object_name(graph, 'job_runs_table')}"
        f" WHERE {OF_GRAPH} AND GRAPH_RUN_ID IN ({marks}) {last}) AS ENDS"
        f" WHERE JOB_STATUS NOT IN ('{DONE}', '{LEFT_OUT}') GROUP BY GRAPH_RUN_ID"
    )
    rows = send(session, statement, [run.root, graph["graph"], *groups])
    return {str(row["GRAPH_RUN_ID"]): frozenset(str(row["BAD"]).split(",")) for row in rows}


def _attempts_by_task(
    session: Tagged, graph: Mapping[str, Any], run: RunContext, ends: Mapping[str, TaskEnd]
) -> dict[str, Mapping[str, Any]]:
    """Return the last attempts of the run's jobs by task, without jobs that had none.

    EARLIER is the number of attempts that ended before the last start of the task: a retry of the run has started it
    again.
    """
    statement = (
        f"SELECT {', '.join(ATTEMPT_FACTS)}, COMPLETED_TIME FROM {object_name(graph, 'job_runs_table')}"
        " WHERE GRAPH_RUN_ID = ? AND ROOT_TASK_NAME = ? ORDER BY ATTEMPT"
    )
    last: dict[str, Mapping[str, Any]] = {}
    earlier: Counter[str] = Counter()
    for row in send(session, statement, [run.group, run.root]):
        name = str(row["TASK_NAME"])
        start, end = ends[name].started if name in ends else None, row["COMPLETED_TIME"]
        earlier[name] += bool(start and end and end < start)
        last[name] = {**{fact: row[fact] for fact in ATTEMPT_FACTS}, "EARLIER": earlier[name]}
    return last


def _failed_jobs(
    notify: Mapping[str, Any], run: RunContext, ends: Mapping[str, TaskEnd], last: Mapping[str, Mapping[str, Any]]
) -> list[FailedJob]:
    """Return the tasks that ended badly: the jobs by name, then the root."""
    names = sorted((name for name, end in ends.items() if end.bad), key=lambda name: (name == run.root, name))
    return [
        _failed_job(notify, name, job_state(ends[name], str(last[name]["JOB_STATUS"])), last[name])
        if name in last
        else FailedJob(name, job_state(ends[name]), ends[name].reason_class, first_error=ends[name].message)
        for name in names
    ]


def job_state(end: TaskEnd, status: str = FAILED) -> str:
    """Return the state of a task that ended badly, by the name that `jobgraph status` has for it.

    `status` is that of the job's last attempt.
    """
    if end.state == CANCELLED:
        return CANCELLED
    return FAILED if status == DONE else status


def _tolerated_jobs(
    notify: Mapping[str, Any], ends: Mapping[str, TaskEnd], last: Mapping[str, Mapping[str, Any]]
) -> list[FailedJob]:
    """Return the failed jobs whose tasks succeeded because of `on_failure: continue`."""
    return [
        _failed_job(notify, name, str(row["JOB_STATUS"]), row)
        for name, row in sorted(last.items())
        if row["JOB_STATUS"] not in {DONE, LEFT_OUT} and name in ends and not ends[name].bad
    ]


def _failed_job(notify: Mapping[str, Any], name: str, state: str, row: Mapping[str, Any]) -> FailedJob:
    job = notify["jobs"].get(name, {})
    return FailedJob(
        name=name,
        status=state,
        reason_class=str(row["REASON_CLASS"] or ""),
        exit_code=None if row["EXIT_CODE"] is None else int(row["EXIT_CODE"]),
        reason=str(row["REASON"] or ""),
        first_error=str(row["FIRST_ERROR"] or ""),
        attempt=int(row["ATTEMPT"]),
        limit=int(job.get("attempts", 0)),
        earlier=int(row["EARLIER"]),
        runbook=str(job.get("runbook", "")),
    )
