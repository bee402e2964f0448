"""Functions beside their documented results: the table in functions.yaml."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from snowflake_sandbox import world as worlds
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins, wire
from snowflake_sandbox.statements import dispatch

from tests import yaml_files
from tests.sandbox.conftest import build

PAGES: list[dict[str, Any]] = yaml_files.content(Path(__file__).parent / "functions.yaml")
CALLS = [(page["page"], *call) for page in PAGES for call in page["calls"]]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Any:
    world = build(tmp_path_factory.mktemp("functions"))
    session = logins.open_session(world, logins.ADMINISTRATOR, "ACCOUNTADMIN")
    dispatch.execute(world, session, "CREATE WAREHOUSE W")
    dispatch.execute(world, session, "CREATE DATABASE D")
    dispatch.execute(world, session, "ALTER SESSION SET TIMEZONE = 'America/Los_Angeles'")
    yield world, session
    worlds.stop(world)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page["page"])
def test_calls_give_the_documented_results(connection: Any, page: dict[str, Any]) -> None:
    """All calls of a page at once: a failure lists each call that gives something else."""
    source = f" FROM {page['rows']}" if "rows" in page else ""
    results = {call: result_of(connection, f"SELECT {call} AS R{source}") for call, _ in page["calls"]}
    assert results == {call: wanted(expected) for call, expected in page["calls"]}


def result_of(connection: Any, text: str) -> Any:
    """The value that a statement gives, or the number of its error as the table writes it."""
    world, session = connection
    try:
        result = dispatch.execute(world, session, text)
    except SnowflakeError as error:
        return {"errno": error.errno}
    ((value,),) = wire.python_rows(result)
    return plain(value, result.columns[0].type)


def wanted(expected: Any) -> Any:
    if isinstance(expected, list) and expected[:1] == ["json"]:
        return expected[1]
    if isinstance(expected, date):
        return expected.isoformat()
    return pytest.approx(expected, rel=1e-6) if isinstance(expected, float) else expected


def plain(value: Any, kind: str) -> Any:
    """A cell as the table writes it."""
    if kind in ("variant", "object", "array"):
        return json.loads(value) if isinstance(value, str) else value
    if isinstance(value, Decimal):
        return int(value) if value == int(value) else float(value)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).isoformat()
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return value.hex().upper() if isinstance(value, bytes) else value


def test_there_are_enough_calls() -> None:
    assert len({call for _, call, _ in CALLS}) >= 1100
