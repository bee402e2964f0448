"""Drops superseded runners, finalizers and payload files as soon as no run can need them.

The entry of a stored procedure (Python 3.11, owner's rights, handler `main`), whose text is this file and the files of
this folder that it imports. Deploys call it when they no longer use something, and finalizers do. Knows tasks, runs in
progress and the mark on superseded procedures. Must not know what the procedures do.

A run in progress continues with the version of its graph at its start, so it needs everything that this version names.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.attempt import literal, lower_keys
from jobgraph.procedures.sending import error_code
from jobgraph.procedures.superseded import LEAVING, NAME, SUPERSEDED, procedures

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from snowflake.snowpark import Session

    from jobgraph.procedures.superseded import Procedure

PAYLOAD = re.compile(r"payload_[0-9a-f]+\.json")
# a deploy writes a file before it creates the task that names it
YOUNGEST = timedelta(days=1)
# Snowflake's error for a stage that does not exist
ABSENT = (2003, 2043)
# its errors if the new name exists already, or if somebody has dropped the procedure in between
NAME_IN_USE = (2002, *ABSENT)
RUNS = (
    "SELECT ROOT_TASK_NAME, GRAPH_RUN_GROUP_ID, RUN_ID"
    " FROM TABLE({}.INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS(RESULT_LIMIT => 10000))"
    " WHERE STATE <> 'SCHEDULED' AND DATABASE_NAME = ? AND SCHEMA_NAME = ?"
)


class InUse(Exception):  # noqa: N818  # its name starts the deploy's error message
    """Runs in progress may still need an object that a deploy wants to remove. Nothing was removed."""


def main(session: Session, request: str) -> str:
    """Drop superseded procedures that nothing needs any more. Return a line of JSON with the result.

    The request is JSON with `database`, `schema` and other keys. A deploy sends `superseded` (a procedure to mark),
    `stage` (the stage of payloads) or `takes` (the object that it is about to remove). A finalizer sends `run` (the
    group of its own run) and `uses` (the procedures that this run calls).

    Raises:
        InUse: if runs may need the object that the deploy `takes`.
    """
    order: dict[str, Any] = json.loads(request)
    place = f"{quoted(order['database'])}.{quoted(order['schema'])}"
    listed = [
        _marked(session, place, procedure) if procedure.name == order.get("superseded") else procedure
        for procedure in _present(session, place)
    ]
    superseded = [procedure for procedure in listed if procedure.superseded]
    if not superseded and not order.keys() & {"stage", "takes"}:
        return json.dumps({"dropped": [], "kept": [], "runs": []})
    tasks = _rows(session, f"SHOW TASKS IN SCHEMA {place}")
    runs = _rows(session, RUNS.format(quoted(order["database"])), [order["database"], order["schema"]])
    behind = earlier_versions(tasks, runs, str(order.get("run", "")))
    if behind and "takes" in order:
        raise InUse(
            f"{order['takes']} stays for now: runs of {', '.join(behind)} that began before this deploy are in progress"
            " and may need it. Everything else is deployed. Wait for them (jobgraph wait) and run pulumi up again, or"
            " set force_destroy: true in jobgraph:settings"
        )
    used = called(tasks) | set(order.get("uses", ()))
    free = [] if behind else [procedure for procedure in superseded if procedure.called not in used]
    dropped = [procedure.called for procedure in free if _drop(session, place, procedure)]
    if not behind and "stage" in order:
        dropped += _remove_payloads(session, f"@{place}.{quoted(order['stage'])}", tasks)
    remaining = [procedure.called for procedure in superseded if procedure.called not in dropped]
    return json.dumps({"dropped": dropped, "kept": remaining, "runs": behind})


def quoted(name: str) -> str:
    """Return a name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def called(tasks: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the names of all procedures that the present tasks call."""
    return {match[1] for task in tasks for match in NAME.finditer(str(task["definition"]))}


def earlier_versions(tasks: Sequence[Mapping[str, Any]], runs: Iterable[Mapping[str, Any]], calling: str) -> list[str]:
    """Return the roots of runs in progress that may have begun with an earlier version of their graph.

    The tasks of a started root are those of its last version, because they cannot be changed before it is suspended; so
    a run that is younger than that version belongs to it. The run `calling` is ignored, because its procedures are
    known. A run whose root is gone starts no more tasks.
    """
    roots = {str(task["name"]): task for task in tasks}
    behind = []
    for run in runs:
        root = roots.get(str(run["root_task_name"]))
        if root is None or str(run["graph_run_group_id"]) == calling:
            continue
        since = _milliseconds(root["last_committed_on"])
        if str(root["state"]).lower() != "started" or since is None or int(run["run_id"]) < since:
            behind.append(str(root["name"]))
    return sorted(set(behind))


def unused_payloads(files: Iterable[Mapping[str, Any]], tasks: Iterable[Mapping[str, Any]], now: datetime) -> list[str]:
    """Return the payload files that no task names and that no deploy has just written. `files` are rows of LIST."""
    used = {name for task in tasks for name in PAYLOAD.findall(str(task["definition"]))}
    unused = []
    for file in files:
        name = str(file["name"]).rpartition("/")[2]
        # Thu, 20 Nov 2025 14:03:12 GMT
        old = parsedate_to_datetime(str(file["last_modified"])) < now - YOUNGEST
        if PAYLOAD.fullmatch(name) and name not in used and old:
            unused.append(name)
    return sorted(unused)


def _remove_payloads(session: Session, stage: str, tasks: Iterable[Mapping[str, Any]]) -> list[str]:
    try:
        files = _rows(session, f"LIST {stage}/payload_")
    except SnowparkSQLException as error:
        if error_code(error) not in ABSENT:
            raise
        files = []  # a deploy that moves the stack to another schema has dropped the stage already
    names = unused_payloads(files, tasks, datetime.now(UTC))
    for name in names:
        _rows(session, f"REMOVE {stage}/{name}")
    return names


def _milliseconds(instant: Any) -> float | None:
    """Return an instant in milliseconds since 1970, as in RUN_ID."""
    return datetime.fromisoformat(str(instant)).timestamp() * 1000 if instant else None


def _rows(session: Session, statement: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
    # no tag: an owner's-rights procedure may not set session parameters, even for one statement
    return [lower_keys(row.as_dict()) for row in session.sql(statement, params=list(params)).collect()]


def _present(session: Session, place: str) -> list[Procedure]:
    return procedures(_rows(session, f"SHOW PROCEDURES IN SCHEMA {place}"))


def _marked(session: Session, place: str, procedure: Procedure) -> Procedure:
    if procedure.superseded:
        return procedure
    comment = procedure.comment + SUPERSEDED
    _rows(session, f"ALTER PROCEDURE IF EXISTS {place}.{procedure.signature} SET COMMENT = {literal(comment)}")
    return procedure._replace(comment=comment)


def _drop(session: Session, place: str, procedure: Procedure) -> bool:
    """Drop a procedure unless a deploy has just started to use it. Return whether it was dropped.

    It is renamed first and then read again. A deploy removes the mark before it relies on the procedure, so either this
    function sees that the mark is gone, or the deploy sees that the procedure is gone.
    """
    leaving = procedure
    if procedure.name == procedure.called:
        leaving = procedure._replace(
            name=procedure.name + LEAVING,
            signature=procedure.signature.replace(procedure.name, procedure.name + LEAVING),
        )
        try:
            _rows(session, f"ALTER PROCEDURE IF EXISTS {place}.{procedure.signature} RENAME TO {place}.{leaving.name}")
        except SnowparkSQLException as error:
            if error_code(error) not in NAME_IN_USE:
                raise
            return False  # another deploy or finalizer is dropping it at this moment
    # it does not exist if another finalizer has dropped it
    if any(again.name == leaving.name and not again.superseded for again in _present(session, place)):
        _rows(session, f"ALTER PROCEDURE IF EXISTS {place}.{leaving.signature} RENAME TO {place}.{procedure.called}")
        return False
    _rows(session, f"DROP PROCEDURE IF EXISTS {place}.{leaving.signature}")
    return True
