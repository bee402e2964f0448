"""Reading runs that no finalizer closed, from Snowflake's task history and from attempts of jobs.

Knows to which graph an attempt belongs. Must not know how a run is assembled.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from jobgraph.account import unclosed_queries
from jobgraph.account.missing_columns import MissingColumnError
from jobgraph.errors import RunFailedError
from jobgraph.runs import records, task_runs, unclosed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Tables
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.task_runs import TaskRun


def ids(rows: Iterable[Mapping[str, Any]]) -> frozenset[tuple[str, str]]:
    """Return (root, run id) from rows of `unclosed_queries.unclosed_ids`."""
    return frozenset((str(row["ROOT_TASK_NAME"]), str(row["UNCLOSED_ID"])) for row in rows)


def graphs_of_attempts(client: Client, tables: Tables, run_id: str | None = None) -> tuple[GraphRecord, ...]:
    """Return the graphs whose jobs made attempts, at any time or in the runs with that id.

    Nothing else shows graphs that are no longer deployed and whose runs no finalizer closed.
    """
    try:
        rows = client.rows(unclosed_queries.roots_of_attempts(client.place, tables, run_id))
    except RunFailedError:
        # nothing was ever deployed there, or the rows are of an earlier version and name no graph; if the table is only
        # hidden, reading closed runs has told so before
        return ()
    return tuple(replace(record, tables=tables) for record in records.graphs((), task_runs.read(rows)))


class UnclosedRuns:
    """The runs of one graph that are missing in history."""

    def __init__(self, client: Client, graph: GraphRecord) -> None:
        self._client = client
        self._graph = graph

    def of_attempts(self, limit: int, run_id: str | None = None) -> list[tuple[TaskRun, ...]]:
        """Return task runs derived from attempts, root first, for the newest unclosed runs or for the run `run_id`.

        This includes runs under way.
        """
        own = [row for row in self._attempts(limit, run_id) if self._is_ours(row)]
        return [unclosed.task_rows(attempts) for attempts in unclosed.by_run(own).values()]

    def _attempts(self, limit: int, run_id: str | None) -> list[dict[str, Any]]:
        graph = self._graph
        statement = partial(
            unclosed_queries.unclosed_attempts, self._client.place, graph.tables, graph.root_tasks, limit, run_id
        )
        try:
            return self._client.rows(statement(graph=graph.key))
        except MissingColumnError:
            # the table of an earlier version
            return self._client.rows(statement())

    def has(self, root: str, run_id: str) -> bool:
        """Return whether the attempts of a run show that it belongs to this graph."""
        return any(rows[0].name == root for rows in self.of_attempts(1, run_id))

    def names(self, root: str, run_id: str) -> set[str]:
        """Return the graphs that the attempts of a run name: at most one, and none in rows of an earlier version."""
        rows = (row for row in self._attempts(1, run_id) if row["ROOT_TASK_NAME"] == root)
        return {str(row["GRAPH_NAME"]) for row in rows if row.get("GRAPH_NAME")}

    def recent(self, limit: int) -> set[tuple[str, str]]:
        """Return (root, run id) of the newest unclosed runs of the last seven days, including those under way."""
        place, graph = self._client.place, self._graph
        return {
            (root, str(row["GRAPH_RUN_GROUP_ID"]))
            for root in graph.root_tasks
            for row in self._client.rows(unclosed_queries.unclosed_roots(place, graph.tables, root, limit))
        }

    def _is_ours(self, row: Mapping[str, Any]) -> bool:
        name = str(row.get("GRAPH_NAME") or "")
        return name == self._graph.key if name else row["ROOT_TASK_NAME"] in self._graph.nameless_roots
