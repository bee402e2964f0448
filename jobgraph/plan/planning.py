"""The plan of a deployment: the configuration and the settings turned into names, SQL texts and hashes.

Knows the deployment as data. Must not know pulumi, nor have side effects: the same input always gives the same plan.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from jobgraph import garbage_collector
from jobgraph.config.account_names import in_account
from jobgraph.config.timing import LONGEST_TASK_SECONDS, longest_chain, most_seconds
from jobgraph.config.topology import edges, topological
from jobgraph.images import image_repository
from jobgraph.names import content_hash, stage_name
from jobgraph.plan import sql
from jobgraph.plan.conditions import condition_text, conditions_on, conditions_on_config, root_body
from jobgraph.plan.direct_body import execute_job
from jobgraph.plan.finalizer_definition import finalizer_definition
from jobgraph.plan.job_definition import job_definition, payload_file
from jobgraph.plan.notifying import AlertPlan, Notifying, alert, notifying
from jobgraph.plan.ordering import ordered
from jobgraph.plan.task_rows import root_comment

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from jobgraph.config.model import Condition, Config, Graph, Job
    from jobgraph.config.schedules import Schedule
    from jobgraph.settings import Settings

# The entries of a job in the staged configuration; names that are the same for all jobs are left out.
STAGED = {
    *("hash", "compute_pool", "query_warehouse", "retries", "retry_rules", "timeout", "on_failure", "specification"),
    *("replicas", "external_access", "outputs_file", "logs", "runner"),
}


@dataclass(frozen=True)
class Procedures:
    """The texts of the procedures that run inside Snowflake."""

    run_job: str
    finalize_graph: str
    drop_superseded: str = ""
    watch_graphs: str = ""


@dataclass(frozen=True)
class ProcedurePlan:
    """A stored procedure. Its name contains a hash of every property whose change would make the provider replace it.

    A changed text, Snowpark version or execution right thus gives a new procedure next to the present one, which runs
    may still call. `execute_as` is CALLER or OWNER: whose privileges the procedure has. SHOW, EXECUTE JOB SERVICE and
    CALL service!SPCS_WAIT_FOR do not work with owner's rights.
    """

    name: str
    arguments: tuple[str, ...]
    source: str
    comment: str
    execute_as: str = "CALLER"
    full_name: str = ""
    snowpark_package: str = ""

    @property
    def properties(self) -> dict[str, Any]:
        """The provider's properties other than name, database, schema, arguments and comment."""
        return {
            "execute_as": self.execute_as,
            "handler": "main",
            "procedure_definition": self.source,
            "return_type": "VARCHAR",
            "runtime_version": "3.11",
            "snowpark_package": self.snowpark_package,
            # Snowflake's defaults; if omitted, they would show as a difference after an import
            "is_secure": "false",
            "null_input_behavior": "CALLED ON NULL INPUT",
        }

    @property
    def signature(self) -> str:
        """The full name with argument types, for GRANT and DROP; all arguments are VARCHAR."""
        return f"{self.full_name}({', '.join('VARCHAR' for _ in self.arguments)})"


@dataclass(frozen=True)
class TaskPlan:
    """A task of a graph. `after` has the quoted full names of its predecessors, `predecessors` their plain names.

    `timeout_ms`: None leaves Snowflake's default. `warehouse`: None makes the task serverless, or, if the body is
    itself the job, keeps no warehouse awake. `started`: runs skip a task that is not started. `definition`: the JSON in
    the body, for reading.
    """

    name: str
    full_name: str
    sql: str
    comment: str
    predecessors: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    timeout_ms: int | None = None
    definition: Mapping[str, Any] | None = None
    warehouse: str | None = None
    when: str | None = None
    started: bool = True

    @property
    def content(self) -> list[Any]:
        """Every value whose change is a change of the task; the order of predecessors has no meaning."""
        body = [self.name, self.sql, self.comment, sorted(self.predecessors), self.timeout_ms]
        return [*body, self.warehouse, self.when, self.started]


