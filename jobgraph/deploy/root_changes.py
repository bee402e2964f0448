"""How a deploy may change existing graphs: which roots it suspends and resumes, and which tasks it takes over.

Pure. Knows a plan and rows of SHOW TASKS. Must not know pulumi, nor the order of the engine's steps (see
`jobgraph.components.task_graph`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jobgraph.config.topology import MOST_CHILDREN
from jobgraph.deploy.drift import not_as_planned, same_body
from jobgraph.deploy.left_overs import Recorded
from jobgraph.deploy.moving import Moves, Scene, moves
from jobgraph.errors import UsageError
from jobgraph.plan import sql
from jobgraph.plan.sql import SUSPENDED_BY_FAILURES
from jobgraph.plan.task_rows import (
    definition,
    finalized_root,
    key_of_comment,
    predecessors,
    root_of,
    suspended_by_a_deploy,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jobgraph.deploy.left_overs import Reading
    from jobgraph.plan.planning import GraphPlan, TaskPlan
    from jobgraph.plan.task_rows import Row
    from jobgraph.settings import Settings


@dataclass(frozen=True)
class RootChange:
    """What a deploy may do to a graph's root, decided before its first step.

    suspend: the root is started, or does not exist, so it has to be suspended before a change.
    resume: the root is to be resumed after the last step of a change.
    differing: the tasks that differ from the plan; any of them is a reason to suspend and resume the root.
    root_differs: the root is one of them, so the deploy changes or creates it.
    stays_suspended: the root is suspended although it has a schedule; the deploy leaves it suspended, with a warning.
    failed: Snowflake suspended the root because its runs failed; the deploy resumes it.
    loses_schedule: the root is started, and has a schedule that the deploy removes.
    former_root: the root's previous name, if the root is renamed.
    former_finalizer: the graph's present finalizer, if the plan has a different one.
    moved: jobs that are now in another graph of the plan: job's task -> that graph's key.
    abandoned: jobs that come from a graph that leaves the plan: job's task -> the root of that graph.
    """

    suspend: bool = True
    resume: bool = True
    differing: tuple[str, ...] = ()
    root_differs: bool = False
    stays_suspended: bool = False
    failed: bool = False
    loses_schedule: bool = False
    former_root: str | None = None
    former_finalizer: str | None = None
    moved: Mapping[str, str] = field(default_factory=dict)
    abandoned: Mapping[str, str] = field(default_factory=dict)


def changes(
    graphs: Sequence[GraphPlan], rows: Iterable[Row] | None, reading: Reading = Recorded
) -> dict[str, RootChange]:
    """Return the change of each graph, by key; `rows`: the present rows of SHOW TASKS in the schema, if known.

    `reading` reads the engine's state. It is called only if a root is suspended although it has a schedule.
    """
    present = {str(row["name"]): row for row in rows or ()}
    roots = {name: root_of(name, present) for name in present}
    planned = {graph.root.name: graph.key for graph in graphs}
    former = _former_roots(graphs, present, roots, planned)
    owners = planned | {root: key for key, root in former.items()}
    names = {name for graph in graphs for name in (graph.root.name, *_members(graph))}
    differing = {graph.key: not_as_planned(graph, present, names) if rows is not None else () for graph in graphs}
    return {
        graph.key: replace(
            _change(graph, present, former.get(graph.key), differing[graph.key], reading),
            former_finalizer=_former_finalizer(graph, present),
            moved=_moved(graph, roots, owners),
            abandoned=_abandoned(graph, roots, owners),
        )
        for graph in graphs
    }


def departing(changes: Iterable[RootChange], present: Mapping[str, Row]) -> dict[str, str]:
    """Return the existing roots that a deploy dismantles because their jobs move to other graphs; sorted.

    With each goes the name of its graph, as its comment has it; else the root's own name, which commands take too.
    """
    roots = {root for change in changes for root in (change.former_root, *change.abandoned.values()) if root}
    comments = {root: str(present.get(root, {}).get("comment") or "") for root in sorted(roots)}
    return {root: key_of_comment(comment) or root for root, comment in comments.items()}


def moving(graphs: Sequence[GraphPlan], rows: Iterable[Row] | None, changes: Mapping[str, RootChange]) -> Moves:
    """Return the order in which tasks leave their graphs; `changes`: the change of each graph, by key."""
    present = {str(row["name"]): row for row in rows or ()}
    roots = {graph.key: changes[graph.key].former_root or graph.root.name for graph in graphs}
    leaving = {name for change in changes.values() for name in (*change.moved, *change.abandoned)}
    leaving |= {
        graph.finalizer.name
        for graph in graphs
        if graph.finalizer and predecessors(present.get(graph.finalizer.name, {}))
    }
    scene = Scene(
        before={name: frozenset(predecessors(row)) & present.keys() for name, row in present.items()},
        after=planned_edges(graphs),
        leaving=frozenset(leaving),
        root={task.name: roots[graph.key] for graph in graphs for task in graph.tasks},
        going=frozenset(change.former_root for change in changes.values() if change.former_root),
        torn=frozenset(
            task.name
            for graph in graphs
            for task in graph.tasks
            if _torn(task, graph.root.name, present) or is_stray(task.name, present)
        ),
    )
    return moves(scene)


def refuse_roots_that_become_jobs(graphs: Sequence[GraphPlan], rows: Iterable[Row] | None) -> None:
    """Refuse, before anything is changed, to turn a task that is now a root into a job.

    The reverts of the root's steps run last, refer to the task by name, and would suspend and resume the job.

    Raises:
        UsageError: a job or a finalizer has the name of an existing root.
    """
    present = {str(row["name"]): row for row in rows or ()}
    followed = {name for row in present.values() for name in (*predecessors(row), finalized_root(row))}
    for graph in graphs:
        for name in _members(graph):
            row = present.get(name)
            if row is None or name not in followed or definition(row) or predecessors(row) or finalized_root(row):
                continue
            raise UsageError(
                f"task {name} is the root of a graph now, and graph {graph.key} wants it for a job",
                cause="a root got another name, and a job got its former one, in the same change",
                remedy=f"deploy without {name} first, which removes the root, and then once more with it; or give the"
                " job another name",
            )


def refuse_crowded_tasks(graphs: Sequence[GraphPlan], rows: Iterable[Row] | None) -> None:
    """Refuse, before anything is changed, a deploy in which a task would have more successors than Snowflake allows.

    The engine drops the tasks that have left the file last of all, so for a while both the old and the new successors
    follow the same task.

    Raises:
        UsageError: names each such task, and how many successors leave and are added.
    """
    present = {str(row["name"]): row for row in rows or ()}
    edges = planned_edges(graphs)
    planned = edges.keys() | {graph.root.name for graph in graphs}
    coming = Counter(before for name, follows in edges.items() for before in follows)
    going = Counter(
        before
        for name, row in present.items()
        if name not in planned
        for before in predecessors(row)
        if before in planned
    )
    crowded = [name for name in sorted(going) if going[name] + coming[name] > MOST_CHILDREN]
    if crowded:
        counts = ", ".join(f"{name} ({coming[name]} of this file, {going[name]} that leave it)" for name in crowded)
        raise UsageError(
            f"more than {MOST_CHILDREN} tasks would follow one task during this deploy: {counts}",
            cause="tasks that leave the file are dropped last, and until then count for Snowflake's limit",
            remedy="deploy without the new jobs first, which removes the old ones, and then once more with them; or put"
            " a job between, which some of them follow",
        )


def is_stray(name: str, present: Mapping[str, Row]) -> bool:
    """Whether a job's task is now a root, because an interrupted deploy has dropped all its predecessors."""
    row = present.get(name)
    return row is not None and not predecessors(row) and finalized_root(row) is None


