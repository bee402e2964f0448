"""Sessions whose clients went away: they end after four hours without a request, and nothing of them stays."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import snowflake.connector
import snowflake.connector.errors
from snowflake_sandbox.clock import ManualClock
from snowflake_sandbox.protocol.idle_sessions import LONGEST, IdleSessions
from snowflake_sandbox.session import Session

from tests.sandbox.conftest import START, Service, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


HOUR = 3600.0


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def world(tmp_path: Path, clock: ManualClock) -> Iterator[Service]:
    """A service on a clock that the test moves."""
    yield from serving(tmp_path / "sandbox", clock=clock)


def _sessions(service: Service) -> int:
    return len(service.world.sessions)


def _ask(connection: snowflake.connector.SnowflakeConnection, text: str) -> list[object]:
    return list(connection.cursor().execute(text).fetchall())  # type: ignore[union-attr]  # it raises instead of None


def test_an_idle_session_ends_and_frees_what_it_had(world: Service, clock: ManualClock) -> None:
    watching = world.connect()
    before = _sessions(world)
    abandoned = world.connect(database="D")
    _ask(abandoned, "create database D")
    _ask(abandoned, "create temporary table D.PUBLIC.MINE (A number)")
    result = _ask(abandoned, "select last_query_id()")
    assert result
    queries = world.world.parts["queries"]
    session = next(one for one in world.world.sessions.values() if one.data is not None and one.data.temporary)
    assert any(query.session is session for query in queries._queries.values())
    for _ in range(4):
        clock.move(HOUR - 1)
        _ask(watching, "select 1")
    assert _sessions(world) == before + 1
    clock.move(4)
    _ask(watching, "select 1")
    assert _sessions(world) == before
    assert session.data is None
    assert not any(query.session is session for query in queries._queries.values())
    assert _ask(watching, "show tables in database D") == []
    with pytest.raises(snowflake.connector.errors.Error) as error:
        _ask(abandoned, "select 1")
    assert error.value.errno == 390114
    watching.close()


def test_a_heartbeat_keeps_a_session(world: Service, clock: ManualClock) -> None:
    connection = world.connect(client_session_keep_alive=True)
    for _ in range(6):
        clock.move(HOUR)
        connection._heartbeat_tick()
    assert _ask(connection, "select 1") == [(1,)]
    connection.close()


def test_a_statement_that_runs_for_longer_keeps_its_session(clock: ManualClock) -> None:
    busy: list[Session] = []
    sessions = IdleSessions(clock, busy.__contains__)
    session = Session(1, "token", "U", "R", clock.now())
    master = sessions.add(session)
    busy.append(session)
    clock.move(9 * HOUR)
    assert sessions.expired() == []
    busy.clear()
    clock.move(4 * HOUR - 1)
    assert sessions.expired() == []
    clock.move(1)
    assert sessions.expired() == [session]
    sessions.remove(session)
    sessions.remove(session)
    assert sessions.of_master(master) is None


def test_a_clock_that_is_set_back_ends_no_session() -> None:
    clock = ManualClock(START)
    sessions = IdleSessions(clock, lambda _session: False)
    sessions.add(Session(1, "token", "U", "R", clock.now()))
    clock.move(-24 * HOUR)
    assert sessions.expired() == []


def test_sessions_of_nobodys_client_do_not_end(world: Service, clock: ManualClock) -> None:
    before = _sessions(world)
    assert before  # the one that made the warehouse
    clock.move(10 * HOUR)
    world.connect().close()
    assert _sessions(world) == before


def test_it_is_four_hours() -> None:
    assert timedelta(hours=4) == LONGEST
