"""Reading runs from Snowflake: which rows are queried, and in which order, to assemble a run.

Knows the two records of a run: TASK_HISTORY has the last seven days, including runs under way, and TASK_LOGGING_STATS
has every run that a finalizer closed. Must not know how a run is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

from jobgraph.account import queries
from jobgraph.account.unclosed_runs import UnclosedRuns
from jobgraph.errors import RunFailedError, UsageError
from jobgraph.runs import graph_run, services, shapes, task_runs, unclosed
from jobgraph.runs.attempts import instant
from jobgraph.runs.graph_run import Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from jobgraph.account.client import Client
    from jobgraph.errors import UserError
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.records import GraphRecord
    from jobgraph.runs.services import JobService
    from jobgraph.runs.shapes import Shape
    from jobgraph.runs.task_runs import TaskRun

Row = dict[str, Any]

# How long before a run's scheduled time its rows may begin.
SLACK = timedelta(seconds=2)
# How many runs of each root are read to collect the names of graphs.
_SAMPLE = 3
# How many closed runs of a graph's roots are searched for the graph's newest one.
_CANDIDATES = 20
_FIRST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class RunRows:
    """The rows of one run, from TASK_HISTORY and from history: one for each task and attempt of the graph.

    `shape` is the graph that the run ran with. `root_id` and `since` locate it in TASK_HISTORY. `now` is the server's
    current time; None if TASK_HISTORY does not go back to the run. `superseded`: a later run of the root has begun.
    `repeatable`: it is the graph's last run and the graph has not changed since, so Snowflake allows RETRY LAST.
    `of_attempts`: neither source has the run, and the rows were derived from the attempts of its jobs.
    """

    run_id: str
    shape: Shape
    rows: tuple[TaskRun, ...] = ()
    root_id: str = ""
    since: datetime | None = None
    now: datetime | None = None
    superseded: bool = False
    repeatable: bool = False
    of_attempts: bool = False

    @property
    def attempt(self) -> int:
        """The attempt of the whole run: 1, plus one for each RETRY LAST."""
        return max((row.attempt for row in self.rows), default=1)


class NoRunError(RunFailedError):
    """The graph has not run yet."""


def recorded_roots(client: Client, tables: queries.Tables, limit: int = _SAMPLE) -> tuple[TaskRun, ...]:
    """Return the roots' rows of the newest closed runs of each root, newest first.

    Raises:
        AbsentError: if there is no history table, or the role may not read it.
    """
    return task_runs.read(client.rows(queries.recorded_roots(client.place, tables, limit)))


def roots_of_run(client: Client, tables: queries.Tables, run_id: str) -> tuple[TaskRun, ...]:
    """Return the roots' rows of the closed runs with that id. Graphs that start at the same time share an id.

    Raises:
        AbsentError: if there is no history table, or the role may not read it.
    """
    return task_runs.read(client.rows(queries.run_log(client.place, tables, [run_id], roots_only=True)))


class RunRecords:
    """The runs of one graph. `roots_history`: the roots' runs of the last seven days, if already read."""

    def __init__(self, client: Client, graph: GraphRecord, roots_history: Sequence[TaskRun] | None = None) -> None:
        self._client = client
        self._graph = graph
        self._roots_history = roots_history
        self._unclosed = UnclosedRuns(client, graph)

    def run(self, run_id: str | None = None, *, whole: bool = False) -> GraphRun:
        """Return the present state of a run, by default of the newest; `whole`: ignore runs without all jobs.

        Raises:
            UsageError: if the graph has no run with that id.
            NoRunError: if no run is named and none is recorded.
            AbsentError: if there is no history table, or the role may not read it.
        """
        return self.assembled(self.rows(run_id, whole=whole))

    def since_whole(self) -> list[GraphRun]:
        """Return the last run with all jobs, if any, and later partial runs, newest first.

        Raises:
            AbsentError: if there is no history table, or the role may not read it.
        """
        runs: list[GraphRun] = []
        for rows in islice(self._each(None), _CANDIDATES):
            runs.append(self.assembled(rows))
            if not runs[-1].is_part:
                return runs
        whole = next(self._each(None, whole=True), None) if runs else None
        return [*runs, self.assembled(whole)] if whole else runs

    def rows(self, run_id: str | None = None, *, whole: bool = False) -> RunRows:
        """Return the rows of a run, by default of the newest. Raises what `run` raises."""
        rows = next(self._each(run_id, whole=whole), None)
        if rows is None:
            raise self._no_run(run_id, self._logged([run_id] if run_id else []))
        return rows

    def _each(self, run_id: str | None, *, whole: bool = False) -> Iterator[RunRows]:
        """Yield the rows of the graph's runs, or of one run, newest first; `whole`: ignore runs without all jobs."""
        seen = set()
        recent, rootless = self._root_history(), self._rootless(run_id)
        for row in _newest_first(recent, run_id):
            while rootless and _begin(rootless[0].rows[0]) > _begin(row):
                seen.add((rootless[0].shape.root_task, rootless[0].run_id))
                if not (whole and rootless[0].rows[0].is_of_part):
                    yield rootless[0]
                rootless = rootless[1:]
            logged = self._logged([row.run_id])
            own = [line for line in logged if line.root_task == row.name and self._is_ours(line)]
            foreign = any(line.root_task == row.name for line in logged) and not own
            if own or (not foreign and self._is_our_unclosed(row)):
                seen.add((row.name, row.run_id))
                if not (whole and row.is_of_part):
                    yield self._recent(row, own, recent)
        for rows in self._past(run_id):
            root = rows.rows[0]
            if (root.name, root.run_id) not in seen and not (whole and root.is_of_part):
                yield rows if rows.of_attempts else self._closed(self._logged([root.run_id]), root.name)

    def _past(self, run_id: str | None) -> list[RunRows]:
        """Return runs that the task history may no longer have, newest first; the root's row comes first in each."""
        ids = [run_id] if run_id else [closed_id for _, closed_id in self._finished(_CANDIDATES)]
        logged = self._logged(ids, roots_only=True)
        roots = {(row.root_task, row.run_id): row for row in reversed(logged) if self._is_ours(row)}
        closed = [RunRows(row.run_id, shapes.of_definitions("", row.name, ()), (row,)) for row in roots.values()]
        runs = [*closed, *(() if run_id and closed else self._of_attempts(_CANDIDATES, run_id))]
        return sorted(runs, key=lambda rows: _begin(rows.rows[0]), reverse=True)

    def _of_attempts(self, limit: int, run_id: str | None = None) -> list[RunRows]:
        """Return the newest runs, or one run, of which only attempts of their jobs are recorded."""
        key = self._graph.key
        return [
            RunRows(rows[0].run_id, shapes.of_attempts(key, rows), rows, of_attempts=True)
            for rows in self._unclosed.of_attempts(limit, run_id)
        ]

    def _rootless(self, run_id: str | None) -> list[RunRows]:
        """Return the newest runs that began in a job's task, as the root was gone; none if one run is named."""
        runs = [] if run_id else self._of_attempts(_CANDIDATES)
        runs = [rows for rows in runs if rows.shape.root_task not in self._graph.root_tasks]
        return sorted(runs, key=lambda rows: _begin(rows.rows[0]), reverse=True)

    def _is_our_unclosed(self, root: TaskRun) -> bool:
        """Whether an unclosed run belongs to this graph; another graph may have, or have had, a root of that name."""
        if self._graph.deployed is not None:
            return self._is_deployed(root) or self._unclosed.has(root.name, root.run_id)
        names = self._unclosed.names(root.name, root.run_id) or self._names_in_definitions(root)
        return self._graph.key in names if names else root.name in self._graph.nameless_roots

    def _names_in_definitions(self, root: TaskRun) -> set[str]:
        """Return the graphs that the tasks of a run named in the bodies that ran."""
        since = root.scheduled - SLACK if root.scheduled else None
        rows, _ = self._task_history(root.root_id or None, root.run_id, since, bodies=True)
        return {str(row.definition["graph"]) for row in rows if row.definition.get("graph")}

    def _no_run(self, run_id: str | None, logged: Sequence[TaskRun]) -> UserError:
        key = self._graph.key
        if run_id is None:
            return NoRunError(f"Graph {key} has not run yet", remedy=f"`jobgraph run {key} --wait` runs it.")
        owner = next((row.graph or row.root_task for row in logged), "")
        if owner:
            return UsageError(f"Run {run_id!r} is of graph {owner}", remedy=f"jobgraph status {owner} --run {run_id}")
        return UsageError(f"Graph {key} has no run {run_id!r}", remedy=f"`jobgraph history {key}` lists its runs.")

    def _is_ours(self, row: TaskRun) -> bool:
        return self._graph.has(row)

    def _is_deployed(self, row: TaskRun) -> bool:
        return self._graph.deployed is not None and row.root_id in {"", self._graph.deployed.root_id}

    def _root_history(self) -> tuple[TaskRun, ...]:
        if self._roots_history is not None:
            return tuple(row for row in self._roots_history if row.name in self._graph.root_tasks)
        return tuple(row for root in self._graph.root_tasks for row in self._history_of_root(root))

    def _history_of_root(self, root: str) -> tuple[TaskRun, ...]:
        return task_runs.read(self._client.rows(queries.task_history(self._client.place, task=root)))

    def _logged(self, run_ids: Sequence[str], *, roots_only: bool = False) -> tuple[TaskRun, ...]:
        if not run_ids:
            return ()
        statement = queries.run_log(self._client.place, self._graph.tables, run_ids, roots_only=roots_only)
        return task_runs.read(self._client.rows(statement))

    def _finished(self, limit: int) -> list[tuple[str, str]]:
        """Return (root, run id) of the newest closed runs of the graph's roots, newest first."""
        graph = self._graph
        statement = queries.finished_runs(self._client.place, graph.tables, graph.root_tasks, limit)
        rows = self._client.rows(statement)
        return [(str(row["ROOT_TASK_NAME"]), str(row["GRAPH_RUN_GROUP_ID"])) for row in rows]

    def last_run_of_job(self, job: str) -> str | None:
        """Return the id of the graph's newest run in which a job with that name made an attempt; None if none.

        This includes runs that began in a job's task, because the root was gone.
        """
        client, graph = self._client, self._graph
        rows = client.rows(queries.runs_of_job(client.place, graph.tables, job))
        pairs = [(str(row["ROOT_TASK_NAME"]), str(row["GRAPH_RUN_ID"])) for row in rows]
        logged = self._logged([run_id for _, run_id in pairs], roots_only=True)
        owners = {(row.root_task, row.run_id): self._is_ours(row) for row in logged}
        under_way = graph.deployed.root_task if graph.deployed else ""
        return next(
            (
                run_id
                for root, run_id in pairs
                if owners.get((root, run_id), root == under_way) or self._unclosed.has(root, run_id)
            ),
            None,
        )

    def _recent(self, root: TaskRun, logged: Sequence[TaskRun], recent: Sequence[TaskRun]) -> RunRows:
        since = root.scheduled - SLACK if root.scheduled else None
        root_id = root.root_id or (self._graph.deployed.root_id if self._graph.deployed else "")
        rows, now = self._task_history(root_id, root.run_id, since)
        merged = _merged(rows, logged)
        deployed, key = self._graph.deployed, self._graph.key
        if shapes.needs_definitions(deployed, root.name, merged):
            rows, now = self._task_history(root_id, root.run_id, since, bodies=True)
            merged = _merged(rows, logged)
        # if the graph is no longer deployed and all tasks of a run have ended, no further task of the run can start
        superseded = task_runs.is_superseded(root, recent) or (deployed is None and all(row.ended for row in merged))
        return RunRows(
            run_id=root.run_id,
            shape=shapes.of_run(deployed, key, root.name, merged),
            rows=merged,
            root_id=root_id,
            since=since,
            now=now,
            superseded=superseded,
            repeatable=not superseded and deployed is not None and shapes.unchanged_since(deployed, root.name, merged),
        )

    def _closed(self, logged: Sequence[TaskRun], root_task: str) -> RunRows:
        """Return the rows of a run of a root; `logged`: rows of runs with its id, at least one of them of the root."""
        rows = tuple(row for row in logged if row.root_task == root_task)
        run_id = rows[0].run_id
        shape = shapes.of_record(self._graph.key, root_task, rows)
        shape = shape or shapes.of_definitions(self._graph.key, root_task, rows)
        return RunRows(run_id=run_id, shape=shape, rows=rows)

    def _task_history(
        self, root_id: str | None, run_id: str, since: datetime | None, *, bodies: bool = False
    ) -> tuple[tuple[TaskRun, ...], datetime | None]:
        """Return a run's rows of TASK_HISTORY and the server's current time; `bodies`: include the definitions."""
        statement = queries.task_history(self._client.place, root_id=root_id, since=since, bodies=bodies)
        rows = self._client.rows(statement)
        history = tuple(row for row in task_runs.read(rows) if row.run_id == run_id)
        return history, instant(rows[0]["NOW"]) if rows else None

    def refreshed(self, rows: RunRows) -> RunRows:
        """Return the present rows of a run; everything is read again if its shape is not completely known."""
        if rows.now is None and rows.rows:
            return rows
        if not rows.shape.whole:
            return self.rows(rows.run_id)
        history, now = self._task_history(rows.root_id, rows.run_id, rows.since)
        return replace(rows, rows=history, now=now)

    def definition(self, run: GraphRun, job: str) -> Mapping[str, Any]:
        """Return a job's definition in a run, or its present one if TASK_HISTORY does not go back to the run."""
        statement = queries.task_history(self._client.place, task=job, bodies=True)
        rows = task_runs.read(self._client.rows(statement))
        own = [row.definition for row in rows if row.run_id == run.run_id and row.definition]
        present = (
            [task.definition for task in self._graph.deployed.jobs if task.name == job] if self._graph.deployed else []
        )
        return next(iter([*own[-1:], *present]), {})

    def definitions(self, run: GraphRun) -> dict[str, Mapping[str, Any]]:
        """Return the (long) definitions of a run's jobs, by name; empty if TASK_HISTORY does not go back to the run."""
        statement = queries.task_history(self._client.place, bodies=True)
        rows = task_runs.read(self._client.rows(statement))
        return {row.name: row.definition for row in rows if row.run_id == run.run_id and row.definition}

    def attempts(self, rows: RunRows) -> list[Row]:
        """Return the recorded attempts of a run's jobs."""
        return self._client.rows(
            queries.attempts(self._client.place, self._graph.tables, rows.shape.root_task, rows.run_id)
        )

    def services(self, rows: RunRows) -> dict[str, JobService]:
        """Return the services of jobs that are running or that the finalizer has yet to record, by job.

        If a run has no such job, nothing is queried.
        """
        names = set(rows.shape.job_names)
        recorded_later = any(job.is_direct for job in rows.shape.jobs)
        if not recorded_later and not any(row.state == task_runs.EXECUTING and row.name in names for row in rows.rows):
            return {}
        listed = self._client.rows(queries.all_job_services(self._client.place))
        return services.of_run(listed, rows.shape.key, rows.run_id, rows.rows)

    def assembled(self, rows: RunRows) -> GraphRun:
        """Return the run, assembled from its rows."""
        progress = Progress(
            now=rows.now,
            closed=rows.now is None,
            superseded=rows.superseded,
            repeatable=rows.repeatable,
            services=self.services(rows) if rows.now else {},
        )
        run = graph_run.assemble(rows.shape, rows.run_id, rows.rows, self.attempts(rows), progress)
        return unclosed.as_known(run) if rows.of_attempts else run

    def history(self, limit: int) -> list[GraphRun]:
        """Return the newest ended runs, newest first, including those that no finalizer closed."""
        runs = [*self._closed_runs(limit), *self.unclosed(limit)]
        return sorted(runs, key=lambda run: run.started or run.scheduled or _FIRST, reverse=True)[:limit]

    def unclosed(self, limit: int) -> list[GraphRun]:
        """Return the newest ended runs that no finalizer closed, in no particular order."""
        recent = self._root_history()
        ids = self._unclosed.recent(limit)
        own = {(row.name, row.run_id): row for row in recent if (row.name, row.run_id) in ids}
        own = {key: row for key, row in own.items() if self._is_our_unclosed(row)}
        past = [rows for rows in self._of_attempts(limit) if (rows.shape.root_task, rows.run_id) not in own]
        runs = [self.assembled(rows) for rows in (*(self._recent(row, (), recent) for row in own.values()), *past)]
        return [run for run in runs if run.ended]

    def _closed_runs(self, limit: int) -> list[GraphRun]:
        pairs = self._finished(limit)
        ids = list(dict.fromkeys(run_id for _, run_id in pairs))
        logged = self._logged(ids)
        statement = queries.attempts_of_runs(self._client.place, self._graph.tables, ids)
        attempts = self._client.rows(statement) if ids else []
        runs = []
        for root, run_id in pairs:
            own = [row for row in logged if (row.root_task, row.run_id) == (root, run_id) and self._is_ours(row)]
            tries = [row for row in attempts if (row["ROOT_TASK_NAME"], row["GRAPH_RUN_ID"]) == (root, run_id)]
            if own:
                rows = self._closed(own, root)
                runs.append(graph_run.assemble(rows.shape, run_id, rows.rows, tries, Progress(closed=True)))
        return runs


def _begin(root: TaskRun) -> datetime:
    return root.started or root.scheduled or _FIRST


def _newest_first(recent: Iterable[TaskRun], run_id: str | None) -> Iterator[TaskRun]:
    """Yield the newest root row of each run, or of the run with `run_id`, newest first."""
    rows = [row for row in recent if run_id in {None, row.run_id}]
    while rows:
        newest = task_runs.newest_run(rows)
        if newest is None:
            return
        yield newest
        rows = [row for row in rows if (row.run_id, row.root_id) != (newest.run_id, newest.root_id)]


def _merged(rows: Iterable[TaskRun], logged: Iterable[TaskRun]) -> tuple[TaskRun, ...]:
    """Return one row per task and attempt: TASK_HISTORY's row, completed by the columns that only history has."""
    merged = {(row.name, row.attempt): row for row in logged}
    for row in rows:
        old = merged.get((row.name, row.attempt))
        if old is not None:
            row = replace(row, graph=old.graph, root_task=old.root_task, graph_definition=old.graph_definition)  # noqa: PLW2901  # the same row, with more in it
        merged[row.name, row.attempt] = row
    return tuple(merged.values())
