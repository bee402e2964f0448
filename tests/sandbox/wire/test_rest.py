"""The REST API over HTTP, as the published client asks it; the client itself runs in `make clients`."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from snowflake_sandbox.rest import plan as plans
from snowflake_sandbox.rest import task_json
from snowflake_sandbox.rest.names import literal, quoted
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    import snowflake.connector

    from tests.sandbox.conftest import Service


@dataclass
class Rest:
    """A session's token, and where it is good for."""

    address: str
    token: str
    connection: snowflake.connector.SnowflakeConnection

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        request = urllib.request.Request(  # noqa: S310  # a sandbox of this test
            f"{self.address}/api/v2/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f'Snowflake Token="{self.token}"'},
        )
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310  # likewise
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def run(self, *statements: str) -> None:
        """Run statements in the same session."""
        with self.connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)


@pytest.fixture
def rest(service: Service) -> Iterator[Rest]:
    with service.connect() as connection:
        assert connection.rest is not None
        asked = Rest(f"http://127.0.0.1:{service.port}", str(connection.rest.token), connection)
        asked.run("CREATE OR REPLACE DATABASE RESTED", "CREATE OR REPLACE WAREHOUSE RESTING")
        yield asked
        asked.run("DROP DATABASE RESTED", "DROP WAREHOUSE RESTING")


TASKS = "databases/RESTED/schemas/PUBLIC/tasks"
CRON = {"schedule_type": "CRON_TYPE", "cron_expr": "0 9 * * *", "timezone": "UTC"}


def test_a_task_and_all_its_verbs(rest: Rest) -> None:
    root = {
        "name": "root",
        "definition": "select 'it''s'",
        "schedule": CRON,
        "warehouse": "RESTING",
        "config": {"a": 1},
    }
    child = {"name": '"a child"', "definition": "select 2", "warehouse": "RESTING", "predecessors": ["root"]}
    finalizer = {"name": "fin", "definition": "select 3", "warehouse": "RESTING", "finalize": "root"}
    for body in (root, child, finalizer):
        assert rest.ask("POST", TASKS, body)[0] == 200
    assert rest.ask("POST", TASKS, root)[0] == 409
    assert rest.ask("POST", f"{TASKS}?createMode=ifNotExists", root)[0] == 200
    status, task = rest.ask("GET", f"{TASKS}/root")
    assert (status, task["schedule"], task["config"], task["state"]) == (200, CRON, {"a": 1}, "suspended")
    assert rest.ask("GET", f"{TASKS}/%22a%20child%22")[1]["predecessors"] == ["RESTED.PUBLIC.ROOT"]
    names = [task["name"] for task in rest.ask("GET", f"{TASKS}/root/dependents")[1]]
    assert names == ["ROOT", '"a child"', "FIN"]
    assert [task["name"] for task in rest.ask("GET", f"{TASKS}?rootOnly=True&like=r%25")[1]] == ["ROOT"]
    assert rest.ask("POST", f"{TASKS}/%22a%20child%22:resume")[0] == 200
    assert rest.ask("POST", f"{TASKS}/root:resume")[0] == 200
    (coming,) = rest.ask("GET", f"{TASKS}/root/current-graphs")[1]
    assert (coming["state"], coming["root_task_name"], coming["graph_version"]) == ("SCHEDULED", "ROOT", 0)
    assert rest.ask("GET", f"{TASKS}/root/complete-graphs?errorOnly=false") == (200, [])
    assert rest.ask("POST", f"{TASKS}/root:suspend")[0] == 200
    assert rest.ask("PUT", f"{TASKS}/root", {**root, "definition": "select 9", "condition": "1 = 1"})[0] == 200
    changed = rest.ask("GET", f"{TASKS}/root")[1]
    assert (changed["definition"], changed["condition"]) == ("select 9", "1 = 1")
    assert rest.ask("DELETE", f"{TASKS}/fin")[0] == 200
    assert rest.ask("GET", f"{TASKS}/fin")[0] == 404


