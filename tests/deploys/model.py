"""The engine's ordering without the engine: steps of a deploy run at once, their statements shuffled by a seed.

Knows how Pulumi orders creations, updates, replacements and deletions, and which state it has after a kill. The program
is the real component, the resources are the stand-in's, Snowflake is the sandbox, in process. Must not know any claim.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from snowflake_sandbox import errors
from snowflake_sandbox.protocol import wire
from snowflake_sandbox.statements import dispatch

from jobgraph.components.task_graph import task_graphs
from jobgraph.deploy.repair import Repair, by_name
from jobgraph.deploy.root_changes import changes, left_overs, to_suspend
from jobgraph.plan import sql
from jobgraph.toolchain.standins.provider.errors import (
    NotThereError,
    PartialFailureError,
    SnowflakeError,
)
from jobgraph.toolchain.standins.provider.lifecycle import Lifecycle
from jobgraph.toolchain.standins.provider.resources import BY_TOKEN
from tests.components.recorded import Recorder, run, scope
from tests.deploys.proxy import is_write
from tests.deploys.turns import Shuffle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from random import Random

    from snowflake_sandbox.call import World
    from snowflake_sandbox.session import Session

    from jobgraph.plan.planning import GraphPlan
    from jobgraph.settings import Settings

Row = dict[str, Any]


@dataclass
class Entry:
    """A resource in the engine's state."""

    name: str
    token: str
    outputs: Row
    dependencies: frozenset[str]


