"""Several statements in one request, as allowed by the parameter MULTI_STATEMENT_COUNT.

Knows how a request is split, counted and answered (developer-guide/sql-api/submitting-multiple-statements); must not
know what any statement means. Each runs as a separate statement, whose result the client fetches by its id; the first
failure ends the request.
"""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot.tokenizer_core import TokenType

from snowflake_sandbox import errors
from snowflake_sandbox.parameters import session_value
from snowflake_sandbox.result import MULTI_STATEMENT, Result, ResultColumn
from snowflake_sandbox.scripting import parser
from snowflake_sandbox.statements.flow import placeholders
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.session import Session

PARAMETER = "MULTI_STATEMENT_COUNT"
_ANY = 0
ANSWER = Result(
    (ResultColumn("multiple statement execution"),), (("Multiple statements executed successfully.",),), MULTI_STATEMENT
)
# How many characters of a statement its error shows.
_SHOWN = 30


def pieces(call: Call) -> list[tuple[int, int]]:
    """Return the statements of a request as ranges of its tokens; empty if the request is one statement.

    Raises:
        SnowflakeError: 000008 if their number is not the requested one, 001003 for an unreadable block, 001008 if the
            parameter is not a number.
    """
    desired = _desired(call.session, call.parameters)
    ranges: list[tuple[int, int]] = []
    if any(token.token_type is TokenType.SEMICOLON for token in call.reader.tokens):
        ranges = parser.split(Reader(call.reader.text, tokens=call.reader.tokens))
    count = len(ranges) or 1
    if desired not in (_ANY, count):
        raise errors.statement_count(count, desired)
    return ranges if count > 1 else []


def _desired(session: Session, parameters: Mapping[str, Any]) -> int:
    value = parameters.get(PARAMETER)
    if value is None:
        value = session_value(session, PARAMETER)
    if not str(value).isdigit():
        raise errors.invalid_value(str(value), PARAMETER)
    return int(value)


def run(call: Call, ranges: list[tuple[int, int]], execute: Callable[[Call], Result]) -> Result:
    """Run the statements one after another.

    Raises:
        SnowflakeError: 100132 with the failed statement and its error; statements before it keep their effect.
    """
    children: list[tuple[str, int]] = []
    binds = 0
    for first, last in ranges:
        start = call.reader.tokens[first].start
        text = call.reader.text[start : call.reader.tokens[last - 1].end + 1]
        count = placeholders(call.reader, first, last)
        values = {str(number): call.binds.get(str(binds + number)) for number in range(1, count + 1)}
        binds += count
        query_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{call.query_id}/{len(children)}"))
        reader = Reader(text, dict(values), variables=call.session.variables)
        # Each one runs as a single statement and must not be split again.
        parameters = {**call.parameters, PARAMETER: 1}
        statement = replace(call, reader=reader, text=text, binds=values, query_id=query_id, parameters=parameters)
        try:
            result = execute(statement)
        except errors.SnowflakeError as error:
            raise _failed(error, text, call.reader.text, start) from error
        call.world.parts["queries"].remember_result(call.session, query_id, text, result)
        children.append((query_id, result.statement_type))
    return replace(ANSWER, statements=tuple(children))


def _failed(error: errors.SnowflakeError, text: str, whole: str, start: int) -> errors.SnowflakeError:
    if error.errno == errors.cancelled().errno:
        return error
    line, column = whole.count("\n", 0, start) + 1, start - whole.rfind("\n", 0, start) - 1
    shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
    return errors.statement_of_several(shown, line, column, error.message)
