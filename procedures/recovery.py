"""Recovers attempts that no runner recorded: stops them if they still run, and records them.

Knows the comment that identifies a service, and what the end of a task means for its job. Must not know when services
are removed. Shipped as a part of a stored procedure's text.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from jobgraph.procedures.attempt import (
    CANCELLED,
    DONE,
    FAILED,
    FINAL,
    AttemptRecord,
    RunContext,
    identifier,
    lower_keys,
    object_name,
    one_line,
)
from jobgraph.procedures.history import record
from jobgraph.procedures.logs import secrets_of
from jobgraph.procedures.outcome import judge
from jobgraph.procedures.sending import send
from jobgraph.procedures.service import containers, stop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobgraph.procedures.attempt import Container
    from jobgraph.procedures.sending import Tagged

# jobgraph, graph, run, task, attempt
COMMENT_WORDS = 5
# TASK_HISTORY covers seven days
MOST_DAYS_BACK = 6
SINCE = "SELECT LEAST(?::timestamp_ltz, DATEADD('day', ?, CURRENT_TIMESTAMP()))::VARCHAR AS SINCE"
# the definition in the call of a job's task (jobgraph.plan.sql.json_literal)
CALLED_WITH = re.compile(r"\$\$(\{[^$]*\})\$\$")
WITHHELD = "[not kept: the task history no longer has the job's definition, which tells the secrets to hide]\n"
OUT_OF_TIME = re.compile(r"timed? ?out", re.IGNORECASE)


class GraphService(NamedTuple):
    """A job service of the graph. `task` is empty if its comment is of an earlier version, which does not name it.

    `secrets` are the values to hide in its logs; if they are not known (None), its logs are not kept.
    """

    name: str
    status: str
    pool: str
    group: str
    task: str
    attempt: int
    created: datetime
    updated: str
    secrets: tuple[str, ...] | None = None


class TaskEnd(NamedTuple):
    """The end of a task of the run, from the task history; `started` is when it last began, None if it did not."""

    state: str
    message: str
    started: datetime | None = None

    @property
    def bad(self) -> bool:
        """Whether it failed, perhaps as FAILED_AND_AUTO_SUSPENDED, or was cancelled."""
        return self.state == CANCELLED or self.state.startswith(FAILED)

    @property
    def reason_class(self) -> str:
        """The class of the reason for a bad end, as far as the task history shows it."""
        return "cancelled" if self.state == CANCELLED else "timeout" if OUT_OF_TIME.search(self.message) else "internal"


def services(session: Tagged, graph: Mapping[str, Any]) -> list[GraphService]:
    """Return the graph's job services, oldest first."""
    place = f"{identifier(graph['database'])}.{identifier(graph['schema'])}"
    rows = [lower_keys(row.as_dict()) for row in send(session, f"SHOW JOB SERVICES IN SCHEMA {place}")]
    listed = []
    for row in rows:
        words = str(row.get("comment") or "").split(" ")
        if words[:2] != ["jobgraph", graph["graph"]]:
            continue
        whole = len(words) == COMMENT_WORDS and words[4].isdigit()
        listed.append(
            GraphService(
                name=f"{place}.{identifier(row['name'])}",
                status=str(row["status"]),
                pool=str(row.get("compute_pool") or ""),
                group=words[2] if len(words) > 2 else "",  # noqa: PLR2004  # the third word
                task=words[3] if whole else "",
                attempt=int(words[4]) if whole else 0,
                created=row["created_on"],
                updated=str(row.get("updated_on") or ""),
            )
        )
    return sorted(listed, key=lambda service: service.created)


def recorded(session: Tagged, graph: Mapping[str, Any], groups: Sequence[str]) -> set[tuple[str, str, int]]:
    """Return the run, task and attempt of all recorded attempts of these runs."""
    if not groups:
        return set()
    marks = ", ".join("?" for _ in groups)
    statement = f"SELECT GRAPH_RUN_ID, TASK_NAME, ATTEMPT FROM {object_name(graph, 'job_runs_table')}"
    rows = send(session, f"{statement} WHERE GRAPH_RUN_ID IN ({marks})", groups)
    return {(str(row[0]), str(row[1]), int(row[2])) for row in rows}


