from __future__ import annotations

import pytest
from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.sending import Tagged, send
from tests.procedures.recording import RecordingSession, sql_error

LOST, INTERNAL, REFUSED = 250_001, 603, 2003


@pytest.mark.parametrize(("code", "times"), [(LOST, 3), (INTERNAL, 3), (0, 3), (REFUSED, 1), (91_088, 1), (395_018, 1)])
def test_a_statement_is_sent_again_unless_snowflake_has_refused_it(code: int, times: int) -> None:
    def fault(_: str) -> None:
        raise sql_error("no", code)

    session = RecordingSession(fault=fault)
    with pytest.raises(SnowparkSQLException):
        send(Tagged(session, "whose"), "DROP SERVICE IF EXISTS DB.SC.A")  # type: ignore[arg-type]  # a stand-in
    assert len(session.statements) == times
    assert session.tags == ["whose"] * times


def test_the_third_time_may_be_the_one_that_succeeds() -> None:
    faults = [sql_error("no", LOST), sql_error("no", LOST)]

    def fault(_: str) -> None:
        if faults:
            raise faults.pop()

    session = RecordingSession(fault=fault)
    assert send(Tagged(session, ""), "DROP SERVICE IF EXISTS DB.SC.A") == []  # type: ignore[arg-type]  # a stand-in
