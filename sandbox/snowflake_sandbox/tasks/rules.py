"""Properties that a child or a finalizer may not have, with the error texts of accounts.

The texts come from public tests that also run on an account. The number 091088 is a guess where those tests show only
the text. Pure: knows the properties of a task; must not know the store, nor how a graph is linked (links.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.errors import SnowflakeError, invalid_value
from snowflake_sandbox.parameters import require_supported

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snowflake_sandbox.statements.reader import ObjectName

_RETRIES = "TASK_AUTO_RETRY_ATTEMPTS"
_SERVERLESS = (
    "USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE",
    "SERVERLESS_TASK_MAX_STATEMENT_SIZE",
    "SERVERLESS_TASK_MIN_STATEMENT_SIZE",
)


# Session parameters that a task cannot set (sql-reference/sql/create-task).
_NOT_OF_TASKS = {"SEARCH_PATH": None, "AUTOCOMMIT": "false"}


def require_session_parameters(parameters: Mapping[str, Any]) -> None:
    """Refuse session parameters that tasks do not support: SEARCH_PATH, and AUTOCOMMIT = FALSE.

    Raises:
        SnowflakeError: 001008 (guess: the number); 000002 for a value without effect in the sandbox.
    """
    for name, refused_value in _NOT_OF_TASKS.items():
        value = parameters.get(name)
        if value is not None and refused_value in (None, value):
            raise invalid_value(str(value), name)
    require_supported(parameters)


# Sizes in order; synonyms without their hyphen are the same.
_SIZES = ("XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "XXLARGE")


def _size(text: str) -> int:
    return _SIZES.index(text.upper().replace("-", "").replace("2X", "XX").replace("X2", "XX"))


def require_sizes(parameters: Mapping[str, Any]) -> None:
    """Refuse a least size of a serverless task above its largest one.

    Raises:
        SnowflakeError: 001008 (guess: the number).
    """
    least, most = (parameters.get(f"SERVERLESS_TASK_{word}_STATEMENT_SIZE") for word in ("MIN", "MAX"))
    if least and most and _size(least) > _size(most):
        raise invalid_value(str(least), "SERVERLESS_TASK_MIN_STATEMENT_SIZE")


def refused(message: str, errno: int = 91088) -> SnowflakeError:
    """Return the error for a graph operation that Snowflake refuses, with the documented number where known."""
    return SnowflakeError(errno, "55000", message)


def require_root_settings(name: ObjectName, task: Mapping[str, Any], parameters: Mapping[str, Any]) -> None:
    """Refuse properties that only the root of a graph may have.

    Args:
        name: the resolved name of the task.
        task: its properties after the statement.
        parameters: the parameters that the statement sets.

    Raises:
        SnowflakeError: 091088.
    """
    if task.get("after") and task.get("finalize"):
        raise refused(f"Task {name.qualified} cannot have predecessors as a finalizer task.")
    if not task.get("after") and not task.get("finalize"):
        return
    require_no_schedule(name, task)
    if task.get("config") is not None:
        raise config_refused(name)
    if task.get("overlap_policy") is not None:
        raise refused(f"Cannot set overlap policy on non-root task {name.qualified}.")
    if task.get("allow_overlapping_execution"):
        raise refused(f"Cannot set allow_overlapping_execution on non-root task {name.qualified}.")
    if _RETRIES in parameters:
        raise refused(
            f"Cannot set parameter {_RETRIES} on non-root task {name.name}. Non-root tasks use the parameter setting"
            " from their root task. Please set this on the root task for this task instead."
        )


def require_no_schedule(name: ObjectName, task: Mapping[str, Any]) -> None:
    """Refuse a schedule on a task that has predecessors."""
    if task.get("schedule") is None:
        return
    if task.get("after"):
        raise refused(f"Task {name.name} cannot have both a schedule and a predecessor.")
    if task.get("finalize"):
        raise refused(f"Task {name.name} cannot have a schedule and be a finalizer task.")


def config_refused(name: ObjectName) -> SnowflakeError:
    """Return the error for a configuration on a task that is not a root."""
    return refused(f"Task {name.qualified} cannot both be a non-root task and have a config.")


def require_serverless(
    name: ObjectName, warehouse: str | None, parameters: Mapping[str, Any], target_completion_interval: str | None
) -> None:
    """Refuse a statement that sets properties of serverless tasks on a task with a warehouse.

    Setting a warehouse on such a task later is accepted.

    Raises:
        SnowflakeError: 091857.
    """
    if warehouse is None:
        return
    for parameter in _SERVERLESS:
        if parameter in parameters:
            raise SnowflakeError(91857, "22023", f"Cannot set {parameter} on a non-serverless task.")
    if target_completion_interval is not None:
        raise SnowflakeError(
            91857,
            "22023",
            f"TARGET_COMPLETION_INTERVAL is only allowed for serverless Tasks. {name.qualified} is not a serverless"
            " task.",
        )
