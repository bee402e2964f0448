"""Settings and connections: where they come from, how many there are, and what is said when there is none."""

import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from snowflake.connector import errors

from jobgraph.toolchain.standins.provider import connection
from jobgraph.toolchain.standins.provider.connection import MOST_CONNECTIONS, Pool
from jobgraph.toolchain.standins.provider.errors import NoConnectionError, SnowflakeError
from jobgraph.toolchain.standins.provider.settings import SettingsError, require_login, settings

SANDBOX = {
    "SNOWFLAKE_HOST": "127.0.0.1",
    "SNOWFLAKE_PORT": "8080",
    "SNOWFLAKE_PROTOCOL": "http",
    "SNOWFLAKE_ORGANIZATION_NAME": "LOCAL",
    "SNOWFLAKE_ACCOUNT_NAME": "SANDBOX",
    "SNOWFLAKE_USER": "SANDBOX_ADMIN",
    "SNOWFLAKE_PASSWORD": "hunter2",
    "SNOWFLAKE_ROLE": "ACCOUNTADMIN",
    "SNOWFLAKE_WAREHOUSE": "W",
}


def test_the_environment_of_the_sandbox_is_enough() -> None:
    chosen = settings({}, SANDBOX)

    require_login(chosen)
    assert chosen.address == "http://127.0.0.1:8080"
    assert (chosen.account, chosen.role, chosen.warehouse) == ("LOCAL-SANDBOX", "ACCOUNTADMIN", "W")
    assert chosen.authenticator == "SNOWFLAKE"
    assert "hunter2" not in repr(chosen)


def test_the_stacks_settings_come_first() -> None:
    variables = {
        "snowflake:config:user": "CI",
        "snowflake:config:privateKey": "PEM",
        "snowflake:config:params": '{"query_tag":"x"}',
        "snowflake:config:previewFeaturesEnabled": '["snowflake_table_resource"]',
    }
    environment = {name: text for name, text in SANDBOX.items() if name not in {"SNOWFLAKE_PASSWORD", "SNOWFLAKE_HOST"}}

    chosen = settings(variables, environment | {"SNOWFLAKE_PROTOCOL": "", "SNOWFLAKE_PORT": ""})

    assert chosen.user == "CI"
    assert chosen.authenticator == "SNOWFLAKE_JWT"
    assert chosen.address == "https://local-sandbox.snowflakecomputing.com:443"
    assert chosen.session_parameters == {"QUERY_TAG": "x"}
    assert chosen.preview_features == {"snowflake_table_resource"}


def test_a_token_alone_is_an_oauth_login() -> None:
    chosen = settings({}, {"SNOWFLAKE_ACCOUNT_NAME": "A", "SNOWFLAKE_TOKEN": "t"})

    require_login(chosen)
    assert chosen.authenticator == "OAUTH"


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(SettingsError, match=r"SNOWFLAKE_ACCOUNT_NAME.*SNOWFLAKE_USER.*SNOWFLAKE_PRIVATE_KEY"):
        require_login(settings({}, {}))


def test_a_server_that_does_not_listen_is_said_at_once_and_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    pool = Pool(settings({}, SANDBOX | {"SNOWFLAKE_PORT": str(port)}))

    with pytest.raises(NoConnectionError, match="jobgraph sandbox start") as first:
        pool.execute("SELECT 1")
    with pytest.raises(NoConnectionError) as second:
        pool.execute("SELECT 1")

    assert str(port) in str(first.value)
    assert "hunter2" not in str(first.value)
    assert second.value is first.value


def test_a_private_key_that_cannot_be_read_is_said_without_showing_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        environment = SANDBOX | {"SNOWFLAKE_PORT": str(port), "SNOWFLAKE_PRIVATE_KEY": "not a key"}
        with pytest.raises(NoConnectionError, match="not a readable PEM text") as failure:
            Pool(settings({}, environment)).execute("SELECT 1")

    assert "not a key" not in str(failure.value)


class Cursor:
    def __init__(self, owner: "Connection") -> None:
        self._owner = owner
        self.description: list[Any] = []

    def execute(self, sql: str) -> None:
        if self._owner.meeting and sql == "MEET":
            self._owner.meeting.wait()
        if sql.startswith("FAIL"):
            raise errors.ProgrammingError(msg="no: it says", errno=int(sql.split()[1]), sqlstate="42000")

    def fetchall(self) -> list[Any]:
        return []

    def close(self) -> None:
        pass


class Connection:
    meeting: threading.Barrier | None = None

    def __init__(self) -> None:
        self.closed = False

    def cursor(self) -> Cursor:
        return Cursor(self)

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Connection]]:
    found: list[Connection] = []

    def open_one(_settings: Any) -> Connection:
        found.append(Connection())
        return found[-1]

    monkeypatch.setattr(connection, "_open", open_one)
    yield found
    Connection.meeting = None


def test_statements_one_after_the_other_share_a_connection(opened: list[Connection]) -> None:
    pool = Pool(settings({}, SANDBOX))

    for _ in range(5):
        pool.execute("SELECT 1")
    pool.close()

    assert [one.closed for one in opened] == [True]


def test_statements_at_the_same_time_have_each_their_own_up_to_the_most(opened: list[Connection]) -> None:
    pool = Pool(settings({}, SANDBOX))
    Connection.meeting = threading.Barrier(MOST_CONNECTIONS, timeout=10)
    threads = [threading.Thread(target=pool.execute, args=("MEET",)) for _ in range(2 * MOST_CONNECTIONS)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(opened) == MOST_CONNECTIONS


def test_a_refused_statement_keeps_its_connection_and_a_lost_session_does_not(opened: list[Connection]) -> None:
    pool = Pool(settings({}, SANDBOX))

    with pytest.raises(SnowflakeError) as refused:
        pool.execute("FAIL 2003")
    with pytest.raises(SnowflakeError):
        pool.execute("FAIL 390114")
    pool.execute("SELECT 1")

    assert (refused.value.errno, refused.value.sqlstate) == (2003, "42000")
    assert "no: it says" in str(refused.value)
    assert [one.closed for one in opened] == [True, False]