@dataclass(frozen=True)
class StepPlan:
    """A step of a deploy: a statement, and the statement that reverts it."""

    execute: str
    revert: str


@dataclass(frozen=True)
class GraphPlan:
    """A task graph: its tasks, predecessors first, and the statements around a change.

    There are three steps, each with a revert. `gate` suspends the root before its tasks change. `opening` is the first
    step of a deploy and therefore its last deletion; its revert resumes the root. `activation` is the last step of a
    first deploy and the first of a removal.
    """

    key: str
    root: TaskPlan
    tasks: tuple[TaskPlan, ...]
    finalizer: TaskPlan | None
    schedule: Schedule | None
    config: Mapping[str, Any] | None
    overlap: StepPlan | None
    suspend_after_failures: int | None
    auto_retry: int | None
    opening: StepPlan
    gate: StepPlan
    activation: StepPlan

    @property
    def members(self) -> tuple[TaskPlan, ...]:
        """All tasks except the root."""
        return (*self.tasks, self.finalizer) if self.finalizer else self.tasks

    @property
    def all_tasks(self) -> tuple[TaskPlan, ...]:
        """The root, and all other tasks."""
        return (self.root, *self.members)


@dataclass(frozen=True)
class StagedFile:
    """A file in the stack's stage: the statements that write and remove it; `remove` is None if the file stays."""

    name: str
    write: str
    remove: str | None


@dataclass(frozen=True)
class Needs:
    """The objects that jobs use but the stack does not create: full names, sorted."""

    warehouses: tuple[str, ...] = ()
    integrations: tuple[str, ...] = ()
    databases: tuple[str, ...] = ()
    schemas: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """Everything that a deploy needs. `watch` and `alert` are None if no receiver wants to know of late runs."""

    settings: Settings
    run_job: ProcedurePlan
    finalize_graph: ProcedurePlan
    drop_superseded: ProcedurePlan
    configuration: StagedFile
    payloads: tuple[StagedFile, ...]
    needs: Needs
    graphs: tuple[GraphPlan, ...]
    notifying: Notifying
    watch: ProcedurePlan | None = None
    alert: AlertPlan | None = None


