"""The start and end of a session's transaction: BEGIN, COMMIT and ROLLBACK, AUTOCOMMIT, and DDL, which commits.

Knows the rules (sql-reference/transactions) and DuckDB's transactions; must not know what any statement does.
A transaction without changes survives a failed statement: DuckDB aborts it, so a new one is started.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from snowflake_sandbox import errors
from snowflake_sandbox.parameters import session_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.data.adapter import Connection
    from snowflake_sandbox.session import Session

# First words of statements that define objects: each commits the open transaction first.
_DDL_WORDS = frozenset({"CREATE", "ALTER", "DROP", "UNDROP", "GRANT", "REVOKE", "COMMENT"})


def is_autocommit(session: Session) -> bool:
    """Whether each statement of a session commits by itself."""
    return session_text(session, "AUTOCOMMIT").lower() in ("true", "1")


def begin(connection: Connection) -> None:
    """Start a transaction; do nothing if one is open."""
    if not connection.in_transaction:
        connection.duck.execute("BEGIN")
        connection.in_transaction, connection.has_changes = True, False
        connection.transactions += 1


def current(session: Session) -> str | None:
    """Return the id of the session's open transaction; None if there is none."""
    connection: Connection | None = session.data
    if connection is None or not connection.in_transaction:
        return None
    return f"{session.id}{connection.transactions:06}"


def rollback(connection: Connection) -> None:
    """Roll back the open transaction, if any."""
    if connection.in_transaction:
        connection.in_transaction = False
        connection.duck.execute("ROLLBACK")


def commit(connection: Connection) -> None:
    """Commit the open transaction, if any.

    Raises:
        SnowflakeError: 000002 if one of its statements failed; DuckDB would discard its changes without an error.
    """
    if not connection.in_transaction:
        return
    is_lost = connection.is_aborted()
    connection.in_transaction = False
    connection.duck.execute("COMMIT")
    if is_lost:
        raise errors.transaction_lost()


def commit_before_ddl(call: Call) -> None:
    """Commit the session's transaction if the statement is DDL."""
    connection: Connection | None = call.session.data
    if connection is None or not connection.in_transaction:
        return
    word = call.text.split(maxsplit=1)[0].upper()
    if word in _DDL_WORDS and call.text.upper().split()[:2] != ["ALTER", "SESSION"]:
        with connection.lock:
            commit(connection)


@contextmanager
def changing(session: Session, connection: Connection) -> Iterator[None]:
    """Run a statement that changes rows: start a transaction if AUTOCOMMIT is off."""
    if not is_autocommit(session):
        begin(connection)
    with reading(connection):
        yield
        connection.has_changes = True


@contextmanager
def reading(connection: Connection) -> Iterator[None]:
    """Run a statement; if it fails in a transaction without changes, that transaction continues."""
    try:
        yield
    except BaseException:
        if connection.in_transaction and not connection.has_changes:
            rollback(connection)
            begin(connection)
        raise
