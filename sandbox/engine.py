"""Execution of a statement: which handler it belongs to, and what a handler is given.

Knows the order of dispatch; must not know HTTP, nor the grammar of any statement. Control statements are looked up in
one table by their leading words; what is in no table is data SQL if it starts like it, and refused by name if not.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sandbox import errors, flow
from sandbox.query_history import QueryHistory
from sandbox.result import CALL, Column, Result, status
from sandbox.statement import Reader, strip_tracking

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.clock import Clock
    from sandbox.data import DataPlane
    from sandbox.objects.kind import Kind
    from sandbox.session import Session
    from sandbox.store import Store


@dataclass
class World:
    """Everything that outlives a statement. One per sandbox process; tests make their own.

    Attributes:
        folder: the data folder (logs/, stages/, tokens/ lie below it).
        images: folders with an image's source, searched for a specification's image.
        kinds: kind name -> declaration.
        statements: leading words -> handler; the longest match wins.
        functions: SYSTEM$ and other control functions callable in SELECT and CALL: upper-case name -> function.
        table_functions: upper-case last name part (or INFORMATION_SCHEMA.X) -> function giving rows.
        information_schema: table of INFORMATION_SCHEMA -> function giving a database's rows.
        system_tables: qualified name of a table that Snowflake itself keeps -> function giving its rows.
        address: host and port that procedures and containers connect to.
        parts: the running parts (task scheduler, service supervisor) by name, for handlers that need them.
    """

    store: Store
    data: DataPlane
    clock: Clock
    folder: Path
    images: tuple[Path, ...] = ()
    address: tuple[str, int] = ("127.0.0.1", 0)
    kinds: dict[str, Kind] = field(default_factory=dict)
    statements: dict[str, Handler] = field(default_factory=dict)
    functions: dict[str, ScalarFunction] = field(default_factory=dict)
    table_functions: dict[str, TableFunction] = field(default_factory=dict)
    information_schema: dict[str, InformationTable] = field(default_factory=dict)
    system_tables: dict[str, SystemTable] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    query_history: QueryHistory = field(default_factory=QueryHistory)
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())


@dataclass
class Call:
    """One statement being executed: what every handler, kind hook and function is given.

    Attributes:
        reader: stands behind the words that chose the handler.
        text: the statement without the provider's tracking comment.
        binds: values of `?` by position ("1", "2", …); a list per position where the client sent a batch.
        cancelled: set by an abort request; a handler that blocks waits on it too and then raises errors.cancelled().
        results: of the statements before this one in a chain (flow.py), the latest first: `$1`, `$2`, ….
        parameters: given for this statement alone; of these, QUERY_TAG has an effect.
    """

    world: World
    session: Session
    reader: Reader
    query_id: str
    text: str
    binds: Mapping[str, Any]
    cancelled: threading.Event = field(default_factory=threading.Event)
    results: tuple[Result, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def now(self) -> Any:
        """The present instant (aware, UTC)."""
        return self.world.clock.now()


Handler = Callable[[Call], Result]
# A scalar function gets the evaluated arguments (Python values) in order.
ScalarFunction = Callable[[Call, tuple[Any, ...]], Any]
# A table function gets positional and named arguments (upper-case names); its Result becomes the table's rows.
TableFunction = Callable[[Call, tuple[Any, ...], Mapping[str, Any]], Result]
# A table of INFORMATION_SCHEMA gets the database's name.
InformationTable = Callable[[Call, str], Result]

SystemTable = Callable[[Call], Result]

# The longest key of a statements table, in words.
_MOST_WORDS = 4

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
        "SET",
        "UNSET",
        "(",
        "EXPLAIN",
        "VALUES",
    ]
)
# Statements that change nothing, so that running them describes them.
_READING_WORDS = frozenset({"SHOW", "DESCRIBE", "DESC", "LIST", "LS"})


def execute(  # noqa: PLR0913, PLR0917  # the last two are for queries.py alone
    world: World,
    session: Session,
    text: str,
    binds: Mapping[str, Any] | None = None,
    query_id: str | None = None,
    cancelled: threading.Event | None = None,
    *,
    parameters: Mapping[str, Any] | None = None,
) -> Result:
    """Run one statement in a session.

    Args:
        world: the sandbox.
        session: who runs it; USE and friends change it.
        text: the statement as sent.
        binds: values of `?` by position ("1", "2", …), Python values.
        query_id: given by who must know it before the statement ends; else made here.
        cancelled: set by who wants the statement to end early.
        parameters: parameters for this statement alone.

    Raises:
        SnowflakeError: whatever Snowflake would report.
    """
    results: tuple[Result, ...] = ()
    whole = replace(_call(world, session, text, binds, query_id, cancelled), parameters=parameters or {})
    for call in flow.statements(whole):
        with world.query_history.recording(call) as record:
            result = _execute(replace(call, results=results))
            record.rows = len(result.rows) if result.arrow is None else result.arrow.num_rows
        results = (result, *results)
    return results[0]


def _execute(call: Call) -> Result:
    session = call.session
    session.previous_query_id, session.last_query_id = session.last_query_id, call.query_id
    handler = find_handler(call.world, call.reader)
    if handler is not None:
        return handler(call)
    if call.reader.peek() in _DATA_WORDS:
        return call.world.data.execute(call)
    raise errors.not_supported(" ".join(call.text.split()[:3]).upper())


def _call(  # noqa: PLR0913, PLR0917  # see execute
    world: World,
    session: Session,
    text: str,
    binds: Mapping[str, Any] | None,
    query_id: str | None,
    cancelled: threading.Event | None,
) -> Call:
    stripped = strip_tracking(text)
    if not stripped:
        raise errors.SnowflakeError(900, "42601", "SQL compilation error:\nEmpty SQL statement.")
    reader = Reader(stripped, dict(binds or {}))
    count = reader.statement_count()
    if count > 1:
        raise errors.statement_count(count)
    return Call(
        world,
        session,
        reader,
        query_id or world.new_id(),
        stripped,
        binds or {},
        cancelled or threading.Event(),
    )


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
    """The columns that a statement would give, without running it (describe-only requests, e.g. of Snowpark).

    Raises:
        SnowflakeError: the statement cannot be compiled.
    """
    results: tuple[Result, ...] = ()
    whole = replace(_call(world, session, text, binds, query_id, cancelled), parameters=parameters or {})
    for call in flow.statements(whole):
        results = (_describe(replace(call, results=results)), *results)
    return results[0]


def _describe(call: Call) -> Result:
    word = call.reader.peek()
    handler = find_handler(call.world, call.reader)
    if handler is not None and word in _READING_WORDS:
        result = handler(call)
        return replace(result, rows=(), arrow=None)
    if handler is not None:
        name = call.reader.text.split("(")[0].split()[-1].rpartition(".")[2].upper()
        return Result((Column(name),), (), CALL) if word == "CALL" else replace(status(), rows=())
    if word in _DATA_WORDS:
        return call.world.data.describe(call)
    raise errors.not_supported(" ".join(call.text.split()[:3]).upper())


def find_handler(world: World, reader: Reader) -> Handler | None:
    """The handler whose leading words match, longest first; moves the reader past those words."""
    for count in range(_MOST_WORDS, 0, -1):
        words = " ".join(reader.peek(position) for position in range(count))
        handler = world.statements.get(words)
        if handler is not None and reader.accept(words):
            return handler
    return None