@dataclass
class Deployer:
    """A stack: the engine's state, and a sandbox.

    live: resources by name. pending: replaced ones that are still to be deleted. statements: all that was sent.
    replaced: the names of those that the last deploy made anew. repair: that of the last deploy.
    """

    world: World
    session: Session
    random: Random
    live: dict[str, Entry] = field(default_factory=dict)
    pending: list[Entry] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    kill_after: int | None = None
    refuse: int | None = None
    repair: Repair = field(init=False)

    def rows(self, sql: str) -> list[Row]:
        """The rows of one statement, sent at once."""
        result = dispatch.execute(self.world, self.session, sql)
        names = [column.name for column in result.columns]
        return [dict(zip(names, row, strict=True)) for row in wire.python_rows(result)]

    def up(
        self,
        graphs: Sequence[GraphPlan],
        settings: Settings,
        kill_after: int | None = None,
        refuse: int | None = None,
    ) -> list[str]:
        """Deploy; the writes that were sent.

        Args:
            graphs: what to deploy.
            settings: names around it.
            kill_after: the engine is killed when so many writes were done.
            refuse: Snowflake refuses the write of that number, from 1.

        Raises:
            ProviderError: the first step that failed.
        """
        self.statements, self.kill_after, self.refuse, self.replaced = [], kill_after, refuse, set()
        present = self._present(graphs, settings)
        self.repair = Repair(graphs, settings, by_name(present))
        recorder = Recorder()
        with patch("pulumi.warn"):
            run(lambda: _ignore(task_graphs(graphs, settings, [], present, scope())), recorder)
        wanted = [one for one in recorder.recorded if one["type"].startswith("snowflake:")]
        old = {name for one in wanted for name in (one["name"], *one["aliases"])}
        self._told_apart(graphs, present, wanted)
        drops = {name: sql.drop_task(task) for name, task in left_overs(graphs, self.repair.present).items()}
        steps = {one["name"]: (_needed(one["dependencies"]), self._step(one, drops)) for one in wanted}
        if self._all_at_once(steps):
            gone = [*self.pending, *(entry for name, entry in self.live.items() if name not in old)]
            self._all_at_once({str(number): self._deletion(number, gone) for number in range(len(gone))})
        return [one for one in self.statements if is_write(one)]

    def _told_apart(self, graphs: Sequence[GraphPlan], present: Sequence[Row], wanted: Sequence[Row]) -> None:
        """What the component does where the root of a renamed graph is suspended and its opening is there already."""
        found = changes(graphs, present)
        for graph in graphs:
            if (
                found[graph.key].former_root
                and not found[graph.key].resume
                and f"{graph.root.name}-opening" in self.live
            ):
                name = f"{graph.root.name}-activate"
                next(one for one in wanted if one["name"] == name)["inputs"]["execute"] = graph.activation.execute

    def _suspended_first(self, lifecycle: Lifecycle) -> None:
        """What the hook of the step `departures` does."""
        graphs, settings, present = self.repair.graphs, self.repair.settings, self.repair.present
        for root in to_suspend(graphs, present, changes(graphs, present.values()).values()):
            lifecycle.session.execute(sql.suspend_root(settings.qualified(root)))

    def _repair_at_end(self, lifecycle: Lifecycle, root: str) -> None:
        """What `jobgraph.components.repair` does after the last task of a graph and before its activation."""
        graphs, settings = self.repair.graphs, self.repair.settings
        (graph,) = [graph for graph in graphs if graph.root.name == root]
        if changes(graphs, self.repair.present.values())[graph.key].differing:
            rows = lifecycle.session.execute(sql.show_tasks(settings.qualified()))
            for statement in self.repair.at_end(graph, rows):
                lifecycle.session.execute(statement)

    def _present(self, graphs: Sequence[GraphPlan], settings: Settings) -> list[Row]:
        """What `jobgraph.components.present` asks for."""
        rows = self.rows(f"SHOW TASKS IN SCHEMA {settings.qualified()}")
        roots = {graph.root.name: graph.root.full_name for graph in graphs}
        for row in rows:
            if row["name"] in roots:
                shown = self.rows(f"SHOW PARAMETERS IN TASK {roots[row['name']]}")
                row["parameters"] = {one["key"]: one["value"] for one in shown if one["level"] == "TASK"}
        return rows

    def refresh(self) -> None:
        """Read all resources anew, as `pulumi refresh` does: inputs follow, and what is gone leaves the state."""
        for name, entry in list(self.live.items()):
            resource = BY_TOKEN[entry.token]
            lifecycle = Lifecycle(_Direct(self), lambda _seconds: None)
            found = lifecycle.read(resource, "refreshed", entry.outputs, entry.outputs, print)
            if found is None:
                del self.live[name]
            else:
                entry.outputs = found.outputs

    def _deletion(self, number: int, gone: list[Entry]) -> tuple[frozenset[str], Callable[[Lifecycle], None]]:
        """Wait for the deletions of what depends on it."""
        entry = gone[number]
        first = frozenset(str(index) for index, other in enumerate(gone) if entry.name in other.dependencies)

        def delete(lifecycle: Lifecycle) -> None:
            self._delete(lifecycle, entry)
            if entry in self.pending:
                self.pending.remove(entry)
            else:
                del self.live[entry.name]

        return first, delete

    def _step(self, wanted: Row, drops: dict[str, str]) -> Callable[[Lifecycle], None]:
        name, resource = wanted["name"], BY_TOKEN[wanted["type"]]
        news = {key: value for key, value in wanted["inputs"].items() if value is not None}

        def create(lifecycle: Lifecycle) -> None:
            self._create(lifecycle, wanted, news, drops)

        def step(lifecycle: Lifecycle) -> None:
            if name.endswith("-activate"):
                self._repair_at_end(lifecycle, name.removesuffix("-activate"))
            known = next((one for one in (name, *wanted["aliases"]) if one in self.live), None)
            if known is None:
                create(lifecycle)
                return
            entry = self.live.pop(known)
            self.live[name] = entry
            for ignored in wanted["ignoreChanges"]:
                news[ignored] = entry.outputs.get(ignored, news.get(ignored))
            found = lifecycle.compare(resource, entry.outputs, news, (), print)
            with_it = _needed(wanted.get("replaceWith", ())) & self.replaced
            if found.replaces or with_it or found.changed & set(wanted["replaceOnChanges"]):
                self.replaced.add(name)
                self._replace(entry, create, lifecycle, delete_first=wanted["deleteBeforeReplace"])
                return
            if found.changes:
                self._update(lifecycle, entry, name, news)
            entry.name, entry.dependencies = name, _needed(wanted["dependencies"])

        return step

    def _create(self, lifecycle: Lifecycle, wanted: Row, news: Row, drops: dict[str, str]) -> None:
        name = wanted["name"]
        if name in drops:
            lifecycle.session.execute(drops[name])
        entry = Entry(name, wanted["type"], news, _needed(wanted["dependencies"]))
        try:
            entry.outputs = lifecycle.create(BY_TOKEN[wanted["type"]], news, print)[1].outputs
        except PartialFailureError:
            self.live[name] = entry
            raise
        self.live[name] = entry
        if name.endswith("departures"):
            self._suspended_first(lifecycle)

    def _update(self, lifecycle: Lifecycle, entry: Entry, name: str, news: Row) -> None:
        resource = BY_TOKEN[entry.token]
        is_task = name in {task.name for graph in self.repair.graphs for task in graph.all_tasks}
        for statement in self.repair.before_update(name, entry.outputs, news) if is_task else ():
            lifecycle.session.execute(statement)
        try:
            entry.outputs = lifecycle.update(resource, name, entry.outputs, news, print).outputs
        except PartialFailureError as error:
            execute = lifecycle.session.execute
            if not (is_task and self.repair.after_failed_update(name, entry.outputs, news, execute)):
                entry.outputs = error.outputs
                raise
            entry.outputs = lifecycle.update(resource, name, entry.outputs, news, print).outputs

    def _delete(self, lifecycle: Lifecycle, entry: Entry) -> None:
        resource = BY_TOKEN[entry.token]
        try:
            lifecycle.delete(resource, entry.outputs, print)
        except NotThereError:
            if not self.repair.after_failed_deletion(entry.outputs, lifecycle.session.execute):
                raise
            lifecycle.delete(resource, entry.outputs, print)

    def _replace(
        self, entry: Entry, create: Callable[[Lifecycle], None], lifecycle: Lifecycle, *, delete_first: bool
    ) -> None:
        if delete_first:
            self._delete(lifecycle, entry)
            self.live = {name: one for name, one in self.live.items() if one is not entry}
            create(lifecycle)
        else:
            create(lifecycle)
            self.pending.append(entry)

    def _all_at_once(self, steps: dict[str, tuple[frozenset[str], Callable[[Lifecycle], None]]]) -> bool:
        """Run the steps, each when those before it are done; False if the engine was killed meanwhile."""
        shuffle = Shuffle(self)
        waiting, done = dict(steps), set[str]()
        while waiting or shuffle.busy:
            ready = [name for name, (first, _) in waiting.items() if not (first & steps.keys()) - done]
            for name in ready if not shuffle.killed and not shuffle.failures else ():
                shuffle.start(name, waiting.pop(name)[1])
            if not shuffle.busy:
                break
            done |= shuffle.turn()
        if shuffle.failures:
            raise shuffle.failures[0]
        return not shuffle.killed


@dataclass(frozen=True)
class _Direct:
    """A connection whose statements need not wait for their turn."""

    deployer: Deployer

    def login(self) -> None:
        """The session is there."""

    def execute(self, sql: str) -> list[Mapping[str, Any]]:
        """The rows of one statement, or the error as the provider's code knows it."""
        try:
            return list(self.deployer.rows(sql))
        except errors.SnowflakeError as error:
            raise SnowflakeError(error.errno, error.sqlstate, error.message, sql[:80]) from error

    def close(self) -> None:
        """There is nothing to close."""


def _ignore(_made: object) -> None:
    """A program returns nothing."""


def _needed(dependencies: Iterable[str]) -> frozenset[str]:
    return frozenset(one.partition(" ")[2] for one in dependencies)
