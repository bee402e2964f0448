"""Requests of nobody's client: who has not logged in learns and changes nothing, and nothing ends the sandbox."""

from __future__ import annotations

import gzip
import http.client
import json
import socket
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.tables import stage_transfers

from tests.sandbox.conftest import PASSWORD

if TYPE_CHECKING:
    from tests.sandbox.conftest import Service

ENDPOINTS = [
    ("POST", "/queries/v1/query-request?requestId=x"),
    ("POST", "/queries/v1/abort-request"),
    ("POST", "/session?delete=true"),
    ("POST", "/session/heartbeat"),
    ("POST", "/session/token-request"),
    ("GET", "/queries/01b0/result"),
    ("GET", "/monitoring/queries/01b0"),
    ("GET", "/monitoring/queries//01b0"),
    ("GET", "/api/files/abc/x"),
    ("GET", "/api/files/../../credentials.json"),
    ("GET", "/api/v2/databases"),
    ("POST", "/api/v2/databases"),
    ("PUT", "/api/v2/databases/D/schemas/S/tasks/T"),
    ("DELETE", "/api/v2/databases/D"),
    ("GET", "/v2/"),
    ("POST", "/v2/d/public/r/job/blobs/uploads/"),
    ("PATCH", "/v2/d/public/r/job/blobs/uploads/x"),
    ("PUT", "/v2/d/public/r/job/blobs/uploads/x?digest=sha256:0"),
    ("GET", "/v2/d/public/r/job/blobs/sha256:0"),
    ("GET", "/v2/d/public/r/job/manifests/v1"),
    ("PUT", "/v2/d/public/r/job/manifests/v1"),
    ("GET", "/v2/d/public/r/job/tags/list"),
    ("GET", f"{stage_transfers.PREFIX}/{stage_transfers.BUCKET}/x"),
    ("PUT", f"{stage_transfers.PREFIX}/{stage_transfers.BUCKET}/../x"),
]
HEADERS: list[dict[str, str]] = [
    {},
    {"Authorization": "x"},
    {"Authorization": 'Snowflake Token=""'},
    {"Authorization": 'Snowflake Token="None"'},
    {"Authorization": "Basic Og=="},
    {"Authorization": "Basic \xe9"},
]


def ask(
    service: Service, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def is_alive(service: Service) -> bool:
    return ask(service, "GET", "/health")[0] == 200


@pytest.mark.parametrize("headers", HEADERS, ids=str)
@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_nobody_is_refused_everywhere(service: Service, method: str, path: str, headers: dict[str, str]) -> None:
    status, content = ask(service, method, path, b"{}", headers)
    assert status in {401, 403, 404} or json.loads(content)["success"] is False, (status, content[:200])


def test_every_endpoint_is_among_those_tried(service: Service) -> None:
    from snowflake_sandbox.protocol.server import Server  # noqa: PLC0415  # its routes alone are wanted

    tried = {path.split("?")[0] for _, path in ENDPOINTS}
    open_to_all = {"/session/v1/login-request", "/telemetry/send", "/health"}
    for route in Server(service.world).application().routes:
        path: str = getattr(route, "path", "")
        fixed = path.split("{", maxsplit=1)[0]
        assert path in open_to_all or any(one.startswith(fixed) for one in tried), f"nobody tried {path}"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::1]"])
def test_a_page_whose_name_leads_here_is_refused(service: Service, host: str) -> None:
    status, _ = ask(service, "GET", "/health", headers={"Host": host})
    assert status == 400


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:1234"])
def test_clients_of_this_machine_are_answered(service: Service, host: str) -> None:
    assert ask(service, "GET", "/health", headers={"Host": host.lower()})[0] == 200