def test_what_else_can_be_read(rest: Rest) -> None:
    rest.run("CREATE STAGE RESTED.PUBLIC.ST", "CREATE IMAGE REPOSITORY RESTED.PUBLIC.REPO")
    here = "databases/RESTED/schemas/PUBLIC"
    for path, name in (
        ("databases/rested", "RESTED"),
        (here, "PUBLIC"),
        ("warehouses/RESTING", "RESTING"),
        (f"{here}/stages/ST", "ST"),
        (f"{here}/image-repositories/REPO", "REPO"),
    ):
        status, thing = rest.ask("GET", path)
        assert (status, thing.get("name")) == (200, name)
        listing = rest.ask("GET", path.rpartition("/")[0])[1]
        assert name in [item["name"] for item in listing]
    assert rest.ask("GET", f"{here}/services")[1] == []
    assert rest.ask("GET", f"{here}/image-repositories/REPO/images")[1] == []


def test_refusals_have_a_status_and_a_number(rest: Rest) -> None:
    rest.token, token = "nobody's", rest.token
    assert rest.ask("GET", "databases")[0] == 401
    rest.token = token
    status, body = rest.ask("GET", f"{TASKS}/nope")
    assert (status, body["error_code"]) == (404, "002003")
    status, body = rest.ask("POST", "databases/RESTED:clone", {})
    assert (status, body["error_code"]) == (400, "000002")
    assert "POST /api/v2/databases/RESTED:clone" in body["message"]
    assert rest.ask("GET", f"{TASKS}/a;drop")[0] == 400


@given(st.text(min_size=1, max_size=20))
@example("\\")
@example("\\' OR '")
def test_no_text_gets_out_of_its_literal_or_name(text: str) -> None:
    reader = Reader(literal(text.replace("\0", "")))
    assert (reader.string(), reader.at_end) == (text.replace("\0", ""), True)
    name = '"' + text.replace('"', '""') + '"'
    assert Reader(quoted(name)).object_name().name == text


@given(st.integers(0, 10_000), st.integers(0, 59))
def test_an_interval_comes_back_as_it_was_sent(minutes: int, seconds: int) -> None:
    schedule = {"schedule_type": "MINUTES_TYPE", "minutes": minutes} | ({"seconds": seconds} if seconds else {})
    text = task_json.create({"name": "t", "definition": "x", "schedule": schedule}, ("d", "s"), "")
    shown = Reader(text.partition("SCHEDULE = ")[2]).string()
    row = {"NAME": "T", "SCHEDULE": shown, "PREDECESSORS": "[]", "ALLOW_OVERLAPPING_EXECUTION": "false"}
    assert task_json.answer(row)["schedule"] == schedule


def test_a_path_becomes_one_statement() -> None:
    place = "databases/d/schemas/s"
    assert plans.plan("POST", f"{place}/tasks/t:execute", {"retryLast": "true"}, {}).statement == (
        'EXECUTE TASK "D"."S"."T" RETRY LAST'
    )
    assert plans.plan("DELETE", f"{place}/stages/x", {"ifExists": "true"}, {}).statement == (
        'DROP STAGE IF EXISTS "D"."S"."X"'
    )


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "tasks", {}),
        ("POST", "tasks", {"name": "X"}),
        ("POST", "tasks", {"name": ["X"], "definition": "SELECT 1"}),
        ("POST", "tasks", {"name": "X", "definition": "SELECT 1", "schedule": 7}),
        ("POST", "tasks", {"name": "X", "definition": "SELECT 1", "predecessors": 7}),
        ("PUT", "tasks/X", {"comment": "no definition"}),
        ("PUT", "tasks/X", {"definition": "SELECT 1", "config": 7}),
        ("GET", "tasks?showLimit=many", {}),
    ],
)
def test_a_request_of_another_form_is_its_senders_mistake(
    rest: Rest, method: str, path: str, body: dict[str, Any]
) -> None:
    status, answer = rest.ask(method, f"databases/RESTED/schemas/PUBLIC/{path}", body if method != "GET" else None)
    assert status == 400
    assert answer["error_code"] != "000603", answer
