"""How a connection is chosen, and what its failures are called."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Self

import pytest

from jobgraph.account import client, login
from jobgraph.account.client import ConnectionChoice
from jobgraph.account.queries import Place, Statement
from jobgraph.errors import NotConnectedError, RunFailedError, UsageError, UserError

if TYPE_CHECKING:
    from tests.jobgraph.cli.conftest import Invoke
    from tests.jobgraph.cli.recorded import Server

VARIABLES = {
    "SNOWFLAKE_ACCOUNT": "LOCAL-SANDBOX",
    "SNOWFLAKE_HOST": "127.0.0.1",
    "SNOWFLAKE_PORT": "1",
    "SNOWFLAKE_PROTOCOL": "http",
    "SNOWFLAKE_USER": "SANDBOX_ADMIN",
    "SNOWFLAKE_PASSWORD": "pass-word",
    "SNOWFLAKE_DATABASE": "DB",
    "SNOWFLAKE_SCHEMA": "PUBLIC",
}


def test_variables_name_a_connection() -> None:
    found = client.parameters(ConnectionChoice(environment=VARIABLES))
    assert found["host"] == "127.0.0.1"
    assert found["port"] == 1
    assert found["database"] == "DB"


def test_the_account_may_be_given_in_two_parts() -> None:
    two = {"SNOWFLAKE_ORGANIZATION_NAME": "ORG", "SNOWFLAKE_ACCOUNT_NAME": "ACC", "SNOWFLAKE_USER": "u"}
    assert login.from_variables(two)["account"] == "ORG-ACC"


def test_a_private_key_is_used_by_itself() -> None:
    found = login.from_variables({"SNOWFLAKE_ACCOUNT": "a-b", "SNOWFLAKE_PRIVATE_KEY_FILE": "key.p8"})
    assert found["authenticator"] == "SNOWFLAKE_JWT"


@pytest.mark.parametrize("name", ["a; drop", "../../x", 'x"y', "a b", "ä", '"'])
@pytest.mark.parametrize("kind", ["database", "schema"])
def test_a_name_that_is_none_is_an_error_of_one_line(name: str, kind: str) -> None:
    option: dict[str, Any] = {kind: name}
    for choice in (
        ConnectionChoice(**option, environment=VARIABLES),
        ConnectionChoice(environment={**VARIABLES, f"SNOWFLAKE_{kind.upper()}": name}),
    ):
        with pytest.raises(UsageError) as caught:
            client.parameters(choice)
        assert str(caught.value).startswith(f"{name!r} is no name of a {kind}: use letters")
        assert len(str(caught.value).splitlines()) == 1


def test_a_session_in_a_database_of_another_kind_of_name_is_an_error() -> None:
    session = Session()
    session.database = "my-db"
    with pytest.raises(UsageError, match="'my-db' is no name of a database"):
        _ = client.SnowflakeClient(session, {}).place


def test_a_name_is_kept_as_snowflake_keeps_it() -> None:
    found = client.parameters(ConnectionChoice(database="my_db", schema='"PUBLIC"', environment=VARIABLES))
    assert (found["database"], found["schema"]) == ("MY_DB", "PUBLIC")


def test_the_command_lines_database_wins() -> None:
    found = client.parameters(ConnectionChoice(database="OTHER", schema="S", environment=VARIABLES))
    assert (found["database"], found["schema"]) == ("OTHER", "S")


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """Stand in for connections.toml, which the connector reads once per process."""
    from snowflake.connector import config_manager  # noqa: PLC0415  # slow to import

    content: dict[str, object] = {
        "connections": {"production": {"account": "ORG-PROD", "user": "me"}},
        "default_connection_name": "default",
    }
    monkeypatch.setattr(config_manager, "CONFIG_MANAGER", content)
    return content


def test_a_named_connection_is_taken_instead_of_the_variables(files: dict[str, object]) -> None:
    del files["default_connection_name"]
    assert client.parameters(ConnectionChoice("production", environment=VARIABLES))["account"] == "ORG-PROD"


def test_an_unknown_connection_is_an_error_of_usage(files: dict[str, object]) -> None:
    assert files
    with pytest.raises(UsageError, match="no connection named 'staging'") as raised:
        client.parameters(ConnectionChoice("staging"))
    assert "production" in str(raised.value)
    assert raised.value.exit_code == 2


def test_no_connection_at_all_says_how_to_give_one(files: dict[str, object]) -> None:
    assert files
    with pytest.raises(UsageError, match="No connection to Snowflake is configured") as raised:
        client.parameters(ConnectionChoice())
    assert 'eval "$(jobgraph sandbox env)"' in str(raised.value)


@pytest.mark.usefixtures("no_platform_detection")
def test_a_sandbox_that_does_not_run_is_told_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with pytest.raises(NotConnectedError) as raised:
        client.connect(ConnectionChoice(environment={**VARIABLES, "SNOWFLAKE_PORT": port}))
    assert raised.value.exit_code == 3
    assert f"127.0.0.1:{port}" in str(raised.value)
    assert "jobgraph sandbox start" in str(raised.value)
    assert "pass-word" not in str(raised.value)


@pytest.fixture
def no_platform_detection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.mark.parametrize("local", [True, False])
def test_a_wrong_password_is_said_to_be_that(*, local: bool) -> None:
    found = {"host": "127.0.0.1" if local else "x.snowflakecomputing.com", "user": "ME", "password": "pass-word"}
    error = client.not_connected(found, "Failed to connect: Incorrect username or password was specified.")
    assert error.exit_code == 3
    assert "Incorrect username or password" in str(error)
    assert "'ME'" in str(error)
    assert "pass-word" not in str(error)
    assert ("sandbox env" in str(error)) is local


@pytest.mark.parametrize("host", ["127.0.0.1", "x.snowflakecomputing.com"])
def test_a_wrong_key_asks_for_the_public_half_wherever_it_was_refused(host: str) -> None:
    found = {"host": host, "user": "ME", "authenticator": "SNOWFLAKE_JWT", "private_key_file": "rsa_key.p8"}
    error = client.not_connected(found, "Failed to connect to DB. JWT token is invalid.")
    assert error.exit_code == 3
    assert "ALTER USER ME SET RSA_PUBLIC_KEY" in str(error)
    assert "sandbox" not in str(error)


def test_an_account_that_cannot_be_reached_is_not_told_to_start_a_sandbox() -> None:
    error = client.not_connected({"account": "ORG-ACC"}, "could not connect")
    assert "ORG-ACC.snowflakecomputing.com" in str(error)
    assert "sandbox" not in str(error)


def test_a_token_that_is_too_old_asks_for_a_new_one() -> None:
    found = {"account": "ORG-ACC", "user": "ME"}
    error = client.not_connected(found, "Failed to connect to DB: ORG-ACC. OAuth access token expired. [1a2b]")
    assert error.exit_code == 3
    assert "The token is too old" in str(error)
    assert "new token" in str(error)


@pytest.mark.parametrize("found", [{"host": "127.0.0.1", "role": "NOPE"}, {"account": "ORG-ACC", "role": "NOPE"}])
def test_a_role_that_the_user_does_not_have_is_told_as_that(found: dict[str, str]) -> None:
    text = "Failed to connect to DB. Role 'NOPE' specified in the connect string is not granted to this user."
    error = client.not_connected(found, text)
    assert error.exit_code == 3
    assert "SNOWFLAKE_ROLE" in str(error)
    assert "sandbox" not in str(error)


def test_a_port_that_is_none_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match="'abc' is no number"):
        client.parameters(ConnectionChoice(environment={**VARIABLES, "SNOWFLAKE_PORT": "abc"}))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Could not connect to Snowflake backend after 2 attempt(s).Aborting",
        "Failed to execute request: HTTPConnectionPool(host='127.0.0.1', port=1): Max retries exceeded with url: /q",
    ],
)
def test_a_sandbox_that_went_away_says_how_to_go_on(text: str) -> None:
    error = client.not_connected({"host": "127.0.0.1", "port": 1}, text)
    assert "Cannot connect to 127.0.0.1:1: nothing answers there\n" in str(error)
    assert "`jobgraph wait`" in str(error)


def test_a_missing_object_asks_for_a_deployment() -> None:
    text = "SQL compilation error:\nSchema 'DB.PUBLIC' does not exist or not authorized."
    error = client.refused(Statement("SHOW TASKS"), 2043, text)
    assert isinstance(error, client.AbsentError)
    assert "pulumi up" in str(error)
    assert error.exit_code == 1


def test_a_statement_that_waits_too_long_for_a_busy_warehouse_says_so() -> None:
    text = "SQL execution was cancelled by the client due to a timeout. Error message received from the server: no"
    error = client.refused(Statement("SELECT 1"), 604, text)
    assert "did not answer a statement within 30 seconds\n  usual cause: The warehouse is busy" in str(error)
    assert "000604" in str(client.refused(Statement("SELECT 1"), 604, "SQL execution canceled"))


def test_another_refusal_keeps_snowflakes_words() -> None:
    error = client.refused(Statement("EXECUTE TASK x"), 3001, "Insufficient privileges to operate on task 'X'.")
    assert isinstance(error, RunFailedError)
    assert "003001" in str(error)
    assert "Insufficient privileges" in str(error)


class Session:
    """What SnowflakeClient needs of a connection."""

    database: str | None = None
    schema: str | None = None


def test_the_place_comes_from_the_connection() -> None:
    assert client.SnowflakeClient(Session(), {"database": "DB", "schema": "S"}).place == Place("DB", "S")
    assert client.SnowflakeClient(Session(), {"database": "DB"}).place == Place("DB", "PUBLIC")
    with pytest.raises(UsageError, match="names no database"):
        _ = client.SnowflakeClient(Session(), {}).place


class Cursor:
    """A cursor that fails as the connector does."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, *_: object, **__: object) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("kind", "number", "exit_code", "words"),
    [
        ("ProgrammingError", 2003, 1, "pulumi up"),
        ("ProgrammingError", 90073, 1, "Raise `credits_per_month` and run `pulumi up`"),
        ("ProgrammingError", 1003, 1, "refused a statement (001003)"),
        ("DatabaseError", 390112, 3, "jobgraph wait"),
        ("OperationalError", 250003, 3, "jobgraph sandbox start"),
        ("InterfaceError", 250001, 3, "jobgraph sandbox start"),
    ],
)
def test_errors_of_a_statement_have_their_exit_codes(kind: str, number: int, exit_code: int, words: str) -> None:
    from snowflake.connector import errors  # noqa: PLC0415  # slow to import

    class Connection(Session):
        def cursor(self, _: object) -> Cursor:
            return Cursor(getattr(errors, kind)(msg="no", errno=number))

    with pytest.raises(UserError) as raised:
        client.SnowflakeClient(Connection(), {"host": "127.0.0.1", "port": 1}).rows(Statement("SELECT 1"))
    assert raised.value.exit_code == exit_code
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("schemas", "databases", "words"),
    [
        (
            ["OTHER", "PUBLC", "INFORMATION_SCHEMA"],
            [],
            "There is no schema DB.PUBLIC, or this role may not see it; perhaps",
        ),
        (["OTHER"], [], "In DB, the role sees the schemas: OTHER.\n"),
        (["INFORMATION_SCHEMA"], [], "the schemas: none.\n"),
        (None, ["SNOWFLAKE", "OURS"], "There is no database DB, or this role may not see it\n"),
        (None, ["SNOWFLAKE", "OURS"], "The role sees the databases: OURS.\n"),
        (["PUBLIC"], [], "Snowflake's words"),
        (None, None, "Snowflake's words"),
    ],
)
def test_a_place_that_is_not_there_is_named(
    invoke: Invoke, server: Server, schemas: list[str] | None, databases: list[str] | None, words: str
) -> None:
    absent = client.AbsentError("Snowflake's words")
    answers = {"SHOW SCHEMAS": schemas, "SHOW DATABASES": databases}
    server.answers = {
        "SHOW TASKS": absent,
        **{text: absent if names is None else [{"name": name} for name in names] for text, names in answers.items()},
    }
    for command in ("status", "history", "suspend"):
        told = invoke(command)
        assert told.exit_code == 1
        assert words in told.stderr
