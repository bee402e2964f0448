"""snowflake.getTasks: the function that lists tasks, as programs call it.

Knows SHOW TASKS and the form of the function's result. Must not know how statements are sent.
"""

from collections.abc import Generator
from typing import Any

from jobgraph.toolchain.standins.provider.cells import parameters_by_name
from jobgraph.toolchain.standins.provider.definition import Row, Statement, Step, Values
from jobgraph.toolchain.standins.provider.resources.task import show_task_output
from jobgraph.toolchain.standins.provider.sql import quoted, requoted, text

TOKEN = "snowflake:index/getTasks:getTasks"  # noqa: S105  # a type token
ANSWER_ID = "tasks_read by the stand-in"
"""By its end a program knows which plugin answers it; the official one's id is `tasks_read`. No state has it."""


class UnknownArgumentError(ValueError):
    """An argument of the function that only the official plugin understands."""


def list_tasks(arguments: Values) -> Generator[Step, list[Row], Values]:
    """Return the function's result: its arguments and, for each task, its row as `showOutputs` and its `parameters`.

    Supports the arguments that need only one statement: `like`, `rootOnly`, `startsWith`, `in`. Parameters need another
    statement for each task, unless `withParameters` is false.

    Raises:
        UnknownArgumentError: if `limit` is set.
    """
    if arguments.get("limit"):
        raise UnknownArgumentError("getTasks: the stand-in for the Snowflake provider plugin does not know `limit`.")
    words = ["SHOW TASKS"]
    if arguments.get("like"):
        words.append(f"LIKE {text(arguments['like'])}")
    words += _place(arguments.get("in") or {})
    if arguments.get("startsWith"):
        words.append(f"STARTS WITH {text(arguments['startsWith'])}")
    if arguments.get("rootOnly"):
        words.append("ROOT ONLY")
    rows = yield Statement(" ".join(words), tracked=False)
    tasks = []
    for row in rows:
        parameters = (yield _parameters(row)) if arguments.get("withParameters", True) else []
        tasks.append({"showOutputs": [show_task_output(row)], "parameters": _parameter_output(parameters)})
    return {**arguments, "id": ANSWER_ID, "tasks": tasks}


def _parameters(row: Row) -> Statement:
    full_name = quoted(row["database_name"], row["schema_name"], row["name"])
    return Statement(f"SHOW PARAMETERS IN TASK {full_name}", tracked=False)


def _place(place: Values) -> list[str]:
    if place.get("schema"):
        return [f"IN SCHEMA {requoted(place['schema'])}"]
    if place.get("database"):
        return [f"IN DATABASE {requoted(place['database'])}"]
    return ["IN ACCOUNT"] if place.get("account") else []


def _parameter_output(rows: list[Row]) -> list[dict[str, Any]]:
    return [parameters_by_name(rows)] if rows else []
