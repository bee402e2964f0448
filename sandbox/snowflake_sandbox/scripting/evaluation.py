"""Expressions of a block: binds variables, computes values, and converts them to the types of their targets.

Pure: requests what the data plane must compute (requests.py); must not know statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.scripting import simple, values
from snowflake_sandbox.scripting.requests import Evaluate, Raised
from snowflake_sandbox.scripting.values import Value
from snowflake_sandbox.statements.reader import DataType

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from snowflake_sandbox.scripting.requests import Machine, Request
    from snowflake_sandbox.scripting.syntax import Piece
    from snowflake_sandbox.scripting.values import BlockScope, Variable

NUMBER, TEXT, TRUTH = DataType("NUMBER", (38, 0)), DataType("VARCHAR"), DataType("BOOLEAN")
_CANCELLED = 604
STATEMENT_ERROR, EXPRESSION_ERROR = "STATEMENT_ERROR", "EXPRESSION_ERROR"


class Evaluation:
    """The operations on expressions that the statements of a block share."""

    def need(self, name: str, scope: BlockScope, position: int) -> Variable:
        """Return the variable, or raise 000904 as an EXPRESSION_ERROR if there is none."""
        try:
            return scope.need(name)
        except SnowflakeError as error:
            raise Raised(EXPRESSION_ERROR, error, position) from error

    def evaluate(self, piece: Piece, scope: BlockScope, kind: DataType | None = None) -> Generator[Request, Any, Value]:
        """Return the value of an expression, converted to a type if one is passed."""
        value = simple.evaluate(piece.text, scope)
        if value is not None:
            return (yield from self.converted(value, kind, piece.position))
        bound = self.bound(EXPRESSION_ERROR, piece.position, lambda: values.bind_expression(piece.text, scope))
        request = Evaluate(bound.text, bound.values, kind, bound.results)
        result: Value = yield from self.ask(request, EXPRESSION_ERROR, piece.position)
        return result

    def converted(self, value: Value, kind: DataType | None, position: int) -> Generator[Request, Any, Value]:
        """Convert a value to the type of its target."""
        if kind is None or value.value is None or (value.type.base == kind.base and _fits(value, kind)):
            return Value(value.value, kind or value.type)
        result: Value = yield from self.ask(Evaluate(value.placeholder, (value,), kind), EXPRESSION_ERROR, position)
        return result

    def is_true(self, piece: Piece, scope: BlockScope) -> Generator[Request, Any, bool]:
        """Whether a condition is true; NULL is not."""
        value = yield from self.evaluate(piece, scope, TRUTH)
        return value.value is True

    def ask(self, request: Request, kind: str, position: int) -> Machine:
        """Send a request; an error becomes an exception of the block, except for a cancellation."""
        try:
            return (yield request)
        except SnowflakeError as error:
            if error.errno == _CANCELLED:
                raise
            raise Raised(kind, error, position) from error

    def bound(self, kind: str, position: int, bind: Callable[[], values.Bound]) -> values.Bound:
        """Return the result of `bind`; an unknown name in it becomes an exception of the block, of this kind."""
        try:
            return bind()
        except SnowflakeError as error:
            raise Raised(kind, error, position) from error

    def using(self, pieces: tuple[Piece, ...], scope: BlockScope) -> Generator[Request, Any, tuple[Value, ...]]:
        """Return the values of USING."""
        using: tuple[Value, ...] = ()
        for piece in pieces:
            using = (*using, (yield from self.evaluate(piece, scope)))
        return using


def _fits(value: Value, kind: DataType) -> bool:
    """Whether a value needs no cast to a type with the same base."""
    if kind.base == "NUMBER":
        return (
            isinstance(value.value, int) and kind.numbers in ((), (38, 0), (38,)) and not isinstance(value.value, bool)
        )
    return not kind.numbers or kind.numbers == value.type.numbers
