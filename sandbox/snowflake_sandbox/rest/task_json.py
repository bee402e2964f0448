"""TASK as JSON and as SQL: a request's body becomes CREATE or ALTER TASK, a row of SHOW TASKS becomes a response.

Pure. The fields are those of the published client (snowflake.core, models Task and TaskRun).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.rest.answers import name
from snowflake_sandbox.rest.names import literal, quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_UNITS = {"MINUTE": 60, "SECOND": 1, "HOUR": 3600}
_INTERVAL = re.compile(r"(\d+)\s*(MINUTE|SECOND|HOUR)S?", re.IGNORECASE)


def _schedule(value: Any) -> str:
    if value.get("schedule_type") == "CRON_TYPE":
        return literal(f"USING CRON {value['cron_expr']} {value['timezone']}")
    return literal(_interval(value))


def _interval(value: Any) -> str:
    minutes, seconds = int(value["minutes"]), int(value.get("seconds") or 0)
    return f"{minutes} MINUTES" if not seconds else f"{minutes * 60 + seconds} SECONDS"


def _number(value: Any) -> str:
    return str(int(value))


def _flag(value: Any) -> str:
    return "TRUE" if value else "FALSE"


def _word(value: Any) -> str:
    return literal(str(value))


# Field of the request -> property of CREATE TASK and ALTER TASK … SET, and the function that returns its text.
_PROPERTIES: dict[str, tuple[str, Callable[[Any], str]]] = {
    "warehouse": ("WAREHOUSE", quoted),
    "schedule": ("SCHEDULE", _schedule),
    "comment": ("COMMENT", _word),
    "config": ("CONFIG", lambda value: literal(json.dumps(value))),
    "allow_overlapping_execution": ("ALLOW_OVERLAPPING_EXECUTION", _flag),
    "overlap_policy": ("OVERLAP_POLICY", _word),
    "error_integration": ("ERROR_INTEGRATION", quoted),
    "success_integration": ("SUCCESS_INTEGRATION", quoted),
    "task_auto_retry_attempts": ("TASK_AUTO_RETRY_ATTEMPTS", _number),
    "suspend_task_after_num_failures": ("SUSPEND_TASK_AFTER_NUM_FAILURES", _number),
    "user_task_timeout_ms": ("USER_TASK_TIMEOUT_MS", _number),
    "user_task_managed_initial_warehouse_size": ("USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE", _word),
    "serverless_task_min_statement_size": ("SERVERLESS_TASK_MIN_STATEMENT_SIZE", _word),
    "serverless_task_max_statement_size": ("SERVERLESS_TASK_MAX_STATEMENT_SIZE", _word),
    "target_completion_interval": ("TARGET_COMPLETION_INTERVAL", lambda value: literal(_interval(value))),
}


def _properties(body: Mapping[str, Any]) -> list[str]:
    if body.get("execute_as_user"):
        raise errors.not_supported("execute_as_user of a task")
    fields = [field for field in _PROPERTIES if body.get(field) is not None]
    pairs = [f"{_PROPERTIES[field][0]} = {_PROPERTIES[field][1](body[field])}" for field in fields]
    for parameter, value in (body.get("session_parameters") or {}).items():
        if not re.fullmatch(r"\w+", parameter):
            raise errors.invalid_property(parameter, "CREATE TASK")
        pairs.append(f"{parameter} = {_flag(value) if isinstance(value, bool) else _word(value)}")
    return pairs


def create(body: Mapping[str, Any], place: tuple[str, str], mode: str) -> str:
    """Return the CREATE TASK of a request.

    Args:
        body: the task's fields.
        place: database and schema, as in the path.
        mode: "errorIfExists", "orReplace" or "ifNotExists".

    Raises:
        SnowflakeError: 001420 and others for invalid fields.
    """
    words = {"orreplace": "CREATE OR REPLACE TASK", "ifnotexists": "CREATE TASK IF NOT EXISTS"}
    head = words.get(mode.lower(), "CREATE TASK")
    clauses = [f"{head} {quoted(*place, body['name'])}", *_properties(body)]
    if body.get("finalize"):
        clauses.append(f"FINALIZE = {_neighbour(body['finalize'])}")
    if body.get("predecessors"):
        clauses.append("AFTER " + ", ".join(map(_neighbour, body["predecessors"])))
    if body.get("condition"):
        clauses.append(f"WHEN {body['condition']}")
    return "\n".join([*clauses, f"AS {body['definition']}"])


def _neighbour(name: str) -> str:
    """Return the last part of a predecessor's name, which suffices because it is in the same schema."""
    parts = re.findall(r'"(?:[^"]|"")*"|[^.]+', name)
    return quoted(parts[-1])


