"""A deployed object's inputs, in the words that its author used: keys of jobconfig.yaml for tasks, plain names else.

Knows the inputs that the components give to tasks and the definition inside a task's statement. Must not know what a
preview is, nor how two values are compared.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from jobgraph.config.timing import duration_text
from jobgraph.plan.task_rows import last_part

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TASK = "snowflake:index/task:Task"

# `CALL "DB"."SCHEMA".RUN_JOB_1A2B3C4D('T_JOB', (SELECT ...), $${...}$$)`; the JSON holds no `$`
_CALL = re.compile(
    r"^CALL (?:\"[^\"]*\"\.)*(?P<procedure>\w+)\((?:'[^']*', )?(?:\(SELECT .*\), )?\$\$(?P<definition>[^$]*)\$\$\)$",
    re.DOTALL,
)
# inputs that are told elsewhere, or say where and not what
_NOT_TOLD = {"afters", "sqlStatement", "started", "finalize", "userTaskTimeoutMs", "comment"}
_TASK_WORDS = {
    "warehouse": "warehouse.task",
    "suspendTaskAfterNumFailures": "suspend_after_failures",
    "taskAutoRetryAttempts": "auto_retry",
    "userTaskManagedInitialWarehouseSize": "size of the root's serverless warehouse",
}
# follows from `after`, but also from whether those jobs are enabled
READS = "reads the return values of"
_DEFINITION_WORDS = {
    "predecessors": READS,
    "query_warehouse": "warehouse.query",
    "job_runs_table": "history table of attempts",
    "job_logs_table": "history table of logs",
    "task_runs_table": "history table of tasks",
    "keep_services_days": "days that services are kept",
    "keep_results_days": "days that results are kept",
    "results": "stage path of results",
    "outputs_file": "outputs.file",
    "uses": "procedures in use",
    "drop_superseded": "procedure that drops old ones",
}
_VARIABLES = {
    "PAYLOAD_FILE": "payload (its files)",
    "PAYLOAD_ENTRYPOINT": "payload.entrypoint",
    "PAYLOAD_PACKAGES": "payload.pip_requirements",
}
_RESOURCES = {"nvidia.com/gpu": "resources.gpu"}
# what a deploy writes where the file has no comment; it tells nothing but the graph
_OWN_COMMENT = re.compile(r"jobgraph: (?:closes runs of|job \S+ of) graph \S+")
# sdk/go/common/resource/stack, computedValuePlaceholder: stands for a value that only the deploy makes
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWN = "(known only when it is deployed)"
# sdk/go/common/resource, SigKey: the mark of a value that has more to it than its text; here only secrets have one
_SIGNED = "4dabf18193072939515e22adb298388d"
SECRET = "(secret)"  # noqa: S105  # it is what is shown instead of one
_SPACED = re.compile(r"(?<=[a-z])(?=[A-Z])")


def words(kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the inputs of an object say, by the name that a person knows it by. `kind` is its type token."""
    inputs = _plain(inputs)
    if kind == TASK:
        return _task(inputs)
    told = {_SPACED.sub(" ", name).lower(): one for name, one in inputs.items() if not name.startswith("__")}
    return dict(pair for name, one in told.items() for pair in _apart(name, one))


