"""The flow operator: `statement ->> statement …`, one request whose statements read each other's results.

Knows how a chain is split (sql-reference/operators-flow); must not know what any statement means. `$1` in a FROM clause
is the result of the previous statement, `$2` of the one before it (rewrite.py inserts the rows). An error ends the
chain. The client sees the last statement's result.
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
    """Return the statements of a chain as separate calls, in order; only the call itself if there is no operator.

    Each statement has its own query id. The last one has the request's id, by which the client fetches the result.

    Raises:
        SnowflakeError: 001003 if one side of an operator is empty.
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
    """Whether chains are part of the body: of a block, of a task after AS, or of an alert after THEN (guess)."""
    words = [reader.peek(ahead) for ahead in range(4)]
    is_definition = words[0] in ("CREATE", "ALTER") and not {"TASK", "ALERT", "PROCEDURE"}.isdisjoint(words[1:])
    return is_definition or is_block(reader)


def _text(reader: Reader, first: int, last: int) -> str:
    if first >= last:
        token = reader.tokens[min(last, len(reader.tokens) - 1)]
        raise errors.syntax_error(token.text, token.start)
    return reader.text[reader.tokens[first].start : reader.tokens[last - 1].end + 1]


def placeholders(reader: Reader, first: int, last: int) -> int:
    """Return how many `?` are in a range of tokens."""
    tokens = reader.tokens[first:last]
    return sum(token.text in _PLACEHOLDERS and token.token_type not in _TEXTS for token in tokens)


def _query_id(call: Call, number: int) -> str:
    # The id is the same when a task's statement runs again after a kill, so that its job is found (services/job.py).
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{call.query_id}/{number}"))
