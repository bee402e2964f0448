"""Runs the Pulumi program under mocks and gives back every resource that it registers, and all outputs."""

from __future__ import annotations

import asyncio
import json
import runpy
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.runtime import mocks, resource, rpc
from pulumi.runtime.proto import source_pb2
from pulumi.runtime.settings import configure, set_root_resource
from pulumi.runtime.stack import run_in_stack

from jobgraph.components.connection import Login
from jobgraph.components.part import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]


class Echo(mocks.Mocks):
    """Every resource is as it was asked for; the functions that may be called list what is there."""

    plugin: str | None = None
    """What the stack's last deploy noted."""

    def __init__(self, tasks: Sequence[dict[str, Any]] = (), procedures: Mapping[str, str] | None = None) -> None:
        self.procedures = [{"name": name, "comment": comment} for name, comment in (procedures or {}).items()]
        self.tasks = [{"showOutputs": [task], "parameters": []} for task in tasks]

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        return args.name, args.inputs

    def call(self, args: mocks.MockCallArgs) -> Any:
        if args.token == "snowflake:index/getProcedures:getProcedures":
            return {"id": "procedures_read", **({"procedures": self.procedures} if self.procedures else {})}
        if args.token == "pulumi:pulumi:readStackOutputs":
            return {"outputs": {} if self.plugin is None else {"plugin": self.plugin}}
        if args.token == "pulumi:pulumi:readStackResourceOutputs":
            return {"outputs": {}}
        assert args.token == "snowflake:index/getTasks:getTasks", f"not to be called: {args.token}"
        return {"id": "tasks_read", "tasks": self.tasks}


class Recorder(mocks.MockMonitor):
    """Keeps what the program asks the engine for: requests hold dependencies and options, which mocks do not see."""

    def __init__(self, tasks: Sequence[dict[str, Any]] = (), procedures: Mapping[str, str] | None = None) -> None:
        super().__init__(Echo(tasks, procedures))
        self.recorded: list[dict[str, Any]] = []
        self.outputs: dict[str, dict[str, Any]] = {}
        self.requests: list[Any] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802  # the name of the engine's call
        if request.type != "pulumi:pulumi:Stack":
            self.requests.append(request)
            self.recorded.append(
                {
                    "type": request.type,
                    "name": local(request.name),
                    "parent": short(request.parent),
                    "dependencies": sorted(short(urn) for urn in request.dependencies),
                    "deleteBeforeReplace": request.deleteBeforeReplace,
                    "ignoreChanges": list(request.ignoreChanges),
                    "replaceOnChanges": list(request.replaceOnChanges),
                    **({"replaceWith": [short(urn) for urn in request.replace_with]} if request.replace_with else {}),
                    **({"deletedWith": short(request.deletedWith)} if request.deletedWith else {}),
                    **({"importId": request.importId} if request.importId else {}),
                    "onError": list(request.hooks.on_error),
                    "before": [*request.hooks.before_create, *request.hooks.before_update],
                    "aliases": _others(request),
                    "inputs": rpc.deserialize_properties(request.object),
                },
            )
        return super().RegisterResource(request)  # type: ignore[no-untyped-call]  # pulumi gives mocks no types

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802  # the name of the engine's call
        self.outputs[short(request.urn)] = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]  # as above

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """All resources of a type, by name; `kind` is the last part of the type's token."""
        return {entry["name"]: entry for entry in self.recorded if entry["type"].endswith(f":{kind}")}


class Hooks:
    """Takes the program's hooks, as the engine does; nothing here fails, so none is called."""

    def register_error_hook(self, _hook: pulumi.ErrorHook) -> None:
        """Take a hook for failures."""

    def register_resource_hook(self, _hook: pulumi.ResourceHook) -> None:
        """Take a hook for steps."""


def short(urn: str) -> str:
    """Type and name of a URN: `Task T_MYJOB_1`; nothing for no URN."""
    if not urn:
        return ""
    kind, name = urn.split("::")[-2:]
    kind = kind.rpartition("$")[2].rpartition(":")[2]
    return f"{kind} {name if kind == 'Stack' else local(name)}"


def scope() -> Scope:
    """A JobGraph's scope, for a program that makes single parts."""
    owner = pulumi.ComponentResource("jobgraph:index:JobGraph", "jobgraph")
    return Scope(owner, "jobgraph", Login(owner))


def _others(request: Any) -> list[str]:
    """The names that a resource had before, but for that without the JobGraph's, which all have."""
    names = dict.fromkeys(local(alias.spec.name) for alias in request.aliases)
    return [name for name in names if name != local(request.name)]


def local(name: str) -> str:
    """A resource's name without that of the program's JobGraph, with which all others begin."""
    return name.removeprefix("jobgraph-")


def record(
    settings: dict[str, Any] | None = None,
    file: str | None = None,
    tasks: Sequence[dict[str, Any]] = (),
    procedures: Mapping[str, str] | None = None,
) -> Recorder:
    """Run `__main__.py` as a preview with these settings and this job configuration, where these tasks are present.

    procedures: comments of those that are there, by name.
    """
    config = {"settings": json.dumps(settings or {})} | ({"file": file} if file is not None else {})
    return run(_program, Recorder(tasks, procedures), {f"jobgraph:{key}": value for key, value in config.items()})


def run(program: Callable[[], None], recorder: Recorder, config: dict[str, str] | None = None) -> Recorder:
    """Run a program as a preview; what it registers is in the recorder."""
    # where a resource stands in the program is nothing that we record, and takes a sixth of the time
    resource.__dict__["_get_stack_trace"] = source_pb2.StackTrace
    loop, calls_loop = asyncio.new_event_loop(), asyncio.new_event_loop()
    # calls to the engine run on other threads, where mocks would make event loops that nobody closes
    calls = ThreadPoolExecutor(max_workers=1, initializer=asyncio.set_event_loop, initargs=(calls_loop,))
    loop.set_default_executor(calls)
    asyncio.set_event_loop(loop)
    try:
        names = {"project": "jobgraph", "stack": "dev", "dry_run": True}
        engine = mocks.MockEngine(None)
        stand_in = mocks.MockSettings(monitor=recorder, engine=engine, **names)  # type: ignore[no-untyped-call]  # as above
        stand_in.callbacks = Hooks()
        configure(stand_in)
        set_root_resource(None)  # type: ignore[arg-type]  # a run before this one left its own
        pulumi.runtime.set_all_config(config or {})
        loop.run_until_complete(run_in_stack(program))
    finally:
        calls.shutdown()
        loop.close()
        calls_loop.close()
        asyncio.set_event_loop(None)
    return recorder


def _program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")
