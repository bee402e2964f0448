"""Sends statements: with a tag, and with retries after transient faults but not after a refusal by Snowflake.

Knows Snowpark's errors. Must not know what a statement is for: every statement sent here may be sent twice. Shipped as
a part of a stored procedure's text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.history_errors import explained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snowflake.snowpark import Row, Session

TIMES_SENT = 3
ALREADY_EXISTS = 2002
DOES_NOT_EXIST = 2003
# errors of compilation and execution, of procedures and services: a retry would get the same answer
REFUSALS = (range(604, 4000), range(90_000, 101_000), range(395_000, 396_000))


class Tagged(NamedTuple):
    """A session, and the tag of its statements in Snowflake's query history."""

    session: Session
    tag: str

    def collect(self, text: str, params: Sequence[Any] | None = None) -> list[Row]:
        """Send a statement once and return its rows. The tag is a parameter of it, which saves an ALTER SESSION.

        Raises:
            SnowparkSQLException: if it fails.
        """
        statement = self.session.sql(text, params=list(params or []))
        try:
            return statement.collect(statement_params={"QUERY_TAG": self.tag})
        except SnowparkSQLException as error:
            raise explained(error, text) from None


def send(session: Tagged, text: str, params: Sequence[Any] | None = None) -> list[Row]:
    """Send a statement, up to three times after transient faults, and return its rows.

    Raises:
        SnowparkSQLException: if Snowflake refuses it, or the faults persist.
    """
    for _ in range(TIMES_SENT - 1):
        try:
            return session.collect(text, params)
        except SnowparkSQLException as error:
            if is_refusal(error):
                raise
    return session.collect(text, params)


def is_refusal(error: SnowparkSQLException) -> bool:
    """Return whether Snowflake itself refused the statement, rather than a connection or a node on the way."""
    return is_refusing(error_code(error))


def is_refusing(code: int) -> bool:
    """Return whether the number of an error means that Snowflake itself refused the statement."""
    return any(code in codes for codes in REFUSALS)


def error_code(error: SnowparkSQLException) -> int:
    """Return an SQL error's number; 0 if it has none."""
    return int(error.sql_error_code or 0)


def error_text(error: SnowparkSQLException) -> str:
    """Return the text of an SQL error."""
    return str(getattr(error, "message", "") or error)
