"""A Pulumi program without the engine: what it registers, with values that are worked out when its steps are taken.

Knows how pulumi's classes register resources, hooks and outputs. Must not know what the engine does with them.

The SDK's own registration takes two thirds of the time of a modelled deploy, and resolves outputs before anything is
made. So resources are kept as they are constructed, and an output is worked out when a step needs it.
"""

from __future__ import annotations

import inspect
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pulumi
from pulumi import _types

from jobgraph.components.connection import Login
from tests.components.recorded import local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

Ask = "Callable[[str], Sequence[Mapping[str, Any]]]"
HOOKS = ("before_create", "before_update", "after_create", "on_error")


class Later(pulumi.Output[Any]):
    """An output: worked out once, in the thread of the step that needs it first; it waits for the resources `after`."""

    def __init__(self, work_out: Callable[[], Any], after: Iterable[pulumi.Resource] = ()) -> None:
        self._work_out, self.after = work_out, frozenset(after)
        self._values: list[Any] = []

    def value(self) -> Any:
        """What it is."""
        if not self._values:
            self._values.append(resolved(self._work_out()))
        return self._values[0]

    def apply(self, func: Callable[[Any], Any], *_unknowns: bool) -> Later:
        """As an output's: what the function makes of the value."""
        return Later(lambda: func(self.value()), self.after)

    async def future(self, *_unknowns: bool | None) -> Any:
        """As an output's: hooks wait for it."""
        return self.value()


@dataclass
class Step:
    """A resource that the program asks for. `outputs` and `id` are there when its step has been taken."""

    name: str
    token: str
    props: Mapping[str, Any]
    opts: pulumi.ResourceOptions
    outputs: dict[str, Any] = field(default_factory=dict)
    id: str = ""

    @property
    def aliases(self) -> list[str]:
        """The names that it may have in the state."""
        return [local(str(alias.name)) for alias in self.opts.aliases or () if isinstance(alias, pulumi.Alias)]

    @property
    def dependencies(self) -> frozenset[str]:
        """The names of the steps that come before it."""
        resources = set(_resources(self.opts.depends_on))
        for value in self.props.values():
            resources |= _waited_for(value)
        return _names(resources)

    @property
    def replaced_with(self) -> frozenset[str]:
        """The names of the steps with which it is made anew."""
        return _names(self.opts.replace_with or ())

    @property
    def deleted_with(self) -> str | None:
        """The name of the step whose removal takes it along."""
        return next(iter(_names([self.opts.deleted_with])), None) if self.opts.deleted_with else None

    def inputs(self) -> dict[str, Any]:
        """Its inputs under the provider's names, when what they depend on is there."""
        if isinstance(self.opts.depends_on, Later):
            self.opts.depends_on.value()
        return {name: value for name, prop in self.props.items() if (value := resolved(prop)) is not None}

    def hooks(self, moment: str) -> list[Any]:
        """Its hooks of that moment, one of `HOOKS`."""
        return list(getattr(self.opts.hooks, moment, None) or ()) if self.opts.hooks else []


@contextmanager
def connected(asking: Callable[[], Any]) -> Iterator[None]:
    """Let the program's hooks ask by what `asking` returns."""

    @contextmanager
    def connection(_login: Login) -> Iterator[Any]:
        yield asking()

    with patch.object(Login, "connected", connection):
        yield


def steps_of(program: Callable[[], object]) -> list[Step]:
    """Run the program; its resources of Snowflake in the order in which it asks for them, without those it reads."""
    steps: list[Step] = []
    with _without_the_engine(steps):
        program()
    return steps