BODIES = [
    b"",
    b"{",
    b"[]",
    b"null",
    b'"x"',
    b'{"data": []}',
    b'{"data": {"LOGIN_NAME": {}, "PASSWORD": []}}',
    b'{"data": {"LOGIN_NAME": "SANDBOX_ADMIN", "PASSWORD": 1, "SESSION_PARAMETERS": 7}}',
    b"[" * 200_000,
    b'{"a":' * 200_000,
    b"\xff\xfe",
    b'{"data": {"LOGIN_NAME": "\\ud800", "PASSWORD": "\\ud800"}}',
    b'{"data": {"LOGIN_NAME": "x", "AUTHENTICATOR": "OAUTH", "TOKEN": "' + b"x" * 100_000 + b'"}}',
    b'{"n": ' + b"9" * 100_000 + b"}",
]


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body[:30]))
def test_a_login_of_any_shape_is_refused_and_not_a_server_error(service: Service, body: bytes) -> None:
    for path in ("/session/v1/login-request", "/session/v1/login-request?roleName=%00&databaseName=%FF"):
        status, content = ask(service, "POST", path, body)
        assert status == 200
        assert json.loads(content)["success"] is False
    assert is_alive(service)


def test_a_large_login_is_refused_packed_or_not(service: Service) -> None:
    for body, headers in (
        (b" " * (3 << 20), {}),
        (gzip.compress(b" " * (512 << 20), 9), {"Content-Encoding": "gzip"}),
        (b"not gzip", {"Content-Encoding": "gzip"}),
    ):
        status, content = ask(service, "POST", "/session/v1/login-request", body, headers)
        assert status == 200
        assert json.loads(content)["success"] is False
    assert is_alive(service)


