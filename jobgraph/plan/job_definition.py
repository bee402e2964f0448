"""The definition of a job: written for the task's body, and read back into a job.

The code that writes a part stands next to the code that reads it. Each key that a deploy passes to the runner or the
container is one part. Knows the service specification (docs.snowflake.com/en/developer-guide/
snowpark-container-services/specification-reference) and what `procedures/run_job.py` reads. Must not know tasks, nor
facts of a run: the runner adds those.

A definition begins with a hash of the rest, so that every change is visible although the provider ignores case and
white space when it compares task bodies.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from jobgraph.config.model import (
    DIRECT,
    EVENT_TABLE,
    MANAGED,
    STOP,
    TABLE,
    Job,
    Resources,
    RetryRule,
    RetryRules,
    Secret,
    Volume,
)
from jobgraph.images import image_path
from jobgraph.names import content_hash
from jobgraph.plan.conditions import conditions_on, entry
from jobgraph.plan.direct_variable import EDGES, VARIABLE, add_direct_variable, without_direct_variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from jobgraph.config.model import Graph, Payload
    from jobgraph.settings import Settings

CONTAINER = "main"
# entries that describe the stack and the graph for the runner; all other entries describe the job
_SURROUNDINGS = frozenset(
    (
        "hash",
        "graph",
        "database",
        "schema",
        "job_runs_table",
        "job_logs_table",
        "task_runs_table",
        "backfills_table",
        "backfill_intervals_table",
        "results",
        "instance_family",
    )
)
_WAREHOUSE = "SNOWFLAKE_WAREHOUSE"
# lists the variables and folders that hold secrets, for programs that want to hide their values
_SECRETS = "JOB_SECRETS"
_DEFAULT_TIMEOUT = 3600
_RESOURCES = {"memory": "memory", "cpu": "cpu", "gpu": "nvidia.com/gpu"}

Values = dict[str, Any]


@dataclass(frozen=True)
class Definition:
    """A definition split up: its own entries, the entries of the service, and those of its main container."""

    entries: Mapping[str, Any]
    service: Mapping[str, Any]
    container: Mapping[str, Any]

    @staticmethod
    def of(entries: Mapping[str, Any]) -> Definition:
        """Split a definition."""
        service = entries.get("specification", {}).get("spec", {})
        containers = service.get("containers", [])
        return Definition(entries, service, next((c for c in containers if c.get("name") == CONTAINER), {}))


def job_definition(graph: Graph, job: Job, settings: Settings, runner: str = "") -> Values:
    """Return a job's definition for the runner. A direct job may call the procedure `runner` itself."""
    definition: Values = {
        "graph": graph.key,
        "database": settings.database,
        "schema": settings.schema,
        "compute_pool": job.compute_pool,
        "query_warehouse": query_warehouse(job, settings),
        "retries": job.retries,
        "timeout": job.timeout,
        "on_failure": job.on_failure,
        "job_runs_table": settings.job_runs_table,
        "job_logs_table": settings.job_logs_table,
        "task_runs_table": settings.task_runs_table,
        "backfills_table": settings.backfills_table,
        "backfill_intervals_table": settings.backfill_intervals_table,
        "results": results(settings),
        "specification": specification(job, settings),
    }
    families = {pool.name: pool.instance_family for pool in settings.pools}
    if family := families.get(job.compute_pool):
        definition["instance_family"] = family
    definition |= _edges(graph, job)
    if job.is_direct:
        add_direct_variable(definition, job.name, runner)
    for part in _PARTS:
        definition |= part.written(job)
    return hashed(definition)


def _edges(graph: Graph, job: Job) -> Values:
    """Return the predecessors with outputs, those of them that run directly, and the conditions on this job.

    The outputs of direct predecessors are in history only after the run.
    """
    returning = sorted(set(job.after) - graph.disabled)
    direct = [name for name in returning if name in graph.direct]
    edges: Values = {"predecessors": returning} if returning else {}
    asked = [entry(when) for when in conditions_on(graph, job.name)]
    edges |= {"conditions": asked} if asked else {}
    return edges | ({"direct_predecessors": direct} if direct else {})


def read_definition(entries: Mapping[str, Any], settings: Settings) -> Job:
    """Return the job of a definition, without its key, task, edges, comment and payload.

    `settings` must be those of the stack that deployed it: with them, full names are shortened as in the file.
    """
    definition = Definition.of(entries)
    query = entries.get("query_warehouse", settings.warehouse)
    job = Job(
        key="",
        name="",
        image=_short_image(definition.container.get("image", ""), settings),
        compute_pool=entries.get("compute_pool", ""),
        warehouse=None if query == settings.warehouse else query,
        retries=int(entries.get("retries", 0)),
        timeout=entries.get("timeout", _DEFAULT_TIMEOUT),
        on_failure=entries.get("on_failure", STOP),
        command=tuple(definition.container.get("command", ())),
        args=tuple(definition.container.get("args", ())),
        env=_read_variables(definition.container.get("env", {}), query),
        secrets=tuple(_read_secret(secret, settings) for secret in definition.container.get("secrets", ())),
        resources=_read_resources(definition.container.get("resources", {})),
        volumes=tuple(_read_volumes(definition, settings)),
    )
    return replace(job, **{name: value for part in _PARTS for name, value in part.read(entries).items()})


