"""Finding what a command is about: the deployed graph that a name means, and a run of it.

Knows in which order to look. Must not know how anything is shown.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from jobgraph.account import queries
from jobgraph.account.client import AbsentError
from jobgraph.cli.application import CONFIGURATION
from jobgraph.config.reading import read
from jobgraph.errors import RunFailedError, UsageError, UserError, perhaps
from jobgraph.runs import deployed, graph_run
from jobgraph.runs.attempts import instant

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jobgraph.account.client import Client
    from jobgraph.cli.application import Application
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import Run, TaskRun

_SLACK = timedelta(seconds=2)
# A graph may have a thousand jobs.
_MOST_NAMED = 20


def graph(application: Application, name: str | None) -> Deployed:
    """Return the deployed graph of that key or root task.

    Without a name it is the only one that is deployed, or among several the only one of the configuration file.

    Raises:
        AbsentError: if nothing is deployed.
        UsageError: if no name is given and it could be several, or there is none of that name.
    """
    client = application.client
    found = deployed.read(client.rows(queries.show_tasks(client.place)))
    wanted = name or _only(found, application.folder)
    chosen = deployed.named(found, wanted)
    if chosen is not None:
        return chosen
    place = f"{client.place} on {client.server}"
    if not found:
        raise AbsentError(
            f"There is no graph {wanted!r} in {place}" if wanted else f"No graph is deployed in {place}",
            cause="Nothing is deployed there yet.",
            remedy="Deploy it with `pulumi up`, or choose another role, database or schema.",
        )
    known = [name for one in found for name in (one.key, one.root_task)]
    raise UsageError(
        f"There is no graph {wanted!r} in {place}{perhaps(wanted, known)}",
        cause=f"Deployed there: {_some([one.key for one in found])}.",
        remedy="Name one of these, deploy it with `pulumi up`, or choose another role, database or schema.",
    )


def _only(found: Sequence[Deployed], folder: Path) -> str:
    """Return the name of the graph that is meant when none is given; empty if there is none at all."""
    if len(found) == 1:
        return found[0].key
    configured = _configured(folder / CONFIGURATION)
    if len(configured) == 1:
        return configured[0]
    names = [one.key for one in found] or configured
    if not names:
        return ""
    raise UsageError(f"Which graph? There are {', '.join(names)}", remedy="Name one: `jobgraph ... GRAPH`.")


def _configured(file: Path) -> list[str]:
    """Return the keys of the configuration file's graphs; none if it cannot be used, which is `validate`'s to say."""
    try:
        return [one.key for one in read(file).graphs]
    except UserError:
        return []


def job_name(found: Deployed, given: str, known: Sequence[str]) -> str:
    """Return the name of a job as Snowflake has it.

    Raises:
        UsageError: if it is not among the `known` ones.
    """
    names = {name.casefold(): name for name in known}
    if given.casefold() in names:
        return names[given.casefold()]
    what = f"Graph {found.key} has no job {given!r}{perhaps(given, names.values())}"
    raise UsageError(what, remedy=f"Its jobs: {_some(known)}.")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _root_runs(client: Client, found: Deployed) -> tuple[TaskRun, ...]:
    return graph_run.task_runs(client.rows(queries.task_history(client.place, found.root_id, task=found.root_task)))


def newest(client: Client, found: Deployed) -> TaskRun:
    """Return the root's row of the graph's newest run.

    Raises:
        RunFailedError: if it has none in the last seven days.
    """
    row = graph_run.newest_run(_root_runs(client, found), found.root_task)
    if row is None:
        raise RunFailedError(
            f"Graph {found.key} has not run in the last seven days",
            remedy=f"`jobgraph run {found.key} --wait` runs it; `jobgraph history {found.key}` shows older runs.",
        )
    return row


def root_row(client: Client, found: Deployed, run_id: str | None) -> TaskRun | None:
    """Return the root's row of a run, or of the newest; None if Snowflake's history does not go back so far.

    Raises:
        RunFailedError: if no run is named and there was none in the last seven days.
    """
    if run_id is None:
        return newest(client, found)
    rows = [row for row in _root_runs(client, found) if row.run_id == run_id and row.name == found.root_task]
    return rows[-1] if rows else None


def attempt(client: Client, found: Deployed, row: TaskRun) -> int:
    """Return how many times a run has been tried as a whole: 1, and one more for each RETRY LAST."""
    rows = graph_run.task_runs(client.rows(queries.task_history(client.place, found.root_id, row.scheduled)))
    return max((one.attempt for one in rows if one.run_id == row.run_id), default=row.attempt)


def run(client: Client, found: Deployed, run_id: str | None = None) -> Run:
    """Return a run, or the newest, as it is now.

    Raises:
        UsageError: if the graph has no run of that id.
        RunFailedError: if no run is named and there was none in the last seven days.
    """
    row = root_row(client, found, run_id)
    if row is None:
        return _older(client, found, run_id or "")
    since = row.scheduled - _SLACK if row.scheduled else None
    rows = client.rows(queries.task_history(client.place, found.root_id, since))
    attempts = client.rows(queries.attempts(client.place, found.tables, row.run_id))
    now = instant(rows[0]["NOW"]) if rows else None
    return graph_run.assemble(found, row.run_id, graph_run.task_runs(rows), attempts, now)


def _older(client: Client, found: Deployed, run_id: str) -> Run:
    rows = client.rows(queries.task_log(client.place, found.tables, run_id))
    if not rows:
        raise UsageError(
            f"Graph {found.key} has no run {run_id!r}", remedy=f"`jobgraph history {found.key}` lists its runs."
        )
    attempts = client.rows(queries.attempts(client.place, found.tables, run_id))
    return graph_run.from_log(found, run_id, graph_run.task_runs(rows), attempts)


def history(client: Client, found: Deployed, limit: int) -> list[Run]:
    """Return the newest finished runs, newest first."""
    place, tables = client.place, found.tables
    rows = client.rows(queries.finished_runs(place, tables, found.root_task, limit))
    ids = list(dict.fromkeys(str(row["GRAPH_RUN_GROUP_ID"]) for row in rows))
    attempts = client.rows(queries.attempts_of_runs(place, tables, ids)) if ids else []
    tasks = graph_run.task_runs(rows)
    return [
        graph_run.from_log(
            found,
            run_id,
            [row for row in tasks if row.run_id == run_id],
            [row for row in attempts if row["GRAPH_RUN_ID"] == run_id],
        )
        for run_id in ids
    ]
