"""Parses a block of Snowflake Scripting: text to syntax tree (developer-guide/snowflake-scripting).

Pure: knows the grammar of blocks; must not know SQL except where a statement or expression ends, nor how a block is
run. Constructs of Snowflake's that are missing here are refused by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from snowflake_sandbox import errors
from snowflake_sandbox.scripting import syntax
from snowflake_sandbox.scripting.pieces import Pieces, made_async
from snowflake_sandbox.statements.reader import Reader, is_block

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake_sandbox.scripting.syntax import Piece, Statement

# Numbers of exceptions that a block declares (developer-guide/snowflake-scripting/exceptions).
_FIRST_NUMBER, _LAST_NUMBER = -20999, -20000
_REFUSED = {"PROCEDURE": "a procedure declared in a block", "FUNCTION": "a function declared in a block"}


def parse(text: str) -> syntax.Block:
    """Parse the text of a block, which may have a semicolon after END.

    Raises:
        SnowflakeError: 001003 with line and position, 000002 for a construct that the sandbox lacks.
    """
    parser = Parser(Reader(text))
    block = parser.block()
    parser.reader.accept(";")
    parser.reader.end()
    return block


def body(reader: Reader) -> str:
    """Return the text of the statement or block at the end of a task or alert.

    Raises:
        SnowflakeError: 001003 if it is missing, or if the block has a syntax error.
    """
    has_block = is_block(reader)
    text = reader.rest()
    if not text:
        raise reader.unexpected()
    if has_block:
        parse(text)
    return text


class Parser(Pieces):
    """A recursive descent over the tokens of a reader."""

    # How many loops are around the statement that comes next.
    loops = 0

    # --- blocks ------------------------------------------------------------------------------------------------------

    def block(self) -> syntax.Block:
        """Parse [DECLARE …] BEGIN … [EXCEPTION …] END, without what follows END."""
        position = self.position()
        declarations = self._declarations() if self.reader.accept("DECLARE") else ()
        self.reader.expect("BEGIN")
        body = self._body("EXCEPTION", "END")
        self._require_new(declarations, body)
        handlers: list[syntax.Handler] = []
        if self.reader.accept("EXCEPTION"):
            while self.reader.accept("WHEN"):
                handlers.append(self._handler())
        self.reader.expect("END")
        return syntax.Block(position, declarations, body, tuple(handlers))

    def _require_new(self, declarations: tuple[Statement, ...], body: tuple[Statement, ...]) -> None:
        """Refuse LET of a name that the same block has declared (a guess: no page says what accounts answer)."""
        names = {declaration.name for declaration in declarations if isinstance(declaration, syntax.Declarations)}
        for statement in body:
            if isinstance(statement, syntax.Declarations):
                if statement.name in names:
                    raise errors.syntax_error(statement.name, statement.position, self.reader.text)
                names.add(statement.name)

    def _declarations(self) -> tuple[Statement, ...]:
        declarations: list[Statement] = []
        names: set[str] = set()
        while self.reader.peek() != "BEGIN":
            start = self.reader.index
            name = self.reader.identifier()
            self.reader.index = start
            if name in names:
                # documented for cursors and RESULTSETs
                raise self.reader.unexpected()
            names.add(name)
            declarations.append(self._declaration(self.position()))
            self.reader.expect(";")
        return tuple(declarations)

    def _declaration(self, position: int) -> Statement:
        name = self.reader.identifier()
        word = self.reader.peek()
        if word in _REFUSED:
            raise errors.not_supported(_REFUSED[word])
        if word == "CURSOR":
            self.reader.expect("CURSOR FOR")
            return syntax.DeclareCursor(position, name, self.until(";"))
        if self.reader.accept("RESULTSET"):
            source = self.source() if self._accept_value() else None
            return syntax.DeclareResultSet(position, name, source)
        if self.reader.accept("EXCEPTION"):
            return self._exception(position, name)
        kind = None
        if word not in ("", ";", ":=", "DEFAULT"):
            kind = self.reader.data_type()
        return syntax.Declare(position, name, kind, self.source() if self._accept_value() else None)

    def _exception(self, position: int, name: str) -> Statement:
        if not self.reader.accept("("):
            return syntax.DeclareException(position, name)
        start = self.reader.index
        number = self.reader.integer()
        if not _FIRST_NUMBER <= number <= _LAST_NUMBER:
            self.reader.index = start
            raise self.reader.unexpected()
        text = self.reader.string() if self.reader.accept(",") else ""
        self.reader.expect(")")
        return syntax.DeclareException(position, name, number, text)

    def _accept_value(self) -> bool:
        return self.reader.accept(":=") or self.reader.accept("DEFAULT")

    def _handler(self) -> syntax.Handler:
        names = [self.reader.identifier()]
        while self.reader.accept("OR"):
            names.append(self.reader.identifier())
        if self.reader.accept("CONTINUE"):
            raise errors.not_supported("WHEN … CONTINUE THEN in an exception handler")
        self.reader.accept("EXIT")
        self.reader.expect("THEN")
        return syntax.Handler(tuple(names), self._body("WHEN", "END"))

    def _body(self, *ends: str) -> tuple[Statement, ...]:
        statements: list[Statement] = []
        while self.reader.peek() not in ends:
            statements.append(self._statement())
            self.reader.expect(";")
        if not statements:
            raise self.reader.unexpected()
        return tuple(statements)

    # --- statements --------------------------------------------------------------------------------------------------

    def _statement(self) -> Statement:
        reader, position = self.reader, self.position()
        if is_block(reader):
            return self.block()
        if reader.peek(1) == ":=":
            name = reader.identifier()
            reader.expect(":=")
            return syntax.Assign(position, name, self.source())
        read = self._STATEMENTS.get(reader.peek())
        if read is not None:
            reader.index += 1
            return read(self, position)
        return self.sql(position)

    def _let(self, position: int) -> Statement:
        return self._declaration(position)

    def _if(self, position: int) -> Statement:
        branches = [(self.until("THEN"), self._then())]
        while self.reader.accept("ELSEIF"):
            branches.append((self.until("THEN"), self._then()))
        otherwise = self._body("END") if self.reader.accept("ELSE") else ()
        self.reader.expect("END IF")
        return syntax.If(position, tuple(branches), otherwise)

    def _then(self) -> tuple[Statement, ...]:
        self.reader.expect("THEN")
        return self._body("ELSEIF", "ELSE", "WHEN", "END")

    def _case(self, position: int) -> Statement:
        subject = None if self.reader.peek() == "WHEN" else self.until("WHEN")
        branches: list[tuple[Piece, tuple[Statement, ...]]] = []
        while self.reader.accept("WHEN"):
            branches.append((self.until("THEN"), self._then()))
        otherwise = self._body("END") if self.reader.accept("ELSE") else None
        self.reader.expect("END")
        self.reader.accept("CASE")
        if subject is None:
            return syntax.If(position, tuple(branches), otherwise)
        return syntax.Case(position, subject, tuple(branches), otherwise)

    def _for(self, position: int) -> Statement:
        name = self.reader.identifier()
        self.reader.expect("IN")
        if self.reader.peek(1) in ("DO", "LOOP"):
            rows = self.reader.identifier()
            return syntax.ForRows(position, name, rows, *self._loop_body("FOR"))
        is_reverse = self.reader.accept("REVERSE")
        first = self.until("TO")
        self.reader.expect("TO")
        last = self.until("DO", "LOOP")
        return syntax.ForRange(position, name, first, last, is_reverse, *self._loop_body("FOR"))

    def _while(self, position: int) -> Statement:
        condition = self.until("DO", "LOOP")
        body, label = self._loop_body("WHILE")
        return syntax.Loop(position, body, label, before=condition)

    def _loop_body(self, word: str) -> tuple[tuple[Statement, ...], str | None]:
        end = "LOOP" if self.reader.accept("LOOP") else word
        if end == word:
            self.reader.expect("DO")
        body = self._repeated("END")
        self.reader.expect(f"END {end}")
        return body, self._label()

    def _repeat(self, position: int) -> Statement:
        body = self._repeated("UNTIL")
        self.reader.expect("UNTIL")
        condition = self.until("END")
        self.reader.expect("END REPEAT")
        return syntax.Loop(position, body, self._label(), until=condition)

    def _loop(self, position: int) -> Statement:
        body = self._repeated("END")
        self.reader.expect("END LOOP")
        return syntax.Loop(position, body, self._label())

    def _repeated(self, end: str) -> tuple[Statement, ...]:
        """Parse the statements of a loop, in which BREAK and CONTINUE may stand."""
        self.loops += 1
        body = self._body(end)
        self.loops -= 1
        return body

    def _exit_of_loop(self, position: int, *, is_break: bool) -> Statement:
        if not self.loops:
            self.reader.index -= 1
            raise self.reader.unexpected()
        return syntax.LoopExit(position, is_break=is_break, label=self._label())

    def _label(self) -> str | None:
        return None if self.reader.peek() == ";" else self.reader.identifier()

    def _break(self, position: int) -> Statement:
        return self._exit_of_loop(position, is_break=True)

    def _continue(self, position: int) -> Statement:
        return self._exit_of_loop(position, is_break=False)

    def _return(self, position: int) -> Statement:
        if self.reader.peek() == ";":
            return syntax.Return(position)
        if self.reader.peek() == "TABLE" and self.reader.peek(1) == "(":
            self.reader.expect("TABLE (")
            is_cursor = self.reader.accept("RESULTSET_FROM_CURSOR (")
            name = self.reader.identifier()
            self.reader.expect(")")
            if is_cursor:
                self.reader.expect(")")
            return syntax.Return(position, table=name)
        return syntax.Return(position, self.until(";"))

    def _raise(self, position: int) -> Statement:
        return syntax.Raise(position, self._label())

    def _open(self, position: int) -> Statement:
        name = self.reader.identifier()
        return syntax.Open(position, name, self.using())

    def _fetch(self, position: int) -> Statement:
        name = self.reader.identifier()
        self.reader.expect("INTO")
        into = [self._variable()]
        while self.reader.accept(","):
            into.append(self._variable())
        return syntax.Fetch(position, name, tuple(into))

    def _variable(self) -> str:
        self.reader.accept(":")
        return self.reader.identifier()

    def _close(self, position: int) -> Statement:
        return syntax.Close(position, self.reader.identifier())

    def _null(self, position: int) -> Statement:
        return syntax.Null(position)

    def _await(self, position: int) -> Statement:
        name = self.reader.identifier()
        return syntax.Await(position, None if name == "ALL" else name)

    def _cancel(self, position: int) -> Statement:
        return syntax.Await(position, self.reader.identifier(), is_cancel=True)

    def _async(self, position: int) -> Statement:
        self.reader.expect("(")
        statement = self.sql(position)
        self.reader.expect(")")
        return made_async(statement)

    _STATEMENTS: ClassVar[dict[str, Callable[[Parser, int], Statement]]] = {
        "LET": _let,
        "IF": _if,
        "CASE": _case,
        "FOR": _for,
        "WHILE": _while,
        "REPEAT": _repeat,
        "LOOP": _loop,
        "BREAK": _break,
        "EXIT": _break,
        "CONTINUE": _continue,
        "ITERATE": _continue,
        "RETURN": _return,
        "RAISE": _raise,
        "OPEN": _open,
        "FETCH": _fetch,
        "CLOSE": _close,
        "NULL": _null,
        "ASYNC": _async,
        "AWAIT": _await,
        "CANCEL": _cancel,
    }


def split(reader: Reader) -> list[tuple[int, int]]:
    """Return the statements of a text as ranges of its tokens, without empty ones between semicolons.

    Raises:
        SnowflakeError: 001003 for a syntax error in a block.
    """
    ranges: list[tuple[int, int]] = []
    while not reader.at_end:
        if reader.accept(";"):
            continue
        first = reader.index
        Parser(reader).skip_statement()
        while not reader.at_end and reader.peek() != ";":
            # An unmatched parenthesis is reported when the statement is parsed.
            reader.index += 1
        ranges.append((first, reader.index))
    return ranges
