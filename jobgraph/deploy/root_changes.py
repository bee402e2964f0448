"""How a deploy may change graphs that are there already: whose root it suspends and resumes, and what it takes over.

Pure. Knows a plan and rows of SHOW TASKS. Must not know pulumi, nor the order in which the engine does things (that is
`jobgraph.components.task_graph`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from jobgraph.config.topology import MOST_CHILDREN
from jobgraph.deploy.drift import not_as_planned, same_body
from jobgraph.deploy.moving import Moves, Scene, moves
from jobgraph.errors import UsageError
from jobgraph.plan.sql import SUSPENDED_BY_FAILURES
from jobgraph.plan.task_rows import definition, finalized_root, predecessors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from jobgraph.plan.planning import GraphPlan, TaskPlan
    from jobgraph.plan.task_rows import Row


@dataclass(frozen=True)
class RootChange:
    """What a deploy may do to a graph's root, seen before its first step.

    suspend: the root is started, or not there, so it has to be suspended before a change.
    resume: it is to be resumed after the last step of a change.
    differing: the tasks that are not as planned, and thus reason enough to suspend and resume.
    root_differs: the root is among them, so the deploy changes or makes it.
    stays_suspended: it is suspended although it has a schedule, so the deploy leaves it so, and says so.
    failed: Snowflake suspended it because its runs failed; so it is resumed.
    former_root: the root from which the graph's jobs come, when the root has another name than before.
    former_finalizer: the task that closes the graph's runs now, where the plan has another one.
    moved: jobs that are in another graph of the plan now: job's task -> that graph's key.
    abandoned: jobs that come from a graph that leaves the plan: job's task -> the root that goes.
    """

    suspend: bool = True
    resume: bool = True
    differing: tuple[str, ...] = ()
    root_differs: bool = False
    stays_suspended: bool = False
    failed: bool = False
    former_root: str | None = None
    former_finalizer: str | None = None
    moved: Mapping[str, str] = field(default_factory=dict)
    abandoned: Mapping[str, str] = field(default_factory=dict)


def changes(graphs: Sequence[GraphPlan], rows: Iterable[Row] | None) -> dict[str, RootChange]:
    """Return the change of each graph, by key; `rows` are those of the schema's tasks as they are now, if known."""
    present = {str(row["name"]): row for row in rows or ()}
    roots = {name: _root_of(name, present) for name in present}
    planned = {graph.root.name: graph.key for graph in graphs}
    former = _former_roots(graphs, present, roots, planned)
    owners = planned | {root: key for key, root in former.items()}
    names = {name for graph in graphs for name in (graph.root.name, *_members(graph))}
    differing = {graph.key: not_as_planned(graph, present, names) if rows is not None else () for graph in graphs}
    return {
        graph.key: replace(
            _change(graph, present, former.get(graph.key), differing[graph.key]),
            former_finalizer=_former_finalizer(graph, present),
            moved=_moved(graph, roots, owners),
            abandoned=_abandoned(graph, roots, owners),
        )
        for graph in graphs
    }


def departing(changes: Iterable[RootChange]) -> list[str]:
    """Return the roots that a deploy takes apart because their jobs come into other graphs, sorted."""
    roots = {root for change in changes for root in (change.former_root, *change.abandoned.values()) if root}
    return sorted(roots)


def moving(graphs: Sequence[GraphPlan], rows: Iterable[Row] | None, changes: Mapping[str, RootChange]) -> Moves:
    """Return in which order tasks leave their graphs; `changes` are the changes of the graphs."""
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
    """Refuse, before anything is changed, to make a job of a task that is a root now.

    The ways back of the root's steps come last of all, name the task, and would suspend and resume the job.

    Raises:
        UsageError: a job or a finalizer has the name of a root that is there.
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
    """Refuse, before anything is changed, a deploy in which more tasks follow one than Snowflake allows.

    The engine drops what has left the file after everything else, so both the tasks that go and those that come follow
    the same task for a while.

    Raises:
        UsageError: names each such task, and how many tasks go and come.
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
    """Whether a job's task is a root of its own: an interrupted deploy has dropped all that it followed."""
    row = present.get(name)
    return row is not None and not predecessors(row) and finalized_root(row) is None


