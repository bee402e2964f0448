"""The statement that a request to /api/v2 runs, and the form of its response. Pure.

The paths and parameters are those of the published client (snowflake.core). Tasks have all operations; databases,
schemas, warehouses, compute pools, stages, image repositories and services have only those that read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.rest import task_json
from snowflake_sandbox.rest.names import literal, plain, quoted

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Plan:
    """The execution of a request.

    Attributes:
        statement: the SQL.
        family: the name of the JSON form of the rows; "" for a response that only confirms success.
        only: the name of the single requested row; None for a list.
        text: whether the response is the first cell, under the key of its column's name.
    """

    statement: str
    family: str = ""
    only: str | None = None
    text: str = ""


_SCHEMA = re.compile(r"databases/(?P<database>[^/:]+)/schemas/(?P<schema>[^/:]+)/(?P<path>.+)")
_RESOURCE = re.compile(r"(?P<family>[a-z-]+)(?:/(?P<name>[^/:]+))?(?:/(?P<part>[^:]+))?(?::(?P<verb>[a-z_-]+))?")
# Family -> the words for SHOW, DESCRIBE and ALTER.
_ACCOUNT = {"databases": "DATABASE", "warehouses": "WAREHOUSE", "compute-pools": "COMPUTE POOL"}
_IN_SCHEMA = {"stages": "STAGE", "image-repositories": "IMAGE REPOSITORY", "services": "SERVICE", "tasks": "TASK"}
_PARTS = {
    ("services", "containers"): "SHOW SERVICE CONTAINERS IN SERVICE {}",
    ("services", "instances"): "SHOW SERVICE INSTANCES IN SERVICE {}",
    ("image-repositories", "images"): "SHOW IMAGES IN IMAGE REPOSITORY {}",
    ("stages", "files"): "LIST @{}",
}
_VERBS = {
    ("compute-pools", "suspend"): "ALTER COMPUTE POOL {} SUSPEND",
    ("compute-pools", "resume"): "ALTER COMPUTE POOL {} RESUME",
    ("warehouses", "suspend"): "ALTER WAREHOUSE {} SUSPEND",
    ("warehouses", "resume"): "ALTER WAREHOUSE {} RESUME",
    ("warehouses", "use"): "USE WAREHOUSE {}",
    ("tasks", "suspend"): "ALTER TASK {} SUSPEND",
    ("tasks", "resume"): "ALTER TASK {} RESUME",
}


def plan(method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any]) -> Plan:
    """Return the plan of a request other than PUT, which the shell handles because it must read first.

    Args:
        method: GET, POST or DELETE.
        path: the path after /api/v2/, percent-decoded.
        query: its parameters.
        body: its JSON.

    Raises:
        SnowflakeError: 000002 for a request that is not in the tables, 001003 for an invalid part of a name.
    """
    place, path = _place(path)
    resource = _RESOURCE.fullmatch(path)
    if resource is None:
        raise _refused(method, path)
    family, name, part, verb = resource["family"], resource["name"], resource["part"] or "", resource["verb"] or ""
    kind = {0: _ACCOUNT, 1: {"schemas": "SCHEMA"}, 2: _IN_SCHEMA}[len(place)].get(family)
    if kind is None:
        raise _refused(method, path)
    full = quoted(*place, name) if name else ""
    if family == "tasks" and (of_task := _task(method, place, (name, part, verb), query, body)) is not None:
        return of_task
    if method == "GET" and not part and not verb:
        return _read(kind, family, place, name, query)
    if method == "GET" and (family, part) in _PARTS:
        return Plan(_PARTS[family, part].format(full), part)
    if method == "GET" and family == "services" and part in ("logs", "status"):
        return _service_text(full, part, query)
    if method == "POST" and (family, verb) in _VERBS:
        return Plan(_VERBS[family, verb].format(full))
    if method == "DELETE" and name and not part:
        exists = " IF EXISTS" if query.get("ifExists") == "true" else ""
        return Plan(f"DROP {kind}{exists} {full}")
    raise _refused(method, path)


def _place(path: str) -> tuple[tuple[str, ...], str]:
    """Return the database and schema of a path, if it has them, and the rest of the path."""
    if match := _SCHEMA.fullmatch(path):
        return (match["database"], match["schema"]), match["path"]
    if match := re.fullmatch(r"databases/([^/:]+)/(schemas(?:[/:].*)?)", path):
        return (match[1],), match[2]
    return (), path


def _refused(method: str, path: str) -> errors.SnowflakeError:
    return errors.not_supported(f"{method} /api/v2/{path}")


def _read(kind: str, family: str, place: tuple[str, ...], name: str | None, query: Mapping[str, str]) -> Plan:
    if name and family == "services":
        return Plan(f"DESCRIBE SERVICE {quoted(*place, name)}", family, plain(name))
    scope = {0: "", 1: " IN DATABASE {}", 2: " IN SCHEMA {}"}[len(place)].format(quoted(*place) if place else "")
    if family == "tasks" and query.get("rootOnly") == "true":
        scope += " ROOT ONLY"
    pattern = _pattern(plain(name)) if name else query.get("like")
    like = f" LIKE {literal(pattern)}" if pattern else ""
    starts = f" STARTS WITH {literal(query['startsWith'])}" if query.get("startsWith") else ""
    limit = f" LIMIT {int(query['showLimit'])}" if query.get("showLimit") else ""
    plural = "IMAGE REPOSITORIES" if family == "image-repositories" else f"{kind}S"
    return Plan(f"SHOW {plural}{like}{scope}{starts}{limit}", family, plain(name) if name else None)


def _pattern(name: str) -> str:
    return name.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%")


def _service_text(full: str, part: str, query: Mapping[str, str]) -> Plan:
    if part == "status":
        return Plan(f"CALL SYSTEM$GET_SERVICE_STATUS({literal(full)})", text="system$get_service_status")
    instance, container = query.get("instanceId", "0"), query.get("containerName", "main")
    lines = f", {int(query['numLines'])}" if query.get("numLines") else ""
    call = f"SYSTEM$GET_SERVICE_LOGS({literal(full)}, {literal(instance)}, {literal(container)}{lines})"
    return Plan(f"CALL {call}", text="system$get_service_logs")


def _task(
    method: str,
    place: tuple[str, ...],
    target: tuple[str | None, str, str],
    query: Mapping[str, str],
    body: Mapping[str, Any],
) -> Plan | None:
    name, part, verb = target
    if method == "POST" and name is None and not verb:
        return Plan(task_json.create(body, (place[0], place[1]), query.get("createMode", "")))
    if name is None:
        return None
    full = quoted(*place, name)
    if method == "POST" and verb == "execute":
        retry = " RETRY LAST" if query.get("retryLast") == "true" else ""
        return Plan(f"EXECUTE TASK {full}{retry}")
    database = quoted(place[0])
    if method == "GET" and part == "dependents":
        recursive = "FALSE" if query.get("recursive") == "false" else "TRUE"
        called = f"TASK_DEPENDENTS(TASK_NAME => {literal(full)}, RECURSIVE => {recursive})"
        return Plan(f"SELECT * FROM TABLE({database}.INFORMATION_SCHEMA.{called})", "dependents")
    functions = {"current-graphs": "CURRENT_TASK_GRAPHS", "complete-graphs": "COMPLETE_TASK_GRAPHS"}
    if method == "GET" and part.replace("_", "-") in functions:
        return Plan(_graphs(functions[part.replace("_", "-")], database, plain(name), query), "runs")
    return None


def _graphs(function: str, database: str, root: str, query: Mapping[str, str]) -> str:
    arguments = [f"ROOT_TASK_NAME => {literal(root)}"]
    if query.get("resultLimit"):
        arguments.append(f"RESULT_LIMIT => {int(query['resultLimit'])}")
    if function == "COMPLETE_TASK_GRAPHS" and query.get("errorOnly") is not None:
        arguments.append(f"ERROR_ONLY => {'TRUE' if query['errorOnly'] == 'true' else 'FALSE'}")
    return f"SELECT * FROM TABLE({database}.INFORMATION_SCHEMA.{function}({', '.join(arguments)}))"
