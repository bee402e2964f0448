"""Runs a block as a pure machine: a generator that yields requests to run statements, and is sent their rows.

Pure: knows control flow and exception handlers (developer-guide/snowflake-scripting); must not know sessions, nor how a
statement is run (run.py). An error of a statement is thrown into the generator at its request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.scripting import syntax, values
from snowflake_sandbox.scripting.evaluation import EXPRESSION_ERROR, NUMBER, STATEMENT_ERROR, TEXT, TRUTH
from snowflake_sandbox.scripting.requests import Checkpoint, Raised, Returned
from snowflake_sandbox.scripting.running import Statements
from snowflake_sandbox.scripting.values import BlockScope, Cursor, ExceptionType, Value, Variable

if TYPE_CHECKING:
    from collections.abc import Generator

    from snowflake_sandbox.scripting.requests import Machine, Request
    from snowflake_sandbox.scripting.syntax import Statement


def run(block: syntax.Block, text: str, arguments: dict[str, Value]) -> Generator[Request, Any, Returned]:
    """Return the machine of a block.

    Args:
        block: the parsed block.
        text: its text.
        arguments: a procedure's arguments by name.

    Raises:
        SnowflakeError: an exception that no handler caught, with the place where it arose.
    """
    scope = BlockScope({name: Variable(value, value.type) for name, value in arguments.items()})
    for name, kind in (("SQLROWCOUNT", NUMBER), ("SQLFOUND", TRUTH), ("SQLNOTFOUND", TRUTH), ("SQLID", TEXT)):
        scope.names.setdefault(name, Variable(Value(None, kind), kind))
    try:
        end = yield from _Interpreter(scope).block(block, scope)
    except Raised as raised:
        raise _uncaught(raised, text) from raised
    return end if isinstance(end, Returned) else Returned()


def _uncaught(raised: Raised, text: str) -> SnowflakeError:
    place = errors.place(text, raised.position)
    message = f"Uncaught exception of type '{raised.kind}' on {place} : {raised.error.message}"
    return SnowflakeError(raised.error.errno, raised.error.sqlstate, message)


End = Returned | syntax.LoopExit | None


class _Interpreter(Statements):
    def __init__(self, root: BlockScope) -> None:
        super().__init__(root)
        self._handled: list[Raised] = []

    def block(self, block: syntax.Block, outer: BlockScope) -> Generator[Request, Any, End]:
        scope = BlockScope(outer=outer)
        try:
            for declaration in block.declarations:
                yield from self._statement(declaration, scope)
            return (yield from self._body(block.body, scope))
        except Raised as raised:
            handler = next((handler for handler in block.handlers if _takes(handler, raised)), None)
            if handler is None:
                raise
            self._handled.append(raised)
            try:
                return (yield from self._body(handler.body, _handling(raised, scope)))
            finally:
                self._handled.pop()

    def _body(self, body: tuple[Statement, ...], scope: BlockScope) -> Generator[Request, Any, End]:
        for statement in body:
            end = yield from self._statement(statement, scope)
            if end is not None:
                return end
        return None

    def _statement(  # noqa: C901, PLR0911  # a table: one line per statement
        self, statement: Statement, scope: BlockScope
    ) -> Generator[Request, Any, End]:
        match statement:
            case syntax.Block():
                return (yield from self.block(statement, scope))
            case syntax.If():
                return (yield from self._if(statement, scope))
            case syntax.Case():
                return (yield from self._case(statement, scope))
            case syntax.Loop():
                return (yield from self._loop(statement, scope))
            case syntax.ForRange():
                return (yield from self._for_range(statement, scope))
            case syntax.ForRows():
                return (yield from self._for_rows(statement, scope))
            case syntax.LoopExit():
                return statement
            case syntax.Return():
                return (yield from self._return(statement, scope))
            case syntax.Declare() | syntax.DeclareResultSet() | syntax.DeclareCursor() | syntax.DeclareException():
                yield from self.declare(statement, scope)
            case syntax.Open() | syntax.Fetch() | syntax.Close():
                yield from self.cursor(statement, scope)
            case _:
                yield from self._simple(statement, scope)
        return None

    def _simple(self, statement: Statement, scope: BlockScope) -> Machine:
        match statement:
            case syntax.Assign():
                yield from self.assign(statement, scope)
            case syntax.Sql() | syntax.ExecuteImmediate():
                yield from self.run(statement, scope)
            case syntax.Raise():
                self._raise(statement, scope)
            case syntax.Await():
                yield from self.wait_for(statement, scope)

    # --- control flow ------------------------------------------------------------------------------------------------

    def _if(self, statement: syntax.If, scope: BlockScope) -> Generator[Request, Any, End]:
        for condition, body in statement.branches:
            if (yield from self.is_true(condition, scope)):
                return (yield from self._body(body, scope))
        return (yield from self._otherwise(statement.otherwise, scope, statement.position))

    def _otherwise(
        self, body: tuple[Statement, ...] | None, scope: BlockScope, position: int
    ) -> Generator[Request, Any, End]:
        if body is None:
            error = SnowflakeError(
                90233, "20000", "No WHEN of the CASE statement applies, and it has no ELSE."
            )  # guess
            raise Raised(STATEMENT_ERROR, error, position)
        return (yield from self._body(body, scope))

    def _case(self, statement: syntax.Case, scope: BlockScope) -> Generator[Request, Any, End]:
        for value, body in statement.branches:
            text = f"({statement.subject.text}) = ({value.text})"
            if (yield from self.is_true(syntax.Piece(text, value.position), scope)):
                return (yield from self._body(body, scope))
        return (yield from self._otherwise(statement.otherwise, scope, statement.position))

    def _loop(self, statement: syntax.Loop, scope: BlockScope) -> Generator[Request, Any, End]:
        while statement.before is None or (yield from self.is_true(statement.before, scope)):
            is_over, end = yield from self._round(statement.body, scope, statement.label)
            if is_over:
                return end
            if statement.until is not None and (yield from self.is_true(statement.until, scope)):
                return None
        return None

    def _round(
        self, body: tuple[Statement, ...], scope: BlockScope, label: str | None
    ) -> Generator[Request, Any, tuple[bool, End]]:
        """Run one round of a loop; return whether the loop has ended, and what the enclosing statements do then."""
        yield Checkpoint()
        end = yield from self._body(body, BlockScope(outer=scope))
        if end is None:
            return False, None
        if isinstance(end, syntax.LoopExit) and end.label in (None, label):
            return end.is_break, None
        return True, end

    def _for_range(self, statement: syntax.ForRange, scope: BlockScope) -> Generator[Request, Any, End]:
        first = (yield from self.evaluate(statement.first, scope, NUMBER)).value
        last = (yield from self.evaluate(statement.last, scope, NUMBER)).value
        numbers = range(int(first), int(last) + 1)
        for number in reversed(numbers) if statement.is_reverse else numbers:
            inside = BlockScope({statement.name: Variable(Value(number, NUMBER), NUMBER)}, scope)
            is_over, end = yield from self._round(statement.body, inside, statement.label)
            if is_over:
                return end
        return None

    def _for_rows(self, statement: syntax.ForRows, scope: BlockScope) -> Generator[Request, Any, End]:
        variable = self.need(statement.rows, scope, statement.position)
        if isinstance(variable.content, Cursor) and variable.content.rows is None:
            yield from self.cursor(syntax.Open(statement.position, statement.rows), scope)
        rows = yield from self.rows(variable, statement.position)
        if isinstance(variable.content, Cursor):
            variable.content.rows = None
        for cells in rows.rows:
            row = {
                column.name: values.of_column(cell, column) for cell, column in zip(cells, rows.columns, strict=True)
            }
            inside = BlockScope({statement.name: Variable(row)}, scope)
            is_over, end = yield from self._round(statement.body, inside, statement.label)
            if is_over:
                return end
        return None

    def _return(self, statement: syntax.Return, scope: BlockScope) -> Generator[Request, Any, Returned]:
        if statement.table is not None:
            variable = self.need(statement.table, scope, statement.position)
            return Returned(rows=(yield from self.rows(variable, statement.position)))
        if statement.value is None:
            return Returned()
        return Returned((yield from self.evaluate(statement.value, scope)))

    def _raise(self, statement: syntax.Raise, scope: BlockScope) -> None:
        if statement.name is None:
            if self._handled:
                raise self._handled[-1]
            error = errors.syntax_error("RAISE", 0)
            raise Raised(STATEMENT_ERROR, error, statement.position)
        declared = self.need(statement.name, scope, statement.position).content
        if not isinstance(declared, ExceptionType):
            error = SnowflakeError(904, "42000", f"SQL compilation error:\ninvalid identifier '{statement.name}'")
            raise Raised(EXPRESSION_ERROR, error, statement.position)
        error = SnowflakeError(declared.number, "P0001", declared.text or f"Raised {declared.name}.")
        raise Raised(declared.name, error, statement.position)


def _takes(handler: syntax.Handler, raised: Raised) -> bool:
    return "OTHER" in handler.names or raised.kind in handler.names


def _handling(raised: Raised, scope: BlockScope) -> BlockScope:
    """Return the scope of a handler, with the variables that describe the exception."""
    error = raised.error
    about = (("SQLCODE", error.errno, NUMBER), ("SQLERRM", error.message, TEXT), ("SQLSTATE", error.sqlstate, TEXT))
    return BlockScope({name: Variable(Value(value, kind), kind) for name, value, kind in about}, scope)
