"""PUT and GET of drivers that know clouds only (Python connector 5): the stage as a bucket behind a token."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.protocol import logins

from tests.sandbox.conftest import PASSWORD, WAREHOUSE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.conftest import Service


@dataclass
class Driver:
    """A session as a driver on the common core opens it."""

    port: int
    token: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Status and body of an answer."""
        asked = http.client.HTTPConnection("127.0.0.1", self.port)
        asked.request(method, path, body, headers)
        answer = asked.getresponse()
        self.headers = {name.lower(): value for name, value in answer.getheaders()}
        content = answer.read()
        asked.close()
        return answer.status, content

    def post(self, path: str, body: Any) -> Any:
        """The JSON of an answer."""
        authorization = f'Snowflake Token="{self.token}"'
        return json.loads(self.ask("POST", path, json.dumps(body).encode(), Authorization=authorization)[1])

    def log_in(self) -> None:
        """Open the session, with the capability by which the sandbox tells such a driver."""
        login = {
            "CLIENT_APP_ID": "PythonConnector",
            "CLIENT_CAPABILITIES": {"SMK_ID_AS_STRING": True},
            "LOGIN_NAME": logins.ADMINISTRATOR,
            "PASSWORD": PASSWORD,
        }
        answer = self.post(f"/session/v1/login-request?roleName=ACCOUNTADMIN&warehouse={WAREHOUSE}", {"data": login})
        self.token = answer["data"]["token"]

    def run(self, text: str) -> Any:
        """The data of a statement's answer."""
        return self.post("/queries/v1/query-request", {"sqlText": text})["data"]

    def transfer(self, text: str) -> tuple[str, str]:
        """Where a PUT or GET goes, and the token for it."""
        info = self.run(text)["stageInfo"]
        assert info["locationType"] == "GCS"
        assert info["endPoint"].startswith(f"http://127.0.0.1:{self.port}/")
        path = info["endPoint"].removeprefix(f"http://127.0.0.1:{self.port}")
        return f"{path}/{info['location']}", f"Bearer {info['creds']['GCS_ACCESS_TOKEN']}"


@pytest.fixture
def driver(service: Service) -> Iterator[Driver]:
    opened = Driver(service.port)
    opened.log_in()
    for text in ("create or replace database TRANSFERS", "create stage ST", "create stage OTHER"):
        opened.run(text)
    yield opened
    opened.post("/session?delete=true", {})


def _put(driver: Driver, name: str, content: bytes) -> None:
    place, token = driver.transfer("put file:///nowhere/a.txt @ST/folder")
    assert driver.ask("PUT", place + name, content, Authorization=token)[0] == 200


def test_what_is_put_is_listed_and_fetched(driver: Driver) -> None:
    _put(driver, "a.txt", b"content")
    assert [row[:2] for row in driver.run("list @ST")["rowset"]] == [["st/folder/a.txt", "7"]]
    place, token = driver.transfer("get @ST/folder/a.txt file:///nowhere")
    assert driver.ask("GET", f"{place}folder/a.txt", Authorization=token) == (200, b"content")
    assert driver.headers["x-goog-meta-sfc-digest"] == "7XACtDnprIRfIjV9giusFERzD722AW0+yUMil7nsn3M="


def test_a_put_learns_whether_the_file_is_there(driver: Driver) -> None:
    _put(driver, "a.txt", b"content")
    place, token = driver.transfer("put file:///nowhere/a.txt @ST/folder")
    assert driver.ask("HEAD", f"{place}a.txt", Authorization=token)[0] == 200
    assert driver.ask("HEAD", f"{place}b.txt", Authorization=token)[0] == 404


def test_a_token_opens_no_more_than_its_transfer(driver: Driver) -> None:
    _put(driver, "a.txt", b"content")
    _put(driver, "b.txt", b"other")
    place, token = driver.transfer("get @ST/folder/a.txt file:///nowhere")
    assert driver.ask("GET", f"{place}folder/b.txt", Authorization=token)[0] == 404
    assert driver.ask("PUT", f"{place}folder/a.txt", b"changed", Authorization=token)[0] == 403
    assert driver.ask("GET", f"{place}folder/a.txt", Authorization="Bearer made-up")[0] == 401
    place, token = driver.transfer("put file:///nowhere/a.txt @ST/folder")
    assert driver.ask("PUT", f"{place}%2e%2e/%2e%2e/escaped", b"x", Authorization=token)[0] == 403
    assert driver.ask("GET", f"{place}%2e%2e/%2e%2e/escaped", Authorization=token)[0] == 403


def test_a_token_ends_with_its_session(driver: Driver) -> None:
    _put(driver, "a.txt", b"content")
    place, token = driver.transfer("get @ST/folder/a.txt file:///nowhere")
    driver.post("/session?delete=true", {})
    assert driver.ask("GET", f"{place}folder/a.txt", Authorization=token)[0] == 401


def test_a_login_tells_the_formats_by_which_drivers_read_values(service: Service) -> None:
    driver = Driver(service.port)
    driver.log_in()
    told = {parameter["name"]: parameter["value"] for parameter in driver.run("select 1")["parameters"]}
    assert told["BINARY_OUTPUT_FORMAT"] == "HEX"
    assert told["TIME_OUTPUT_FORMAT"] == "HH24:MI:SS"
    assert told["DATE_OUTPUT_FORMAT"] == "YYYY-MM-DD"
    assert told["TIMESTAMP_NTZ_OUTPUT_FORMAT"] == "YYYY-MM-DD HH24:MI:SS.FF3"
