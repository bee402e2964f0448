"""Expressions of a block: variables bound, values computed, converted to the types of what they are assigned to.

Pure: asks for what the data plane has to compute (requests.py); must not know statements.
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
    """What the expressions of a block need of its scopes."""

    def need(self, name: str, scope: BlockScope, position: int) -> Variable:
        """The variable; 000904 as an EXPRESSION_ERROR, when there is none."""
        try:
            return scope.need(name)
        except SnowflakeError as error:
            raise Raised(EXPRESSION_ERROR, error, position) from error

    def evaluate(self, piece: Piece, scope: BlockScope, kind: DataType | None = None) -> Generator[Request, Any, Value]:
        """The value of an expression, as a type where one is given."""
        value = simple.evaluate(piece.text, scope)
        if value is not None:
            return (yield from self.converted(value, kind, piece.position))
        bound = self.bound(EXPRESSION_ERROR, piece.position, lambda: values.bind_expression(piece.text, scope))
        request = Evaluate(bound.text, bound.values, kind, bound.results)
        result: Value = yield from self.ask(request, EXPRESSION_ERROR, piece.position)
        return result

    def converted(self, value: Value, kind: DataType | None, position: int) -> Generator[Request, Any, Value]:
        """A value as the type of what it is assigned to."""
        if kind is None or value.value is None or (value.type.base == kind.base and _fits(value, kind)):
            return Value(value.value, kind or value.type)
        result: Value = yield from self.ask(Evaluate(value.placeholder, (value,), kind), EXPRESSION_ERROR, position)
        return result

    def is_true(self, piece: Piece, scope: BlockScope) -> Generator[Request, Any, bool]:
        """Whether a condition holds; NULL does not."""
        value = yield from self.evaluate(piece, scope, TRUTH)
        return value.value is True

    def ask(self, request: Request, kind: str, position: int) -> Machine:
        """Ask for something; an error comes back as an exception of the block, a cancellation as it is."""
        try:
            return (yield request)
        except SnowflakeError as error:
            if error.errno == _CANCELLED:
                raise
            raise Raised(kind, error, position) from error

    def bound(self, kind: str, position: int, bind: Callable[[], values.Bound]) -> values.Bound:
        """What a binding gives; an unknown name in it is an exception of the kind."""
        try:
            return bind()
        except SnowflakeError as error:
            raise Raised(kind, error, position) from error

    def using(self, pieces: tuple[Piece, ...], scope: BlockScope) -> Generator[Request, Any, tuple[Value, ...]]:
        """The values of USING."""
        using: tuple[Value, ...] = ()
        for piece in pieces:
            using = (*using, (yield from self.evaluate(piece, scope)))
        return using


def _fits(value: Value, kind: DataType) -> bool:
    """Whether a value needs no cast to a type of its own base."""
    if kind.base == "NUMBER":
        return (
            isinstance(value.value, int) and kind.numbers in ((), (38, 0), (38,)) and not isinstance(value.value, bool)
        )
    return not kind.numbers or kind.numbers == value.type.numbers
