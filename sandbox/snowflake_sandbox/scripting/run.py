"""Fulfils the interpreter's requests: runs statements in the block's session, and expressions in its data plane.

Knows sessions and the dispatch of statements; must not know the language (interpreter.py).
"""

from __future__ import annotations

import json
import threading
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.data import execution
from snowflake_sandbox.protocol import wire
from snowflake_sandbox.result import CALL, DELETE, INSERT, MERGE, UPDATE, ColumnType, Result, ResultColumn
from snowflake_sandbox.scripting import interpreter, parser, values
from snowflake_sandbox.scripting.requests import Checkpoint, Evaluate, Returned, Run, Wait
from snowflake_sandbox.scripting.values import Rows, Value
from snowflake_sandbox.statements import dispatch, several
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.scripting.requests import Machine, Request
    from snowflake_sandbox.session import Session
    from snowflake_sandbox.statements.reader import DataType

_CHANGING = (INSERT, UPDATE, DELETE, MERGE)
_MOST_STARTED = 64
_COLUMN_TYPES: dict[str, ColumnType] = {
    "NUMBER": "fixed",
    "FLOAT": "real",
    "BOOLEAN": "boolean",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP_LTZ": "timestamp_ltz",
    "TIMESTAMP_NTZ": "timestamp_ntz",
    "TIMESTAMP_TZ": "timestamp_tz",
    "VARIANT": "variant",
    "OBJECT": "object",
    "ARRAY": "array",
    "BINARY": "binary",
}


def block(call: Call, text: str, name: str = "anonymous block") -> Result:
    """Run a block in the session of a call.

    Args:
        call: the statement that is the block, or contains it.
        text: the block.
        name: the name of the result's only column.

    Raises:
        SnowflakeError: 001003, 000002 for a construct that the sandbox lacks, and exceptions that no handler caught.
    """
    return as_result(returned(call, call.session, text, {}), name)


def statement(call: Call, text: str, binds: Mapping[str, Any], number: int = 1) -> Result:
    """Run a separate statement: that of EXECUTE IMMEDIATE, or the `number`th of a file."""
    query_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{call.query_id}/{number}"))
    result = dispatch.execute(
        call.world, call.session, text, binds, query_id, call.cancelled, parameters=call.parameters
    )
    call.session.last_query_id = call.query_id
    return result


def returned(call: Call, session: Session, text: str, arguments: Mapping[str, Value]) -> Returned:
    """Return the result of a block that runs in a session, which may differ from the call's (owner's rights)."""
    shell = _Shell(call, session)
    try:
        return shell.carry_out(interpreter.run(parser.parse(text), text, dict(arguments)))
    finally:
        shell.stop()
        session.last_query_id = call.query_id


def as_result(end: Returned, name: str, kind: DataType | None = None) -> Result:
    """Return the result of a block or procedure."""
    if end.rows is not None:
        return end.rows.result
    type_ = kind or end.value.type
    column_type = _COLUMN_TYPES.get(type_.base, "text")
    scale = type_.numbers[1] if column_type == "fixed" and len(type_.numbers) > 1 else 0
    column = ResultColumn(name, column_type, scale=9 if column_type.startswith("time") else scale)
    return Result((column,), ((end.value.value,),), CALL)


def cast(call: Call, value: Value, kind: DataType) -> Value:
    """Convert a value to another type, as the data plane does."""
    if value.value is None or (value.type.base == kind.base and kind.base != "NUMBER"):
        return replace(value, type=kind)
    return _evaluate(call, Evaluate(value.placeholder, (value,), kind))


