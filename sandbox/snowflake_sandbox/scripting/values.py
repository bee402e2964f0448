"""The variables of a block: their values and types, and SQL text in which they are bound.

Pure. In SQL a variable is written `:name`; in an expression of a block also `name`, except in queries inside it
(developer-guide/snowflake-scripting/variables). Values are bound, never written into the text.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlglot.tokenizer_core import TokenType

from snowflake_sandbox import errors
from snowflake_sandbox.statements.reader import DataType, tokenize

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot.tokenizer_core import Token

    from snowflake_sandbox.result import Result, ResultColumn
    from snowflake_sandbox.scripting.syntax import Piece

_TYPES = {"text": "VARCHAR", "real": "FLOAT"}
_TEXTS = (TokenType.STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING)
SEMI_STRUCTURED = ("VARIANT", "OBJECT", "ARRAY")
# Types bound without a cast: the data plane knows them, and LIMIT accepts no cast.
_PLAIN = ("VARCHAR", "BOOLEAN", "FLOAT")
_PLACEHOLDERS = ("?", "?::")
# A word after one of these is not a variable but a column, a type or a session parameter.
_NO_VARIABLE_BEHIND = (".", "::", "$", "AS", "!")


@dataclass(frozen=True)
class Value:
    """A value and its type; VARIANT, OBJECT and ARRAY are JSON text."""

    value: Any = None
    type: DataType = field(default_factory=lambda: DataType("VARCHAR"))

    @property
    def placeholder(self) -> str:
        """Return its placeholder in data SQL."""
        if self.type.base in SEMI_STRUCTURED:
            return "PARSE_JSON(?)" if self.type.base == "VARIANT" else f"PARSE_JSON(?)::{self.type.base}"
        is_whole = isinstance(self.value, int)
        if is_whole or (self.type.base in _PLAIN and self.value is not None):
            return "?"
        return f"?::{self.type.full}"


def of_column(value: Any, column: ResultColumn) -> Value:
    """Return a cell of a result as a value."""
    if column.type == "fixed":
        return Value(value, DataType("NUMBER", (38, column.scale)))
    return Value(value, DataType(_TYPES.get(column.type, column.type.upper())))


@dataclass
class Cursor:
    """A cursor: the query that OPEN runs, and the rows that FETCH has not returned yet; None while it is closed."""

    query: Piece
    rows: Rows | None = None
    fetched: int = 0


@dataclass(frozen=True)
class Rows:
    """The rows of a statement that has run; the content of a RESULTSET.

    Attributes:
        result: the original result, for RETURN TABLE and FROM TABLE(…).
        count: the number of changed rows; None if the statement was not DML.
    """

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[Any, ...], ...]
    result: Result
    query_id: str = ""
    count: int | None = None


@dataclass(frozen=True)
class Pending:
    """A statement that ASYNC started, until AWAIT."""

    handle: int


@dataclass(frozen=True)
class ExceptionType:
    """A declared exception."""

    name: str
    number: int
    text: str


Row = dict[str, Value]
Content = Value | Row | Rows | Pending | Cursor | ExceptionType | None


@dataclass
class Variable:
    """A name of a block. `type` is None for cursors, RESULTSETs, exceptions and rows."""

    content: Content
    type: DataType | None = None


@dataclass
class BlockScope:
    """The names of a block and of the enclosing blocks."""

    names: dict[str, Variable] = field(default_factory=dict)
    outer: BlockScope | None = None

    def find(self, name: str) -> Variable | None:
        """Return the innermost variable of that name; None if there is none."""
        scope: BlockScope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None

    def need(self, name: str) -> Variable:
        """Return the innermost variable of that name.

        Raises:
            SnowflakeError: 000904 if there is none.
        """
        variable = self.find(name)
        if variable is None:
            raise errors.SnowflakeError(904, "42000", f"SQL compilation error:\ninvalid identifier '{name}'")
        return variable


@dataclass(frozen=True)
class Bound:
    """A text with placeholders, their values, and the results to which `$1`, `$2`, … refer."""

    text: str
    values: tuple[Value, ...] = ()
    results: tuple[Result, ...] = ()


@functools.lru_cache(maxsize=512)
def tokens_of(text: str) -> tuple[Token, ...]:
    """Return the tokens of a piece; cached, because loops read the same pieces repeatedly."""
    return tuple(tokenize(text))


def bind_sql(text: str, scope: BlockScope, using: Mapping[int, Value] | None = None, *, data: bool) -> Bound:
    """Bind the `:name` and `TABLE(name)` of a statement.

    Args:
        text: the statement.
        scope: the variables.
        using: the values of its own `?`, by number from 1 (a cursor's USING).
        data: whether it is data SQL, where a placeholder may be cast; in other statements it may not.

    Raises:
        SnowflakeError: 002049 for a `:name` that is not a variable.
    """
    return _Binding(text, scope, using or {}, casts=data, bare=False).bound()


def bind_expression(text: str, scope: BlockScope) -> Bound:
    """Bind the variables of a block's expression."""
    return _Binding(text, scope, {}, casts=True, bare=True).bound()


class _Binding:
    def __init__(self, text: str, scope: BlockScope, using: Mapping[int, Value], *, casts: bool, bare: bool) -> None:
        self._text, self._scope, self._using = text, scope, using
        self._casts, self._bare = casts, bare
        self._tokens = tokens_of(text)
        self._pieces: list[str] = []
        self._values: list[Value] = []
        self._results: list[Result] = []
        self._end = 0
        # Depths of parentheses that contain a query, in which only `:name` is a variable.
        self._queries: list[int] = []
        self._depth = 0

    def bound(self) -> Bound:
        index, question = 0, 0
        while index < len(self._tokens):
            token = self._tokens[index]
            if token.text in _PLACEHOLDERS and token.token_type not in _TEXTS:
                question += 1
                if question in self._using:
                    self._put(token.start, token.start + 1, self._using[question])
                index += 1
                continue
            index += self._nesting(index) or self._table(index) or self._colon(index) or self._word(index) or 1
        return Bound("".join([*self._pieces, self._text[self._end :]]), tuple(self._values), tuple(self._results))

    def _upper(self, index: int) -> str:
        if not 0 <= index < len(self._tokens) or self._tokens[index].token_type in _TEXTS:
            return ""
        return str(self._tokens[index].text).upper()

    def _nesting(self, index: int) -> int:
        word = self._upper(index)
        if word == "(":
            self._depth += 1
            if self._upper(index + 1) in ("SELECT", "WITH"):
                self._queries.append(self._depth)
        elif word == ")":
            if self._queries and self._queries[-1] == self._depth:
                self._queries.pop()
            self._depth -= 1
        return 0

    def _table(self, index: int) -> int:
        """Replace TABLE(name) if the name is a RESULTSET."""
        if self._upper(index) != "TABLE" or self._upper(index + 1) != "(":
            return 0
        first = index + 2 + (self._upper(index + 2) == ":")
        variable = self._variable(first)
        if self._upper(first + 1) != ")" or variable is None or not isinstance(variable.content, Rows):
            return 0
        self._results.append(variable.content.result)
        last = self._tokens[first + 1]
        self._replace(self._tokens[index].start, last.end + 1, f"${len(self._results)}")
        return first + 2 - index

    def _colon(self, index: int) -> int:
        token = self._tokens[index]
        if token.token_type is not TokenType.COLON or index + 1 >= len(self._tokens):
            return 0
        before = self._tokens[index - 1] if index else None
        is_path = before is not None and before.end + 1 == token.start and self._ends_value(index - 1)
        if is_path or not self._is_name(index + 1):
            return 0
        width, value = self._value(index + 1)
        if value is None:
            name = self._tokens[index + 1].text.upper()
            raise errors.SnowflakeError(2049, "42601", f"SQL compilation error:\nBind variable :{name} not set.")
        self._put(token.start, self._tokens[index + width].end + 1, value)
        return 1 + width

    def _word(self, index: int) -> int:
        if not self._bare or self._queries or not self._is_name(index):
            return 0
        if index and self._upper(index - 1) in _NO_VARIABLE_BEHIND:
            return 0
        if self._upper(index + 1) in ("(", "=>"):
            return 0
        width, value = self._value(index)
        if value is None:
            return 0
        self._put(self._tokens[index].start, self._tokens[index + width - 1].end + 1, value)
        return width

    def _value(self, index: int) -> tuple[int, Value | None]:
        """Return how many tokens here form a variable or a row's column, and its value; (1, None) for other tokens."""
        variable = self._variable(index)
        if variable is not None and isinstance(variable.content, dict):
            if self._upper(index + 1) == "." and self._is_name(index + 2):
                return 3, variable.content.get(self._name(index + 2))
            return 1, None
        if variable is None or not isinstance(variable.content, Value):
            return 1, None
        return 1, variable.content

    def _variable(self, index: int) -> Variable | None:
        return self._scope.find(self._name(index)) if self._is_name(index) else None

    def _name(self, index: int) -> str:
        token = self._tokens[index]
        return str(token.text if token.token_type is TokenType.IDENTIFIER else token.text.upper())

    def _is_name(self, index: int) -> bool:
        if index >= len(self._tokens) or self._tokens[index].token_type in _TEXTS:
            return False
        token = self._tokens[index]
        return token.token_type is TokenType.IDENTIFIER or bool(token.text[:1].isalpha() or token.text[:1] == "_")

    def _ends_value(self, index: int) -> bool:
        return self._is_name(index) or self._upper(index) in (")", "]")

    def _put(self, start: int, end: int, value: Value) -> None:
        self._replace(start, end, value.placeholder if self._casts else "?")
        self._values.append(value)

    def _replace(self, start: int, end: int, text: str) -> None:
        self._pieces += [self._text[self._end : start], text]
        self._end = end
