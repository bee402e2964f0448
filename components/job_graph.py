"""JobGraph: graphs of containerized jobs on Snowflake, with everything that they need, as one component.

Knows the order of its parts, and where the job configuration, the settings and the procedures' texts come from. Must
not know the resources inside any part.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pulumi

from jobgraph.components.access import AccessArgs, AccessComponent
from jobgraph.components.compute import BudgetArgs, BudgetComponent, ComputeArgs, ComputeComponent
from jobgraph.components.connection import Login
from jobgraph.components.history import HistoryArgs, HistoryComponent
from jobgraph.components.notifying import (
    IntegrationsComponent,
    NotifyingArgs,
    WatchComponent,
    warn_of_strangers,
)
from jobgraph.components.page import PageArgs, PageComponent
from jobgraph.components.part import Scope
from jobgraph.components.present import (
    PLUGIN,
    plugin_noted,
    reading_the_state,
    tasks_present,
    warn_of_missing_images,
)
from jobgraph.components.removal_guard import guard_removal
from jobgraph.components.runner import RunnerArgs, RunnerComponent
from jobgraph.components.storage import StorageArgs, StorageComponent
from jobgraph.components.takeover import HEIR, former_names
from jobgraph.components.task_graph import task_graphs
from jobgraph.config.reading import read
from jobgraph.deploy import removal
from jobgraph.drawing import pictures
from jobgraph.errors import UserError
from jobgraph.plan import history
from jobgraph.plan.ordering import ordered
from jobgraph.plan.planning import Procedures, plan
from jobgraph.plan.procedure_text import sources_in, texts
from jobgraph.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.config.model import Config
    from jobgraph.plan.planning import Plan
    from jobgraph.settings import Settings

DEFAULT_FILE = "jobconfig.yaml"
# Types of resources that ordinary deploys replace or delete.
_REPLACED = tuple(f"snowflake:index/{name}" for name in ("execute:", "procedurePython:", "view:", "grant"))


@dataclass(frozen=True)
class JobGraphArgs:
    """The arguments of a JobGraph.

    Attributes:
        config: The path of the file that defines the jobs, relative to the program's folder. docs/reference.md
            explains every key.
        settings: The stack's names, sizes, users and pools; an empty mapping means the defaults. docs/account.md
            explains every setting. Values must be plain, not outputs, because the set of resources and their names
            depend on them.
        environment: Which environment of the file to deploy; the default is the stack's name.
    """

    config: str = DEFAULT_FILE
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: str | None = None

    @classmethod
    def of_stack(cls) -> JobGraphArgs:
        """Read the arguments from the stack's configuration: `jobgraph:file` and `jobgraph:settings`."""
        stack = pulumi.Config("jobgraph")
        return cls(stack.get("file") or DEFAULT_FILE, stack.get_object("settings") or {})