def _plain(value: Any) -> Any:
    """Return a value with the engine's own marks in it put into words."""
    if isinstance(value, dict):
        return SECRET if _SIGNED in value else {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return UNKNOWN if value == _UNKNOWN else value


def _apart(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a list of named things, such as columns, one by one: `columns.ERRORS`."""
    if isinstance(value, list) and value and all(isinstance(one, dict) and one.get("name") for one in value):
        yield from ((f"{name}.{one['name']}", _without_defaults(one)) for one in value)
    else:
        yield name, value


def _without_defaults(named: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is said of a named thing: a refresh reads columns as nullable, of which a program says nothing."""
    return {key: one for key, one in named.items() if key != "name" and (key, one) != ("nullable", True)}


def definition(statement: str) -> tuple[str, dict[str, Any]]:
    """Return the procedure that a task's statement calls, and the definition that it hands over; else nothing."""
    found = _CALL.match(statement.strip())
    if found is None:
        return "", {}
    try:
        value = json.loads(found["definition"])
    except json.JSONDecodeError:
        return "", {}
    return found["procedure"], value if isinstance(value, dict) else {}


def _task(inputs: Mapping[str, Any]) -> dict[str, Any]:
    statement = str(inputs.get("sqlStatement", ""))
    procedure, content = definition(statement)
    told: dict[str, Any] = {"after": sorted(last_part(name) for name in inputs.get("afters") or [])}
    told |= {"finalizer of": last_part(inputs["finalize"])} if inputs.get("finalize") else {}
    told |= {"enabled": inputs.get("started")}
    comment = str(inputs.get("comment") or "")
    told |= {"comment": None if content and _OWN_COMMENT.fullmatch(comment) else comment or None}
    told |= dict(_definition(content)) if content else {"statement": statement}
    told |= {"runner (its code)": procedure} if procedure else {}
    for name, value in inputs.items():
        if name == "schedule":
            told["schedule"] = _schedule(value)
        elif name not in _NOT_TOLD and not name.startswith("__"):
            told[_TASK_WORDS.get(name, _SPACED.sub("_", name).lower())] = value
    if "timeout" not in told and inputs.get("userTaskTimeoutMs"):
        told["time limit of a run"] = duration_text(int(inputs["userTaskTimeoutMs"]) // 1000)
    return told


def about(inputs: Mapping[str, Any]) -> str:
    """Return in a few words what a new task does; empty for one that runs no job."""
    told = _task(_plain(inputs))
    if not told.get("image"):
        return ""
    after = f", after {', '.join(told['after'])}" if told["after"] else ""
    return f"{told['image'].rpartition('/')[2]} on {told.get('compute_pool')}{after}"


def _schedule(value: Mapping[str, Any]) -> str:
    ((unit, number),) = value.items() if len(value) == 1 else (("", json.dumps(value)),)
    return f"cron: {number}" if unit == "usingCron" else f"{number} {unit}".strip()


def _definition(content: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the words of a definition. Its hash follows from the rest; that it alone differs is found elsewhere."""
    for name, value in content.items():
        if name == "specification":
            yield from _specification(value)
        elif name == "retry_rules":
            yield from ((f"retries.{rule}", limit) for rule, limit in value.items())
        # the jobs that the finalizer records are told by the jobs themselves
        elif name not in {"hash", "database", "schema", "jobs"}:
            yield _DEFINITION_WORDS.get(name, name), value


def _specification(value: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    spec = value.get("spec", {})
    for container in spec.get("containers", []):
        for name, one in container.items():
            yield from _container(name, one)
    for volume in spec.get("volumes", []):
        yield f"volumes.{volume.get('name')}", {name: one for name, one in volume.items() if name != "name"}
    for name, one in spec.items():
        if name not in {"containers", "volumes"}:
            yield name, one


def _container(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    match name:
        case "name":
            return
        case "secrets":
            yield from map(_secret, value)
        case "env":
            for variable, text in value.items():
                # the queries' warehouse and the secrets are told by their own words
                if variable not in {"SNOWFLAKE_WAREHOUSE", "JOB_SECRETS"}:
                    yield _VARIABLES.get(variable, f"env.{variable}"), text
        case "resources":
            for resource, amount in value.get("requests", {}).items():
                yield _RESOURCES.get(resource, f"resources.{resource}"), amount
        case "volumeMounts":
            for mount in value:
                yield f"volumes.{mount.get('name')}.path", mount.get("mountPath")
        case _:
            yield name, value


def _secret(value: Mapping[str, Any]) -> tuple[str, str]:
    """Return which secret a container gets, and where it finds it; never a value."""
    name = value.get("snowflakeSecret", {}).get("objectName")
    if "directoryPath" in value:
        return f"secrets.{name} (as files)", str(value["directoryPath"])
    return f"secrets.{name}", f"{value.get('secretKeyRef')} in {value.get('envVarName')}"