@garbage_collector.paused()
def plan(config: Config, settings: Settings, procedures: Procedures) -> Plan:
    """Return the plan for a configuration from `jobgraph.config.reading`; the order of its graphs does not matter."""
    config = ordered(in_account(config, settings))
    run_job, finalize, dropping, watch = (_named(procedure, settings) for procedure in _procedures(procedures))
    graphs = tuple(_graph(graph, settings, run_job, finalize, dropping) for graph in config.graphs)
    jobs = [job for graph in config.graphs for job in graph.jobs]
    configuration = _configuration(config, settings, graphs)
    payloads = _payloads(jobs, settings)
    limits = {graph.key: (graph.root.timeout_ms or 0) // 1000 for graph in graphs}
    notify = notifying(config.graphs, settings, limits)
    return Plan(
        settings,
        run_job,
        finalize,
        dropping,
        configuration,
        payloads,
        _needs(jobs, settings, notify),
        graphs,
        notify,
        watch if notify.watched is not None else None,
        alert(settings, watch.name, notify.watched) if notify.watched is not None else None,
    )


def _payloads(jobs: Sequence[Job], settings: Settings) -> tuple[StagedFile, ...]:
    """Return the payloads' files, each once. They stay when a job changes: a run in progress may still fetch them."""
    payloads = {payload_file(job.payload): job.payload for job in jobs if job.payload is not None}
    return tuple(
        StagedFile(name, sql.write_to_stage(settings, name, dict(payload.files)), None)
        for name, payload in payloads.items()
    )


def _needs(jobs: Sequence[Job], settings: Settings, notify: Notifying) -> Needs:
    warehouses = {name for job in jobs for name in (job.warehouse, job.task_warehouse) if name}
    stages = {settings.full_name(stage_name(v.stage)) for job in jobs for v in job.volumes if v.stage}
    secrets = {settings.full_name(secret.secret) for job in jobs for secret in job.secrets} | {*notify.secrets}
    repositories = {name for job in jobs if (name := image_repository(job.image))}
    stages -= {settings.full_name(settings.stage)}
    repositories -= {settings.full_name(settings.image_repository)}
    schemas = {full_name.rpartition(".")[0] for full_name in (*stages, *secrets, *repositories)}
    schemas -= {f"{settings.database}.{settings.schema}"}
    databases = {schema.partition(".")[0] for schema in schemas} - {settings.database}
    return Needs(
        warehouses=tuple(sorted(warehouses - {settings.warehouse})),
        integrations=tuple(sorted({name for job in jobs for name in job.external_access} | {*notify.existing})),
        databases=tuple(sorted(databases)),
        schemas=tuple(sorted(schemas)),
        secrets=tuple(sorted(secrets)),
        stages=tuple(sorted(stages)),
        repositories=tuple(sorted(repositories)),
    )


def _procedures(texts: Procedures) -> Iterator[ProcedurePlan]:
    """Yield the procedures, without the hashes in their names."""
    arguments = ("TASK_NAME", "SITUATION", "DEFINITION")
    yield ProcedurePlan("RUN_JOB", arguments, texts.run_job, "jobgraph: runs one job of a graph")
    comment = "jobgraph: closes a graph run: keeps its history, removes old services"
    yield ProcedurePlan("FINALIZE_GRAPH", ("DEFINITION",), texts.finalize_graph, comment)
    comment = "jobgraph: drops procedures of earlier deploys"
    yield ProcedurePlan("DROP_SUPERSEDED", ("REQUEST",), texts.drop_superseded, comment, "OWNER")
    comment = "jobgraph: tells of runs that are late, stuck or not closed"
    yield ProcedurePlan("WATCH_GRAPHS", ("DEFINITION",), texts.watch_graphs, comment)


def _named(procedure: ProcedurePlan, settings: Settings) -> ProcedurePlan:
    procedure = replace(procedure, snowpark_package=settings.snowpark_version)
    name = f"{procedure.name}_{content_hash([procedure.arguments, procedure.properties], 8)}".upper()
    return replace(procedure, name=name, full_name=settings.qualified(name))


def _graph(
    graph: Graph, settings: Settings, run_job: ProcedurePlan, finalize: ProcedurePlan, dropping: ProcedurePlan
) -> GraphPlan:
    jobs = topological(graph)
    root = _root(graph, jobs, settings)
    tasks = tuple(_task(graph, job, settings, run_job) for job in jobs)
    finalizer = _finalizer(graph, settings, (run_job, finalize), dropping) if graph.finalizer else None
    content = [task.content for task in (root, *tasks, *((finalizer,) if finalizer else ()))]
    options = [graph.overlap, graph.suspend_after_failures, graph.auto_retry]
    schedule = graph.schedule.in_snowflake if graph.schedule else None
    digest = content_hash([content, schedule, graph.config, options])
    full_name = root.full_name
    content_note = f"graph {graph.key}, content {digest}"
    starting = sql.resume_root(full_name) if graph.schedule else sql.nothing(f"{root.name} has no schedule")
    return GraphPlan(
        key=graph.key,
        root=root,
        tasks=tasks,
        finalizer=finalizer,
        schedule=graph.schedule,
        config=graph.config,
        overlap=_overlap(graph, full_name),
        suspend_after_failures=graph.suspend_after_failures,
        auto_retry=graph.auto_retry,
        opening=StepPlan(
            sql.nothing(f"{root.name} is resumed when this step is undone, last of all"),
            sql.with_comment(sql.resume_root(full_name), content_note),
        ),
        gate=StepPlan(sql.suspend_root(full_name), sql.nothing(f"{root.name}: {content_note}")),
        activation=StepPlan(starting, sql.suspend_root(full_name)),
    )


def _overlap(graph: Graph, root: str) -> StepPlan | None:
    if graph.overlap is None:
        return None
    return StepPlan(sql.set_overlap(root, graph.overlap), sql.unset_overlap(root))


def _root(graph: Graph, jobs: Sequence[Job], settings: Settings) -> TaskPlan:
    """Return the root. Its time limit is the whole graph's; Snowflake's default would end the graph after one hour."""
    comment = graph.comment or root_comment(graph.key)
    seconds = graph.timeout or min(longest_chain(jobs, edges(graph), most_seconds)[0], LONGEST_TASK_SECONDS)
    full_name = settings.qualified(graph.root_task)
    return TaskPlan(
        graph.root_task, full_name, root_body(conditions_on_config(graph)), comment, timeout_ms=seconds * 1000
    )


def _task(graph: Graph, job: Job, settings: Settings, run_job: ProcedurePlan) -> TaskPlan:
    definition = job_definition(graph, job, settings, run_job.full_name)
    predecessors = tuple(dict.fromkeys(job.after)) or (graph.root_task,)
    return TaskPlan(
        name=job.name,
        full_name=settings.qualified(job.name),
        sql=execute_job(job.name, definition)
        if job.is_direct
        else sql.call_runner(settings, run_job.name, job.name, definition),
        comment=job.comment or f"jobgraph: job {job.key} of graph {graph.key}",
        predecessors=predecessors,
        after=tuple(settings.qualified(name) for name in predecessors),
        timeout_ms=min(most_seconds(job), LONGEST_TASK_SECONDS) * 1000,
        definition=definition,
        warehouse=None if job.is_direct else job.task_warehouse or settings.warehouse,
        when=_when(graph, job.when) if job.when else None,
        started=job.enabled,
    )


def _when(graph: Graph, when: Condition) -> str:
    asked = conditions_on(graph, when.job) if when.config is None else conditions_on_config(graph)
    return condition_text(when, asked, graph.root_task)


def _finalizer(
    graph: Graph, settings: Settings, uses: tuple[ProcedurePlan, ProcedurePlan], dropping: ProcedurePlan
) -> TaskPlan:
    """Return the finalizer; `uses` are the graph's procedures (runner, finalizer), of which it calls the second."""
    names = [procedure.name for procedure in uses]
    definition = finalizer_definition(graph, settings, names, dropping.name)
    return TaskPlan(
        name=graph.finalizer_task,
        full_name=settings.qualified(graph.finalizer_task),
        sql=sql.call_finalizer(settings, uses[-1].name, definition),
        comment=f"jobgraph: closes runs of graph {graph.key}",
        definition=definition,
        warehouse=settings.warehouse,
    )


def _configuration(config: Config, settings: Settings, graphs: tuple[GraphPlan, ...]) -> StagedFile:
    """Return the resolved configuration as a file. Its name is constant, so that a change is a single statement."""
    content = {"version": config.version, "graphs": {graph.key: _resolved(graph) for graph in graphs}}
    name = "jobconfig.json"
    return StagedFile(name, sql.write_to_stage(settings, name, content), sql.remove_from_stage(settings, name))


def _resolved(graph: GraphPlan) -> dict[str, Any]:
    return {
        "root_task": graph.root.name,
        "finalizer_task": graph.finalizer.name if graph.finalizer else None,
        "schedule": graph.schedule.in_snowflake if graph.schedule else None,
        "config": graph.config,
        "jobs": {
            task.name: {
                "after": list(task.predecessors),
                "comment": task.comment,
                **{key: value for key, value in (task.definition or {}).items() if key in STAGED},
            }
            for task in graph.tasks
        },
    }