def to_suspend(
    graphs: Sequence[GraphPlan], present: Mapping[str, Row], changes: Iterable[RootChange]
) -> dict[str, str | None]:
    """Return, sorted, the started roots that a deploy suspends before anything else.

    These are the strays, and the roots that the deploy drops: renamed ones, and those of graphs that leave the plan
    while their jobs move to other graphs. Otherwise the provider would suspend and resume them around each task behind
    them, in parallel. With each root that it drops goes the root's present comment, which is marked: if the deploy is
    killed, and the root is in the file of the next one, that deploy can tell the suspension from an operator's.
    """
    strays = {task.name for graph in graphs for task in graph.members if is_stray(task.name, present)}
    dropped = set(departing(changes, present)) - strays
    return {
        name: str(present[name].get("comment") or "") if name in dropped else None
        for name in sorted(strays | dropped)
        if present[name]["state"] == "started"
    }


def at_first(
    graphs: Sequence[GraphPlan],
    settings: Settings,
    present: Mapping[str, Row],
    changes: Iterable[RootChange],
    orphans: Mapping[str, str],
) -> dict[str, str]:
    """Return the statements that a deploy sends before it changes any graph, by what they do; the roots come first.

    `orphans`: tasks that are to be dropped, with their roots. Those below a planned root are dropped when the deploy
    has suspended that; the roots of the others are suspended here, if they are started.
    """
    planned = {graph.root.name for graph in graphs}
    lost = {name: root for name, root in orphans.items() if root not in planned}
    suspended = to_suspend(graphs, present, changes)
    suspended = {
        root: suspended.get(root)
        for root in sorted(suspended.keys() | lost.values())
        if present.get(root, {}).get("state") == "started"
    }
    statements = {
        f"to suspend: {name}": sql.suspend_root(settings.qualified(name))
        if comment is None
        else sql.suspend_departing_root(settings.qualified(name), comment)
        for name, comment in suspended.items()
    }
    return statements | {f"to drop: {name}": sql.drop_task(settings.qualified(name)) for name in lost}


