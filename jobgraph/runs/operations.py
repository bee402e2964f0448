"""Operations of people on graphs and runs. An operation is shown before it is performed, and recorded with a note.

Pure. Must not know how an operation is performed or recorded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from jobgraph.procedures.requested.json_texts import read_json
from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jobgraph.account.queries import Statement
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.task_runs import TaskRun

    # a run, or the row of its root
    Start = GraphRun | TaskRun


@dataclass(frozen=True)
class Operation:
    """An operation: its statements with their values filled in, the jobs that it concerns, and a note on why.

    `run_id` and `backfill_id` identify the run or backfill that it concerns, if known. `requested_at`: Snowflake's time
    just before a run was requested; earlier versions did not record it. `user` and `at`, the time of the record, are
    set only on a recorded operation.
    """

    name: str
    graph: str
    statements: tuple[str, ...]
    jobs: tuple[str, ...] = ()
    note: str = ""
    run_id: str = ""
    backfill_id: str = ""
    user: str = ""
    at: datetime | None = None
    requested_at: datetime | None = None


# How much later than the run's scheduled time its operation may be recorded, if the run had no id yet; and how much
# earlier, if the run had to wait for another.
_LATEST = timedelta(seconds=30)
LONGEST_WAIT = timedelta(days=1)
# Snowflake cuts off the scheduled time of a run after the milliseconds.
_PRECISION = timedelta(milliseconds=1)
_FIRST = datetime.min.replace(tzinfo=UTC)
# A `?`, or what may contain one that stands for itself: a constant, a quoted name, a comment.
_MARKS = re.compile(
    r"""'(?:[^'\\]|\\.)*'|"[^"]*"|\$\$.*?\$\$|--[^\n]*|/\*.*?\*/|\?""",
    re.DOTALL,
)
_ASKING = frozenset({"run"})
_RETRY = "retry"
_SUSPEND = "suspend"
_OF_ROOT = frozenset({_SUSPEND, "resume"})


def of_run(listed: Iterable[Operation], run: GraphRun, other_runs: Iterable[Start] = ()) -> list[Operation]:
    """Return the operations on a run, oldest first.

    `listed` are the operations of its graph; `other_runs` are other runs of the graph, because a request belongs to the
    first run after it.
    """
    listed = list(listed)
    runs_of = _runs_of_requests(listed, [*other_runs, run])
    own = [entry for entry in listed if run.run_id in {entry.run_id, runs_of.get(id(entry))}]
    return sorted(own, key=lambda operation: operation.at.timestamp() if operation.at else 0.0)


def has_request_without_id(listed: Sequence[Operation], runs: Iterable[GraphRun]) -> bool:
    """Return whether a request without a run id may belong to one of the runs, unless another run came first."""
    return any(_asked_for(listed, run) is not None for run in runs)


def since(
    listed: Sequence[Operation], runs: Sequence[GraphRun], other_runs: Iterable[Start] = (), *, from_the_first: bool
) -> list[Operation]:
    """Return the operations on a graph since the oldest of the given runs, newest first, each with its run's id.

    `listed` is newest first. `from_the_first`: `runs` includes the graph's first run, so all operations are returned.
    `other_runs` are other runs of the graph, as in `of_run`.
    """
    starts = [run.scheduled for run in runs if run.scheduled]
    begin = None if from_the_first else min(starts, default=None)
    meant = [operation for operation in listed if begin is None or (operation.at is not None and operation.at >= begin)]
    run_ids = {run.run_id for run in runs}
    runs_of = {
        key: run_id for key, run_id in _runs_of_requests(listed, [*other_runs, *runs]).items() if run_id in run_ids
    }
    return [replace(operation, run_id=runs_of.get(id(operation), operation.run_id)) for operation in meant]


def suspension(listed: Iterable[Operation]) -> Operation | None:
    """Return the last suspension of a graph's root, or None if it was resumed since; `listed` is newest first."""
    newest = next((operation for operation in listed if operation.name in _OF_ROOT), None)
    return newest if newest is not None and newest.name == _SUSPEND else None


def _runs_of_requests(listed: Sequence[Operation], runs: Iterable[Start]) -> dict[int, str]:
    """Return the run of each operation without a run id, by the operation's `id`: the first one that it can be of."""
    runs_of: dict[int, str] = {}
    for run in sorted((run for run in runs if run.scheduled), key=lambda run: run.scheduled or _FIRST):
        operation = _asked_for(listed, run)
        if operation is not None:
            runs_of.setdefault(id(operation), run.run_id)
    return runs_of


def _asked_for(listed: Sequence[Operation], run: Start) -> Operation | None:
    """Return the operation without a run id that requested this run; None if there is none or it is not certain.

    A run is scheduled after it was requested, so that operation is the newest one before, if the time of the request is
    recorded. If only the time of the record is, that operation was recorded just after the run was scheduled; or, if
    the run had to wait, before. A run that an operation names by id has no other.
    """
    if run.scheduled is None or not run.scheduled_from.startswith("EXECUTE") or run.request.backfill:
        return None
    of_runs = [operation for operation in listed if operation.name in _ASKING]
    if any(operation.run_id == run.run_id for operation in of_runs):
        return None
    scheduled = run.scheduled
    asking = [(time, operation) for operation in of_runs if (time := operation.requested_at or operation.at)]
    after = [
        (time, operation)
        for time, operation in asking
        if operation.requested_at is None and not operation.run_id and scheduled <= time <= scheduled + _LATEST
    ]
    before = [entry for entry in asking if scheduled - LONGEST_WAIT <= entry[0] < scheduled + _PRECISION]
    if after:
        return min(after, key=itemgetter(0))[1]
    newest = max(before, key=itemgetter(0), default=None)
    return newest[1] if newest is not None and not newest[1].run_id else None


def is_retried(listed: Iterable[Operation], run_id: str, ended: datetime | None, now: datetime) -> bool:
    """Return whether a retry of a run was requested so recently that Snowflake does not show its tasks yet.

    `listed` are the operations of its graph; `ended` is the latest end among the tasks that Snowflake shows.
    """
    asked = [one.at for one in listed if one.name == _RETRY and one.run_id == run_id and one.at is not None]
    return any((ended is None or at > ended) and now - at < _LATEST for at in asked)


def filled(statement: Statement) -> str:
    """Return a statement's text with its values in place of the `?` marks, ready to be sent.

    A `?` in a constant, a quoted name or a comment is no such mark.
    """
    constants = map(_constant, statement.binds)
    return _MARKS.sub(lambda match: next(constants, "?") if match[0] == "?" else match[0], statement.text)


def _constant(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value).upper()
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def read(rows: Iterable[Mapping[str, Any]]) -> list[Operation]:
    """Return the operations from rows of their table, in the same order."""
    return [
        Operation(
            name=str(row["OPERATION"]),
            graph=str(row["GRAPH_NAME"]),
            statements=_texts(row.get("STATEMENTS")),
            jobs=_texts(row.get("JOBS")),
            note=str(row["NOTE"] or ""),
            run_id=str(row["GRAPH_RUN_ID"] or ""),
            backfill_id=str(row["BACKFILL_ID"] or ""),
            user=str(row["USER_NAME"] or ""),
            at=instant(row["CREATED_TIME"]),
            requested_at=instant(row.get("REQUESTED_TIME")),
        )
        for row in rows
    ]


def _texts(value: Any) -> tuple[str, ...]:
    """Return the texts in a cell with a JSON list; empty if it is not one, as anybody may write to the table."""
    texts = read_json(value) if isinstance(value, str) else value
    return tuple(map(str, texts)) if isinstance(texts, list) else ()
