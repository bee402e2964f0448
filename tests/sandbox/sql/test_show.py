"""SHOW: the documented columns in the documented order, TERSE, HISTORY, and the clauses that limit the rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.statements import dispatch

from tests import yaml_files

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

LISTINGS: list[dict[str, str]] = yaml_files.content(Path(__file__).parent / "show_columns.yaml")


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing["sql"].replace(" ", "-"))
def test_the_documented_columns(client: Client, listing: dict[str, str]) -> None:
    client.rows("CREATE TABLE T (A INT)")
    client.rows("CREATE SEQUENCE S")
    result = dispatch.execute(client.world, client.session, listing["sql"])
    names = [column.name for column in result.columns]
    assert names == [*listing["columns"].split(), *listing.get("more", "").split()], listing["page"]
    assert all(len(row) == len(names) for row in result.rows)
    kinds = {column.name: column.type for column in result.columns}
    assert kinds.get("created_on", "timestamp_ltz") == "timestamp_ltz"


def test_terse_rows(client: Client) -> None:
    client.rows("CREATE TABLE T (A INT)")
    client.rows("CREATE VIEW V AS SELECT 1 AS A")
    client.rows("CREATE TASK X SCHEDULE = '5 MINUTES' AS SELECT 1")
    rows = {
        kind: [tuple(row.values())[1:] for row in client.rows(f"SHOW TERSE {kind} IN D.PUBLIC")]
        for kind in ("TABLES", "VIEWS", "TASKS")
    }
    assert rows == {
        "TABLES": [("T", "TABLE", "D", "PUBLIC")],
        "VIEWS": [("V", "VIEW", "D", "PUBLIC")],
        "TASKS": [("X", None, "D", "PUBLIC", "5 MINUTES")],
    }
    assert [row["name"] for row in client.rows("SHOW TERSE SCHEMAS IN DATABASE D")] == [
        "INFORMATION_SCHEMA",
        "PUBLIC",
    ]
    assert client.errno("SHOW TERSE COMPUTE POOLS") == 2


def test_pages_of_a_listing(client: Client) -> None:
    for name in ("A", "B", "C"):
        client.rows(f"CREATE TABLE {name} (N INT)")
    assert [row["name"] for row in client.rows("SHOW TABLES LIMIT 2")] == ["A", "B"]
    assert [row["name"] for row in client.rows("SHOW TABLES LIMIT 2 FROM 'B'")] == ["C"]


def test_tasks_without_predecessors(client: Client) -> None:
    client.rows("CREATE TASK R AS SELECT 1")
    client.rows("CREATE TASK C AFTER R AS SELECT 1")
    assert [row["name"] for row in client.rows("SHOW TASKS ROOT ONLY")] == ["R"]


@pytest.mark.parametrize(
    ("column", "described"),
    [
        ("A NUMBER(10,2)", {"type": "FIXED", "precision": 10, "scale": 2, "nullable": True}),
        ("A INT NOT NULL", {"type": "FIXED", "precision": 38, "scale": 0, "nullable": False}),
        ("A CHAR", {"type": "TEXT", "length": 1, "byteLength": 4, "nullable": True, "fixed": False}),
        ("A VARCHAR", {"type": "TEXT", "length": 2**24, "byteLength": 2**24, "nullable": True, "fixed": False}),
        ("A FLOAT", {"type": "REAL", "nullable": True}),
        ("A TIMESTAMP_LTZ", {"type": "TIMESTAMP_LTZ", "precision": 0, "scale": 9, "nullable": True}),
    ],
)
def test_a_columns_type_is_json(client: Client, column: str, described: dict[str, Any]) -> None:
    client.rows(f"CREATE TABLE T ({column})")
    (row,) = client.rows("SHOW COLUMNS IN TABLE T")
    assert json.loads(row["data_type"]) == described


def test_a_view_of_the_information_schema_is_described(client: Client) -> None:
    described = client.rows("DESCRIBE VIEW INFORMATION_SCHEMA.TABLE_CONSTRAINTS")
    queried = client.rows("SELECT * FROM INFORMATION_SCHEMA.TABLES")
    assert queried == []
    assert [row["name"] for row in described][:3] == ["CONSTRAINT_CATALOG", "CONSTRAINT_SCHEMA", "CONSTRAINT_NAME"]
    assert [row["type"] for row in described if row["name"] == "CREATED"] == ["TIMESTAMP_LTZ(9)"]
    assert client.errno("DESC TABLE D.INFORMATION_SCHEMA.NOPE") == 2003
    client.rows("CREATE TABLE T (A INT)")
    assert client.rows("DESC TABLE T")[0]["name"] == "A"


@pytest.mark.parametrize("kind", ["OBJECT(A INT)", "ARRAY(INT)", "MAP(VARCHAR, INT)", "VECTOR(FLOAT, 3)"])
def test_structured_types_are_refused_by_name(client: Client, kind: str) -> None:
    assert client.errno(f"CREATE TABLE S (A {kind}, B INT)") == 2
