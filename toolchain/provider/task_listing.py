"""snowflake.getTasks: the function that lists tasks, as programs call it.

Knows SHOW TASKS and the form of the function's result. Must not know how statements are sent.
"""

from typing import Any

from toolchain.provider.definition import Rows, Statement, Values
from toolchain.provider.resources.task import show_task_output
from toolchain.provider.sql import requoted, text
from toolchain.provider.task_graph import TASK

TOKEN = "snowflake:index/getTasks:getTasks"  # noqa: S105  # a type token


class UnknownArgumentError(ValueError):
    """An argument of the function that only the official plugin understands."""


def list_tasks(arguments: Values) -> Rows:
    """The rows of SHOW TASKS; of the arguments those that need one statement: `like`, `rootOnly`, `startsWith`, `in`.

    Raises:
        UnknownArgumentError: `limit`, or parameters of every task, are asked for.
    """
    if arguments.get("limit") or arguments.get("withParameters", True):
        raise UnknownArgumentError(
            "getTasks: the stand-in for the Snowflake provider plugin knows neither `limit` nor `withParameters`; "
            "pass with_parameters=False."
        )
    words = ["SHOW TASKS"]
    if arguments.get("like"):
        words.append(f"LIKE {text(arguments['like'])}")
    words += _place(arguments.get("in") or {})
    if arguments.get("startsWith"):
        words.append(f"STARTS WITH {text(arguments['startsWith'])}")
    if arguments.get("rootOnly"):
        words.append("ROOT ONLY")
    return (yield Statement(" ".join(words), tracked=False))


def _place(place: Values) -> list[str]:
    if place.get("schema"):
        return [f"IN SCHEMA {requoted(place['schema'])}"]
    if place.get("database"):
        return [f"IN DATABASE {requoted(place['database'])}"]
    return ["IN ACCOUNT"] if place.get("account") else []


def result(arguments: Values, rows: list[Any]) -> Values:
    """The function's result: its arguments and, per task, the row as `show_outputs`."""
    tasks = [{"showOutputs": [show_task_output(row)], "parameters": []} for row in rows]
    return {**arguments, "id": TASK.plural.lower() + "_read", "tasks": tasks}