def planned_edges(graphs: Sequence[GraphPlan]) -> dict[str, frozenset[str]]:
    """Return the predecessors of each task of all graphs, without the roots; predecessors come before successors."""
    return {task.name: frozenset(task.predecessors) for graph in graphs for task in graph.members}


def _torn(task: TaskPlan, root: str, present: Mapping[str, Row]) -> bool:
    """Whether an interrupted deploy dropped a predecessor of the task, which the engine's state does not show."""
    row = present.get(task.name)
    if row is None or not same_body(task, row):
        return False
    lost = set(task.predecessors) - set(predecessors(row)) - {root}
    created = str(row.get("created_on") or "")
    return any(name not in present or str(present[name].get("created_on") or "") > created for name in lost)


def _members(graph: GraphPlan) -> list[str]:
    return [task.name for task in graph.members]


def _former_roots(
    graphs: Sequence[GraphPlan], present: Mapping[str, Row], roots: Mapping[str, str], planned: Mapping[str, str]
) -> dict[str, str]:
    """Return the former root of each graph whose root does not exist: the unplanned root of most of its tasks."""
    claims: list[tuple[int, str, str]] = []
    for graph in graphs:
        if graph.root.name not in present:
            counts = Counter(roots[name] for name in _members(graph) if name in roots)
            claims += [
                (count, graph.key, root)
                for root, count in counts.items()
                # one of the graph's own jobs (a stray) cannot be its former root
                if root not in planned and root in present and root not in _members(graph)
            ]
    former: dict[str, str] = {}
    for _, key, root in sorted(claims, key=lambda claim: (-claim[0], claim[1:])):
        if key not in former and root not in former.values():
            former[key] = root
    return former


def _former_finalizer(graph: GraphPlan, present: Mapping[str, Row]) -> str | None:
    planned = graph.finalizer.name if graph.finalizer else None
    closing = (name for name, row in present.items() if finalized_root(row) == graph.root.name)
    return next((name for name in closing if name != planned), None)


def _moved(graph: GraphPlan, roots: Mapping[str, str], owners: Mapping[str, str]) -> dict[str, str]:
    owners_now = {name: owners.get(roots[name]) for name in _members(graph) if name in roots}
    return {name: key for name, key in owners_now.items() if key is not None and key != graph.key}


def _abandoned(graph: GraphPlan, roots: Mapping[str, str], owners: Mapping[str, str]) -> dict[str, str]:
    """Return the jobs whose root is neither planned nor taken over. Strays are in no graph and are left out."""
    members = set(_members(graph))
    roots_now = {name: roots[name] for name in members if name in roots}
    return {name: root for name, root in sorted(roots_now.items()) if root not in owners and root not in members}


def _change(
    graph: GraphPlan, present: Mapping[str, Row], former: str | None, differing: tuple[str, ...], reading: Reading
) -> RootChange:
    name = graph.root.name
    change = RootChange(differing=differing, root_differs=name in differing, former_root=former)
    row = present.get(former or name)
    scheduled = graph.schedule is not None
    if row is None or row["state"] == "started":
        return replace(change, resume=scheduled, loses_schedule=bool(row and row.get("schedule")) and not scheduled)
    if not scheduled:
        return replace(change, suspend=False, resume=False)
    if row.get("last_suspended_reason") == SUSPENDED_BY_FAILURES:
        return replace(change, suspend=False, failed=True, differing=change.differing or (name,))
    # A root without a schedule is suspended because nothing would start it, not because an operator decided so.
    by_someone = bool(row.get("schedule")) and not suspended_by_a_deploy(row)
    by_someone = by_someone and not _suspended_by_a_killed_deploy(name, former, reading())
    return replace(change, suspend=False, resume=not by_someone, stays_suspended=by_someone)


def _suspended_by_a_killed_deploy(name: str, former: str | None, state: Recorded) -> bool:
    """Whether a deploy suspended a root, and was killed, although none of its steps is left to resume the root.

    The deploy gave the root this name, or another one, which has been undone in the file: the state has the first step
    of this name although no such root exists. Or it was to remove the schedule, which the root still has.
    """
    return name in (state.begun if former else state.unscheduled)
