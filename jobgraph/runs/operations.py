"""What people do to graphs and runs: an operation is shown before it is done, and kept with a note.

Pure. Must not know how it is done or kept.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from jobgraph.account.queries import Statement
    from jobgraph.runs.graph_run import GraphRun


@dataclass(frozen=True)
class Operation:
    """An operation: what is sent, which jobs it concerns, why. `statements` are texts with their values filled in.

    `run_id` and `backfill_id` say which run or backfill it is about, as far as that is known. `user` and `at` are known
    of one that was kept.
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


# A run without an id yet is kept a little after it was asked for, or, if it has to wait for another, before it begins.
_LATEST = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(days=1)
_ASKING = frozenset({"run"})
_RETRY = "retry"
_SUSPEND = "suspend"
_OF_ROOT = frozenset({_SUSPEND, "resume"})


def of_run(listed: Iterable[Operation], run: GraphRun) -> list[Operation]:
    """Return what was done to a run, oldest first; `listed` are operations of its graph."""
    listed = list(listed)
    asked_for = _asked_for(listed, run)
    own = [operation for operation in listed if operation.run_id == run.run_id or operation is asked_for]
    return sorted(own, key=lambda operation: operation.at.timestamp() if operation.at else 0.0)


def since(listed: Sequence[Operation], runs: Sequence[GraphRun], *, from_the_first: bool) -> list[Operation]:
    """Return what was done to a graph since the oldest of some of its runs, newest first, each with its run.

    `listed` is newest first. `from_the_first`: the runs go back to the first one, so that whatever was done is meant.
    """
    starts = [run.scheduled for run in runs if run.scheduled]
    begin = None if from_the_first else min(starts, default=None)
    meant = [operation for operation in listed if begin is None or (operation.at is not None and operation.at >= begin)]
    came_of = {id(operation): run.run_id for run in runs if (operation := _asked_for(listed, run)) is not None}
    return [replace(operation, run_id=came_of.get(id(operation), operation.run_id)) for operation in meant]


def suspension(listed: Iterable[Operation]) -> Operation | None:
    """Return who suspended a graph's root last, if nobody resumed it since; `listed` is newest first."""
    newest = next((operation for operation in listed if operation.name in _OF_ROOT), None)
    return newest if newest is not None and newest.name == _SUSPEND else None


def _asked_for(listed: Sequence[Operation], run: GraphRun) -> Operation | None:
    """Return the operation without an id that this run came of, if it is certain: of no run that has one of its own.

    It was kept just after the run was asked for; or the run had to wait, and nobody asked for another since then.
    """
    if run.scheduled is None or not run.scheduled_from.startswith("EXECUTE") or run.request.backfill:
        return None
    asking = [(operation.at, operation) for operation in listed if operation.name in _ASKING and operation.at]
    if any(operation.run_id == run.run_id for _, operation in asking):
        return None
    scheduled = run.scheduled
    after = [entry for entry in asking if scheduled <= entry[0] <= scheduled + _LATEST and not entry[1].run_id]
    before = [entry for entry in asking if scheduled - _LONGEST_WAIT <= entry[0] < scheduled]
    if after:
        return min(after, key=itemgetter(0))[1]
    newest = max(before, key=itemgetter(0), default=None)
    return newest[1] if newest is not None and not newest[1].run_id else None


def is_retried(listed: Iterable[Operation], run_id: str, ended: datetime | None, now: datetime) -> bool:
    """Tell whether a retry of a run was asked for just now whose tasks Snowflake does not show yet.

    `listed` are operations of its graph, `ended` is when the last of its tasks that are shown ended.
    """
    asked = [one.at for one in listed if one.name == _RETRY and one.run_id == run_id and one.at is not None]
    return any((ended is None or at > ended) and now - at < _LATEST for at in asked)


def filled(statement: Statement) -> str:
    """Return a statement as one could send it: with its values in place of the marks."""
    pieces = statement.text.split("?")
    values = [*map(_constant, statement.binds), *[""] * (len(pieces) - len(statement.binds))]
    return "".join(piece + value for piece, value in zip(pieces, values, strict=False))


def _constant(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool | int | float):
        return str(value).upper()
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def read(rows: Iterable[Mapping[str, Any]]) -> list[Operation]:
    """Read rows of the table of operations, in their order."""
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
        )
        for row in rows
    ]


def _texts(value: Any) -> tuple[str, ...]:
    """Return the texts of a cell that has a JSON list of them; the table is anybody's to write to."""
    try:
        texts = json.loads(value) if isinstance(value, str) else value
    except json.JSONDecodeError:
        return ()
    return tuple(map(str, texts)) if isinstance(texts, list) else ()
