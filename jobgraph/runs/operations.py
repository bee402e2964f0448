"""What people do to graphs and runs: an operation is shown before it is done, and kept with a note.

Pure. Must not know how it is done or kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from jobgraph.account.queries import Statement


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
            statements=(),
            note=str(row["NOTE"] or ""),
            run_id=str(row["GRAPH_RUN_ID"] or ""),
            backfill_id=str(row["BACKFILL_ID"] or ""),
            user=str(row["USER_NAME"] or ""),
            at=instant(row["CREATED_TIME"]),
        )
        for row in rows
    ]
