"""STATEMENT_TIMEOUT_IN_SECONDS, wherever it is set, on a clock that the test moves."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox.clock import ManualClock
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.statements import dispatch

from tests.sandbox.conftest import Client

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

SET = {
    "session": "ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 10",
    "warehouse": "ALTER WAREHOUSE FOR_EVERYBODY SET STATEMENT_TIMEOUT_IN_SECONDS = 10",
    "session, lower than the warehouse": (
        "ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 10;"
        "ALTER WAREHOUSE FOR_EVERYBODY SET STATEMENT_TIMEOUT_IN_SECONDS = 3600"
    ),
    "warehouse, the session's being none": (
        "ALTER SESSION SET STATEMENT_TIMEOUT_IN_SECONDS = 0;"
        "ALTER WAREHOUSE FOR_EVERYBODY SET STATEMENT_TIMEOUT_IN_SECONDS = 10"
    ),
}
WAIT = "CALL SYSTEM$WAIT(100)"
SQL = "SELECT COUNT(*) FROM TABLE(GENERATOR(ROWCOUNT => 10000000)) A, TABLE(GENERATOR(ROWCOUNT => 1000000)) B"


def error(client: Client, text: str, parameters: Mapping[str, Any] | None = None) -> SnowflakeError:
    """What a statement ends with when 11 seconds pass while it runs."""
    clock = client.world.clock
    assert isinstance(clock, ManualClock)
    raised: list[SnowflakeError] = []

    def run() -> None:
        try:
            dispatch.execute(client.world, client.session, text, parameters=parameters)
        except SnowflakeError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive():
        clock.move(11)
        thread.join(0.1)
    assert raised
    return raised[0]


@pytest.mark.parametrize("place", SET)
def test_a_statement_ends_when_its_time_is_over(client: Client, place: str) -> None:
    for statement in SET[place].split(";"):
        client.rows(statement)
    refused = error(client, WAIT)
    assert (refused.errno, refused.sqlstate) == (630, "57014")
    assert "reached its statement or warehouse timeout of 10 second(s) and was canceled" in refused.message


def test_a_query_in_the_middle_of_its_work(client: Client) -> None:
    client.rows(SET["session"])
    assert error(client, SQL).errno == 630
    assert client.values("SELECT 1") == [(1,)]


def test_of_one_statement_alone(client: Client) -> None:
    assert error(client, WAIT, {"STATEMENT_TIMEOUT_IN_SECONDS": 5}).errno == 630


def test_of_a_statement_of_a_block(client: Client) -> None:
    client.rows(SET["session"])
    refused = error(client, "BEGIN CALL SYSTEM$WAIT(100); RETURN 1; END")
    assert refused.errno == 630


def test_of_a_user(client: Client) -> None:
    client.rows("ALTER USER SANDBOX_ADMIN SET STATEMENT_TIMEOUT_IN_SECONDS = 10")
    login = logins.Login(user=logins.ADMINISTRATOR, password="a-password-of-the-tests", warehouse="FOR_EVERYBODY")
    assert error(Client(client.world, logins.log_in(client.world, login)), WAIT).errno == 630


def test_in_time(client: Client) -> None:
    client.rows(SET["session"])
    assert client.values("SELECT 1") == [(1,)]
