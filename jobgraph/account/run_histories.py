"""The closed runs of many graphs. Each is read once, because only a retry changes a run that a finalizer has closed.

Knows which rows are queried, and which runs have been read already. Must not know how a run is shown.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from jobgraph.account import queries
from jobgraph.account.client import rows_of
from jobgraph.runs import graph_run, shapes, task_runs
from jobgraph.runs.graph_run import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jobgraph.account.client import Client
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.task_runs import TaskRun

Row = dict[str, Any]
# Root, run id, and the attempt of the whole run.
Key = tuple[str, str, int]

# How many job runs are cached: some 100 MB. The least recently used runs are evicted first.
_MOST_JOBS = 100_000
# How many job runs are read per call: the page first shows those, and the rest at its next refresh.
AT_ONCE = 4_000


class RunHistories:
    """The closed runs of the graphs of a schema. It caches what it has read, so use one object for all queries."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._runs: OrderedDict[Key, GraphRun] = OrderedDict()

    def newest(
        self, graphs: Sequence[GraphRecord], limit: int, job_runs: int = AT_ONCE
    ) -> tuple[dict[str, list[GraphRun]], int]:
        """Return graph key -> its newest closed runs, newest first, at most `limit`; and how many runs are unread.

        Runs of large graphs are not all read at once; the next call reads further ones. The newest run of each graph is
        always read, and after it runs with some `job_runs` together.
        """
        if not graphs:
            return {}, 0
        roots = _last_attempts(self._roots(graphs, limit))
        unread = [row for row in roots if _key(row) not in self._runs]
        chosen = _chosen(graphs, roots, unread, job_runs)
        self._read(graphs, chosen)
        histories: dict[str, list[GraphRun]] = {graph.key: [] for graph in graphs}
        for row in roots:
            run = self._runs.get(_key(row))
            graph = next((graph for graph in graphs if graph.has(row)), None)
            if run is not None and graph is not None:
                self._runs.move_to_end(_key(row))
                histories[graph.key].append(run)
        self._forget()
        return {key: runs[:limit] for key, runs in histories.items()}, len(unread) - len(chosen)

    def _roots(self, graphs: Sequence[GraphRecord], limit: int) -> tuple[TaskRun, ...]:
        names = [root for graph in graphs for root in graph.root_tasks]
        statement = queries.recorded_roots(self._client.place, graphs[0].tables, limit, names)
        return task_runs.read(self._client.rows(statement))

    def _read(self, graphs: Sequence[GraphRecord], roots: Sequence[TaskRun]) -> None:
        if not roots:
            return
        place, tables = self._client.place, graphs[0].tables
        ids = list(dict.fromkeys(row.run_id for row in roots))
        statements = queries.run_log(place, tables, ids), queries.attempts_of_runs(place, tables, ids)
        task_rows, attempt_rows = rows_of(self._client, *statements)
        tasks = _by_run((row.root_task, row.run_id, row) for row in task_runs.read(task_rows))
        attempts = _by_run((str(row["ROOT_TASK_NAME"]), str(row["GRAPH_RUN_ID"]), row) for row in attempt_rows)
        keys = {root: graph.key for graph in graphs for root in graph.root_tasks}
        for root in roots:
            run = (root.root_task, root.run_id)
            self._runs[_key(root)] = _closed(keys[root.root_task], root, tasks.get(run, []), attempts.get(run, []))

    def _forget(self) -> None:
        jobs = sum(len(run.jobs) for run in self._runs.values())
        while jobs > _MOST_JOBS and len(self._runs) > 1:
            jobs -= len(self._runs.popitem(last=False)[1].jobs)


def _last_attempts(roots: Iterable[TaskRun]) -> list[TaskRun]:
    """Return the root's row of the last attempt of each run, newest run first."""
    rows: dict[tuple[str, str], TaskRun] = {}
    for row in roots:
        run = (row.root_task, row.run_id)
        if run not in rows or rows[run].attempt < row.attempt:
            rows[run] = row
    return list(rows.values())


def _chosen(
    graphs: Sequence[GraphRecord], roots: Sequence[TaskRun], unread: Sequence[TaskRun], most: int
) -> list[TaskRun]:
    """Return the unread runs to read now: the newest of each graph, then as many as have `most` job runs together."""
    newest = {next((_key(row) for row in roots if graph.has(row)), None) for graph in graphs}
    chosen: list[TaskRun] = []
    jobs = 0
    for row in sorted(unread, key=lambda row: _key(row) not in newest):
        size = max(1, len(row.graph_definition.get("jobs") or ()))
        if _key(row) in newest or jobs + size <= most:
            chosen.append(row)
            jobs += size
    return chosen


def _key(root: TaskRun) -> Key:
    return root.root_task, root.run_id, root.attempt


def _by_run(entries: Iterable[tuple[str, str, Any]]) -> Mapping[tuple[str, str], list[Any]]:
    rows: dict[tuple[str, str], list[Any]] = {}
    for root, run_id, row in entries:
        rows.setdefault((root, run_id), []).append(row)
    return rows


def _closed(key: str, root: TaskRun, tasks: Sequence[TaskRun], attempts: Sequence[Row]) -> GraphRun:
    shape = shapes.of_record(key, root.root_task, tasks) or shapes.of_definitions(key, root.root_task, tasks)
    return graph_run.assemble(shape, root.run_id, tasks, attempts, Progress(closed=True))
