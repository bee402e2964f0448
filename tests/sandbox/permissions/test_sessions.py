"""What a session sees and ends of others: statements, results, requests; and what it costs to keep them."""

from __future__ import annotations

import gzip
import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
import requests
from snowflake_sandbox.errors import SnowflakeError, cancelled
from snowflake_sandbox.protocol import logins, server
from snowflake_sandbox.queries import running
from snowflake_sandbox.result import Result, ResultColumn, status

from tests.sandbox.conftest import WAREHOUSE, Client

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.session import Session
    from snowflake_sandbox.statements.reader import ObjectName

    from tests.sandbox.conftest import Service

LONG = 30


@pytest.fixture
def stranger(client: Client) -> Client:
    """A session of another user, with role PUBLIC alone."""
    return Client(client.world, logins.open_session(client.world, "STRANGER", "PUBLIC", warehouse=WAREHOUSE))


def _waiting(client: Client) -> running.Query:
    """A statement of the client's that waits until it is cancelled."""
    started = threading.Event()

    def wait(call: Call) -> Result:
        started.set()
        if call.cancelled.wait(LONG):
            raise cancelled()
        return status()

    client.world.statements["WAIT"] = wait
    query: running.Query = client.world.parts["queries"].submit(client.session, "WAIT", {}, "request")
    assert started.wait(LONG)
    return query


def test_a_stranger_cannot_cancel_anothers_statements(client: Client, stranger: Client) -> None:
    query = _waiting(client)
    with pytest.raises(SnowflakeError) as refused:
        stranger.rows(f"select system$cancel_all_queries({client.session.id})")
    assert refused.value.errno == 3001
    assert stranger.errno(f"select system$cancel_query('{query.id}')") == 709
    assert not client.world.parts["queries"].abort_request(stranger.session, "request")
    assert not query.cancelled.is_set()
    client.rows(f"select system$cancel_all_queries({client.session.id})")
    assert query.cancelled.is_set()


def test_an_operator_of_the_warehouse_can(client: Client, stranger: Client) -> None:
    client.rows("create warehouse W")
    client.rows("grant operate on warehouse W to role PUBLIC")
    client.session.warehouse = "W"
    query = _waiting(client)
    stranger.rows(f"select system$cancel_all_queries({client.session.id})")
    assert query.cancelled.is_set()


def test_results_are_their_users_alone(client: Client, stranger: Client) -> None:
    query = client.world.parts["queries"].submit(client.session, "select 'secret' as s", {}, "r")
    query.future.result(LONG)
    assert client.rows(f"select * from table(result_scan('{query.id}'))") == [{"S": "secret"}]
    assert stranger.errno(f"select * from table(result_scan('{query.id}'))") == 709


def test_who_calls_a_procedure_sees_neither_its_statements_nor_their_results(client: Client, stranger: Client) -> None:
    body = "BEGIN LET R RESULTSET := (SELECT 'secret row' AS S); RETURN 'done'; END"
    client.rows(f"create procedure D.PUBLIC.P() returns varchar as $$ {body} $$")
    for grant in ("database D", "schema D.PUBLIC", "procedure D.PUBLIC.P()"):
        client.rows(f"grant usage on {grant} to role PUBLIC")
    assert stranger.rows("call D.PUBLIC.P()") == [{"P": "done"}]
    history = (
        "select query_id, query_text from table(D.information_schema.query_history()) where query_text like '%row%'"
    )
    (inner,) = [row["QUERY_ID"] for row in client.rows(history) if row["QUERY_TEXT"].startswith("SELECT 'secret row'")]
    assert "secret row" not in str(stranger.rows(history.replace("%row%", "SELECT %")))
    assert stranger.errno(f"select * from table(result_scan('{inner}'))") == 709


def _monitored(service: Service, session: Session, query_id: str) -> list[Any]:
    answer = requests.get(
        f"http://127.0.0.1:{service.port}/monitoring/queries/{query_id}",
        headers={"Authorization": f'Snowflake Token="{session.token}"'},
        timeout=LONG,
    )
    listed: list[Any] = answer.json()["data"]["queries"]
    return listed


def test_monitoring_shows_what_the_roles_allow(service: Service) -> None:
    administrator = logins.open_session(service.world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse=WAREHOUSE)
    stranger = logins.open_session(service.world, "STRANGER", "PUBLIC", warehouse=WAREHOUSE)
    query = service.world.parts["queries"].submit(administrator, "select 'secret' as s", {}, "m")
    query.future.result(LONG)
    assert _monitored(service, stranger, query.id) == []
    assert [row["sqlText"] for row in _monitored(service, administrator, query.id)] == ["select 'secret' as s"]