def with_secrets(
    session: Tagged, graph: Mapping[str, Any], run: RunContext, root_id: str, orphans: Sequence[GraphService]
) -> list[GraphService]:
    """Return services with the values to hide in their logs.

    They are in the statement that the task ran: by now, a deploy may have changed the task.
    """
    if not orphans:
        return []
    groups = sorted({service.group for service in orphans})
    since = str(send(session, SINCE, [run.started, 0 if groups == [run.group] else -MOST_DAYS_BACK])[0][0])
    statement = (
        "SELECT GRAPH_RUN_GROUP_ID, NAME, QUERY_TEXT"
        f' FROM TABLE("{identifier(graph["database"])}".INFORMATION_SCHEMA.TASK_HISTORY(ROOT_TASK_ID => ?,'
        " SCHEDULED_TIME_RANGE_START => ?::timestamp_ltz, RESULT_LIMIT => 10000)) AS S"
        f" WHERE S.GRAPH_RUN_GROUP_ID IN ({', '.join('?' for _ in groups)}) AND S.QUERY_TEXT IS NOT NULL"
    )
    secrets: dict[tuple[str, str], tuple[str, ...]] = {}
    for row in send(session, statement, [root_id, since, *groups]):
        match = CALLED_WITH.search(str(row["QUERY_TEXT"]))
        definition = json.loads(match[1]) if match else {}
        if "specification" in definition:
            key = (str(row["GRAPH_RUN_GROUP_ID"]), str(row["NAME"]))
            secrets[key] = (*secrets.get(key, ()), *secrets_of(definition))
    return [service._replace(secrets=secrets.get((service.group, service.task))) for service in orphans]


def recover(
    session: Tagged, graph: Mapping[str, Any], run: RunContext, service: GraphService, end: TaskEnd | None
) -> AttemptRecord | None:
    """Stop the service if it still runs, and record and return its attempt.

    Return None if its task continues, so that its runner records the attempt. `end` is None if it is not in history.
    """
    if end is not None and end.state == "EXECUTING":
        return None
    status, updated = service.status, service.updated
    running = status not in FINAL
    if running:
        state = stop(session, service.name)
        status, updated = str(state["status"]), ""
    attempt = AttemptRecord(
        service.attempt,
        service.name,
        status,
        created=str(service.created),
        ended=updated,
        containers=_containers_to_keep(session, service),
    )
    attempt = judge(attempt, 0, expired=False)
    if status == CANCELLED:
        attempt = _cancelled(attempt, end)
    definition = {
        **graph,
        "compute_pool": service.pool,
        "instance_family": graph.get("instance_families", {}).get(service.pool),
        "replicas": len({c.instance for c in attempt.containers}) or 1,
    }
    record(session, definition, run._replace(task=service.task), attempt)
    return attempt


def _containers_to_keep(session: Tagged, service: GraphService) -> tuple[Container, ...]:
    listed = containers(session, service.name, service.secrets or ())
    return listed if service.secrets is not None else tuple(c._replace(log=WITHHELD) for c in listed)


def _cancelled(attempt: AttemptRecord, end: TaskEnd | None) -> AttemptRecord:
    """Return a cancelled attempt whose reason is the earlier end of its task."""
    if end is None or not end.bad:
        return attempt
    return attempt._replace(
        reason_class=end.reason_class, reason=f"its task ended {end.state} before the job: {one_line(end.message)}"
    )


def record_without_service(
    session: Tagged,
    graph: Mapping[str, Any],
    run: RunContext,
    ends: Mapping[str, TaskEnd],
    on_record: set[tuple[str, str, int]],
) -> list[str]:
    """Record one attempt for each task that ended badly before it had started any. Return the tasks' names."""
    tasks = {task for group, task, _ in on_record if group == run.group}
    names = [task for task, end in ends.items() if end.bad and task not in {*tasks, run.root}]
    for task in names:
        end = ends[task]
        message = one_line(end.message) or f"its task ended {end.state}"
        reason = f"its task ended {end.state} before a job was started"
        attempt = AttemptRecord(1, "", end.state, end.reason_class, reason, message, message)
        record(session, {**graph, "compute_pool": None}, run._replace(task=task), attempt)
    return names


def droppable(listed: Sequence[GraphService], on_record: set[tuple[str, str, int]], kept_since: datetime) -> list[str]:
    """Return the names of services to drop, oldest first: ended and recorded ones that are DONE or old enough."""
    return [
        service.name
        for service in listed
        if service.status in FINAL
        and (service.created < kept_since or service.status == DONE)
        and (not service.task or (service.group, service.task, service.attempt) in on_record)
        and (service.task or service.created < kept_since)
    ]
