"""Keys of tables are kept and shown wherever a table was given them; nobody enforces them (create-table-constraint)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

_OTHER = """CREATE TABLE O (ID INT, A INT, B INT, CONSTRAINT PK_O PRIMARY KEY (ID) NOT ENFORCED RELY,
    CONSTRAINT U_A UNIQUE (A), UNIQUE (A, B))"""
_REFERRING = """CREATE TABLE C (ID INT PRIMARY KEY, O INT REFERENCES O (ID) ON DELETE CASCADE,
    P INT CONSTRAINT TO_O FOREIGN KEY REFERENCES O, N VARCHAR NOT NULL DEFAULT 'x' UNIQUE,
    FOREIGN KEY (P) REFERENCES O (A))"""


@pytest.fixture
def tables(client: Client) -> Client:
    client.rows(_OTHER)
    client.rows(_REFERRING)
    return client


def shown(client: Client, kind: str, place: str) -> list[tuple[Any, ...]]:
    rows = client.rows(f"SHOW {kind} KEYS IN TABLE {place}")
    return [(row["constraint_name"], row["column_name"], row["key_sequence"]) for row in rows]


def references(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    names = ("pk_table_name", "pk_column_name", "pk_name", "fk_table_name", "fk_column_name", "delete_rule")
    return [tuple(row[name] for name in names) for row in rows]


def test_keys_of_columns_and_of_tables(tables: Client) -> None:
    assert shown(tables, "PRIMARY", "O") == [("PK_O", "ID", 1)]
    first, *two = shown(tables, "UNIQUE", "O")
    assert first == ("U_A", "A", 1)
    assert [row[1:] for row in two] == [("A", 1), ("B", 2)]
    assert tables.rows("SHOW PRIMARY KEYS IN TABLE O")[0]["rely"] == "true"
    assert {row["name"]: row["null?"] for row in tables.rows("DESCRIBE TABLE C")} == {
        "ID": "N",
        "O": "Y",
        "P": "Y",
        "N": "N",
    }


def test_foreign_keys_from_both_ends(tables: Client) -> None:
    expected = [
        ("O", "ID", "PK_O", "C", "O", "CASCADE"),
        ("O", "ID", "PK_O", "C", "P", "NO ACTION"),
        ("O", "A", "U_A", "C", "P", "NO ACTION"),
    ]
    assert references(tables.rows("SHOW IMPORTED KEYS IN TABLE C")) == expected
    assert references(tables.rows("SHOW EXPORTED KEYS IN TABLE O")) == expected
    assert tables.rows("SHOW EXPORTED KEYS IN TABLE C") == []


def test_the_information_schema_lists_them(tables: Client) -> None:
    counts = tables.values(
        "SELECT TABLE_NAME, CONSTRAINT_TYPE, COUNT(*) FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS"
        " GROUP BY ALL ORDER BY 1, 2"
    )
    assert counts == [
        ("C", "FOREIGN KEY", 3),
        ("C", "PRIMARY KEY", 1),
        ("C", "UNIQUE", 1),
        ("O", "PRIMARY KEY", 1),
        ("O", "UNIQUE", 2),
    ]
    rows = tables.values(
        "SELECT UNIQUE_CONSTRAINT_NAME, DELETE_RULE FROM INFORMATION_SCHEMA.REFERENTIAL_CONSTRAINTS ORDER BY 1, 2"
    )
    assert rows == [("PK_O", "CASCADE"), ("PK_O", "NO ACTION"), ("U_A", "NO ACTION")]


def test_a_table_is_altered(tables: Client) -> None:
    tables.rows("ALTER TABLE O DROP CONSTRAINT U_A")
    tables.rows("ALTER TABLE O RENAME CONSTRAINT PK_O TO PK")
    tables.rows("ALTER TABLE O RENAME COLUMN B TO BB")
    tables.rows("ALTER TABLE O ADD COLUMN Z INT CONSTRAINT U_Z UNIQUE")
    assert [row[1] for row in shown(tables, "UNIQUE", "O")] == ["A", "BB", "Z"]
    assert shown(tables, "PRIMARY", "O") == [("PK", "ID", 1)]
    tables.rows("ALTER TABLE O DROP UNIQUE (A, BB)")
    assert shown(tables, "UNIQUE", "O") == [("U_Z", "Z", 1)]
    tables.rows("ALTER TABLE O DROP COLUMN Z")
    tables.rows("ALTER TABLE O DROP PRIMARY KEY")
    assert shown(tables, "UNIQUE", "O") + shown(tables, "PRIMARY", "O") == []
    assert tables.errno("ALTER TABLE O DROP CONSTRAINT NOPE") == 2003
    assert tables.errno("ALTER TABLE O ADD PRIMARY KEY (NOPE)") == 904
    assert tables.errno("CREATE TABLE E (A INT, UNIQUE (NOPE))") == 904


def test_the_statement_of_a_table_makes_the_same_keys(tables: Client) -> None:
    before = tables.rows("SHOW IMPORTED KEYS IN TABLE C")
    ((text,),) = tables.values("SELECT GET_DDL('TABLE', 'C')")
    tables.rows(text)
    assert references(tables.rows("SHOW IMPORTED KEYS IN TABLE C"))[1:] == references(before)[1:]
    tables.rows("CREATE TABLE L LIKE C")
    assert len(tables.rows("SHOW IMPORTED KEYS IN TABLE L")) == 3