@dataclass
class _Shell:
    call: Call
    session: Session
    _count: int = 0
    _threads: ThreadPoolExecutor | None = None
    _started: dict[int, tuple[Future[Rows], threading.Event]] = field(default_factory=dict)

    def carry_out(self, machine: Machine) -> Returned:
        """Run a machine to its end and return its result."""
        try:
            request = next(machine)
            while True:
                if self.call.cancelled.is_set():
                    raise errors.cancelled()
                try:
                    answer = self._answer(request)
                except errors.SnowflakeError as error:
                    request = machine.throw(error)
                else:
                    request = machine.send(answer)
        except StopIteration as stop:
            end: Returned = stop.value
            return end

    def stop(self) -> None:
        """Cancel statements that ASYNC started and that were not awaited, as Snowflake does at the end of a block."""
        for future, cancelled in self._started.values():
            if not future.done():
                cancelled.set()
                self.call.world.data.interrupt(self.session)
        if self._threads is not None:
            self._threads.shutdown(wait=True)

    def _answer(self, request: Request) -> Any:
        match request:
            case Run(is_async=False):
                return self._run(request, self.call.cancelled)
            case Run():
                return self._start(request)
            case Evaluate():
                return _evaluate(replace(self.call, session=self.session), request)
            case Wait():
                return self._wait(request)
            case Checkpoint():
                return None

    def _run(self, request: Run, cancelled: threading.Event) -> Rows:
        self._count += 1
        # The id is the same when a task's block runs again after a kill, so that its job is found (services/job.py).
        query_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.call.query_id}/{self._count}"))
        binds = {str(number): _bound(value, request.text) for number, value in enumerate(request.values, 1)}
        result = dispatch.execute(
            self.call.world,
            self.session,
            request.text,
            binds,
            query_id,
            cancelled,
            parameters={**self.call.parameters, several.PARAMETER: 1},
            results=request.results,
        )
        self.call.world.parts["queries"].remember_result(self.session, query_id, request.text, result)
        rows = tuple(tuple(row) for row in wire.python_rows(result))
        is_change = result.statement_type in _CHANGING and rows
        count = sum(int(cell) for cell in rows[0]) if is_change else None
        return Rows(result.columns, rows, result, query_id, count)

    def _start(self, request: Run) -> int:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(_MOST_STARTED, thread_name_prefix="async statement")
        handle, cancelled = len(self._started), threading.Event()
        future = self._threads.submit(self._run, replace(request, is_async=False), cancelled)
        self._started[handle] = (future, cancelled)
        return handle

    def _wait(self, request: Wait) -> Rows | None:
        future, cancelled = self._started[request.handle]
        if request.is_cancel:
            cancelled.set()
            self.call.world.data.interrupt(self.session)
            return None
        future.add_done_callback(lambda _future: None)
        while not future.done():
            if self.call.cancelled.wait(0.05):
                cancelled.set()
                raise errors.cancelled()
        return future.result()


def _bound(value: Value, text: str) -> Any:
    """Return a value in the form that the data plane or a control statement accepts."""
    is_data = text.lstrip("( \n\t")[:6].upper() in ("SELECT", "INSERT", "UPDATE", "DELETE") or "PARSE_JSON(?)" in text
    if value.type.base in values.SEMI_STRUCTURED and isinstance(value.value, str) and not is_data:
        return json.loads(value.value)
    return value.value


def _evaluate(call: Call, request: Evaluate) -> Value:
    expression = request.text if request.type is None else f"CAST(({request.text}) AS {request.type.full})"
    text = f"SELECT {expression} AS VALUE"
    binds = {str(number): value.value for number, value in enumerate(request.values, 1)}
    # An expression is not a statement: LAST_QUERY_ID() in it is the id of the previous statement.
    inner = replace(call, reader=Reader(text, binds), text=text, binds=binds, results=request.results)
    session = call.session
    before, session.previous_query_id = session.previous_query_id, session.last_query_id
    try:
        result = execution.execute(inner)
    finally:
        session.previous_query_id = before
    rows = wire.python_rows(result)
    value = values.of_column(rows[0][0] if rows else None, result.columns[0])
    if value.type.base in values.SEMI_STRUCTURED and not isinstance(value.value, str | None):
        value = replace(value, value=json.dumps(value.value, default=str))
    return value if request.type is None else replace(value, type=request.type)
