"""Sends the messages that no finalizer can send: on late and stuck runs, suspended roots, and failed finalizers.

The entry of a stored procedure (Python 3.11, caller's rights, handler `main`), whose text is this file and the files of
this folder that it imports. The stack's alert calls it every few minutes. Knows the order of the steps and the events;
the alert's action passes the definitions of the graphs.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from jobgraph.procedures.attempt import identifier, lower_keys, object_name, one_line
from jobgraph.procedures.notifying.lateness import last_expected
from jobgraph.procedures.notifying.messages import LATE, Message, in_words, linked, of_lateness
from jobgraph.procedures.notifying.outbox import deliver
from jobgraph.procedures.requested.request import REQUEST
from jobgraph.procedures.sending import Tagged, send

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from snowflake.snowpark import Session

# the reason in SHOW TASKS for a root that failed too often; jobgraph.plan.sql has it too
SUSPENDED_BY_FAILURES = "SUSPENDED_DUE_TO_ERRORS"
# the extra time, beyond its limit, after which a run counts as stuck; the limits of its tasks end them before that
GRACE = timedelta(minutes=15)
# older failures of finalizers are not reported
NEWS = timedelta(days=1)


class Occurrence(NamedTuple):
    """An event to report once, identified by `key`. `to` is the index of the receiver; None means all."""

    key: str
    headline: str
    why: tuple[str, ...] = ()
    group: str = ""
    to: int | None = None


class Facts(NamedTuple):
    """The state of all graphs: rows of tasks by name, runs in progress, starts of runs by root, and failures."""

    now: datetime
    tasks: Mapping[str, Mapping[str, Any]]
    in_flight: Sequence[Mapping[str, Any]]
    last_starts: Mapping[str, datetime]
    failed: Sequence[Mapping[str, Any]]


def main(session: Session, definition: str) -> str:
    """Check all graphs and send messages. Return a line of JSON with the occurrences and the failures to send."""
    stack: dict[str, Any] = json.loads(definition)
    tagged = Tagged(session, "jobgraph watch")
    facts = _facts_of_stack(tagged, stack)
    messages: list[Message] = []
    for graph in stack["graphs"]:
        for occurrence in occurrences(graph, facts):
            messages += _messages_about(stack, graph, occurrence)
    unsent = deliver(tagged, stack, messages)
    return json.dumps({"occurrences": sorted({message.occurrence for message in messages}), "not_sent": unsent})


def _facts_of_stack(session: Tagged, stack: Mapping[str, Any]) -> Facts:
    place = f'"{identifier(stack["database"])}"."{identifier(stack["schema"])}"'
    functions = f'"{identifier(stack["database"])}".INFORMATION_SCHEMA'
    here = [stack["database"], stack["schema"]]
    now = send(session, "SELECT CURRENT_TIMESTAMP() AS NOW")[0]["NOW"].astimezone(UTC)
    tasks = [lower_keys(row.as_dict()) for row in send(session, f"SHOW TASKS IN SCHEMA {place}")]
    in_flight = send(
        session,
        "SELECT ROOT_TASK_NAME, GRAPH_RUN_GROUP_ID, QUERY_START_TIME"
        f" FROM TABLE({functions}.CURRENT_TASK_GRAPHS(RESULT_LIMIT => 10000))"
        " WHERE STATE = 'EXECUTING' AND DATABASE_NAME = ? AND SCHEMA_NAME = ?",
        here,
    )
    ended = send(
        session,
        "SELECT ROOT_TASK_NAME, MAX(SCHEDULED_TIME) AS LAST_START"
        f" FROM {object_name(stack, 'task_runs_table')} WHERE NAME = ROOT_TASK_NAME"
        # a partial run does not count as the expected run
        f" AND TRY_PARSE_JSON(RUN_CONFIG):{REQUEST}.left_out IS NULL GROUP BY ROOT_TASK_NAME",
    )
    failed = send(
        session,
        "SELECT NAME, STATE, GRAPH_RUN_GROUP_ID, ATTEMPT_NUMBER, ERROR_MESSAGE"
        f" FROM TABLE({functions}.TASK_HISTORY(ERROR_ONLY => TRUE, SCHEDULED_TIME_RANGE_START => ?::timestamp_ltz,"
        " RESULT_LIMIT => 10000)) WHERE DATABASE_NAME = ? AND SCHEMA_NAME = ?",
        [(now - NEWS).isoformat(), *here],
    )
    return Facts(
        now,
        {str(task["name"]): task for task in tasks},
        [row.as_dict() for row in in_flight],
        {str(row["ROOT_TASK_NAME"]): _as_instant(row["LAST_START"]) for row in ended if row["LAST_START"] is not None},
        [row.as_dict() for row in failed],
    )


def _as_instant(value: Any) -> datetime:
    instant = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return instant.astimezone(UTC)


def occurrences(graph: Mapping[str, Any], facts: Facts) -> Iterator[Occurrence]:
    """Yield the occurrences of a graph; none if its root does not exist."""
    root = facts.tasks.get(graph["root"])
    if root is None:
        return
    running = [row for row in facts.in_flight if row["ROOT_TASK_NAME"] == graph["root"]]
    yield from _suspended(graph, root)
    yield from _stuck_runs(graph, facts, running)
    yield from _failed_finalizers(graph, facts)
    yield from _late_runs(graph, facts, root, running)


def _suspended(graph: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[Occurrence]:
    """Yield a root that Snowflake suspended. One that an operator suspended is only mentioned when a run is late."""
    if str(root["state"]).lower() == "suspended" and root.get("last_suspended_reason") == SUSPENDED_BY_FAILURES:
        since = str(root.get("last_suspended_on"))
        yield Occurrence(
            f"suspended {since}", "its root was suspended after too many failures", (_resume(graph, root),)
        )


def _resume(graph: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    command = f"jobgraph resume {graph['graph']}"
    return f"No run starts by schedule until it is resumed: {command}, or ALTER TASK {root['name']} RESUME"


def _stuck_runs(graph: Mapping[str, Any], facts: Facts, running: Sequence[Mapping[str, Any]]) -> Iterator[Occurrence]:
    for row in running:
        if row["QUERY_START_TIME"] is None:
            continue
        lasted = facts.now - _as_instant(row["QUERY_START_TIME"])
        if lasted > timedelta(seconds=int(graph["timeout"])) + GRACE:
            group, limit = str(row["GRAPH_RUN_GROUP_ID"]), in_words(int(graph["timeout"]))
            headline = f"run {group} is stuck: it goes on for {in_words(lasted.total_seconds())}, and may take {limit}"
            yield Occurrence(f"stuck {group}", headline, (f"End it: jobgraph cancel {graph['graph']}",), group)


def _failed_finalizers(graph: Mapping[str, Any], facts: Facts) -> Iterator[Occurrence]:
    for row in facts.failed:
        if row["NAME"] == graph.get("finalizer"):
            group = str(row["GRAPH_RUN_GROUP_ID"])
            headline = f"the finalizer of run {group} ended {row['STATE']}: history and messages may be incomplete"
            why = one_line(str(row["ERROR_MESSAGE"] or ""))
            yield Occurrence(
                f"finalizer {group} {row['ATTEMPT_NUMBER']}", headline, (f"Error: {why}",) if why else (), group
            )


def _late_runs(
    graph: Mapping[str, Any], facts: Facts, root: Mapping[str, Any], running: Sequence[Mapping[str, Any]]
) -> Iterator[Occurrence]:
    schedule, last = graph.get("schedule"), facts.last_starts.get(graph["root"])
    if not schedule or not graph.get("finalizer"):
        return  # no run is expected, or no finalizer records the ends of runs
    created = _as_instant(root["created_on"])
    for number, receiver in enumerate(graph["receivers"]):
        late_after = receiver.get("late_after")
        if late_after is None:
            continue
        expected = last_expected(schedule, late_after, facts.now, created, last)
        # a run that was started by hand after the due time is also sufficient
        if expected is not None and (last is None or last < expected.start):
            headline = f"no run that was due at {_utc_text(expected.start)} has ended by {_utc_text(expected.deadline)}"
            key = f"late {expected.start.isoformat()}"
            yield Occurrence(key, headline, tuple(_reasons(graph, root, running)), to=number)


def _reasons(graph: Mapping[str, Any], root: Mapping[str, Any], running: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the visible reasons."""
    if str(root["state"]).lower() == "suspended":
        reason = root.get("last_suspended_reason") or "no reason is known"
        yield f"Its root has been suspended since {root.get('last_suspended_on')} ({reason})."
        yield _resume(graph, root)
    for row in running:
        since = _utc_text(_as_instant(row["QUERY_START_TIME"]))
        yield f"Run {row['GRAPH_RUN_GROUP_ID']} has been in progress since {since}."
    if not running and str(root["state"]).lower() != "suspended":
        yield "No run is in progress."


def _utc_text(instant: datetime) -> str:
    return f"{instant.replace(tzinfo=None).isoformat(' ', 'seconds')} UTC"


def _messages_about(stack: Mapping[str, Any], graph: Mapping[str, Any], occurrence: Occurrence) -> Iterator[Message]:
    for number, receiver in enumerate(graph["receivers"]):
        if occurrence.to in {None, number}:
            link = linked(stack.get("page", ""), graph["graph"], occurrence.group)
            subject, body = of_lateness(graph["graph"], graph["root"], occurrence.headline, occurrence.why, link)
            yield Message(
                LATE, graph["graph"], graph["root"], occurrence.group, 0, occurrence.key, receiver, subject, body
            )