def unknown_entries(entries: Mapping[str, Any]) -> list[str]:
    """Return the entries of a definition that this version does not know."""
    parts = {key for part in _PARTS for key in part.keys}
    keys = _SURROUNDINGS | EDGES | parts
    keys |= {"compute_pool", "query_warehouse", "retries", "timeout", "on_failure", "specification"}
    of_container = {"name", "image", "command", "args", "env", "volumeMounts", "resources", "secrets"}
    return sorted({*entries} - keys) + sorted({*Definition.of(entries).container} - of_container)


def differing_entries(deployed: Mapping[str, Any], planned: Mapping[str, Any]) -> list[str]:
    """Return the entries in which two definitions of a job differ, except entries that are derived from others."""
    keys = {*deployed, *planned} - {"hash", "instance_family", "enabled", *EDGES}
    deployed, planned = without_direct_variable(deployed), without_direct_variable(planned)
    return sorted(key for key in keys if deployed.get(key) != planned.get(key))


@dataclass(frozen=True)
class _Part:
    """An entry of a definition for certain fields of a job; it is left out if the fields have their defaults."""

    keys: tuple[str, ...]
    written: Callable[[Job], Values]
    read: Callable[[Mapping[str, Any]], Values]


_PARTS = (
    _Part(
        ("enabled",),
        # lets a run show that the configuration, not an operator, suspended the task
        written=lambda job: {} if job.enabled else {"enabled": False},
        read=lambda entries: {"enabled": entries.get("enabled", True)},
    ),
    _Part(
        ("runner",),
        written=lambda job: {"runner": DIRECT} if job.is_direct else {},
        read=lambda entries: {"runner": entries.get("runner", MANAGED)},
    ),
    _Part(
        ("replicas",),
        written=lambda job: {"replicas": job.replicas} if job.replicas > 1 else {},
        read=lambda entries: {"replicas": entries.get("replicas", 1)},
    ),
    _Part(
        ("external_access",),
        written=lambda job: {"external_access": list(job.external_access)} if job.external_access else {},
        read=lambda entries: {"external_access": tuple(entries.get("external_access", ()))},
    ),
    _Part(
        ("retry_rules",),
        written=lambda job: {"retry_rules": _retry_rules(job.retry_rules)} if job.retry_rules is not None else {},
        read=lambda entries: {"retry_rules": _read_retry_rules(entries.get("retry_rules"))},
    ),
    _Part(
        ("outputs_file",),
        written=lambda job: {"outputs_file": job.outputs_file} if job.outputs_file is not None else {},
        read=lambda entries: {"outputs_file": entries.get("outputs_file")},
    ),
    _Part(
        ("logs",),
        written=lambda job: {"logs": job.logs} if job.logs != TABLE else {},
        read=lambda entries: {"logs": entries.get("logs", TABLE)},
    ),
)


def specification(job: Job, settings: Settings) -> Values:
    """Return the specification of the job's service, with keys in the order of Snowflake's reference."""
    image = settings.pinned(job.image or settings.runtime_image)
    container: Values = {"name": CONTAINER, "image": image_path(image, settings.repository_path)}
    if job.command:
        container["command"] = list(job.command)
    if job.args:
        container["args"] = list(job.args)
    container["env"] = _variables(job, settings)
    if job.volumes:
        container["volumeMounts"] = [{"name": volume.name, "mountPath": volume.path} for volume in job.volumes]
    resources = _resources(job.resources)
    if resources:
        # a container without limits may take its whole node, so the requests are used as limits too
        container["resources"] = {"requests": resources, "limits": dict(resources)}
    if job.secrets:
        container["secrets"] = [_secret(secret, settings) for secret in job.secrets]
    service: Values = {"containers": [container]}
    if job.volumes:
        service["volumes"] = [_volume(volume, settings) for volume in job.volumes]
    if job.logs == EVENT_TABLE:
        service["logExporters"] = {"eventTableConfig": {"logLevel": "INFO"}}
    return {"spec": service}


def query_warehouse(job: Job, settings: Settings) -> str:
    """Return the warehouse for the container's queries."""
    return job.warehouse or settings.warehouse


def results(settings: Settings) -> str:
    """Return the folder in the stack's stage where attempts store their results for others."""
    return f"@{settings.qualified(settings.stage)}/runs"


def hashed(definition: Values) -> Values:
    """Return a definition with the hash of its content as its first entry."""
    return {"hash": content_hash(definition), **definition}


