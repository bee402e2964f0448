"""What exists before a deploy, according to the provider and the engine: tasks, images, which plugin deployed last.

Knows the provider's function `getTasks`, how the provider reads the rows of a statement, and the engine's function that
reads a stack's outputs. Must not know how the tasks are used, nor which images jobs run (jobgraph.inspection).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.deploy import left_overs, plugins
from jobgraph.imaging import building, sources
from jobgraph.inspection.findings import missing_images
from jobgraph.inspection.questions import repository

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from jobgraph.components.part import Scope
    from jobgraph.plan.planning import GraphPlan, Plan
    from jobgraph.plan.task_rows import Row
    from jobgraph.settings import Settings

# Part of Snowflake's error for a database or schema that does not exist yet (002003, 002043).
_ABSENT = "does not exist"
# The stack output that records which plugin deployed the stack.
PLUGIN = "plugin"
# A name that no task has: only the answer's id is needed, not its rows.
_NO_TASK = "JOBGRAPH ASKS WHICH PLUGIN ANSWERS"
# Part of the plugin's error for any failed login.
_NOT_CONNECTED = "open snowflake connection"
_REMEDY = (
    "For the sandbox: is it running (`jobgraph sandbox start`), and is this shell pointed at it "
    '(`eval "$(jobgraph sandbox env)"`)? For an account: `jobgraph status` tries the same login.'
)


@dataclass(frozen=True)
class Present:
    """What Snowflake holds before a deploy.

    Attributes:
        tasks: rows of SHOW TASKS of the schema; the rows of the graphs' roots also have the `parameters` that are set
            on them. None if Snowflake could not be queried.
        has_schema: False before the first deploy; then no other object of the schema can exist either.
        plugin: the plugin that answered; None if none did.
        reading: reads what the engine's state has; a deploy that need not know it does not call this.
    """

    tasks: list[Row] | None
    has_schema: bool = True
    plugin: plugins.Plugin | None = None
    reading: left_overs.Reading = left_overs.Recorded


def tasks_present(settings: Settings, graphs: Sequence[GraphPlan], parent: pulumi.Resource) -> Present:
    """Return the tasks of the schema.

    If Snowflake cannot be queried, a preview warns and continues. The query goes through the provider of `parent`. Call
    this before any Snowflake resource is registered: otherwise, without a server, an error of such a resource would end
    the program first, and that error suggests no remedy.

    Raises:
        RunError: Snowflake cannot be queried during an update.
    """
    place, options = snowflake.GetTasksInArgs(schema=settings.qualified()), pulumi.InvokeOptions(parent=parent)
    roots = {graph.root.name for graph in graphs}
    try:
        listed = _listed(place, options)
        rows = [_row(task.show_outputs[0]) for task in listed.tasks]
        for row in rows:
            if row["name"] in roots:
                row["parameters"] = _parameters(place, row["name"], options)
    except Exception as error:  # noqa: BLE001  # a failed invoke has no type of its own
        if _ABSENT in str(error):
            return Present([], has_schema=False, plugin=_plugin(options))
        message = f"{error}\n{_REMEDY}" if _NOT_CONNECTED in str(error) else str(error)
        if not pulumi.runtime.is_dry_run():
            raise pulumi.RunError(message) from None
        pulumi.warn(
            "Snowflake could not be asked for the existing tasks, so this preview cannot tell whether a root "
            f"task is suspended, tasks were changed by hand or jobs change their graph. {message}"
        )
        return Present(None)
    return Present(rows, plugin=plugins.answering(listed.id))


def plugin_noted(plugin: plugins.Plugin | None, component: pulumi.Resource) -> str | None:
    """Return the value of the stack's output `plugin`; warn if the last deploy of this stack recorded another plugin.

    If `plugin` is None (a preview that could not query Snowflake), return the recorded value. The warning is attached
    to `component`.
    """
    stack = _stack()
    try:
        answer = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": stack}).value
    except Exception as error:  # noqa: BLE001  # a failed invoke has no type of its own
        pulumi.warn(
            f"The outputs of {stack} could not be read, so a change of plugin cannot be reported. {error}", component
        )
        return plugin
    noted = (answer.get("outputs") or {}).get(PLUGIN)
    warning = plugins.change(noted, plugin)
    if warning:
        pulumi.warn(warning, component)
    return plugin or noted


def reading_the_state(scope: Scope) -> Callable[[], left_overs.Recorded]:
    """Return a function that reads what the engine's state has of a JobGraph, once, when it is first called.

    If the state cannot be read, the function warns, and the deploy goes on as if no earlier one had been killed.
    """

    @cache
    def read() -> left_overs.Recorded:
        try:
            answer = pulumi.runtime.invoke("pulumi:pulumi:readStackResourceOutputs", {"stackName": _stack()}).value
        except Exception as error:  # noqa: BLE001  # a failed invoke has no type of its own
            pulumi.warn(
                f"The state of {_stack()} could not be read, so tasks that a killed deploy left are not recognized."
                f" {error}",
                scope.owner,
            )
            return left_overs.Recorded()
        own = scope.named("")
        resources = {
            scope.local(name): (str(resource.get("type")), resource.get("outputs") or {})
            for urn, resource in answer["outputs"].items()
            if (name := urn.rpartition("::")[2]).startswith(own)
        }
        return left_overs.recorded(resources)

    return read


def _stack() -> str:
    return f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"


def present_after(
    settings: Settings, resources: Sequence[pulumi.Resource], parent: pulumi.Resource
) -> pulumi.Output[list[Row]]:
    """Return the rows of SHOW TASKS of the schema, read after all `resources` have been deployed."""
    options = pulumi.InvokeOutputOptions(depends_on=resources, parent=parent)
    place = snowflake.GetTasksInArgs(schema=settings.qualified())
    tasks = snowflake.get_tasks_output(in_=place, with_parameters=False, opts=options)
    return tasks.apply(lambda listed: [_row(task.show_outputs[0]) for task in listed.tasks])


def _plugin(options: pulumi.InvokeOptions) -> plugins.Plugin:
    """Return the plugin that answers a query on the account, for a deploy whose schema does not exist yet."""
    anywhere = snowflake.GetTasksInArgs(account=True)
    return plugins.answering(snowflake.get_tasks(in_=anywhere, like=_NO_TASK, with_parameters=False, opts=options).id)


def _listed(place: snowflake.GetTasksInArgs, options: pulumi.InvokeOptions) -> Any:
    return snowflake.get_tasks(in_=place, with_parameters=False, opts=options)


def _parameters(place: snowflake.GetTasksInArgs, root: str, options: pulumi.InvokeOptions) -> dict[str, str]:
    """Return the parameters set on the root itself. This takes an extra statement, so only roots are queried."""
    tasks = snowflake.get_tasks(in_=place, like=root, with_parameters=True, opts=options)
    own = [task for task in tasks.tasks if task.show_outputs[0].name == root]
    parameters = [
        parameter for task in own for kinds in task.parameters for values in kinds.values() for parameter in values
    ]
    return {parameter.key: parameter.value for parameter in parameters if parameter.level == "TASK"}


def _row(output: Any) -> Row:
    related = next(iter(output.task_relations or ()), None)
    relations: dict[str, Any] = {"Predecessors": list(output.predecessors or ())}
    if related is not None and related.finalized_root_task:
        relations["FinalizedRootTask"] = related.finalized_root_task
    return {
        "name": output.name,
        "created_on": output.created_on,
        "state": output.state.lower(),
        "schedule": output.schedule,
        "definition": output.definition,
        "comment": output.comment,
        "warehouse": output.warehouse,
        "condition": output.condition,
        "config": output.config,
        "last_suspended_reason": output.last_suspended_reason,
        "predecessors": json.dumps(list(output.predecessors or ())),
        "task_relations": json.dumps(relations),
    }


def read_again(
    name: str, identity: pulumi.Input[str], query: str, parent: pulumi.Resource
) -> pulumi.Output[snowflake.Execute]:
    """Read a query's rows into the state, so that a refresh shows when they change; `identity`: of what they are about.

    If that does not exist, nothing is read. `--target` leaves out resources, among them components, but no reads, and
    a read below a component that the state does not have makes the state unreadable.
    """

    def read(known: str) -> snowflake.Execute:
        resource = snowflake.Execute.get(name, known, pulumi.ResourceOptions(parent=parent), query=query)
        # whatever waits for the parent waits for its resources, and would for this one only if it came in time
        parent._childResources.discard(resource)  # noqa: SLF001  # the SDK has no public way
        return resource

    return pulumi.Output.from_input(identity).apply(read)


def warn_of_missing_images(plan: Plan, repository_id: pulumi.Output[str], scope: Scope) -> None:
    """Warn of every image that a job expects in the stack's repository but that is missing there.

    In a preview before the repository is created, `repository_id` is unknown and nothing is checked.
    """
    name, query = scope.named("images-in-the-repository"), building.show_images(plan.settings)
    listing = read_again(name, repository_id, query, scope.owner)

    def warn(rows: Sequence[Mapping[str, str]]) -> None:
        listed = {f"images {repository(plan)}": [dict(row) for row in rows or ()]}
        missing = missing_images(plan, listed)
        folders = sources.titles(sources.image_folders(".")) if missing else {}
        pinned = {plan.settings.pinned(reference): reference for reference, _ in plan.settings.image_digests}
        for path, image in missing.items():
            command = f"jobgraph image push {image.jobs[0].lower()} --environment {pulumi.get_stack()}"
            reference = path.removeprefix(f"{plan.settings.repository_path}/")
            remedy = sources.how_to_push(pinned.get(reference, reference), command, folders)
            pulumi.warn(
                f"image {path} is not in the repository, so {', '.join(image.jobs)} will fail with image_pull"
                f"{image.similar}. {remedy}",
                scope.owner,
            )

    rows: pulumi.Output[Any] = listing.apply(lambda read: cast("Any", read.query_results))
    rows.apply(warn)
