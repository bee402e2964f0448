"""Execution of a statement: finding its handler.

Knows the order of dispatch; must not know HTTP, nor the grammar of any statement. Control statements are looked up in
one table by their leading words. Any other statement is data SQL if it starts like it; otherwise it is refused by name.
"""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlglot.tokenizer_core import TokenType

from snowflake_sandbox import errors
from snowflake_sandbox.call import Call
from snowflake_sandbox.data import execution, transactions
from snowflake_sandbox.queries import query_history
from snowflake_sandbox.result import CALL, DDL, Result, ResultColumn, done_type, status
from snowflake_sandbox.statements import flow, several, timeouts
from snowflake_sandbox.statements.reader import Reader, leading_words, strip_tracking

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from snowflake_sandbox.call import Handler, World
    from snowflake_sandbox.session import Session

_TRANSFER = re.compile(r"(?:PUT|GET)\s", re.IGNORECASE)
# The maximum length of a statement. Snowflake advises against more than 1 MB (user-guide/query-size-limits) but accepts
# it; here each megabyte takes a second to read, during which other sessions run at half speed.
_LONGEST_TEXT = 4 << 20
# The length of the longest key in a table of statements, in words.
_MOST_WORDS = 5

_DATA_WORDS = frozenset(
    [
        "SELECT",
        "WITH",
        "INSERT",
        "UPDATE",
        "DELETE",
        "MERGE",
        "TRUNCATE",
        "BEGIN",
        "COMMIT",
        "ROLLBACK",
        "START",
        "(",
    ]
)
_SCRIPTING_WORDS = frozenset({"BEGIN", "DECLARE"})
# Words that begin a Snowflake statement, even if the sandbox lacks it; any other first word is a user's mistake.
_COMMANDS = frozenset(
    [
        "ALTER",
        "CALL",
        "COMMENT",
        "COPY",
        "CREATE",
        "DESC",
        "DESCRIBE",
        "DROP",
        "EXECUTE",
        "EXPLAIN",
        "GET",
        "GRANT",
        "LIST",
        "LS",
        "PUT",
        "REMOVE",
        "REVOKE",
        "RM",
        "SET",
        "SHOW",
        "TRUNCATE",
        "UNDROP",
        "UNSET",
        "USE",
        "VALUES",
    ]
)
# Statements that change nothing, so that they can be run in order to describe them.
_READING_WORDS = frozenset({"SHOW", "DESCRIBE", "DESC", "LIST", "LS"})
# Statements that do not change the rows of any table.
_QUERYING_WORDS = _READING_WORDS | {"SELECT", "WITH", "USE", "SET", "UNSET"}


def execute(  # noqa: PLR0913, PLR0917  # the last two are for queries.py alone
    world: World,
    session: Session,
    text: str,
    binds: Mapping[str, Any] | None = None,
    query_id: str | None = None,
    cancelled: threading.Event | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
    results: tuple[Result, ...] = (),
) -> Result:
    """Run one statement in a session.

    Args:
        world: the sandbox.
        session: the session that runs it; USE and similar statements change it.
        text: the statement as sent.
        binds: Python values of `?` by position ("1", "2", …).
        query_id: passed by a caller that must know it before the statement ends; otherwise created here.
        cancelled: set by a caller that wants the statement to end early.
        parameters: parameters for this statement only.
        results: the results that `$1`, `$2`, … in its FROM clauses refer to.

    Raises:
        SnowflakeError: any error that Snowflake would report; 000604 if `cancelled` is set.
    """
    with _readable_depth(), world.store.in_order():
        call = _call(world, session, text, binds, query_id, cancelled, parameters)
        if ranges := several.pieces(call):
            with query_history.recording(call):
                return several.run(call, ranges, _run_chain)
        return _run_chain(replace(call, results=results))


@contextmanager
def _readable_depth() -> Iterator[None]:
    """Report a statement that is nested too deeply for the parser as the user's mistake, not as a defect."""
    try:
        yield
    except RecursionError as error:
        raise errors.too_deep() from error


def _run_chain(request: Call) -> Result:
    """Run a statement, or a chain of them joined by the flow operator."""
    results = request.results
    for call in flow.statements(request):
        with query_history.recording(call) as record, _readable_depth():
            with timeouts.limited(replace(call, results=results)) as limited:
                result = _execute(limited)
            if result.statement_type == DDL:
                result = replace(result, statement_type=done_type(call.text))
            if call.text.split(maxsplit=1)[0].upper() not in _QUERYING_WORDS:
                call.world.changed()
            record.rows = len(result.rows) if result.arrow is None else result.arrow.num_rows
        results = (result, *results)
    return results[0]


