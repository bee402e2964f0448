"""The corpus of cases.yaml, in process and through the real connector over HTTP."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
import snowflake.connector
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins, wire
from snowflake_sandbox.statements import dispatch

from tests import yaml_files
from tests.sandbox.conftest import WAREHOUSE

if TYPE_CHECKING:
    from collections.abc import Iterator

Rows = tuple[list[str], list[dict[str, Any]]]
CASES: list[dict[str, Any]] = yaml_files.content(Path(__file__).parent / "cases.yaml")


class RefusedError(Exception):
    """A statement ended with an error."""

    def __init__(self, errno: int) -> None:
        super().__init__(str(errno))
        self.errno = errno


class Runner(Protocol):
    """Either way to run a statement."""

    def run(self, text: str) -> Rows: ...


@dataclass
class InProcess:
    """Straight into the engine."""

    world: Any
    session: Any

    def run(self, text: str) -> Rows:
        try:
            result = dispatch.execute(self.world, self.session, text)
        except SnowflakeError as error:
            raise RefusedError(error.errno) from error
        names = [column.name for column in result.columns]
        return names, [dict(zip(names, row, strict=True)) for row in wire.python_rows(result)]


@dataclass
class OverHttp:
    """Through the connector."""

    connection: snowflake.connector.SnowflakeConnection

    def run(self, text: str) -> Rows:
        with self.connection.cursor() as cursor:
            try:
                cursor.execute(text)
            except snowflake.connector.errors.Error as error:
                raise RefusedError(error.errno or 0) from error
            names = [column.name for column in cursor.description]
            return names, [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


IN_PROCESS, HTTP = "in process", "http"


def combinations() -> Iterator[Any]:
    """Each case with each way to run it: in process, and over HTTP unless it is about one of them."""
    for number, case in enumerate(CASES):
        name = case["name"].replace(" ", "-")
        for transport in (IN_PROCESS, HTTP):
            if case.get("over", transport) == transport:
                also = "-too" if transport == HTTP and "over" not in case else ""
                yield pytest.param(number, transport, id=f"{name}-{transport}{also}")


@pytest.fixture
def runner(transport: str, service: Any) -> Iterator[Runner]:
    if transport == HTTP:
        with service.connect() as connection:
            yield OverHttp(connection)
        return
    session = logins.open_session(service.world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse=WAREHOUSE)
    yield InProcess(service.world, session)
    logins.close_session(service.world, session)


@pytest.mark.parametrize(("number", "transport"), list(combinations()))
def test_case(number: int, transport: str, runner: Runner) -> None:
    database = f"C{number}_{transport[:2].upper()}"
    case = json.loads(json.dumps(CASES[number]).replace("@DB", database))
    runner.run(f"CREATE DATABASE {database}")
    try:
        for statement in case.get("setup", []):
            runner.run(statement)
        check(case, runner)
    finally:
        runner.run(f"DROP DATABASE {database}")


def check(case: dict[str, Any], runner: Runner) -> None:
    if "errno" in case:
        with pytest.raises(RefusedError) as refused:
            runner.run(case["sql"])
        assert refused.value.errno == case["errno"]
        return
    names, rows = runner.run(case["sql"])
    assert names == case.get("columns", names)
    if "rows" not in case:
        return
    expected = case["rows"]
    found = [{name: row.get(name, "<missing>") for name in wanted} for row, wanted in zip(rows, expected, strict=False)]
    assert found == expected
    assert expected or not rows


def test_every_case_says_what_it_rests_on() -> None:
    assert {case["basis"] for case in CASES} <= {"docs", "recorded", "guess"}
    assert len({case["name"] for case in CASES}) == len(CASES)