def _short_image(path: str, settings: Settings) -> str:
    """Return an image as the file names it: without the path if it is in the stack's repository."""
    name = path.removeprefix(f"{settings.repository_path}/")
    return path if "/" in name else name


def _variables(job: Job, settings: Settings) -> dict[str, str]:
    env = {_WAREHOUSE: query_warehouse(job, settings), **job.env}
    if job.payload is not None:
        env |= _payload_variables(job.payload, settings)
    if job.secrets:
        env[_SECRETS] = json.dumps(sorted(str(secret.env or secret.directory) for secret in job.secrets))
    # sorted, so that reordering variables in the file does not change the job
    return dict(sorted(env.items()))


def _read_variables(env: Mapping[str, str], warehouse: str) -> dict[str, str]:
    ours = {_SECRETS, VARIABLE}
    return {name: value for name, value in env.items() if (name, value) != (_WAREHOUSE, warehouse) and name not in ours}


def payload_file(payload: Payload) -> str:
    """Return the name of a payload's file in the stack's stage; it contains the hash of the payload's files."""
    return f"payload_{content_hash(dict(payload.files))}.json"


def _payload_variables(payload: Payload, settings: Settings) -> dict[str, str]:
    """Return the environment variables that the program in images/runtime reads."""
    return {
        "PAYLOAD_FILE": f"@{settings.qualified(settings.stage)}/{payload_file(payload)}",
        "PAYLOAD_ENTRYPOINT": payload.entrypoint,
        **({"PAYLOAD_PACKAGES": json.dumps(payload.pip_requirements)} if payload.pip_requirements else {}),
    }


def _resources(resources: Resources) -> Values:
    amounts = {name: getattr(resources, key) for key, name in _RESOURCES.items()}
    return {name: amount for name, amount in amounts.items() if amount is not None}


def _read_resources(resources: Mapping[str, Any]) -> Resources:
    limits = resources.get("limits", {})
    return Resources(**{key: limits.get(name) for key, name in _RESOURCES.items()})


def _secret(secret: Secret, settings: Settings) -> Values:
    entry: Values = {"snowflakeSecret": {"objectName": settings.full_name(secret.secret)}}
    if secret.directory is not None:
        return entry | {"directoryPath": secret.directory}
    return entry | {"secretKeyRef": secret.key or "secret_string", "envVarName": secret.env}


def _read_secret(secret: Mapping[str, Any], settings: Settings) -> Secret:
    key = secret.get("secretKeyRef")
    return Secret(
        _short(secret["snowflakeSecret"]["objectName"], settings),
        env=secret.get("envVarName"),
        directory=secret.get("directoryPath"),
        key=None if key == "secret_string" else key,
    )


def _volume(volume: Volume, settings: Settings) -> Values:
    entry: Values = {"name": volume.name, "source": volume.source}
    if volume.size is not None:
        entry["size"] = volume.size
    if volume.stage is not None:
        stage, slash, folder = volume.stage.removeprefix("@").partition("/")
        entry["stageConfig"] = {"name": f"@{settings.full_name(stage)}{slash}{folder}"}
    return entry


def _read_volumes(definition: Definition, settings: Settings) -> Iterator[Volume]:
    paths = {mount["name"]: mount["mountPath"] for mount in definition.container.get("volumeMounts", ())}
    for volume in definition.service.get("volumes", ()):
        stage = volume.get("stageConfig", {}).get("name")
        yield Volume(
            volume["name"],
            volume.get("source", ""),
            paths.get(volume["name"], ""),
            size=volume.get("size"),
            stage=_short(stage.removeprefix("@"), settings) if stage else None,
        )


def _short(name: str, settings: Settings) -> str:
    """Return an object's name without the stack's database and schema."""
    return name.removeprefix(f"{settings.database}.{settings.schema}.")


def _retry_rules(rules: RetryRules) -> Values:
    """Return the rules without unset values. Zero is a value: a pause of 0 seconds, or 0 further attempts."""
    entries = {name: value for name, value in asdict(rules).items() if value not in (None, (), {})}
    if rules.rules:
        entries["rules"] = [{k: v for k, v in asdict(rule).items() if v not in (None, "", ())} for rule in rules.rules]
    return entries


def _read_retry_rules(entries: Mapping[str, Any] | None) -> RetryRules | None:
    if entries is None:
        return None
    # definitions of earlier versions omit a pause of 0 seconds
    values = {**entries, "rules": tuple(map(_read_retry_rule, entries.get("rules", ())))} if entries else {"backoff": 0}
    return RetryRules(**values)


def _read_retry_rule(entries: Mapping[str, Any]) -> RetryRule:
    codes = tuple((low, high) for low, high in entries.get("exit_codes", ()))
    return RetryRule(**{**entries, "reasons": tuple(entries.get("reasons", ())), "exit_codes": codes})