@pytest.fixture(scope="module")
def token(service: Service) -> str:
    login = {"LOGIN_NAME": "SANDBOX_ADMIN", "PASSWORD": PASSWORD}
    _, content = ask(service, "POST", "/session/v1/login-request", json.dumps({"data": login}).encode())
    return str(json.loads(content)["data"]["token"])


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["SELECT 1", "SELECT ?", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
KEYS = ("sqlText", "bindings", "describeOnly", "parameters", "asyncExec", "requestId")


@given(body=st.dictionaries(st.sampled_from(KEYS), JSON))
def test_a_statement_of_any_shape_is_answered(service: Service, token: str, body: dict[str, Any]) -> None:
    headers = {"Authorization": f'Snowflake Token="{token}"'}
    text = json.dumps(body).encode()
    for path in ("/queries/v1/query-request", "/queries/v1/abort-request"):
        status, content = ask(service, "POST", path, text, headers)
        assert status == 200
        assert "success" in json.loads(content)


@given(
    body=JSON, path=st.sampled_from(["databases", "databases/%FF/schemas/%2e%2e/tasks/x", "x", "", "tasks?like=%00"])
)
def test_the_rest_api_answers_any_shape(service: Service, token: str, body: Any, path: str) -> None:
    headers = {"Authorization": f'Snowflake Token="{token}"'}
    for method in ("GET", "POST", "PUT"):
        _, content = ask(service, method, f"/api/v2/{path}", json.dumps(body).encode(), headers)
        json.loads(content)
    assert is_alive(service)


_ODD_LOGINS: list[Any] = [
    5,
    ["a"],
    {"LOGIN_NAME": 5},
    {"LOGIN_NAME": "a", "PASSWORD": ["b"]},
    {"LOGIN_NAME": "\ud800"},
    {"AUTHENTICATOR": 5},
    {"AUTHENTICATOR": "OAUTH", "TOKEN": ["x"]},
    {"LOGIN_NAME": "a", "PASSWORD": "b", "SESSION_PARAMETERS": 5},
    {"LOGIN_NAME": "a", "PASSWORD": "b", "SESSION_PARAMETERS": {"TIMEZONE": "\ud800"}},
]
_ODD_STATEMENTS: list[dict[str, Any]] = [
    {"sqlText": 5},
    {"sqlText": "select '\ud800'"},
    {"sqlText": "select 1", "parameters": [1]},
    {"sqlText": "select 1", "parameters": {"QUERY_TAG": "\ud800"}},
    {"sqlText": "select ?", "bindings": [1]},
    {"sqlText": "select ?", "bindings": {"1": 1}},
    {"sqlText": "select ?", "bindings": {"1": {"type": "FIXED", "value": float("nan")}}},
    {"sqlText": "select ?", "bindings": {"1": {"type": "FIXED", "value": "9" * 100_000}}},
    {"sqlText": "select ?", "bindings": {"1": {"type": "BINARY", "value": "xyz"}}},
    {"sqlText": "select ?", "bindings": {"1": {"type": "DATE", "value": "9" * 40}}},
]


@pytest.mark.parametrize("data", _ODD_LOGINS)
def test_a_login_of_another_shape_is_the_clients_mistake(service: Service, data: Any) -> None:
    status, answer = ask(service, "POST", "/session/v1/login-request", json.dumps({"data": data}).encode())
    assert (status, json.loads(answer)["code"]) == (200, "390001")


@pytest.mark.parametrize("body", _ODD_STATEMENTS)
def test_a_statement_of_another_shape_is_the_clients_mistake(service: Service, body: dict[str, Any]) -> None:
    session = logins.open_session(service.world, logins.ADMINISTRATOR, "ACCOUNTADMIN")
    headers = {"Authorization": f'Snowflake Token="{session.token}"'}
    status, answer = ask(service, "POST", "/queries/v1/query-request", json.dumps(body).encode(), headers)
    assert (status, json.loads(answer)["code"]) == (200, "390001")


# not whole numbers, though `isdigit` or `int` take them for some; numbers out of all proportion; no texts at all
_ODD_VALUES: list[Any] = ["", "x", "²", "٣x", "9" * 5000, 10**30, -(10**30), float("nan"), 1e308, [1], {"a": 1}, "\x00"]
_NUMBERS = (
    "JSON_INDENT",
    "STATEMENT_TIMEOUT_IN_SECONDS",
    "ROWS_PER_RESULTSET",
    "CLIENT_PREFETCH_THREADS",
    "LOCK_TIMEOUT",
)


@pytest.mark.parametrize("value", _ODD_VALUES, ids=lambda value: repr(value)[:20])
def test_an_odd_value_of_a_parameter_is_the_clients_mistake_or_a_text(service: Service, token: str, value: Any) -> None:
    for name in (*_NUMBERS, "QUERY_TAG", "TIMEZONE", "MULTI_STATEMENT_COUNT"):
        statement = {"sqlText": "SELECT OBJECT_CONSTRUCT('a', 1), CURRENT_TIMESTAMP()", "parameters": {name: value}}
        login = {"LOGIN_NAME": "SANDBOX_ADMIN", "PASSWORD": PASSWORD, "SESSION_PARAMETERS": {name: value}}
        texts = [ask(service, "POST", "/session/v1/login-request", json.dumps({"data": login}).encode())[1]]
        if json.loads(texts[0])["success"]:
            own = json.loads(texts[0])["data"]["token"]
            headers = {"Authorization": f'Snowflake Token="{own}"'}
            texts.append(ask(service, "POST", "/queries/v1/query-request", b'{"sqlText": "SELECT 1"}', headers)[1])
            ask(service, "POST", "/session?delete=true", b"", headers)
        headers = {"Authorization": f'Snowflake Token="{token}"'}
        texts.append(ask(service, "POST", "/queries/v1/query-request", json.dumps(statement).encode(), headers)[1])
        assert [text for text in texts if b"incident" in text] == [], name
        if name in _NUMBERS:
            assert [json.loads(text)["code"] for text in texts] == ["001008", "001008"], name


def test_a_client_that_leaves_in_the_middle_of_its_login_is_no_defect(
    service: Service, caplog: pytest.LogCaptureFixture
) -> None:
    head = b"POST /session/v1/login-request HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 99\r\n\r\n{"
    with socket.create_connection(("127.0.0.1", service.port)) as client:
        client.sendall(head)
    for _ in range(3):
        assert ask(service, "GET", "/health")[0] == 200
    assert "incident" not in caplog.text
