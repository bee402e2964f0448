"""What becomes of a session when its user, role or token goes: nobody keeps what was taken away."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
import requests
from snowflake_sandbox.errors import SnowflakeError, cancelled
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.result import Result, status

from tests.sandbox.conftest import WAREHOUSE, Client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake_sandbox.call import Call

    from tests.sandbox.conftest import Service

LONG = 30


@pytest.fixture
def administrator(service: Service) -> Iterator[Client]:
    """An administrator, a user GUEST with the role GUESTS, and table D.PUBLIC.T, which that role may read."""
    client = Client(
        service.world, logins.open_session(service.world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse=WAREHOUSE)
    )
    for statement in (
        "create database ENDED",
        "create table ENDED.PUBLIC.T as select 'a row' as A",
        "create role GUESTS",
        "create user GUEST password = 'guest' default_role = GUESTS",
        "grant role GUESTS to user GUEST",
        "grant usage on database ENDED to role GUESTS",
        "grant usage on schema ENDED.PUBLIC to role GUESTS",
        "grant select on table ENDED.PUBLIC.T to role GUESTS",
    ):
        client.rows(statement)
    yield client
    for statement in ("drop user if exists GUEST", "drop role if exists GUESTS", "drop database ENDED"):
        client.rows(statement)


def _ask(service: Service, path: str, token: str, **body: Any) -> dict[str, Any]:
    address = f"http://127.0.0.1:{service.port}{path}"
    headers = {"Authorization": f'Snowflake Token="{token}"'}
    answer: dict[str, Any] = requests.post(address, json=body, headers=headers, timeout=LONG).json()
    return answer


def _log_in(service: Service, **data: str) -> tuple[str, str]:
    """Log in over HTTP; return the session's token and its master token."""
    answer = _ask(service, f"/session/v1/login-request?warehouse={WAREHOUSE}", "", data=data)["data"]
    return answer["token"], answer["masterToken"]


def _rows(service: Service, token: str, text: str = "select A from ENDED.PUBLIC.T") -> Any:
    """Return the rows that a statement gives, or the code of its error."""
    answer = _ask(service, "/queries/v1/query-request", token, sqlText=text)
    return answer["data"]["rowset"] if answer["success"] else answer["code"]


@pytest.mark.parametrize("ended", ["alter user GUEST set disabled = true", "drop user GUEST"])
def test_a_disabled_or_dropped_user_has_no_sessions(service: Service, administrator: Client, ended: str) -> None:
    token, master = _log_in(service, LOGIN_NAME="GUEST", PASSWORD="guest")
    assert _rows(service, token) == [["a row"]]
    administrator.rows(ended)
    assert _rows(service, token) == "390112"
    assert _ask(service, "/session/token-request", master)["code"] == "390114"


def test_a_new_user_of_the_same_name_gets_nobody_elses_session(service: Service, administrator: Client) -> None:
    token, _ = _log_in(service, LOGIN_NAME="GUEST", PASSWORD="guest")
    for statement in ("drop user GUEST", "create user GUEST", "grant role ACCOUNTADMIN to user GUEST"):
        administrator.rows(statement)
    assert _rows(service, token, "use role ACCOUNTADMIN") == "390112"


def test_a_disabled_users_statements_are_aborted(service: Service, administrator: Client) -> None:
    started = threading.Event()

    def wait(call: Call) -> Result:
        started.set()
        if call.cancelled.wait(LONG):
            raise cancelled()
        return status()

    service.world.statements["WAIT_FOR_ITS_END"] = wait
    token, _ = _log_in(service, LOGIN_NAME="GUEST", PASSWORD="guest")
    query = service.world.parts["queries"].submit(service.world.sessions[token], "WAIT_FOR_ITS_END", {}, "")
    assert started.wait(LONG)
    administrator.rows("alter user GUEST set disabled = true")
    assert isinstance(query.future.exception(LONG / 2), SnowflakeError)


@pytest.mark.parametrize(
    "taken",
    [
        ("revoke role GUESTS from user GUEST",),
        ("drop role GUESTS",),
        ("drop role GUESTS", "create role GUESTS", "grant ownership on database ENDED to role GUESTS"),
    ],
)
def test_a_role_that_was_revoked_or_dropped_is_lost(
    service: Service, administrator: Client, taken: tuple[str, ...]
) -> None:
    token, _ = _log_in(service, LOGIN_NAME="GUEST", PASSWORD="guest")
    for statement in taken:
        administrator.rows(statement)
    assert _rows(service, token) == "002003"
    assert _rows(service, token, "select current_role()") == [["PUBLIC"]]
    address = f"http://127.0.0.1:{service.port}/api/v2/databases"
    listed = requests.get(address, headers={"Authorization": f'Snowflake Token="{token}"'}, timeout=LONG).json()
    assert listed == []


def test_a_renamed_role_stays(service: Service, administrator: Client) -> None:
    token, _ = _log_in(service, LOGIN_NAME="GUEST", PASSWORD="guest")
    administrator.rows("alter role GUESTS rename to VISITORS")
    assert _rows(service, token) == [["a row"]]
    administrator.rows("alter role VISITORS rename to GUESTS")


def test_the_sessions_of_a_container_end_with_its_token(service: Service, administrator: Client) -> None:
    oauth = logins.issue_token(service.world, "GUEST", "GUESTS", service="ENDED.PUBLIC.GUEST", warehouse=WAREHOUSE)
    token, master = _log_in(service, AUTHENTICATOR="OAUTH", TOKEN=oauth)
    administrator.rows("drop user GUEST")  # a user that has the service's name
    assert _rows(service, token) == [["a row"]]
    logins.revoke_token(service.world, oauth)
    assert _rows(service, token) == "390112"
    assert _ask(service, "/session/token-request", master)["code"] == "390114"
