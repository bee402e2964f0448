"""In which order tasks leave their graphs, so that no task is ever below two roots, and which have to be made anew.

Pure. Knows the edges that are there and those that are planned. Must not know pulumi, nor what a task runs.

Snowflake takes a task below two roots while both are suspended, and then refuses to resume either ("The graph has more
than one root task"). A deploy that is killed must leave no such graphs: nobody could resume them by hand, and the ways
back of its own steps would fail. A task that is dropped leaves those behind it without the root of their graph, and the
provider adds predecessors before it removes others: a task that is still behind such a one, and gets a predecessor in
its graph, would have two. So a task leaves its graph when those that stay behind it are tied to
others already. Where that is impossible, because two graphs exchange tasks crosswise, or because what they followed is
dropped first (a root that gets another name) or was dropped by a deploy that was interrupted, the ones behind it are
dropped and made again: the provider removes predecessors that are gone, which Snowflake refuses (091085).

Before the provider changes or drops a task it walks from it up to its root, one SHOW for each task on the way, and
fails at one that was dropped since the row below it was read. So of a task that is dropped and one behind it, removed
ones between them or not, one comes after the other: the upper first where the plan has it so, else the lower.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from collections.abc import Set as AbstractSet


@dataclass(frozen=True)
class Moves:
    """What a deploy that moves tasks has to heed.

    waits: task that is dropped -> the tasks whose change comes before that, beside its predecessors.
    anew: tasks that are dropped and made again although their properties alone would not ask for it.
    """

    waits: Mapping[str, frozenset[str]] = field(default_factory=dict)
    anew: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Scene:
    """Tasks before and after a deploy.

    before, after: task -> its predecessors, of all tasks that are there, and of all that are planned (roots: none).
    leaving: planned tasks that are dropped first, since they change their graph or become a finalizer.
    root: planned task -> the root of its graph now, of tasks whose graph is there.
    going: roots that are dropped first, since they have another name.
    torn: planned tasks that lost a predecessor because it was dropped and made again.
    """

    before: Mapping[str, frozenset[str]]
    after: Mapping[str, frozenset[str]]
    leaving: frozenset[str]
    root: Mapping[str, str]
    going: frozenset[str] = frozenset()
    torn: frozenset[str] = frozenset()

    @property
    def staying(self) -> frozenset[str]:
        """The tasks that are there and are changed in place, if at all."""
        return frozenset(self.before.keys() & self.after.keys()) - self.leaving

    def loses(self, task: str) -> frozenset[str]:
        """The predecessors that a task has and shall not keep; those that are dropped at once count as lost already."""
        return self.before[task] - self.after[task] - self.going


def moves(scene: Scene) -> Moves:
    """Return who waits for whom, and who is made anew."""
    behind = _reversed(scene.before)
    anew = {
        task
        for task in scene.staying
        if task in scene.torn
        or scene.before[task] & scene.going
        or _would_have_two_roots(scene, task)
        or _takes_along(scene, task, behind.get(task, ()))
    }
    waits: dict[str, frozenset[str]] = {}
    needs: dict[str, set[str]] = {task: set(before) for task, before in scene.after.items()}
    for task in sorted(scene.leaving & scene.before.keys()):
        stays: set[str] = set()
        for successor in sorted(_first_staying(task, behind, scene.staying) - anew):
            if task in _reached([successor], needs):
                anew.add(successor)
            else:
                stays.add(successor)
                needs[task].add(successor)
        if stays:
            waits[task] = frozenset(stays)
    for task, losing in _perhaps_behind(scene, anew, needs).items():
        waits[task] = waits.get(task, frozenset()) | losing
    anew = _reached(anew, behind) & scene.staying
    for task, walking in _walking_through(scene, scene.leaving | anew, needs).items():
        waits[task] = waits.get(task, frozenset()) | walking
    return Moves(waits, frozenset(anew))


def ordered(after: Mapping[str, frozenset[str]], waits: Mapping[str, frozenset[str]]) -> list[str]:
    """Return the planned tasks so that each comes after its predecessors and after those that it waits for.

    `after` is in an order that holds for the predecessors alone.
    """
    if not waits:
        return list(after)
    names = after.keys()
    sorter = TopologicalSorter(
        {task: (before & names) | waits.get(task, frozenset()) for task, before in after.items()}
    )
    return list(sorter.static_order())


def _perhaps_behind(scene: Scene, anew: AbstractSet[str], needs: dict[str, set[str]]) -> dict[str, frozenset[str]]:
    """Return the leaving tasks with those of their graph that stay and that the engine may believe to be behind them.

    An interrupted deploy may have taken a predecessor away without a note of it; then this one adds it again, for the
    provider to remove it, which has to happen before the predecessor is in another graph. `needs` gets what is added.
    """
    staying: dict[str, set[str]] = {}
    for task in scene.staying - anew:
        staying.setdefault(scene.root.get(task, ""), set()).add(task)
    then = _reversed(needs)
    perhaps: dict[str, frozenset[str]] = {}
    for task in sorted(scene.leaving & scene.before.keys()):
        mates = {mate for root in _roots(task, scene.before) for mate in staying.get(root, ())}
        mates -= _reached([task], then)  # no circle
        last = mates - _reached([name for mate in mates for name in needs.get(mate, ())], needs)
        if last:
            perhaps[task] = frozenset(last)
            needs[task] |= last
            for mate in last:
                then.setdefault(mate, set()).add(task)
    return perhaps


def _walking_through(
    scene: Scene, dropped: AbstractSet[str], needs: Mapping[str, Collection[str]]
) -> dict[str, frozenset[str]]:
    """Return the dropped tasks with those behind them that nothing orders yet: of the provider's walks that would race.

    `needs`: task -> what comes before it by the plan and by what waits already.
    """
    behind = _reversed(scene.before)
    first = {task: set(before) for task, before in needs.items()}
    then = _reversed(first)
    walking: dict[str, set[str]] = {}
    for task in sorted(dropped & scene.before.keys()):
        later, earlier = _reached([task], then), _reached([task], first)
        for lower in sorted(_reached([task], behind) & scene.after.keys() - later):
            if lower not in earlier:  # nor after the task, so this closes no circle
                walking.setdefault(task, set()).add(lower)
                first[task].add(lower)
                then.setdefault(lower, set()).add(task)
                earlier |= _reached([lower], first)
    return {task: frozenset(lower) for task, lower in walking.items()}


def _would_have_two_roots(scene: Scene, task: str) -> bool:
    """Whether a predecessor that the task loses is below another root than that of its graph, or will soon be."""
    root = scene.root.get(task)
    return any(root in scene.going or _roots(lost, scene.before) != {root} for lost in scene.loses(task))


def _takes_along(scene: Scene, task: str, behind: Collection[str]) -> bool:
    """Whether a task would take one that is to be removed below a new root, which is started before removals."""
    return scene.root.get(task) in scene.going and not scene.after.keys() >= set(behind)


def _roots(task: str, before: Mapping[str, Collection[str]]) -> set[str]:
    return {name for name in _reached([task], before) if not before.get(name)}


def _first_staying(task: str, behind: Mapping[str, Collection[str]], staying: Collection[str]) -> set[str]:
    """Return the staying tasks behind a task, directly or behind others that do not stay."""
    nearest: set[str] = set()
    open_names, visited = [task], {task}
    while open_names:
        for name in behind.get(open_names.pop(), ()):
            if name in staying:
                nearest.add(name)
            elif name not in visited:
                visited.add(name)
                open_names.append(name)
    return nearest


def _reached(names: Iterable[str], edges: Mapping[str, Collection[str]]) -> set[str]:
    """Return the names and all that follows from them."""
    reached = set(names)
    open_names = list(reached)
    while open_names:
        fresh = [name for name in edges.get(open_names.pop(), ()) if name not in reached]
        reached.update(fresh)
        open_names += fresh
    return reached


def _reversed(edges: Mapping[str, Collection[str]]) -> dict[str, set[str]]:
    successors: dict[str, set[str]] = {}
    for task, before in edges.items():
        for name in before:
            successors.setdefault(name, set()).add(task)
    return successors
