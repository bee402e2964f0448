"""The REST API of a world: runs the statements of a request in the session that the request's token identifies.

Knows HTTP, status codes and how a row becomes JSON; must not know what a request means (plan.py).
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from snowflake_sandbox import errors
from snowflake_sandbox.protocol import wire
from snowflake_sandbox.rest import answers, task_json
from snowflake_sandbox.rest.names import quoted
from snowflake_sandbox.rest.plan import Plan, plan
from snowflake_sandbox.statements import dispatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from snowflake_sandbox.call import World
    from snowflake_sandbox.errors import SnowflakeError
    from snowflake_sandbox.session import Session

_CODES = {2003: 404, 2043: 404, 2002: 409, 3001: 403, 390112: 401, 390114: 401}
_TASK_PATH_PARTS = 6


def status_code(error: SnowflakeError) -> int:
    """Return the HTTP status of an error."""
    return _CODES.get(error.errno, 400)


def error_body(error: SnowflakeError) -> bytes:
    """Return the body of an error in the form of the client's ErrorResponse."""
    fields = {"error_code": f"{error.errno:06d}", "message": error.message, "request_id": "", "code": error.sqlstate}
    return json.dumps(fields).encode()


def answer(  # noqa: PLR0913, PLR0917  # the parts of a request
    world: World, session: Session, method: str, path: str, query: Mapping[str, str], body: Mapping[str, Any]
) -> bytes:
    """Run a request and return the body of the response.

    Raises:
        SnowflakeError: any error of the statements, or 002003 if the requested object does not exist.
    """
    decoded = unquote(path)
    if method == "PUT":
        return _put_task(world, session, decoded, body)
    with _readable():
        planned = plan(method, decoded, {name: _flag(value) for name, value in query.items()}, body)
    rows = _rows(world, session, planned.statement)
    if planned.family == "dependents":
        rows += _finalizer(world, session, rows)
    if planned.text:
        return _json({planned.text: next(iter(rows[0].values()))})
    if not planned.family:
        return _json({"status": next(iter(rows[0].values())) if rows else "Statement executed successfully."})
    items = [_item(planned.family, row) for row in rows]
    if planned.only is None:
        return _json(items)
    item = next((item for item in items if item.get("name") == answers.name(planned.only)), None)
    if item is None:
        raise errors.does_not_exist("Object", planned.only)
    return _json(item)


@contextmanager
def _readable() -> Iterator[None]:
    """Report what is missing in a request, or differs from the form that the published client sends.

    Raises:
        SnowflakeError: 001008 (guess).
    """
    try:
        yield
    except KeyError as error:
        raise errors.invalid_value("nothing", str(error.args[0])) from error
    except (AttributeError, TypeError, ValueError) as error:
        raise errors.invalid_value(str(error), "body or query of the request") from error


def _flag(value: str) -> str:
    return value.lower() if value.lower() in ("true", "false") else value


def _finalizer(world: World, session: Session, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the finalizer of a graph: the client looks for it among the dependents; the table function lists none."""
    relations = json.loads(rows[0].get("TASK_RELATIONS") or "{}") if rows else {}
    name = relations.get("FinalizerTask")
    return _rows(world, session, f"DESCRIBE TASK {name}") if name else []


def _item(family: str, row: Mapping[str, Any]) -> dict[str, Any]:
    if family in ("tasks", "dependents"):
        return task_json.answer(row)
    return task_json.run_answer(row) if family == "runs" else answers.answer(family, row)


def _put_task(world: World, session: Session, path: str, body: Mapping[str, Any]) -> bytes:
    """Create a task, or change an existing one to the fields of the request."""
    parts = path.split("/")
    if len(parts) != _TASK_PATH_PARTS or parts[4] != "tasks":
        raise errors.not_supported(f"PUT /api/v2/{path}")
    place = (parts[1], parts[3])
    read: Plan = plan("GET", path, {}, {})
    rows = [task_json.answer(row) for row in _rows(world, session, read.statement)]
    current = next((row for row in rows if row["name"] == answers.name(read.only)), None)
    with _readable():
        if current is None:
            statements = [task_json.create({**body, "name": parts[5]}, place, "errorIfExists")]
        else:
            statements = task_json.alter(body, quoted(*place, parts[5]), current)
    for statement in statements:
        _rows(world, session, statement)
    return _json({"status": "Statement executed successfully."})


def _rows(world: World, session: Session, statement: str) -> list[dict[str, Any]]:
    result = dispatch.execute(world, session, statement)
    names = [column.name for column in result.columns]
    return [dict(zip(names, row, strict=True)) for row in wire.python_rows(result)]


def _json(value: Any) -> bytes:
    return json.dumps(value, default=_text).encode()


def _text(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return int(value) if isinstance(value, Decimal) and value == int(value) else str(value)
