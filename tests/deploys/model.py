"""The engine's ordering without the engine: steps of a deploy run at once, their statements shuffled by a seed.

Knows how Pulumi orders creations, updates, replacements and deletions, when it calls hooks, and which state it has
after a kill. The program is the real component, the resources are the stand-in's, Snowflake is the sandbox, in process.
Must not know any claim.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pulumi
from snowflake_sandbox import errors
from snowflake_sandbox.protocol import wire
from snowflake_sandbox.statements import dispatch

from jobgraph.components.present import Present
from jobgraph.components.task_graph import task_graphs
from jobgraph.deploy.left_overs import Recorded, recorded
from jobgraph.toolchain.standins.provider.errors import PartialFailureError, ProviderError, SnowflakeError
from jobgraph.toolchain.standins.provider.lifecycle import Lifecycle
from jobgraph.toolchain.standins.provider.resources import BY_TOKEN
from tests.components.recorded import scope
from tests.deploys import program
from tests.deploys.program import Later
from tests.deploys.proxy import is_write
from tests.deploys.turns import Disturbance, Shuffle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from random import Random

    from snowflake_sandbox.call import World
    from snowflake_sandbox.session import Session

    from jobgraph.plan.planning import GraphPlan
    from jobgraph.settings import Settings
    from tests.deploys.program import Step

Row = dict[str, Any]
Waits = dict[str, tuple[frozenset[str], "Callable[[Lifecycle], None]"]]


@dataclass
class Entry:
    """A resource in the engine's state. `on_error`: the names of its hooks for failures, which the state has, too."""

    name: str
    token: str
    id: str
    inputs: Row
    outputs: Row
    dependencies: frozenset[str]
    deleted_with: str | None = None
    trigger: Any = None
    on_error: tuple[str, ...] = ()