@contextmanager
def _without_the_engine(steps: list[Step]) -> Iterator[None]:
    def construct(resource: Any, token: str, name: str, *rest: Any) -> None:
        custom, props, opts = (*rest, None, None)[:3]
        opts = opts or pulumi.ResourceOptions()
        # what pulumi's would do
        resource._name, resource._type, resource._providers = name, token, {}
        resource._childResources, resource._transformations = set(), []
        if opts.parent is not None:
            opts.parent._childResources.add(resource)
        resource.step = Step(local(name), token, _named_as_the_provider_does(props or {}), opts)
        if custom:
            _give_outputs(resource, resource.step, props or {})
            if opts.id is None:
                steps.append(resource.step)

    with ExitStack() as stack:
        for target, name, replacement in (
            (pulumi.Resource, "__init__", construct),
            (pulumi.ComponentResource, "register_outputs", lambda *_: None),
            (pulumi.Output, "all", _all),
            (pulumi.Output, "from_input", _output),
            (pulumi.Output, "_from_input_shallow", _output),
        ):
            stack.enter_context(patch.object(target, name, replacement))
        # options are merged by these
        stack.enter_context(patch("pulumi.output._map_output", lambda output, function: output.apply(function)))
        stack.enter_context(
            patch("pulumi.output._map2_output", lambda *two: _all(*two[:2]).apply(lambda values: two[2](*values)))
        )
        for module in ("resource_hook", "error_hook"):
            stack.enter_context(patch(f"pulumi.resource_hooks.register_{module}", lambda _hook: None))
        stack.enter_context(patch("pulumi.runtime.is_dry_run", lambda: False))
        yield


def _give_outputs(resource: Any, step: Step, props: Any) -> None:
    def output(name: str) -> Later:
        return Later(lambda: step.outputs.get(name), [resource])

    resource.__dict__["id"] = Later(lambda: step.id, [resource])
    names = _types.input_type_py_to_pulumi_names(type(props)) if _types.is_input_type(type(props)) else {}
    for attribute, name in names.items():
        resource.__dict__[attribute] = output(name)


def _output(value: Any) -> Later:
    return value if isinstance(value, Later) else Later(lambda: value, _waited_for(value))


def _all(*values: Any) -> Later:
    return Later(lambda: [resolved(value) for value in values], frozenset().union(*map(_waited_for, values)))


def _named_as_the_provider_does(value: Any) -> Any:
    if _types.is_input_type(type(value)):
        names = _types.input_type_py_to_pulumi_names(type(value))
        plain = _types.input_type_to_untranslated_dict(value)
        return {
            names.get(name, name): _named_as_the_provider_does(one) for name, one in plain.items() if one is not None
        }
    if isinstance(value, dict):
        return {name: _named_as_the_provider_does(one) for name, one in value.items() if one is not None}
    if isinstance(value, list | tuple):
        return [_named_as_the_provider_does(one) for one in value]
    return value


def resolved(value: Any) -> Any:
    """The value without outputs in it."""
    if isinstance(value, Later):
        return value.value()
    if isinstance(value, dict):
        return {name: resolved(one) for name, one in value.items()}
    return [resolved(one) for one in value] if isinstance(value, list) else value


def _waited_for(value: Any) -> set[pulumi.Resource]:
    if isinstance(value, Later):
        return set(value.after)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {resource for one in inner for resource in _waited_for(one)}


def _resources(depends_on: Any) -> list[pulumi.Resource]:
    if isinstance(depends_on, Later):
        return [*depends_on.after]
    if isinstance(depends_on, pulumi.Resource):
        return [depends_on]
    return [resource for one in depends_on or () for resource in (_waited_for(one) or [one])]


def _names(resources: Iterable[Any]) -> frozenset[str]:
    """The names of the resources, of components those of all in them."""
    names: set[str] = set()
    for resource in resources:
        if not isinstance(resource, pulumi.ComponentResource):
            names.add(resource.step.name)
        else:
            names |= _names(resource._childResources)  # as the SDK does
    return frozenset(names)


def called(hook: Any, arguments: Any) -> Any:
    """What a hook returns."""
    answer = (hook.callback if hasattr(hook, "callback") else hook)(arguments)
    if not inspect.iscoroutine(answer):
        return answer
    try:
        answer.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError(f"hook {hook} waits for what the model does not know")