class JobGraph(pulumi.ComponentResource):
    """Task graphs that run containers, and all that they need: role, warehouse, pools, schema, history and procedures.

    `opts` apply to everything inside: `provider` and `transforms` apply to each resource, to the program's own queries
    and to the hooks' logins; `aliases` and `parent` follow the engine's rules. `protect` protects what holds data or
    runs jobs (database, schema, stage, tables, pools, warehouse, role, tasks). Ordinary deploys replace steps, grants,
    views and the procedures of a version, so those are never protected.

    A JobGraph named `jobgraph` takes over the resources of a version 0.1 stack (docs/upgrading.md).

    Attributes:
        graphs: The keys of the graphs.
        roots: The full name of each graph's root task, by the graph's key.
        role: The role that owns the tasks and therefore runs the jobs.
        pools: The names of the compute pools.
        tables: The full names of the history tables.
        mermaid: A picture of each graph, by its key.
        to_drop_what_destroy_keeps: Statements that drop what `pulumi destroy` keeps, in an order that works.
        plugin: Which plugin of the provider deployed the stack, `official` or `stand-in`. If the program exports this
            output under this name, a later deploy with the other plugin prints a warning.
    """

    graphs: pulumi.Output[list[str]]
    roots: pulumi.Output[dict[str, str]]
    role: pulumi.Output[str]
    pools: pulumi.Output[list[str]]
    tables: pulumi.Output[list[str]]
    mermaid: pulumi.Output[dict[str, str]]
    to_drop_what_destroy_keeps: pulumi.Output[list[str]]
    plugin: pulumi.Output[str]

    def __init__(self, name: str, args: JobGraphArgs | None = None, opts: pulumi.ResourceOptions | None = None) -> None:
        args = args or JobGraphArgs.of_stack()
        settings, config = _read(args)
        super().__init__("jobgraph:index:JobGraph", name, None, pulumi.ResourceOptions.merge(opts, _inherited(name)))
        for warning in config.warnings:
            pulumi.warn(warning.text(), self)
        self._deploy(
            plan(config, settings, Procedures(**texts(sources_in(files("jobgraph.procedures"))))),
            Scope(self, name, Login(self, name)),
        )
        self.outputs = _outputs(config, settings, self._roots) | {PLUGIN: self._plugin}
        for key, value in self.outputs.items():
            setattr(self, key, pulumi.Output.from_input(value))
        self.register_outputs(self.outputs)

    def export(self) -> None:
        """Export every output from the stack under its own name."""
        for key, value in self.outputs.items():
            pulumi.export(key, value)

    def _deploy(self, planned: Plan, scope: Scope) -> None:
        settings = planned.settings
        present = tasks_present(settings, planned.graphs, self)
        self._plugin = plugin_noted(present.plugin, self)
        access = AccessComponent("access", AccessArgs(settings), scope)
        compute = ComputeComponent("compute", ComputeArgs(settings, access), scope)
        stored = StorageArgs(settings, planned.configuration, planned.payloads, access, compute)
        storage = StorageComponent("storage", stored, scope)
        runs = HistoryComponent("history", HistoryArgs(settings, access, compute.warehouse, storage), scope)
        runs_jobs = RunnerArgs(planned, access, compute, storage, has_schema=present.has_schema)
        runner = RunnerComponent("runner", runs_jobs, scope)
        parts = [access, compute, storage, runs, runner]
        tells = NotifyingArgs(planned, access, parts)
        if planned.notifying.integrations:
            parts.append(IntegrationsComponent("integrations", tells, scope))
        if planned.notifying.recipients:
            warn_of_strangers(planned, scope)
        others: list[pulumi.Resource] = []
        if settings.budget is not None:
            others.append(BudgetComponent("budget", BudgetArgs(settings, (compute, storage)), scope))
        graphs = task_graphs(planned.graphs, settings, parts, replace(present, reading=reading_the_state(scope)), scope)
        if planned.alert is not None:
            watches = NotifyingArgs(planned, access, [*parts, *graphs.values()])
            others.append(WatchComponent("watch", watches, planned.alert, scope))
        if settings.page:
            others.append(PageComponent("page", PageArgs(settings, (compute, storage, runs)), scope))
        guard_removal(planned.graphs, settings, graphs, others, scope)
        warn_of_missing_images(planned, storage.repository_id, scope)
        self._roots = {graph.key: graph.root.full_name for graph in planned.graphs}


def _read(args: JobGraphArgs) -> tuple[Settings, Config]:
    """Read the settings and the job configuration.

    Raises:
        RunError: One of them is invalid; the text says where and what to do.
    """
    stack = pulumi.get_stack()
    try:
        settings = read_settings(args.settings, f"Pulumi.{stack}.yaml")
        environment, zone = args.environment or stack, settings.region_timezone
        config = ordered(read(args.config, settings.pool_families, environment, region_timezone=zone))
    except UserError as error:
        raise pulumi.RunError(str(error)) from None
    return settings, config


def _inherited(name: str) -> pulumi.ResourceOptions:
    """Return the options that everything inside inherits, in addition to those that the program passes."""
    return pulumi.ResourceOptions(transformations=[_unprotected, *([former_names] if name == HEIR else [])])


def _unprotected(resource: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
    """Remove `protect` from a resource that ordinary deploys replace; None for any other resource."""
    if not resource.type_.startswith(_REPLACED) or resource.opts.protect is not None:
        return None
    options = pulumi.ResourceOptions.merge(resource.opts, pulumi.ResourceOptions(protect=False))
    return pulumi.ResourceTransformationResult(resource.props, options)


def _outputs(config: Config, settings: Settings, roots: Mapping[str, str]) -> dict[str, Any]:
    return {
        "graphs": list(roots),
        "roots": dict(roots),
        "role": settings.role,
        "pools": list(settings.pool_names),
        "tables": [settings.qualified(table.name) for table in history.tables(settings)],
        "to_drop_what_destroy_keeps": removal.drops(settings),
        "mermaid": {graph.key: pictures.mermaid(graph) for graph in config.graphs},
    }
