"""The syntax tree of Snowflake Scripting: blocks, declarations and statements, as data.

Pure. SQL inside a block remains text (`Piece`): sqlglot and the data plane parse it when it is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from snowflake_sandbox.statements.reader import DataType


@dataclass(frozen=True)
class Piece:
    """SQL text inside a block.

    Attributes:
        position: its start in the block's text, for `on line … at position …`.
    """

    text: str
    position: int = 0


@dataclass(frozen=True)
class Source:
    """The right side of `:=` or DEFAULT.

    Attributes:
        piece: the source as an expression.
        statement: the statement in the outermost parentheses, if there is one: `(CALL …)`, `(SELECT …)`.
        is_async: whether it is `ASYNC (…)`.
    """

    piece: Piece
    statement: Statement | None = None
    is_async: bool = False


@dataclass(frozen=True)
class Statement:
    """Base class of everything that runs inside a block."""

    position: int


@dataclass(frozen=True)
class Declare(Statement):
    """A variable of DECLARE or LET. Without a declared type it has the type of its value."""

    name: str
    type: DataType | None = None
    source: Source | None = None


@dataclass(frozen=True)
class DeclareResultSet(Statement):
    """`name RESULTSET [:= (statement)]`."""

    name: str
    source: Source | None = None


@dataclass(frozen=True)
class DeclareCursor(Statement):
    """`name CURSOR FOR query`, or FOR the name of a RESULTSET."""

    name: str
    query: Piece


@dataclass(frozen=True)
class DeclareException(Statement):
    """`name EXCEPTION (number, 'text')`."""

    name: str
    number: int = -20000
    text: str = ""


Declarations = Declare | DeclareResultSet | DeclareCursor | DeclareException


@dataclass(frozen=True)
class Assign(Statement):
    """`name := …`."""

    name: str
    source: Source


@dataclass(frozen=True)
class Sql(Statement):
    """An SQL statement; its single row is assigned to the variables `into`."""

    piece: Piece
    into: tuple[str, ...] = ()
    is_async: bool = False


@dataclass(frozen=True)
class ExecuteImmediate(Statement):
    """EXECUTE IMMEDIATE of a text that an expression returns."""

    text: Piece
    using: tuple[Piece, ...] = ()
    is_async: bool = False


@dataclass(frozen=True)
class Block(Statement):
    """[DECLARE …] BEGIN … [EXCEPTION …] END."""

    declarations: tuple[Statement, ...]
    body: tuple[Statement, ...]
    handlers: tuple[Handler, ...] = ()


@dataclass(frozen=True)
class Handler:
    """WHEN a OR b THEN …; `names` are OTHER, STATEMENT_ERROR, EXPRESSION_ERROR and names of exceptions."""

    names: tuple[str, ...]
    body: tuple[Statement, ...]


@dataclass(frozen=True)
class If(Statement):
    """IF … ELSEIF … ELSE … END IF, and CASE: each branch with its condition."""

    branches: tuple[tuple[Piece, tuple[Statement, ...]], ...]
    otherwise: tuple[Statement, ...] | None = ()


@dataclass(frozen=True)
class Case(Statement):
    """CASE (subject) WHEN value THEN … END."""

    subject: Piece
    branches: tuple[tuple[Piece, tuple[Statement, ...]], ...]
    otherwise: tuple[Statement, ...] | None = None


@dataclass(frozen=True)
class Loop(Statement):
    """LOOP, WHILE and REPEAT: `before` is the condition of WHILE, `until` that of REPEAT."""

    body: tuple[Statement, ...]
    label: str | None = None
    before: Piece | None = None
    until: Piece | None = None


@dataclass(frozen=True)
class ForRange(Statement):
    """FOR name IN [REVERSE] first TO last DO …."""

    name: str
    first: Piece
    last: Piece
    is_reverse: bool
    body: tuple[Statement, ...]
    label: str | None = None


@dataclass(frozen=True)
class ForRows(Statement):
    """FOR name IN cursor or RESULTSET DO …."""

    name: str
    rows: str
    body: tuple[Statement, ...]
    label: str | None = None


@dataclass(frozen=True)
class LoopExit(Statement):
    """BREAK or CONTINUE, of the innermost loop or of the loop with the label."""

    is_break: bool
    label: str | None = None


@dataclass(frozen=True)
class Return(Statement):
    """RETURN with a value; `table` is the RESULTSET or cursor of RETURN TABLE(…)."""

    value: Piece | None = None
    table: str | None = None


@dataclass(frozen=True)
class Raise(Statement):
    """RAISE name; without a name, the handled exception is raised again."""

    name: str | None = None


@dataclass(frozen=True)
class Open(Statement):
    """OPEN cursor [USING (…)]."""

    name: str
    using: tuple[Piece, ...] = ()


@dataclass(frozen=True)
class Fetch(Statement):
    """FETCH cursor INTO …."""

    name: str
    into: tuple[str, ...]


@dataclass(frozen=True)
class Close(Statement):
    """CLOSE cursor."""

    name: str


@dataclass(frozen=True)
class Await(Statement):
    """AWAIT name or ALL; with `is_cancel`, CANCEL name."""

    name: str | None = None
    is_cancel: bool = False


@dataclass(frozen=True)
class Null(Statement):
    """NULL: does nothing."""
