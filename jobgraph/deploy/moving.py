"""The order in which tasks leave their graphs, so that no task ever has two roots, and which tasks must be replaced.

Pure. Knows the present and the planned edges. Must not know pulumi, nor what a task runs.

Snowflake accepts a task below two roots while both are suspended, but then refuses to resume either root ("The graph
has more than one root task"). A killed deploy must not leave such graphs: nobody could resume them by hand, and the
reverts of its own steps would fail. Dropping a task cuts its successors off from their root, and the provider adds new
predecessors before it removes old ones. A task that still follows a dropped one, and now gets a predecessor in its
graph, would thus have two roots. A task is therefore dropped from its graph only after the successors that stay have
been attached to other tasks. Sometimes that is impossible: two graphs exchange tasks crosswise, or the predecessor is
dropped first (a renamed root), or an interrupted deploy has dropped it. The successors are then dropped and created
again, because otherwise the provider would remove a predecessor that no longer exists, which Snowflake refuses
(091085).

Before the provider changes or drops a task, it walks from the task up to its root with one SHOW per task. The walk
fails at a task that was dropped after the row below it was read. Therefore a dropped task and any task behind it, even
with removed tasks between them, are never handled at the same time: the upper one is first if the plan orders them so,
otherwise the lower one.
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
    """The constraints on a deploy that moves tasks.

    waits: dropped task -> the tasks that must be changed before the drop, in addition to its predecessors.
    anew: tasks that are dropped and created again although their properties alone would not require it.
    """

    waits: Mapping[str, frozenset[str]] = field(default_factory=dict)
    anew: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Scene:
    """The tasks before and after a deploy.

    before: existing task -> its predecessors (none for a root). after: the same for the planned tasks.
    leaving: planned tasks that are dropped first, because they change their graph or become a finalizer.
    root: planned task -> the present root of its graph, for tasks whose graph exists.
    going: roots that are dropped first, because they are renamed.
    torn: planned tasks that lost a predecessor because it was dropped and created again.
    """

    before: Mapping[str, frozenset[str]]
    after: Mapping[str, frozenset[str]]
    leaving: frozenset[str]
    root: Mapping[str, str]
    going: frozenset[str] = frozenset()
    torn: frozenset[str] = frozenset()

    @property
    def staying(self) -> frozenset[str]:
        """The existing tasks that are changed in place, if at all."""
        return frozenset(self.before.keys() & self.after.keys()) - self.leaving

    def loses(self, task: str) -> frozenset[str]:
        """The predecessors that the task is to lose, except renamed roots, which are dropped first in any case."""
        return self.before[task] - self.after[task] - self.going


def moves(scene: Scene) -> Moves:
    """Return which drops have to wait for which changes, and which tasks are dropped and created again."""
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
    """Return the planned tasks in an order in which each follows its predecessors and the tasks that it waits for.

    The order of `after` must already put predecessors first; it is kept if there is nothing to wait for.
    """
    if not waits:
        return list(after)
    names = after.keys()
    sorter = TopologicalSorter(
        {task: (before & names) | waits.get(task, frozenset()) for task, before in after.items()}
    )
    return list(sorter.static_order())


def _perhaps_behind(scene: Scene, anew: AbstractSet[str], needs: dict[str, set[str]]) -> dict[str, frozenset[str]]:
    """Return, for each leaving task, the staying tasks of its graph that may follow it in the engine's state.

    An interrupted deploy may have removed a predecessor without saving that. This deploy then adds the predecessor
    again so that the provider can remove it, which must happen before the predecessor moves to another graph. The
    returned edges are also added to `needs`.
    """
    staying: dict[str, set[str]] = {}
    for task in scene.staying - anew:
        staying.setdefault(scene.root.get(task, ""), set()).add(task)
    then = _reversed(needs)
    perhaps: dict[str, frozenset[str]] = {}
    for task in sorted(scene.leaving & scene.before.keys()):
        mates = {mate for root in _roots(task, scene.before) for mate in staying.get(root, ())}
        mates -= _reached([task], then)  # avoids a cycle
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
    """Return, for each dropped task, the tasks behind it that nothing orders yet: the provider's walks could race.

    `needs`: task -> the tasks that precede it, according to the plan and to the waits so far.
    """
    behind = _reversed(scene.before)
    first = {task: set(before) for task, before in needs.items()}
    then = _reversed(first)
    walking: dict[str, set[str]] = {}
    for task in sorted(dropped & scene.before.keys()):
        later, earlier = _reached([task], then), _reached([task], first)
        for lower in sorted(_reached([task], behind) & scene.after.keys() - later):
            if lower not in earlier:  # `later` is excluded above, so this closes no cycle
                walking.setdefault(task, set()).add(lower)
                first[task].add(lower)
                then.setdefault(lower, set()).add(task)
                earlier |= _reached([lower], first)
    return {task: frozenset(lower) for task, lower in walking.items()}


def _would_have_two_roots(scene: Scene, task: str) -> bool:
    """Whether a predecessor that the task loses is, or soon will be, below a root other than the task's own."""
    root = scene.root.get(task)
    return any(root in scene.going or _roots(lost, scene.before) != {root} for lost in scene.loses(task))


def _takes_along(scene: Scene, task: str, behind: Collection[str]) -> bool:
    """Whether the task would bring a successor that is to be removed below a new root, which starts before removals."""
    return scene.root.get(task) in scene.going and not scene.after.keys() >= set(behind)


def _roots(task: str, before: Mapping[str, Collection[str]]) -> set[str]:
    return {name for name in _reached([task], before) if not before.get(name)}


def _first_staying(task: str, behind: Mapping[str, Collection[str]], staying: Collection[str]) -> set[str]:
    """Return the nearest staying tasks behind a task: with only non-staying tasks, or none, in between."""
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
    """Return the names and everything reachable from them."""
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
