"""The statements of a block that run SQL or store something: variables, cursors, RESULTSETs, exceptions.

Pure: requests the execution of statements (requests.py); must not know control flow (interpreter.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.scripting import syntax, values
from snowflake_sandbox.scripting.evaluation import EXPRESSION_ERROR, NUMBER, STATEMENT_ERROR, TEXT, TRUTH, Evaluation
from snowflake_sandbox.scripting.requests import Raised, Run, Wait
from snowflake_sandbox.scripting.values import BlockScope, Cursor, ExceptionType, Pending, Rows, Value, Variable

if TYPE_CHECKING:
    from collections.abc import Generator

    from snowflake_sandbox.scripting.requests import Machine, Request
    from snowflake_sandbox.scripting.syntax import Source, Statement
    from snowflake_sandbox.statements.reader import DataType

_DATA_WORDS = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "MERGE", "(")


class Statements(Evaluation):
    """The statements that contain no other statements.

    Attributes:
        root: the outermost scope, which has SQLROWCOUNT and similar variables.
    """

    def __init__(self, root: BlockScope) -> None:
        self.root = root
        self._started: list[int] = []
        self._ended: dict[int, Rows] = {}

    # --- variables ---------------------------------------------------------------------------------------------------

    def declare(self, statement: Statement, scope: BlockScope) -> Machine:
        """Run a declaration of DECLARE or LET."""
        match statement:
            case syntax.DeclareCursor(name=name, query=query):
                scope.names[name] = Variable(Cursor(query))
            case syntax.DeclareException(name=name, number=number, text=text):
                scope.names[name] = Variable(ExceptionType(name, number, text))
            case syntax.DeclareResultSet(name=name, source=source):
                scope.names[name] = Variable(None)
                if source is not None:
                    scope.names[name].content = yield from self._result_set(source, scope, statement.position)
            case syntax.Declare(name=name, type=kind, source=None):
                scope.names[name] = Variable(Value(None, kind or TEXT), kind or TEXT)
            case syntax.Declare(name=name, type=kind, source=source) if source is not None:
                value = yield from self._value(source, scope, kind)
                scope.names[name] = Variable(value, value.type)

    def assign(self, statement: syntax.Assign, scope: BlockScope) -> Machine:
        """Run `name := …`."""
        variable = self.need(statement.name, scope, statement.position)
        if variable.type is None:
            variable.content = yield from self._result_set(statement.source, scope, statement.position)
        else:
            variable.content = yield from self._value(statement.source, scope, variable.type)

    def _result_set(self, source: Source, scope: BlockScope, position: int) -> Generator[Request, Any, Rows | Pending]:
        if source.statement is None:
            error = errors.not_supported(f"a RESULTSET from {source.piece.text}")
            raise Raised(EXPRESSION_ERROR, error, position)
        rows: Rows | Pending = yield from self.run(source.statement, scope)
        return rows

    def _value(self, source: Source, scope: BlockScope, kind: DataType | None) -> Generator[Request, Any, Value]:
        statement = source.statement
        if source.is_async:
            error = errors.not_supported("ASYNC for a variable that is not a RESULTSET")
            raise Raised(EXPRESSION_ERROR, error, source.piece.position)
        is_query = isinstance(statement, syntax.Sql) and statement.piece.text.split(maxsplit=1)[0].upper() in (
            "SELECT",
            "WITH",
        )
        if statement is None or is_query:
            return (yield from self.evaluate(source.piece, scope, kind))
        rows = yield from self.run(statement, scope)
        cell = Value() if not rows.rows else values.of_column(rows.rows[0][0], rows.columns[0])
        return (yield from self.converted(cell, kind, source.piece.position))

    # --- statements --------------------------------------------------------------------------------------------------

    def run(self, statement: Statement, scope: BlockScope) -> Machine:
        """Run a statement and assign its row to the variables of INTO; with ASYNC, only start it."""
        request = yield from self._request(statement, scope)
        answer = yield from self.ask(request, STATEMENT_ERROR, statement.position)
        if request.is_async:
            self._started.append(answer)
            return Pending(answer)
        self._note(answer)
        into = statement.into if isinstance(statement, syntax.Sql) else ()
        if into:
            yield from self._into(answer, into, scope, statement.position)
        return answer

    def _request(self, statement: Statement, scope: BlockScope) -> Generator[Request, Any, Run]:
        if isinstance(statement, syntax.ExecuteImmediate):
            text = yield from self.evaluate(statement.text, scope, TEXT)
            using = yield from self.using(statement.using, scope)
            if text.value is None:
                error = SnowflakeError(900, "42601", "SQL compilation error:\nEmpty SQL statement.")
                raise Raised(STATEMENT_ERROR, error, statement.position)
            return Run(str(text.value), using, is_async=statement.is_async)
        assert isinstance(statement, syntax.Sql)  # noqa: S101  # the parser creates no other class for these
        words = statement.piece.text.split(maxsplit=1)
        bound = self.bound(
            STATEMENT_ERROR,
            statement.position,
            lambda: values.bind_sql(statement.piece.text, scope, data=words[0].upper() in _DATA_WORDS),
        )
        return Run(bound.text, bound.values, bound.results, statement.is_async)

    def _note(self, rows: Rows) -> None:
        names = self.root.names
        names["SQLID"].content = Value(rows.query_id, TEXT)
        if rows.count is not None:
            names["SQLROWCOUNT"].content = Value(rows.count, NUMBER)
            names["SQLFOUND"].content = Value(rows.count > 0, TRUTH)
            names["SQLNOTFOUND"].content = Value(rows.count == 0, TRUTH)

    def _into(self, rows: Rows, names: tuple[str, ...], scope: BlockScope, position: int) -> Machine:
        if len(rows.rows) != 1 or len(rows.columns) != len(names):
            expected = "1 returned row" if len(rows.rows) != 1 else f"{len(names)} columns"
            count = len(rows.rows) if len(rows.rows) != 1 else len(rows.columns)
            text = f"A SELECT INTO statement expects exactly {expected}, but got {count}."
            # guess: the number; the text about the rows is Snowflake's
            raise Raised(STATEMENT_ERROR, SnowflakeError(90236, "P0000", text), position)
        yield from self._assign_cells(rows, 0, names, scope, position)

    def _assign_cells(self, rows: Rows, row: int, names: tuple[str, ...], scope: BlockScope, position: int) -> Machine:
        for name, cell, column in zip(names, rows.rows[row], rows.columns, strict=False):
            variable = self.need(name, scope, position)
            variable.content = yield from self.converted(values.of_column(cell, column), variable.type, position)

    def wait_for(self, statement: syntax.Await, scope: BlockScope) -> Machine:
        """Run AWAIT and CANCEL."""
        if statement.name is None:
            for handle in list(self._started):
                yield from self._wait(handle, statement.position)
            return
        variable = self.need(statement.name, scope, statement.position)
        if statement.is_cancel and isinstance(variable.content, Pending):
            yield Wait(variable.content.handle, is_cancel=True)
        elif not statement.is_cancel:
            yield from self.rows(variable, statement.position)

    def _wait(self, handle: int, position: int) -> Generator[Request, Any, Rows]:
        if handle not in self._ended:
            self._started.remove(handle)
            self._ended[handle] = yield from self.ask(Wait(handle), STATEMENT_ERROR, position)
            self._note(self._ended[handle])
        return self._ended[handle]

    def rows(self, variable: Variable, position: int) -> Generator[Request, Any, Rows]:
        """Return the rows of a RESULTSET or an open cursor; for a started statement, wait for its end."""
        rows = variable.content.rows if isinstance(variable.content, Cursor) else variable.content
        if isinstance(rows, Pending):
            rows = variable.content = yield from self._wait(rows.handle, position)
        if not isinstance(rows, Rows):
            text = "The RESULTSET has no rows, or the cursor is not open."
            raise Raised(STATEMENT_ERROR, SnowflakeError(90230, "24000", text), position)  # guess: number
        return rows

    def cursor(self, statement: Statement, scope: BlockScope) -> Machine:
        """Run OPEN, FETCH and CLOSE."""
        assert isinstance(statement, syntax.Open | syntax.Fetch | syntax.Close)  # noqa: S101  # the caller's match
        cursor = self.need(statement.name, scope, statement.position).content
        if not isinstance(cursor, Cursor):
            error = SnowflakeError(904, "42000", f"SQL compilation error:\ninvalid identifier '{statement.name}'")
            raise Raised(STATEMENT_ERROR, error, statement.position)
        if isinstance(statement, syntax.Open):
            if cursor.rows is not None:
                error = SnowflakeError(90230, "24000", f"Cursor '{statement.name}' is already open.")  # guess
                raise Raised(STATEMENT_ERROR, error, statement.position)
            cursor.rows, cursor.fetched = (yield from self._opened(cursor, statement, scope)), 0
            return
        if cursor.rows is None:
            error = SnowflakeError(90230, "24000", f"Cursor '{statement.name}' is not open.")  # guess: number
            raise Raised(STATEMENT_ERROR, error, statement.position)
        if isinstance(statement, syntax.Close):
            cursor.rows = None
        elif cursor.fetched < len(cursor.rows.rows):
            yield from self._assign_cells(cursor.rows, cursor.fetched, statement.into, scope, statement.position)
            cursor.fetched += 1
        else:
            for name in statement.into:
                variable = self.need(name, scope, statement.position)
                variable.content = Value(None, variable.type or TEXT)

    def _opened(self, cursor: Cursor, statement: syntax.Open, scope: BlockScope) -> Generator[Request, Any, Rows]:
        source = scope.find(cursor.query.text.strip().lstrip(":").upper())
        if source is not None and isinstance(source.content, Rows | Pending):
            return (yield from self.rows(source, statement.position))
        using = yield from self.using(statement.using, scope)
        bound = self.bound(
            STATEMENT_ERROR,
            statement.position,
            lambda: values.bind_sql(cursor.query.text, scope, dict(enumerate(using, 1)), data=True),
        )
        request = Run(bound.text, bound.values, bound.results)
        rows: Rows = yield from self.ask(request, STATEMENT_ERROR, statement.position)
        return rows