def test_containers_of_two_services_see_no_statement_of_each_other(client: Client) -> None:
    world = client.world
    for role in ("FIRST", "SECOND"):
        client.rows(f"create role {role}")
    tokens = {
        role: logins.issue_token(world, "JOB", role, service=f"D.{role}.JOB", database="D", warehouse=WAREHOUSE)
        for role in ("FIRST", "SECOND")
    }
    sessions = {
        role: Client(world, logins.log_in(world, logins.Login(authenticator="OAUTH", token=token)))
        for role, token in tokens.items()
    }
    sessions["FIRST"].rows("select 'literal of the first'")
    history = "select query_text from table(information_schema.query_history())"
    assert "literal of the first" in str(sessions["FIRST"].rows(history))
    assert "literal of the first" not in str(sessions["SECOND"].rows(history))


def test_a_service_called_like_a_user_has_none_of_the_users_roles(client: Client) -> None:
    client.rows("create role SMALL")
    token = logins.issue_token(client.world, logins.ADMINISTRATOR, "SMALL", service="D.PUBLIC.SANDBOX_ADMIN")
    container = Client(client.world, logins.log_in(client.world, logins.Login(authenticator="OAUTH", token=token)))
    assert container.errno("use role ACCOUNTADMIN") == 3013
    container.rows("use secondary roles all")
    assert container.errno("create role ANOTHER") == 3001


def test_a_containers_login_takes_only_parameters_that_alter_session_takes(client: Client) -> None:
    token = logins.issue_token(client.world, "JOB", "PUBLIC", service="D.PUBLIC.JOB")
    for parameters in ({"WEEK_START": "9"}, {"quoted_identifiers_ignore_case": "true"}):
        with pytest.raises(SnowflakeError):
            logins.log_in(client.world, logins.Login(authenticator="OAUTH", token=token, parameters=parameters))


def test_old_results_are_forgotten_when_all_of_them_are_large(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "_MOST_BYTES", 1000)
    table = pa.table({"C": pa.array(["x" * 400])})
    client.world.statements["LARGE"] = lambda _call: Result((ResultColumn("C"),), arrow=table)
    queries = client.world.parts["queries"]
    submitted = [queries.submit(client.session, "LARGE", {}, str(number)) for number in range(30)]
    for query in submitted:
        query.future.result(LONG)
    queries.stop()
    kept = [query for query in submitted if queries.find(query.id) is not None]
    assert 1 <= len(kept) <= 3


def test_nothing_is_kept_of_forgotten_statements(own_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each statement looks at what is kept: a sandbox that has answered thousands answers the next one as fast."""
    monkeypatch.setattr(running, "_MOST_RESULTS", 5)
    queries = own_client.world.parts["queries"]
    for number in range(20):
        queries.submit(
            own_client.session, "select 1" if number % 2 else "select no_such_column", {}, ""
        ).future.exception(LONG)
    queries.stop()
    assert len(queries._queries) <= 5
    assert queries._sizes.keys() == queries._queries.keys()
    assert queries._total_size == sum(queries._sizes.values())
    assert queries.running() == []
    assert queries._under_way == {}


@pytest.mark.parametrize("path", ["/session/v1/login-request", "/queries/v1/query-request"])
def test_a_small_body_that_unpacks_to_a_large_one_is_refused(
    service: Service, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = logins.open_session(service.world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse=WAREHOUSE)
    monkeypatch.setattr(server._body, "__defaults__", (1 << 20,))  # a limit that takes no gigabyte to reach
    bomb = gzip.compress(json.dumps({"sqlText": "select 1" + " " * (8 << 20)}).encode())
    answer = requests.post(
        f"http://127.0.0.1:{service.port}{path}",
        data=bomb,
        headers={"Content-Encoding": "gzip", "Authorization": f'Snowflake Token="{session.token}"'},
        timeout=LONG,
    ).json()
    assert not answer["success"]
    assert "larger than" in answer["message"]


def test_show_leaves_out_what_another_session_drops_meanwhile(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("A", "B"):
        client.rows(f"create table {name} (v int)")
    count = client.world.data.count

    def dropping(name: ObjectName) -> int:
        if name.name == "A":
            others.submit(client.rows, "drop table A").result(10)
        return count(name)

    monkeypatch.setattr(client.world.data, "count", dropping)
    with ThreadPoolExecutor(1) as others:
        assert [row["name"] for row in client.rows("show tables in schema D.PUBLIC")] == ["B"]


@pytest.mark.parametrize("user", ["NOBODY", "A_SERVICE", "DISABLED_ONE", logins.ADMINISTRATOR])
def test_a_refused_login_takes_as_long_for_every_user(
    client: Client, user: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.rows("create or replace user A_SERVICE type = service")
    client.rows("create or replace user DISABLED_ONE password = 'x' disabled = true")
    computed = []
    scrypt = hashlib.scrypt

    def counted(*values: Any, **more: Any) -> bytes:
        computed.append(1)
        return scrypt(*values, **more)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    with pytest.raises(SnowflakeError) as error:
        logins.log_in(client.world, logins.Login(user=user, password=f"wrong of {user}"))
    assert (error.value.errno, len(computed)) == (390100, 1)
