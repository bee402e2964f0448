"""The definition in a deployed task's body, turned back into what the file says of the job.

Knows what `jobgraph.plan.task_definitions` and `jobgraph.plan.specification` make of a job, and undoes it.
Must not know rows of SHOW TASKS, nor YAML. Whatever it does not know of a definition is named, never passed over.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.config.model import STOP
from jobgraph.config.timing import duration_text
from jobgraph.plan.specification import CONTAINER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobgraph.settings import Settings

_SETTINGS = {"hash", "graph", "database", "schema", "job_runs_table", "job_logs_table", "results"}
_KNOWN = {
    *_SETTINGS,
    *("compute_pool", "query_warehouse", "retries", "retry_rules", "timeout", "on_failure", "replicas"),
    *("external_access", "specification", "instance_family", "predecessors", "enabled"),
    *("outputs_file", "logs"),
}
_KNOWN_OF_CONTAINER = {"name", "image", "command", "args", "env", "volumeMounts", "resources", "secrets"}
_RESOURCES = {"cpu": "cpu", "memory": "memory", "nvidia.com/gpu": "gpu"}
_DEFAULT_TIMEOUT = 3600
_VARIABLE = "SNOWFLAKE_WAREHOUSE"
# follows from the secrets: where they are
_PLACES = "JOB_SECRETS"


def job_values(definition: Mapping[str, Any], settings: Settings, task_warehouse: str | None) -> dict[str, Any]:
    """Return what the file says of a job but for `after`, `when`, `enabled` and `comment`, which the task itself has.

    `settings` are those of the stack that it was deployed with: what is the same there is left out. `task_warehouse` is
    the task's own, if it is not the stack's.
    """
    container = _container(definition)
    spec = definition.get("specification", {}).get("spec", {})
    query = definition.get("query_warehouse", settings.warehouse)
    file, logs = definition.get("outputs_file"), definition.get("logs")
    timeout, on_failure = definition.get("timeout", _DEFAULT_TIMEOUT), definition.get("on_failure", STOP)
    return given(
        image=_image(container.get("image", ""), settings),
        compute_pool=definition.get("compute_pool", ""),
        warehouse=_warehouse(None if query == settings.warehouse else query, task_warehouse),
        args=container.get("args"),
        command=container.get("command"),
        env=_variables(container.get("env", {}), query) or None,
        secrets=[_secret(secret, settings) for secret in container.get("secrets", ())] or None,
        resources=_resources(container.get("resources", {})) or None,
        volumes=_volumes(container, spec, settings) or None,
        external_access=definition.get("external_access"),
        replicas=definition.get("replicas"),
        timeout=None if timeout == _DEFAULT_TIMEOUT else duration_text(timeout),
        retries=_retries(definition) or None,
        on_failure=None if on_failure == STOP else on_failure,
        outputs={"file": file} if file else None,
        logs=logs,
    )


def given(**values: Any) -> dict[str, Any]:
    """Return the values that are there."""
    return {name: value for name, value in values.items() if value is not None}


def _warehouse(query: str | None, task: str | None) -> str | dict[str, str] | None:
    """Return the warehouses as the file has them: one name if only the queries have one of their own."""
    return given(query=query, task=task) if task else query


def _retries(definition: Mapping[str, Any]) -> int | dict[str, Any]:
    """Return the retries as the file has them: a number, or a mapping if there is more to say."""
    count, rules = definition.get("retries", 0), definition.get("retry_rules")
    if rules is None:
        return int(count)
    said: dict[str, Any] = {name: duration_text(value) for name, value in rules.items() if isinstance(value, int)}
    said |= {"causes": rules["causes"]} if "causes" in rules else {}
    said |= {"rules": [_retry_rule(rule) for rule in rules["rules"]]} if "rules" in rules else {}
    # definitions of earlier versions leave out a pause of no seconds
    return {"count": count, **(said or {"backoff": duration_text(0)})}


def _retry_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    codes = [str(low) if low == high else f"{low}-{high}" for low, high in rule.get("exit_codes", ())]
    times = {name: duration_text(rule[name]) for name in ("backoff", "longest_backoff") if name in rule}
    return {**rule, **({"exit_codes": codes} if codes else {}), **times}


def remarks_on(definition: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for all that the file cannot say, or not in the way that it was deployed from."""
    container = _container(definition)
    unknown = sorted({*definition} - _KNOWN) + sorted({*container} - _KNOWN_OF_CONTAINER)
    if unknown:
        yield f"left out, because this version does not know it: {', '.join(unknown)}"
    if "PAYLOAD_FILE" in container.get("env", {}):
        yield "its code is in the stage, as PAYLOAD_FILE says; with the code at hand, write `payload:` instead"


def _container(definition: Mapping[str, Any]) -> dict[str, Any]:
    containers = definition.get("specification", {}).get("spec", {}).get("containers", [])
    return next((one for one in containers if one.get("name") == CONTAINER), {})


def _image(path: str, settings: Settings) -> str:
    """Return an image as the file names it: without its path if it is in the stack's repository."""
    name = path.removeprefix(f"{settings.repository_path}/")
    return path if "/" in name else name


def _variables(env: Mapping[str, str], query: str) -> dict[str, str]:
    return {name: value for name, value in env.items() if (name, value) != (_VARIABLE, query) and name != _PLACES}


def _short(name: str, settings: Settings) -> str:
    """Return an object's name without the database and the schema of the stack."""
    return name.removeprefix(f"{settings.database}.{settings.schema}.")


def _secret(secret: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    key = secret.get("secretKeyRef")
    return given(
        secret=_short(secret["snowflakeSecret"]["objectName"], settings),
        env=secret.get("envVarName"),
        directory=secret.get("directoryPath"),
        key=None if key == "secret_string" else key,
    )


def _resources(resources: Mapping[str, Any]) -> dict[str, Any]:
    return {_RESOURCES[name]: value for name, value in resources.get("limits", {}).items() if name in _RESOURCES}


def _volumes(container: Mapping[str, Any], spec: Mapping[str, Any], settings: Settings) -> dict[str, Any]:
    mounts = {mount["name"]: mount["mountPath"] for mount in container.get("volumeMounts", ())}
    found = {}
    for volume in spec.get("volumes", ()):
        stage = volume.get("stageConfig", {}).get("name")
        found[volume["name"]] = given(
            source=volume.get("source"),
            path=mounts.get(volume["name"]),
            size=volume.get("size"),
            stage=_short(stage.removeprefix("@"), settings) if stage else None,
        )
    return found
