"""Replays the corpus in a scratch database of whatever a connection leads to.

Knows the order of statements of a case. Must not know what the answers mean (comparing.py).
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from snowflake.connector import DictCursor
from snowflake.connector.errors import Error

from tests.account import scratch
from tests.account.comparing import Answer, outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.account.comparing import Case, Outcome
    from tests.account.scratch import Ask


class Session:
    """A connection of the real connector; counts its statements."""

    def __init__(self, connection: Any, before: Callable[[str], None] = lambda _text: None) -> None:
        self._connection, self._before = connection, before
        self.statements = 0

    def rows(self, text: str) -> list[dict[str, Any]]:
        """Run a statement.

        Raises:
            Error: the connector's.
        """
        return [dict(row) for row in self._run(text).rows]

    def answer(self, text: str) -> Answer:
        """Run a statement of which an error is an answer too."""
        try:
            return self._run(text)
        except Error as error:
            return Answer(errno=error.errno or 0)

    def _run(self, text: str) -> Answer:
        self._before(text)
        self.statements += 1
        with self._connection.cursor(DictCursor) as cursor:
            cursor.execute(text)
            columns = tuple(column.name for column in cursor.description or ())
            return Answer(columns=columns, rows=tuple(cursor.fetchall()))


def replay(session: Session, cases: Sequence[Case], warehouse: str | None = None) -> Iterator[Outcome]:
    """Yield each case's outcome; a case has a database of its own, which goes with all that the case left.

    warehouse: in which the session works, if it has to be said again after a case that changed it.
    """
    for number, case in enumerate(cases):
        if case.get("over") == "in process":
            continue
        # cases may switch roles, too
        session.rows("USE ROLE ACCOUNTADMIN")
        database = f"{scratch.MARK_OF_CASES}{number}"
        text = json.loads(json.dumps(case).replace("@DB", database))
        session.rows(f"CREATE OR REPLACE DATABASE {database}")
        if warehouse:
            session.rows(f'USE WAREHOUSE "{warehouse}"')
        yield outcome(text, _answer(session, text))
        session.rows(f"DROP DATABASE IF EXISTS {database}")
        _sweep_others(session.rows, json.dumps(case))


def _sweep_others(ask: Ask, case: str) -> None:
    """Drop what a case made beside its database, which only few do."""
    if re.search(r"CREATE (OR REPLACE )?(WAREHOUSE|ROLE|USER|COMPUTE POOL|RESOURCE MONITOR|[A-Z ]*INTEGRATION)", case):
        scratch.sweep(ask, scratch.MARK_OF_CASES)


def _answer(session: Session, case: Case) -> Answer:
    for statement in case.get("setup", ()):
        prepared = session.answer(statement)
        if prepared.errno is not None:
            return Answer(broken=f"error {prepared.errno:06d} for {statement}")
    return session.answer(case["sql"])