def to_suspend(graphs: Sequence[GraphPlan], present: Mapping[str, Row], changes: Iterable[RootChange]) -> list[str]:
    """Return the started roots that a deploy suspends before anything else, sorted.

    Those are the roots of graphs that leave the plan and give jobs to others, and strays. The provider would suspend
    and resume them for each task behind them, all at once.
    """
    strays = {task.name for graph in graphs for task in graph.members if is_stray(task.name, present)}
    roots = strays | {root for change in changes for root in change.abandoned.values()}
    return sorted(name for name in roots if present[name]["state"] == "started")


def planned_edges(graphs: Sequence[GraphPlan]) -> dict[str, frozenset[str]]:
    """Return the tasks of all graphs but the roots with their predecessors, each after those."""
    return {task.name: frozenset(task.predecessors) for graph in graphs for task in graph.members}


def _torn(task: TaskPlan, root: str, present: Mapping[str, Row]) -> bool:
    """Whether a deploy that was interrupted dropped what the task followed, which the engine's state does not show."""
    row = present.get(task.name)
    if row is None or not same_body(task, row):
        return False
    lost = set(task.predecessors) - set(predecessors(row)) - {root}
    created = str(row.get("created_on") or "")
    return any(name not in present or str(present[name].get("created_on") or "") > created for name in lost)


def left_over(row: Row, graph: str) -> bool:
    """Whether a task was made for that graph by a deploy, so that a deploy may make it again."""
    return definition(row).get("graph") == graph


def left_over_root(row: Row, graph: GraphPlan, *, is_followed: bool) -> bool:
    """Whether a task is a root as a deploy of this graph makes it; its body says nothing, so its comment has to.

    The provider may resume a root right after its CREATE (one that replaces a root which a refresh recorded as
    started). A started root that tasks follow is a graph at work, perhaps another stack's.
    """
    same = row.get("definition") == graph.root.sql and row.get("comment") == graph.root.comment
    return same and not predecessors(row) and (row["state"] == "suspended" or not is_followed)


def left_overs(graphs: Iterable[GraphPlan], present: Mapping[str, Row]) -> dict[str, str]:
    """Return the full names of the planned tasks that are there and that a deploy may make again, by their names."""
    followed = {name for row in present.values() for name in (*predecessors(row), finalized_root(row))}
    return {
        task.name: task.full_name
        for graph in graphs
        for task in graph.all_tasks
        if (row := present.get(task.name)) is not None
        and (
            left_over_root(row, graph, is_followed=task.name in followed)
            if task is graph.root
            else left_over(row, graph.key)
        )
    }


def _root_of(name: str, present: Mapping[str, Row]) -> str:
    """Return the root of the graph that a task is in; all ways up end in the same one."""
    visited: set[str] = set()
    while name in present and name not in visited:
        visited.add(name)
        row = present[name]
        above = finalized_root(row) or next(iter(predecessors(row)), None)
        if above is None:
            break
        name = above
    return name


def _members(graph: GraphPlan) -> list[str]:
    return [task.name for task in graph.members]


def _former_roots(
    graphs: Sequence[GraphPlan], present: Mapping[str, Row], roots: Mapping[str, str], planned: Mapping[str, str]
) -> dict[str, str]:
    """Return, per graph whose root is not there, the root in no plan under which most of its tasks are now."""
    claims: list[tuple[int, str, str]] = []
    for graph in graphs:
        if graph.root.name not in present:
            counts = Counter(roots[name] for name in _members(graph) if name in roots)
            claims += [
                (count, graph.key, root)
                for root, count in counts.items()
                # a task of its own is no graph that could have been renamed
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
    """Return the jobs whose root is neither planned nor taken over; one that is its own root is in no graph."""
    members = set(_members(graph))
    roots_now = {name: roots[name] for name in members if name in roots}
    return {name: root for name, root in sorted(roots_now.items()) if root not in owners and root not in members}


def _change(graph: GraphPlan, present: Mapping[str, Row], former: str | None, differing: tuple[str, ...]) -> RootChange:
    name = graph.root.name
    change = RootChange(differing=differing, root_differs=name in differing, former_root=former)
    row = present.get(former or name)
    scheduled = graph.schedule is not None
    if row is None or row["state"] == "started":
        return replace(change, resume=scheduled)
    if not scheduled:
        return replace(change, suspend=False, resume=False)
    if row.get("last_suspended_reason") == SUSPENDED_BY_FAILURES:
        return replace(change, suspend=False, failed=True, differing=change.differing or (name,))
    # A root without a schedule is suspended because nothing would start it, not because someone wanted it so.
    by_someone = bool(row.get("schedule"))
    return replace(change, suspend=False, resume=not by_someone, stays_suspended=by_someone)
