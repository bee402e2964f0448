"""The context of a statement: the Call, and the World that outlives it, with the types of everything registered there.

Knows only these types; must not know what the registered functions do. A module that handles statements imports these
two and needs nothing of how statements are found and run (statements/dispatch.py). The types of a World's kinds refer
to Call in turn: this module and catalog/kind.py are two halves of one declaration.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.queries.query_records import QueryRecords
from snowflake_sandbox.result import Result

if TYPE_CHECKING:
    from pathlib import Path

    from snowflake_sandbox.catalog.kind import Kind
    from snowflake_sandbox.clock import Clock
    from snowflake_sandbox.data.adapter import DataPlane
    from snowflake_sandbox.session import Session
    from snowflake_sandbox.statements.reader import Reader
    from snowflake_sandbox.store import Store


@dataclass
class World:
    """Everything that outlives a statement. There is one per sandbox process; tests create their own.

    Attributes:
        folder: the data folder, which contains logs/, stages/, tokens/ and others.
        images: folders with an image's source, searched for a specification's image.
        kinds: kind name -> declaration.
        statements: leading words -> handler; the longest match wins.
        functions: SYSTEM$ and other control functions callable in SELECT and CALL: upper-case name -> function; a
           function of the database SNOWFLAKE has its qualified name.
        procedures: Snowflake's own procedures, callable only with CALL: upper-case name -> function.
        table_functions: upper-case last part of the name (or INFORMATION_SCHEMA.X) -> function that returns rows.
        information_schema: view of INFORMATION_SCHEMA -> function that returns a database's rows.
        system_tables: qualified name of a table or view of Snowflake's own -> function that returns its rows.
        node_start: how long a node of a compute pool takes to start.
        webhook_receiver: the address on this machine to which webhooks are posted; None: they are written to files.
        address: host and port to which procedures and containers connect.
        changed: called after each statement that may have changed rows.
        parts: the running parts (task scheduler, service supervisor) by name, for handlers that need them.
    """

    store: Store
    data: DataPlane
    clock: Clock
    folder: Path
    images: tuple[Path, ...] = ()
    address: tuple[str, int] = ("127.0.0.1", 0)
    webhook_receiver: str | None = None
    node_start: timedelta = timedelta()
    kinds: dict[str, Kind] = field(default_factory=dict)
    statements: dict[str, Handler] = field(default_factory=dict)
    functions: dict[str, ScalarFunction] = field(default_factory=dict)
    procedures: dict[str, ScalarFunction] = field(default_factory=dict)
    table_functions: dict[str, TableFunction] = field(default_factory=dict)
    information_schema: dict[str, InformationTable] = field(default_factory=dict)
    system_tables: dict[str, SystemTable] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)
    query_records: QueryRecords = field(default_factory=QueryRecords)
    changed: Callable[[], None] = lambda: None
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())

    def define(self, database: str, *statements: str) -> None:
        """Change a database's tables with DuckDB's DDL when the transaction commits, together with the catalog.

        Raises:
            SnowflakeError: DuckDB's errors with Snowflake's numbers; raised at the end of the outermost transaction.
        """
        with self.store.transaction() as tx:
            tx.define(database, *statements)


@dataclass
class Call:
    """A statement being executed: the argument of every handler, hook of a kind, and function.

    Attributes:
        reader: has already read the words that determined the handler.
        text: the statement without the provider's tracking comment.
        binds: values of `?` by position ("1", "2", …); a list per position if the client sent a batch.
        cancelled: set by an abort request; a handler that blocks also waits on it, and then raises errors.cancelled().
        results: the results of previous statements in a chain (flow.py), the latest first: `$1`, `$2`, ….
        parameters: parameters for this statement only; of these, QUERY_TAG has an effect.
        describing: whether only the columns are wanted, so that the statement must have no effect.
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
    describing: bool = False

    @property
    def now(self) -> Any:
        """Return the current time as an aware datetime in UTC."""
        return self.world.clock.now()


Handler = Callable[[Call], Result]
# A scalar function gets the evaluated arguments (Python values) in order.
ScalarFunction = Callable[[Call, tuple[Any, ...]], Any]
# A table function gets positional and named arguments (upper-case names); its Result becomes the table's rows.
TableFunction = Callable[[Call, tuple[Any, ...], Mapping[str, Any]], Result]
# A view of INFORMATION_SCHEMA gets the database's name.
InformationTable = Callable[[Call, str], Result]

SystemTable = Callable[[Call], Result]
