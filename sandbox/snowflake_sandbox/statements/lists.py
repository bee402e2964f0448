"""Lists of values in a statement, and how long they may be.

Pure; knows tokens. Lists are counted before the statement is parsed, so that a refused statement costs no parsing time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import TokenType

from snowflake_sandbox import errors
from snowflake_sandbox.statements.reader import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator

# Rows of VALUES: sql-reference/constructs/values.
MOST_ROWS = 200_000
# Expressions in IN (guess): no page of the documentation has the limit, but accounts refused more with 001795
# (github.com/OHDSI/WebAPI/issues/2284).
MOST_EXPRESSIONS = 16_384
_ROWS = (TokenType.L_PAREN, TokenType.R_PAREN, TokenType.COMMA)


@dataclass
class _List:
    """A list that is being read: where it starts, and how many commas it has so far."""

    start: int
    most: int
    depth: int
    commas: int = 0


def check(text: str) -> None:
    """Refuse a statement with a list that is too long.

    Raises:
        SnowflakeError: 001795.
    """
    # Each expression takes two characters.
    if len(text) < 2 * MOST_EXPRESSIONS:
        return
    for values in _lists(text):
        if values.commas >= values.most:
            raise errors.too_many_expressions(text, values.start, values.most, values.commas + 1)


def _lists(text: str) -> Iterator[_List]:
    """Yield the lists of IN and of VALUES, each at its end."""
    reading: list[_List] = []
    depth, before = 0, None
    for token in tokenize(text):
        kind = token.token_type
        # A list of VALUES continues with a comma or a row, and ends with anything else at its depth.
        if reading and depth == reading[-1].depth and reading[-1].most == MOST_ROWS and kind not in _ROWS:
            yield reading.pop()
        if kind is TokenType.L_PAREN:
            depth += 1
            if before is TokenType.IN:
                reading.append(_List(token.start, MOST_EXPRESSIONS, depth))
        elif kind is TokenType.R_PAREN:
            depth -= 1
            while reading and reading[-1].depth > depth:
                yield reading.pop()
        elif kind is TokenType.COMMA and reading and reading[-1].depth == depth:
            reading[-1].commas += 1
        elif kind is TokenType.VALUES:
            reading.append(_List(token.start, MOST_ROWS, depth))
        before = kind
    yield from reading
