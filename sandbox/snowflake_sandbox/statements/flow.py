"""The flow operator: `statement ->> statement …`, one request whose statements read each other's results.

Knows how a chain is taken apart (sql-reference/operators-flow); must not know what any statement means. `$1` in a FROM
clause is the result of the statement before, `$2` of the one before that (rewrite.py puts the rows there); an error
ends the chain; the client sees the last statement's result.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import TokenType

from snowflake_sandbox import errors
from snowflake_sandbox.statements.reader import Reader, is_block

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call

# `->>` outside of strings, `$$` bodies and quoted names.
_OPERATOR = TokenType.DARROW
_PLACEHOLDERS = ("?", "?::")
_TEXTS = (TokenType.STRING, TokenType.IDENTIFIER, TokenType.RAW_STRING, TokenType.HEREDOC_STRING)


def statements(call: Call) -> list[Call]:
    """The statements of a chain as calls of their own, in order; the call itself where there is no operator.

    Each is a statement with a query id of its own; the last one has the request's, under which its result is found.

    Raises:
        SnowflakeError: 001003, when nothing stands on one side of an operator.
    """
    ends = [index for index, token in enumerate(call.reader.tokens) if token.token_type is _OPERATOR]
    if not ends or _keeps_the_rest(call.reader):
        return [call]
    borders = [-1, *ends, len(call.reader.tokens)]
    calls: list[Call] = []
    binds_read = 0
    for first, last in pairwise(borders):
        text = _text(call.reader, first + 1, last)
        count = placeholders(call.reader, first + 1, last)
        binds = {str(number): call.binds.get(str(binds_read + number)) for number in range(1, count + 1)}
        binds_read += count
        query_id = call.query_id if last == borders[-1] else _query_id(call, len(calls))
        calls.append(replace(call, reader=Reader(text, binds), text=text, binds=binds, query_id=query_id))
    return calls


def _keeps_the_rest(reader: Reader) -> bool:
    """A block keeps its chains, and so does what follows AS of a task, THEN of an alert (guess)."""
    words = [reader.peek(ahead) for ahead in range(4)]
    is_definition = words[0] in ("CREATE", "ALTER") and not {"TASK", "ALERT", "PROCEDURE"}.isdisjoint(words[1:])
    return is_definition or is_block(reader)


def _text(reader: Reader, first: int, last: int) -> str:
    if first >= last:
        token = reader.tokens[min(last, len(reader.tokens) - 1)]
        raise errors.syntax_error(token.text, token.start)
    return reader.text[reader.tokens[first].start : reader.tokens[last - 1].end + 1]


def placeholders(reader: Reader, first: int, last: int) -> int:
    """How many `?` stand in a range of tokens."""
    tokens = reader.tokens[first:last]
    return sum(token.text in _PLACEHOLDERS and token.token_type not in _TEXTS for token in tokens)


def _query_id(call: Call, number: int) -> str:
    # The same when a task's statement is run again after a kill, so that the job it made is found (services/job.py).
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{call.query_id}/{number}"))