@dataclass
class Deployer:
    """A stack: the engine's state, and a sandbox.

    live: resources by name. pending: replaced ones that are still to be deleted. statements: all that was sent by the
    last command. replaced: the names of those that it made anew. disturbance: what happens to it.
    """

    world: World
    session: Session
    random: Random
    live: dict[str, Entry] = field(default_factory=dict)
    pending: list[Entry] = field(default_factory=list)
    statements: list[str] = field(default_factory=list)
    replaced: set[str] = field(default_factory=set)
    disturbance: Disturbance | None = None
    hooks: dict[str, Any] = field(default_factory=dict)
    step: threading.local = field(default_factory=threading.local)

    def rows(self, sql: str) -> list[Row]:
        """The rows of one statement, sent at once."""
        result = dispatch.execute(self.world, self.session, sql)
        names = [column.name for column in result.columns]
        return [dict(zip(names, row, strict=True)) for row in wire.python_rows(result)]

    @property
    def writes_sent(self) -> int:
        """How many statements that change something the command has sent."""
        return sum(map(is_write, self.statements))

    def up(self, graphs: Sequence[GraphPlan], settings: Settings, disturbance: Disturbance | None = None) -> list[str]:
        """Deploy graphs alone, without what is around them; the writes that were sent.

        Raises:
            ProviderError: the first step that failed.
        """
        before = Present(self.present(graphs, settings), reading=self.recorded)
        return self.deploy(lambda: task_graphs(graphs, settings, [], before, scope()), disturbance)

    def recorded(self) -> Recorded:
        """What the program reads of the engine's state."""
        return recorded({name: (entry.token, entry.outputs) for name, entry in self.live.items()})

    def deploy(self, declare: Callable[[], object], disturbance: Disturbance | None = None) -> list[str]:
        """Run a program and take its steps, then the deletions; the writes that were sent.

        Raises:
            ProviderError: the first step that failed.
        """
        self._begin(disturbance)
        with self._hooked():
            steps = program.steps_of(declare)
            self.hooks = {hook.name: hook for step in steps for hook in step.hooks("on_error") if hasattr(hook, "name")}
            names = {name for step in steps for name in (step.name, *step.aliases)}
            waits: Waits = {step.name: (step.dependencies, partial(self._take, step)) for step in steps}
            if self._all_at_once(waits):
                self._remove([*self.pending, *(entry for name, entry in self.live.items() if name not in names)])
        return self.writes

    def destroy(self, disturbance: Disturbance | None = None) -> list[str]:
        """Delete everything; no program runs, and so no hook.

        Raises:
            ProviderError: the first step that failed.
        """
        self._begin(disturbance)
        self.hooks = {}
        self._remove([*self.pending, *self.live.values()])
        return self.writes

    @property
    def writes(self) -> list[str]:
        """The statements of the last command that change something."""
        return [one for one in self.statements if is_write(one)]

    def present(self, graphs: Sequence[GraphPlan], settings: Settings) -> list[Row]:
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
            lifecycle = Lifecycle(_Direct(self), lambda _seconds: None)
            seen = lifecycle.read(BY_TOKEN[entry.token], entry.id, entry.inputs, entry.outputs, print)
            if seen is None:
                del self.live[name]
            else:
                entry.inputs, entry.outputs = seen.inputs, seen.outputs
        self.pending = [entry for entry in self.pending if self._is_there(entry)]

    def _is_there(self, entry: Entry) -> bool:
        lifecycle = Lifecycle(_Direct(self), lambda _seconds: None)
        return lifecycle.read(BY_TOKEN[entry.token], entry.id, entry.inputs, entry.outputs, print) is not None

    def _begin(self, disturbance: Disturbance | None) -> None:
        self.statements, self.replaced, self.disturbance = [], set(), disturbance

    @contextmanager
    def _hooked(self) -> Iterator[None]:
        """Let hooks and the program's questions go through the step that is being taken."""

        def shown(settings: Settings, resources: Sequence[pulumi.Resource], _parent: pulumi.Resource) -> Later:
            return Later(lambda: self._ask(f"SHOW TASKS IN SCHEMA {settings.qualified()}"), resources)

        with ExitStack() as stack:
            stack.enter_context(program.connected(lambda: self._ask))
            stack.enter_context(patch("jobgraph.components.repair.present_after", shown))
            for word in ("warn", "info"):
                stack.enter_context(patch(f"pulumi.{word}"))
            yield

    def _ask(self, sql: str) -> Sequence[Mapping[str, Any]]:
        session = getattr(self.step, "session", None) or _Direct(self)
        return list(session.execute(sql))

    def _remove(self, entries: list[Entry]) -> None:
        """Delete entries, each after those that depend on it."""
        names = {entry.name for entry in entries}
        self._all_at_once(
            {
                str(number): (
                    frozenset(str(index) for index, other in enumerate(entries) if entry.name in other.dependencies),
                    partial(self._delete_for_good, entry, names),
                )
                for number, entry in enumerate(entries)
            }
        )

    def _delete_for_good(self, entry: Entry, names: set[str], lifecycle: Lifecycle) -> None:
        if entry.deleted_with not in names:
            self._delete(lifecycle, entry)
        if entry in self.pending:
            self.pending.remove(entry)
        else:
            del self.live[entry.name]

    def _take(self, step: Step, lifecycle: Lifecycle) -> None:
        """Create, update or replace what the program asks for, or leave it."""
        self.step.session = lifecycle.session
        news, name = step.inputs(), step.name
        found = next((one for one in (name, *step.aliases) if one in self.live), None)
        entry = self.live.pop(found) if found else None
        if entry is None:
            if step.opts.import_:
                self._import(lifecycle, step, news)
            else:
                self._create(lifecycle, step, news)
            return
        self.live[name] = entry
        try:
            self._settle(step, entry, news, lifecycle)
        except BaseException:
            if self.live.get(name) is entry and entry.name != name:
                self.live[entry.name] = self.live.pop(name)  # what is not done has its former name in the state
            raise

    def _settle(self, step: Step, entry: Entry, news: Row, lifecycle: Lifecycle) -> None:
        """Update or replace a resource, or leave it."""
        name = step.name
        for ignored in step.opts.ignore_changes or ():
            news[ignored] = entry.outputs.get(ignored, news.get(ignored))
        difference = lifecycle.compare(BY_TOKEN[step.token], entry.outputs, news, (), print)
        is_replaced = (
            difference.replaces
            or step.replaced_with & self.replaced
            or difference.changed & set(step.opts.replace_on_changes or ())
            or (entry.trigger and step.opts.replacement_trigger not in (None, entry.trigger))
        )
        if is_replaced:
            self.replaced.add(name)
            self._replace(entry, partial(self._create, lifecycle, step, news), lifecycle, step)
            return
        if difference.changes:
            self._update(lifecycle, entry, step, news)
        step.id, step.outputs = entry.id, entry.outputs
        entry.name, entry.dependencies, entry.deleted_with = name, step.dependencies, step.deleted_with
        entry.trigger = step.opts.replacement_trigger

    def _entry(self, step: Step, identity: str, inputs: Row, outputs: Row) -> Entry:
        step.id, step.outputs = identity, outputs
        on_error = tuple(hook.name for hook in step.hooks("on_error") if hasattr(hook, "name"))
        return Entry(
            step.name, step.token, identity, inputs, outputs, step.dependencies, step.deleted_with,
            step.opts.replacement_trigger, on_error,
        )  # fmt: skip

    def _import(self, lifecycle: Lifecycle, step: Step, news: Row) -> None:
        resource = BY_TOKEN[step.token]
        state = lifecycle.read(resource, str(step.opts.import_), {}, {}, print)
        if state is None:
            raise ProviderError(f"{step.name}: there is nothing to import")
        for ignored in step.opts.ignore_changes or ():
            news[ignored] = state.outputs.get(ignored)
        difference = lifecycle.compare(resource, state.outputs, news, (), print)
        if difference.changes:
            raise ProviderError(f"{step.name}: inputs to import do not match: {sorted(difference.changed)}")
        self.live[step.name] = self._entry(step, str(step.opts.import_), news, state.outputs)

    def _create(self, lifecycle: Lifecycle, step: Step, news: Row) -> None:
        arguments = pulumi.ResourceHookArgs("", "", step.name, step.token, new_inputs=news)
        for hook in step.hooks("before_create"):
            program.called(hook, arguments)
        try:
            identity, state = self._tried(
                "create", arguments, step.hooks("on_error"),
                lambda: lifecycle.create(BY_TOKEN[step.token], news, print),
            )  # fmt: skip
        except PartialFailureError as error:
            self.live[step.name] = self._entry(step, error.resource_id, news, news)
            raise
        self.live[step.name] = self._entry(step, identity, news, state.outputs)
        for hook in step.hooks("after_create"):
            program.called(hook, arguments)

    def _update(self, lifecycle: Lifecycle, entry: Entry, step: Step, news: Row) -> None:
        olds = {"old_inputs": entry.inputs, "old_outputs": entry.outputs}
        arguments = pulumi.ResourceHookArgs("", entry.id, step.name, step.token, new_inputs=news, **olds)
        for hook in step.hooks("before_update"):
            program.called(hook, arguments)
        resource = BY_TOKEN[entry.token]
        try:
            state = self._tried(
                "update", arguments, step.hooks("on_error"),
                lambda: lifecycle.update(resource, entry.id, entry.outputs, news, print),
            )  # fmt: skip
        except PartialFailureError as error:
            entry.name, entry.inputs, entry.outputs = step.name, news, error.outputs
            raise
        entry.inputs, entry.outputs = news, state.outputs

    def _delete(self, lifecycle: Lifecycle, entry: Entry) -> None:
        self.step.session = lifecycle.session
        arguments = pulumi.ResourceHookArgs(
            "", entry.id, entry.name, entry.token, old_inputs=entry.outputs, old_outputs=entry.outputs
        )
        hooks = [self.hooks[name] for name in entry.on_error if name in self.hooks]
        self._tried("delete", arguments, hooks, lambda: lifecycle.delete(BY_TOKEN[entry.token], entry.outputs, print))

    @staticmethod
    def _tried(operation: str, arguments: Any, hooks: list[Any], action: Callable[[], Any]) -> Any:
        """Do it, and again as long as a hook for failures asks for that."""
        messages: list[str] = []
        while True:
            try:
                return action()
            except ProviderError as error:
                messages.insert(0, str(error))
                failure = pulumi.ErrorHookArgs(
                    "", arguments.id, arguments.name, arguments.type, arguments.new_inputs, arguments.old_inputs,
                    arguments.old_outputs, operation, messages,
                )  # fmt: skip
                if not [hook for hook in hooks if program.called(hook, failure)]:
                    raise

    def _replace(self, entry: Entry, create: Callable[[], None], lifecycle: Lifecycle, step: Step) -> None:
        if step.opts.delete_before_replace:
            if entry.deleted_with is None or entry.deleted_with not in self.replaced:
                self._delete(lifecycle, entry)
            self.live = {name: one for name, one in self.live.items() if one is not entry}
            create()
        else:
            create()
            self.pending.append(entry)

    def _all_at_once(self, waits: Waits) -> bool:
        """Run the steps, each when those before it are done; False if the engine was killed meanwhile."""
        shuffle = Shuffle(self)
        missing = {name: len(first & waits.keys()) for name, (first, _) in waits.items()}
        behind: dict[str, list[str]] = {}
        for name, (first, _) in waits.items():
            for other in first & waits.keys():
                behind.setdefault(other, []).append(name)
        ready = [name for name, number in missing.items() if not number]
        while ready or shuffle.busy:
            if not shuffle.killed and not shuffle.failures:
                for name in ready:
                    shuffle.start(name, waits[name][1])
                ready = []
            if not shuffle.busy:
                break
            for name in shuffle.turn():
                for other in behind.get(name, ()):
                    missing[other] -= 1
                    ready += [other] if not missing[other] else []
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