def _execute(call: Call) -> Result:
    # An abort between two statements of a chain has nothing to interrupt, so it is checked here.
    if call.results and call.cancelled.is_set():
        raise errors.cancelled()
    session = call.session
    session.previous_query_id, session.last_query_id = session.last_query_id, call.query_id
    transactions.commit_before_ddl(call)
    handler = find_handler(call.world, call.reader)
    if handler is not None:
        return handler(call)
    if call.reader.peek() in _DATA_WORDS:
        return execution.execute(call)
    raise _no_handler(call)


def _no_handler(call: Call) -> errors.SnowflakeError:
    word = call.reader.tokens[0].text
    return errors.not_supported(leading_words(call.text)) if word.upper() in _COMMANDS else errors.syntax_error(word, 0)


def _call(  # noqa: PLR0913, PLR0917  # see execute
    world: World,
    session: Session,
    text: str,
    binds: Mapping[str, Any] | None,
    query_id: str | None,
    cancelled: threading.Event | None,
    parameters: Mapping[str, Any] | None,
) -> Call:
    if len(text) > _LONGEST_TEXT:
        raise errors.too_long(len(text), _LONGEST_TEXT)
    stripped = strip_tracking(text)
    if _TRANSFER.match(stripped):
        # The lexer would treat `//` and `/*` in a file's name as comments.
        reader = Reader(stripped, tokens=Reader(stripped.split(maxsplit=1)[0]).tokens)
    else:
        reader = Reader(stripped, dict(binds or {}), variables=session.variables)
        stripped = _without_end(reader)
    return Call(
        world,
        session,
        reader,
        query_id or world.new_id(),
        stripped,
        binds or {},
        cancelled or threading.Event(),
        parameters=parameters or {},
    )


def _without_end(reader: Reader) -> str:
    """Return the text of a request up to the end of its last statement, without the semicolons and what follows them.

    Raises:
        SnowflakeError: 000900 if there is no statement.
    """
    end = len(reader.text)
    while reader.tokens and reader.tokens[-1].token_type is TokenType.SEMICOLON:
        end = reader.tokens.pop().start
    if end < len(reader.text):
        reader.text = reader.text[:end].rstrip()
    if not reader.tokens:
        raise errors.SnowflakeError(900, "42601", "SQL compilation error:\nEmpty SQL statement.")
    return reader.text


def describe(  # noqa: PLR0913, PLR0917  # as execute
    world: World,
    session: Session,
    text: str,
    binds: Mapping[str, Any] | None = None,
    query_id: str | None = None,
    cancelled: threading.Event | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
) -> Result:
    """Return the columns that a statement would give, without running it (describe-only requests, e.g. of Snowpark).

    Raises:
        SnowflakeError: if the statement cannot be compiled.
    """
    results: tuple[Result, ...] = ()
    with _readable_depth(), world.store.in_order():
        request = _call(world, session, text, binds, query_id, cancelled, parameters)
        if several.pieces(request):
            return replace(several.ANSWER, rows=())
        for call in flow.statements(request):
            results = (_describe(replace(call, results=results)), *results)
    return results[0]


def _describe(call: Call) -> Result:
    word = call.reader.peek()
    handler = find_handler(call.world, call.reader)
    if handler is not None and word in _READING_WORDS:
        result = handler(call)
        return replace(result, rows=(), arrow=None)
    if handler is not None:
        if word in _SCRIPTING_WORDS:
            return Result((ResultColumn("anonymous block"),), (), CALL)
        name = call.reader.text.split("(")[0].split()[-1].rpartition(".")[2].upper()
        return Result((ResultColumn(name),), (), CALL) if word == "CALL" else replace(status(), rows=())
    if word in _DATA_WORDS:
        return execution.describe(call)
    raise _no_handler(call)


def find_handler(world: World, reader: Reader) -> Handler | None:
    """Return the handler with the longest matching leading words, or None, and move the reader past these words."""
    for count in range(_MOST_WORDS, 0, -1):
        words = " ".join(reader.peek(position) for position in range(count))
        handler = world.statements.get(words)
        if handler is not None and reader.accept(words):
            return handler
    return None
