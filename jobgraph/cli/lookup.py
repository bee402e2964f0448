"""Finding the graph and the run that a command is about.

Knows the order of the search. Must not know how anything is shown. Commands that only read history also accept a graph
that is no longer deployed, as long as history has runs of it. Commands that steer need a deployed graph.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from jobgraph.account import queries, run_records, unclosed_runs
from jobgraph.account.client import AbsentError
from jobgraph.account.run_records import RunRecords
from jobgraph.cli.application import CONFIGURATION, note
from jobgraph.cli.stacks import stacks_of
from jobgraph.config.reading import read
from jobgraph.errors import UsageError, UserError, perhaps
from jobgraph.runs import deployed as deployed_graphs
from jobgraph.runs import records
from jobgraph.runs.wording import some

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from jobgraph.account.client import Client
    from jobgraph.cli.application import Application
    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.records import GraphRecord

_SEVERAL = 2


def deployed(client: Client) -> tuple[Deployed, ...]:
    """Return the graphs of the schema that are deployed."""
    return deployed_graphs.read(client.rows(queries.show_tasks(client.place)))


def graph(application: Application, name: str | None, jobs: Sequence[str] = ()) -> Deployed:
    """Return the deployed graph with the key or root task `name`.

    Without a name, it is the only deployed graph or, among several, the only one that has all the jobs, or the only one
    of the configuration file.

    Raises:
        AbsentError: if nothing is deployed.
        UsageError: if no graph has that name, or no name is given and several graphs qualify, or none has a job.
    """
    client = application.client
    present = deployed(client)
    candidates = present if name or len(present) < _SEVERAL else _having(present, jobs)
    key = name or _only([graph.key for graph in candidates], application.folder)
    chosen = deployed_graphs.named(present, key)
    if chosen is not None:
        return chosen
    if not present:
        raise _nothing_deployed(client, key)
    raise _no_such_graph(client, key, [records.of_deployed(graph) for graph in present])


def startable(application: Application, name: str | None, jobs: Sequence[str] = ()) -> Deployed:
    """Return a deployed graph that can be started; raises as `graph` does, and UsageError if its root is missing."""
    chosen = graph(application, name, jobs)
    if chosen.root_is_missing:
        raise UsageError(
            deployed_graphs.missing_root(chosen),
            cause="somebody dropped it, or a deploy was interrupted",
            remedy="`pulumi up --refresh` creates it again (after `pulumi cancel`, if the stack is locked)",
        )
    return chosen


def record(
    application: Application, name: str | None, *, run_id: str | None = None, job: str | None = None
) -> GraphRecord:
    """Return the graph with the key or root task `name`, deployed or only in history.

    Without a name, it is the graph of the run, or the only graph with the job; else it is found as in `graph`.

    Raises:
        AbsentError: if there are no graphs.
        UsageError: if no graph has that name, or no name is given and several graphs qualify.
    """
    client = application.client
    present = deployed(client)
    chosen = deployed_graphs.named(present, name) if name else None
    tables = chosen.tables if chosen else present[0].tables if present else queries.Tables()
    listed = _on_record(client, present, tables)
    if name is None:
        return _without_name(application, _with_never_closed(client, tables, listed), run_id, job)
    of_name = records.named(listed, name) or records.named(_with_never_closed(client, tables, listed), name)
    if of_name is None:
        raise _no_such_graph(client, name, listed) if listed else _nothing_deployed(client, name)
    return of_name


def all_graphs(application: Application) -> tuple[GraphRecord, ...]:
    """Return the graphs of the schema, deployed or only in history.

    Raises:
        AbsentError: if there is none at all.
    """
    client = application.client
    present = deployed(client)
    tables = present[0].tables if present else queries.Tables()
    listed = _with_never_closed(client, tables, _on_record(client, present, tables))
    if not listed:
        raise _nothing_deployed(client, "")
    return listed


def _on_record(client: Client, present: Sequence[Deployed], tables: queries.Tables) -> tuple[GraphRecord, ...]:
    """Return the graphs, deployed or only in history, with a remark if the role may be unable to see the tasks.

    If neither tasks nor a history table are visible, nothing is deployed. If only tasks are, the role cannot see the
    table.
    """
    try:
        recorded = run_records.recorded_roots(client, tables)
    except AbsentError:
        if present:
            raise
        return ()
    if recorded and not present:
        note(
            f"No task is visible in {client.place}: its graphs are no longer deployed, or the role may not see tasks."
            " `jobgraph privileges` lists what a viewer needs."
        )
    return records.graphs(present, recorded)


def _with_never_closed(
    client: Client, tables: queries.Tables, listed: Sequence[GraphRecord]
) -> tuple[GraphRecord, ...]:
    """Return the graphs, and dropped ones that are known only from attempts, because no finalizer closed their runs."""
    return records.joined(listed, unclosed_runs.graphs_of_attempts(client, tables))


def _without_name(
    application: Application, listed: Sequence[GraphRecord], run_id: str | None, job: str | None
) -> GraphRecord:
    candidates = list(listed)
    if run_id is not None and len(candidates) > 1:
        candidates = _of_run(application.client, candidates, run_id) or candidates
    if job is not None and len(candidates) > 1:
        having = _with_job(application.client, candidates, job)
        if not having:
            raise _no_such_job(job, candidates)
        candidates = having
    if len(candidates) == 1:
        return candidates[0]
    present = [record for record in candidates if record.deployed] or candidates
    chosen = records.named(present, _only([record.key for record in present], application.folder))
    if chosen is None:
        raise _nothing_deployed(application.client, "")
    return chosen


def _of_run(client: Client, listed: Sequence[GraphRecord], run_id: str) -> list[GraphRecord]:
    """Return the graphs that have a run with that id; runs in progress are searched only if no closed run has it."""
    rows = run_records.roots_of_run(client, listed[0].tables, run_id)
    keys = {record.key for record in listed if any(map(record.has, rows))}
    if not keys:
        keys = {record.key for record in unclosed_runs.graphs_of_attempts(client, listed[0].tables, run_id)}
    if not keys.intersection(record.key for record in listed):
        history = client.rows(queries.roots_under_way(client.place, run_id))
        keys = {record.key for record in listed for row in history if row["NAME"] in record.root_tasks}
    return [record for record in listed if record.key in keys]


def _with_job(client: Client, listed: Sequence[GraphRecord], job: str) -> list[GraphRecord]:
    """Return the graphs that have a job of that name or, if there are none, those that had one."""
    name = job.casefold()
    having = [record for record in listed if name in {job_name.casefold() for job_name in record.job_names}]
    if having:
        return having
    rows = client.rows(queries.runs_of_job(client.place, listed[0].tables, job.upper()))
    roots = {str(row["ROOT_TASK_NAME"]) for row in rows}
    return [record for record in listed if roots.intersection(record.root_tasks)]


def _having(graphs: Sequence[Deployed], jobs: Sequence[str]) -> Sequence[Deployed]:
    """Return the graphs that have all of the jobs; all graphs if none has all of them.

    Raises:
        UsageError: if no graph has one of the jobs.
    """
    names = {graph.key: {name.casefold() for name in graph.job_names} for graph in graphs}
    for job in jobs:
        if not any(job.casefold() in having for having in names.values()):
            raise _no_such_job(job, [records.of_deployed(graph) for graph in graphs])
    return [graph for graph in graphs if names[graph.key].issuperset(map(str.casefold, jobs))] or graphs


def _only(keys: Sequence[str], folder: Path) -> str:
    """Return the name of the graph to use when none is given; empty if there are no graphs."""
    if len(keys) == 1:
        return keys[0]
    configured = _configured(folder)
    candidates = [key for key in configured if key in keys] if keys else configured
    if len(candidates) == 1:
        return candidates[0]
    names = sorted(keys or configured)
    if not names:
        return ""
    raise UsageError(f"Which graph? There are {', '.join(names)}", remedy=_how_to_name(names[0]))


def _how_to_name(name: str) -> str:
    """Return the remedy that shows how to name a graph in the present command."""
    context = click.get_current_context(silent=True)
    command = context.command if context else None
    parameters = command.params if command else []
    if context and any(isinstance(option, click.Argument) and option.name == "graph" for option in parameters):
        return f"Name one, for example `jobgraph {context.info_name} {name}`."
    return f"Name one with --graph {name}."


def _configured(folder: Path) -> list[str]:
    """Return the keys of the graphs that the project's stacks deploy.

    A file that cannot be used counts as having none; `validate` reports its problems.
    """
    keys: dict[str, None] = {}
    with suppress(UserError):
        stacks = stacks_of(folder / CONFIGURATION)
        for file in dict.fromkeys(stacks.configuration(stack) for stack in stacks.names or (None,)):
            with suppress(UserError):
                keys |= dict.fromkeys(graph.key for graph in read(file).graphs)
    return list(keys)


def _nothing_deployed(client: Client, name: str) -> AbsentError:
    place = f"{client.place} on {client.server}"
    return AbsentError(
        f"There is no graph {name!r} in {place}" if name else f"No graph is deployed in {place}",
        cause="Nothing is deployed there yet.",
        remedy="Deploy it with `pulumi up`, or choose another role, database or schema.",
    )


def _no_such_graph(client: Client, name: str, listed: Sequence[GraphRecord]) -> UsageError:
    names = [name for record in listed for name in (record.key, *record.root_tasks)]
    present = [record.key for record in listed if record.deployed]
    departed = [record.key for record in listed if not record.deployed]
    deployed = f"the deployed graphs are: {some(present)}" if present else "no graph is deployed"
    recorded = f"; only in history: {some(departed)}" if departed else ""
    return UsageError(
        f"There is no graph {name!r} in {client.place} on {client.server}{perhaps(name, names)}",
        cause=f"The name is misspelt, or the graph is deployed elsewhere. Here, {deployed}{recorded}.",
        remedy="Name one of these, deploy it with `pulumi up`, or choose another role, database or schema.",
    )


def _no_such_job(job: str, listed: Sequence[GraphRecord]) -> UsageError:
    """Return the error that no graph has or had a job of that name."""
    names = [name for record in listed for name in record.job_names]
    graphs = "; ".join(f"{record.key}: {some(record.job_names)}" for record in listed if record.job_names)
    return UsageError(f"No graph has a job {job!r}{perhaps(job, names)}", remedy=f"The jobs of {graphs}.")


def job_name(key: str, name: str, names: Sequence[str]) -> str:
    """Return the name of a job as Snowflake spells it.

    Raises:
        UsageError: if the graph's jobs, `names`, do not include it.
    """
    spellings = {spelling.casefold(): spelling for spelling in names}
    if name.casefold() in spellings:
        return spellings[name.casefold()]
    problem = f"Graph {key} has no job {name!r}{perhaps(name, spellings.values())}"
    raise UsageError(problem, remedy=f"Its jobs: {some(names)}.")


def runs(application: Application, graph_record: GraphRecord) -> RunRecords:
    """Return the runs of a graph."""
    return RunRecords(application.client, graph_record)


def run(application: Application, graph_record: GraphRecord, run_id: str | None = None) -> GraphRun:
    """Return a run of a graph in its present state; without an id, the newest.

    Raises:
        UsageError: if the graph has no run with that id.
        RunFailedError: if no id is given and no run is recorded.
    """
    return RunRecords(application.client, graph_record).run(run_id)
