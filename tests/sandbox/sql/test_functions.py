"""Functions beside their documented results: the table in functions.yaml."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins, wire
from snowflake_sandbox.statements import dispatch

from tests.sandbox.conftest import build

PAGES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "functions.yaml").read_text())
CALLS = [(page["page"], page.get("rows"), *call) for page in PAGES for call in page["calls"]]


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Any:
    world = build(tmp_path_factory.mktemp("functions"))
    session = logins.open_session(world, logins.ADMINISTRATOR, "ACCOUNTADMIN")
    dispatch.execute(world, session, "CREATE WAREHOUSE W")
    dispatch.execute(world, session, "CREATE DATABASE D")
    dispatch.execute(world, session, "ALTER SESSION SET TIMEZONE = 'America/Los_Angeles'")
    yield world, session
    world.data.stop()


@pytest.mark.parametrize(("page", "rows", "call", "expected"), CALLS, ids=[f"{call[0]}: {call[2]}" for call in CALLS])
def test_a_call_gives_the_documented_result(connection: Any, page: str, rows: Any, call: str, expected: Any) -> None:
    world, session = connection
    text = f"SELECT {call} AS R" + (f" FROM {rows}" if rows else "")
    if isinstance(expected, dict) and "errno" in expected:
        with pytest.raises(SnowflakeError) as refused:
            dispatch.execute(world, session, text)
        assert refused.value.errno == expected["errno"]
        return
    result = dispatch.execute(world, session, text)
    ((value,),) = wire.python_rows(result)
    kind = result.columns[0].type
    assert plain(value, kind) == wanted(expected), page


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
    assert len({call[2] for call in CALLS}) >= 300
