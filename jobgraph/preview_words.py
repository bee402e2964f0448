"""A deployed object's inputs, in the words that its author used: keys of jobconfig.yaml for tasks, plain names else.

Knows the inputs that the components give to tasks and the definition inside a task's statement. Must not know what a
preview is, nor how two values are compared.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TASK = "snowflake:index/task:Task"

# `CALL "DB"."SCHEMA".RUN_JOB_1A2B3C4D('T_JOB', (SELECT ...), $${...}$$)`; the JSON holds no `$`
_CALL = re.compile(
    r"^CALL (?:\"[^\"]*\"\.)*(?P<procedure>\w+)\((?:'[^']*', )?(?:\(SELECT .*\), )?\$\$(?P<definition>[^$]*)\$\$\)$",
    re.DOTALL,
)
# inputs that are told elsewhere, or say where and not what
_NOT_TOLD = {"name", "database", "schema", "afters", "sqlStatement", "started", "finalize", "userTaskTimeoutMs"}
_TASK_WORDS = {
    "warehouse": "warehouse.task",
    "suspendTaskAfterNumFailures": "suspend_after_failures",
    "taskAutoRetryAttempts": "auto_retry",
    "userTaskManagedInitialWarehouseSize": "size of the root's serverless warehouse",
}
_DEFINITION_WORDS = {
    "query_warehouse": "warehouse.query",
    "job_runs_table": "history table of attempts",
    "job_logs_table": "history table of logs",
    "task_runs_table": "history table of tasks",
    "task_runs_function": "function over the task history",
    "keep_services_days": "days that services are kept",
}
_VARIABLES = {
    "PAYLOAD_FILE": "payload (its files)",
    "PAYLOAD_ENTRYPOINT": "payload.entrypoint",
    "PAYLOAD_PACKAGES": "payload.pip_requirements",
}
_RESOURCES = {"nvidia.com/gpu": "resources.gpu"}
_SPACED = re.compile(r"(?<=[a-z])(?=[A-Z])")


def words(kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the inputs of an object say, by the name that a person knows it by. `kind` is its type token."""
    if kind == TASK:
        return _task(inputs)
    told = {_SPACED.sub(" ", name).lower(): one for name, one in inputs.items() if not name.startswith("__")}
    return dict(pair for name, one in told.items() for pair in _apart(name, one))


def _apart(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield a list of named things, such as columns, one by one: `columns.ERRORS`."""
    if isinstance(value, list) and value and all(isinstance(one, dict) and one.get("name") for one in value):
        yield from ((f"{name}.{one['name']}", {key: one[key] for key in one if key != "name"}) for one in value)
    else:
        yield name, value


def bare(full_name: str) -> str:
    """Return the last part of a quoted name: `"DB"."SCHEMA"."T"` is `T`."""
    return full_name.rpartition(".")[2].strip('"')


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
    told: dict[str, Any] = {"after": sorted(bare(name) for name in inputs.get("afters") or [])}
    told |= {"finalizer of": bare(inputs["finalize"])} if inputs.get("finalize") else {}
    told |= {"enabled": inputs.get("started")}
    told |= dict(_definition(content)) if content else {"statement": statement}
    told |= {"runner (its code)": procedure} if procedure else {}
    for name, value in inputs.items():
        if name == "schedule":
            told["schedule"] = _schedule(value)
        elif name not in _NOT_TOLD and not name.startswith("__"):
            told[_TASK_WORDS.get(name, _SPACED.sub("_", name).lower())] = value
    if "timeout" not in told:
        told["timeout in ms"] = inputs.get("userTaskTimeoutMs")
    return told


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
        elif name not in {"hash", "graph", "database", "schema", "predecessors"}:
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
        case "env":
            for variable, text in value.items():
                # the queries' warehouse is told by its own word
                if variable != "SNOWFLAKE_WAREHOUSE":
                    yield _VARIABLES.get(variable, f"env.{variable}"), text
        case "resources":
            for resource, amount in value.get("requests", {}).items():
                yield _RESOURCES.get(resource, f"resources.{resource}"), amount
        case "volumeMounts":
            for mount in value:
                yield f"volumes.{mount.get('name')}.path", mount.get("mountPath")
        case _:
            yield name, value
