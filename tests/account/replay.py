"""Replays the corpus in a scratch database of whatever a connection leads to.

Knows the order of statements of a case. Must not know what the answers mean (comparing.py).
"""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from snowflake.connector import DictCursor
from snowflake.connector.errors import Error

from tests.account import scratch
from tests.account.comparing import Answer, outcome
from tests.account.stopping import StoppedError, is_lost, is_quota

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.account.comparing import Case, Outcome
    from tests.account.scratch import Ask


LOST = "the connection was lost"
# Seconds before each new login.
PAUSES = (0.0, 1.0, 4.0, 16.0)


class Session:
    """A connection of the real connector; counts its statements.

    If it is lost and there is a `login`, another takes its place.
    """

    def __init__(
        self,
        connection: Any,
        before: Callable[[str], None] = lambda _text: None,
        login: Callable[[], Any] | None = None,
    ) -> None:
        self.connection, self._before, self._login = connection, before, login
        self.statements = 0

    def rows(self, text: str) -> list[dict[str, Any]]:
        """Run a statement, once more if the connection was lost.

        Raises:
            Error: the connector's.
            StoppedError: there is no connection any more.
        """
        try:
            return [dict(row) for row in self._run(text).rows]
        except Error as error:
            if not is_lost(error.errno) or self._login is None:
                raise
            self._log_in_again(error)
            return [dict(row) for row in self._run(text).rows]

    def answer(self, text: str, expected: int | None = None) -> Answer:
        """Run a statement of which an error is an answer too.

        Raises:
            StoppedError: there is no connection any more, or a quota is reached that was not `expected`.
        """
        try:
            return self._run(text)
        except Error as error:
            if is_lost(error.errno) and self._login is not None:
                self._log_in_again(error)
                return Answer(broken=f"{LOST}: {error.msg}")
            if is_quota(error.errno) and error.errno != expected:
                raise StoppedError(f"a quota of the account is reached: {error.msg}") from None
            return Answer(errno=error.errno or 0)

    def _log_in_again(self, error: Error) -> None:
        assert self._login is not None
        for pause in PAUSES:
            time.sleep(pause)
            with suppress(Error):
                self.connection = self._login()
                return
        raise StoppedError(f"{LOST}, and there is no new one: {error.msg}")

    def _run(self, text: str) -> Answer:
        self._before(text)
        self.statements += 1
        with self.connection.cursor(DictCursor) as cursor:
            cursor.execute(text)
            columns = tuple(column.name for column in cursor.description or ())
            return Answer(columns=columns, rows=tuple(cursor.fetchall()))


def replay(session: Session, cases: Sequence[Case], warehouse: str | None = None) -> Iterator[Outcome]:
    """Yield each case's outcome; a case has a database of its own, which goes with all that the case left.

    A case that lost its connection is asked once more.

    warehouse: in which the session works, if it has to be said again after a case that changed it.
    """
    for number, case in enumerate(cases):
        if case.get("over") == "in process":
            continue
        answered = _replayed(session, case, number, warehouse)
        yield _replayed(session, case, number, warehouse) if LOST in answered.got else answered


def _replayed(session: Session, case: Case, number: int, warehouse: str | None) -> Outcome:
    # cases may switch roles, too
    session.rows("USE ROLE ACCOUNTADMIN")
    database = f"{scratch.MARK_OF_CASES}{number}"
    text = json.loads(json.dumps(case).replace("@DB", database))
    session.rows(f"CREATE OR REPLACE DATABASE {database}")
    if warehouse:
        session.rows(f'USE WAREHOUSE "{warehouse}"')
    answered = outcome(text, _answer(session, text))
    session.rows(f"DROP DATABASE IF EXISTS {database}")
    _sweep_others(session.rows, json.dumps(case))
    return answered


def _sweep_others(ask: Ask, case: str) -> None:
    """Drop what a case made beside its database, which only few do."""
    if re.search(r"CREATE (OR REPLACE )?(WAREHOUSE|ROLE|USER|COMPUTE POOL|RESOURCE MONITOR|[A-Z ]*INTEGRATION)", case):
        scratch.sweep(ask, scratch.MARK_OF_CASES)


def _answer(session: Session, case: Case) -> Answer:
    for statement in case.get("setup", ()):
        prepared = session.answer(statement)
        if prepared.broken:
            return prepared
        if prepared.errno is not None:
            return Answer(broken=f"error {prepared.errno:06d} for {statement}")
    return session.answer(case["sql"], case.get("errno"))