def alter(body: Mapping[str, Any], task: str, current: Mapping[str, Any]) -> list[str]:
    """Return the statements that change an existing task to the fields of a request; missing fields are unset."""
    statements = [f"ALTER TASK {task} SET {' '.join(_properties(body))}"] if _properties(body) else []
    unset = [field for field in ("schedule", "comment", "config") if body.get(field) is None and current.get(field)]
    statements += [f"ALTER TASK {task} UNSET {_PROPERTIES[field][0]}" for field in unset]
    if body.get("condition") and body["condition"] != current.get("condition"):
        statements.append(f"ALTER TASK {task} MODIFY WHEN {body['condition']}")
    elif current.get("condition") and not body.get("condition"):
        statements.append(f"ALTER TASK {task} REMOVE WHEN")
    wished = [_neighbour(item) for item in body.get("predecessors") or ()]
    present = [_neighbour(item) for item in current.get("predecessors") or ()]
    statements += [f"ALTER TASK {task} ADD AFTER {item}" for item in wished if item not in present]
    statements += [f"ALTER TASK {task} REMOVE AFTER {item}" for item in present if item not in wished]
    if body["definition"] != current["definition"]:
        statements.append(f"ALTER TASK {task} MODIFY AS {body['definition']}")
    return statements


def answer(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of SHOW TASKS or TASK_DEPENDENTS as the client's Task."""
    fields = {key.lower(): value for key, value in row.items()}
    fields["schedule"] = _schedule_answer(fields.get("schedule"))
    fields["target_completion_interval"] = None
    fields["predecessors"] = json.loads(fields.get("predecessors") or "[]")
    fields["config"] = json.loads(fields["config"]) if fields.get("config") else None
    flag = fields.get("allow_overlapping_execution")
    fields["allow_overlapping_execution"] = None if flag is None else str(flag).lower() == "true"
    fields["name"] = name(fields["name"])
    fields.pop("budget", None)
    return fields


def _schedule_answer(text: str | None) -> dict[str, Any] | None:
    if not text:
        return None
    if text.upper().startswith("USING CRON "):
        *words, zone = text.split()[2:]
        return {"schedule_type": "CRON_TYPE", "cron_expr": " ".join(words), "timezone": zone}
    match = _INTERVAL.search(text)
    seconds = int(match[1]) * _UNITS[match[2].upper()] if match else 0
    minutes, seconds = divmod(seconds, 60)
    return {"schedule_type": "MINUTES_TYPE", "minutes": minutes} | ({"seconds": seconds} if seconds else {})


def run_answer(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of CURRENT_TASK_GRAPHS or COMPLETE_TASK_GRAPHS as the client's TaskRun."""
    fields = {key.lower(): value for key, value in row.items()}
    for field in ("first_error_code", "graph_version", "run_id"):
        fields[field] = None if fields.get(field) is None else int(fields[field])
    # A future run has no version until it starts, but the client needs a number.
    fields["graph_version"] = fields["graph_version"] or 0
    # The client also needs a time for a graph without a schedule.
    fields["next_scheduled_time"] = fields.get("next_scheduled_time") or fields.get("scheduled_time")
    return fields
