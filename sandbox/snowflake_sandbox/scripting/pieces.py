"""The start and end of SQL inside a block: statements, expressions, INTO, and the statements of a text.

Pure: knows semicolons, parentheses and the words around an expression; parser.py has the grammar of blocks.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING

from snowflake_sandbox.scripting import syntax
from snowflake_sandbox.scripting.syntax import Piece, Source
from snowflake_sandbox.statements.reader import Reader, is_block

if TYPE_CHECKING:
    from snowflake_sandbox.scripting.syntax import Statement

_OPENING, _CLOSING = ("(", "[", "{"), (")", "]", "}")
# Statements whose single row may be assigned with INTO.
_INTO = ("SELECT", "WITH", "CALL", "SHOW", "DESCRIBE", "DESC")
_SQL_IN_PARENTHESES = (
    *_INTO,
    *("INSERT", "UPDATE", "DELETE", "MERGE", "EXECUTE", "CREATE", "ALTER", "DROP", "LIST", "LS", "COPY"),
)


class Pieces(ABC):
    """A cursor over the tokens of a text; each method moves it past what it reads."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    @abstractmethod
    def block(self) -> syntax.Block:
        """Parse a block."""

    def using(self) -> tuple[Piece, ...]:
        """Parse USING (…) if it comes next."""
        if not self.reader.accept("USING"):
            return ()
        self.reader.expect("(")
        pieces: list[Piece] = []
        while not self.reader.accept(")"):
            pieces.append(self.until(",", ")"))
            if self.reader.peek() != ")":
                self.reader.expect(",")
        return tuple(pieces)

    def sql(self, position: int) -> Statement:
        """Parse an SQL statement, including EXECUTE IMMEDIATE."""
        if self.reader.peek() == "EXECUTE" and self.reader.peek(1) == "IMMEDIATE" and self.reader.peek(2) != "FROM":
            self.reader.expect("EXECUTE IMMEDIATE")
            return syntax.ExecuteImmediate(position, self.until("USING", ";", ")"), self.using())
        first = self.reader.index
        self.skip_statement()
        piece, into = self._without_into(first, self.reader.index)
        return syntax.Sql(position, piece, into)

    def _without_into(self, first: int, last: int) -> tuple[Piece, tuple[str, ...]]:
        """Return the statement with blanks instead of `INTO :a, :b`, so that positions do not change; and the names."""
        tokens = self.reader.tokens[first:last]
        piece = self.piece(first, last)
        if not tokens or tokens[0].text.upper() not in _INTO:
            return piece, ()
        depth = 0
        for number, token in enumerate(tokens):
            depth += (token.text in _OPENING) - (token.text in _CLOSING)
            if not depth and token.text.upper() == "INTO":
                inside = Reader(self.reader.text, tokens=tokens[number + 1 :])
                names = self._targets(inside)
                end = inside.tokens[inside.index - 1].end + 1 - piece.position
                start = token.start - piece.position
                text = piece.text[:start] + " " * (end - start) + piece.text[end:]
                return replace(piece, text=text.rstrip()), names
        return piece, ()

    def _targets(self, reader: Reader) -> tuple[str, ...]:
        names: list[str] = []
        while not names or reader.accept(","):
            reader.expect(":")
            names.append(reader.identifier())
        return tuple(names)

    def source(self) -> Source:
        """Parse an assigned value: an expression, a statement in parentheses, or a started statement (ASYNC)."""
        is_async = self.reader.peek() == "ASYNC" and self.reader.peek(1) == "("
        self.reader.index += is_async
        first = self.reader.index
        piece = self.until(";")
        if self.reader.tokens[first].text != "(":
            return Source(piece)
        inside = Reader(self.reader.text, tokens=self.reader.tokens[first + 1 : self.reader.index - 1])
        is_whole = _matching(self.reader, first) == self.reader.index - 1
        if not is_whole or inside.peek() not in _SQL_IN_PARENTHESES:
            return Source(piece)
        nested = type(self)(inside)
        statement = nested.sql(nested.position())
        inside.end()
        return Source(piece, made_async(statement) if is_async else statement, is_async)

    def position(self) -> int:
        """Return the position of the next token."""
        if self.reader.at_end:
            return len(self.reader.text)
        return int(self.reader.tokens[self.reader.index].start)

    def piece(self, first: int, last: int) -> Piece:
        """Return the text of a range of tokens."""
        if first >= last:
            raise self.reader.unexpected()
        tokens = self.reader.tokens
        return Piece(self.reader.text[tokens[first].start : tokens[last - 1].end + 1], tokens[first].start)

    def until(self, *words: str) -> Piece:
        """Read an expression up to one of the words, outside of parentheses and of CASE … END."""
        first, depth = self.reader.index, 0
        while not self.reader.at_end:
            word = self.reader.peek()
            if not depth and word in words and (word != "END" or self.reader.index > first):
                return self.piece(first, self.reader.index)
            if word == ";":
                break
            depth += (word in (*_OPENING, "CASE")) - (word in (*_CLOSING, "END"))
            self.reader.index += 1
        if self.reader.at_end and ";" in words:
            return self.piece(first, self.reader.index)
        raise self.reader.unexpected()

    def skip_statement(self) -> None:
        """Move past one statement, up to its semicolon, including the blocks in it (CREATE … AS BEGIN … END)."""
        reader = self.reader
        is_create = reader.peek() in ("CREATE", "ALTER")
        if is_block(reader):
            self.block()
        depth = 0
        while not reader.at_end and reader.peek() != ";" and (depth or reader.peek() != ")"):
            depth += (reader.peek() in _OPENING) - (reader.peek() in _CLOSING)
            is_body = is_create and not depth and reader.peek() in ("AS", "THEN")
            reader.index += 1
            if is_body and is_block(reader):
                self.block()


def made_async(statement: Statement) -> Statement:
    """Return the statement changed so that it is only started."""
    if isinstance(statement, syntax.Sql | syntax.ExecuteImmediate):
        return replace(statement, is_async=True)
    return statement


def _matching(reader: Reader, first: int) -> int:
    """Return the index of the token that closes the parenthesis at `first`; -1 if there is none."""
    depth = 0
    for index in range(first, len(reader.tokens)):
        text = reader.tokens[index].text
        depth += (text in _OPENING) - (text in _CLOSING)
        if not depth:
            return index
    return -1
