"""Whatever table or column of the history somebody drops, the statements of the next deploy restore it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox import world
from snowflake_sandbox.clock import SystemClock
from snowflake_sandbox.protocol import logins

from jobgraph.plan import history
from jobgraph.plan.history_repair import MOST_ROWS, restorations, show_columns
from jobgraph.settings import Settings
from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from jobgraph.plan.history import TablePlan

SETTINGS = Settings(database="D", schema="S", role="RUNS")
TABLES = (*history.tables(SETTINGS), *history.control_tables(SETTINGS))
COLUMNS = [(table, column.name) for table in TABLES for column in table.columns]
Rows = list[dict[str, Any]]


def _shown(*tables: TablePlan) -> Rows:
    return [{"table_name": table.name, "column_name": column.name} for table in tables for column in table.columns]


def test_a_whole_history_lacks_nothing() -> None:
    assert restorations(SETTINGS, _shown(*TABLES)) == ()


@pytest.mark.parametrize(("table", "column"), COLUMNS, ids=lambda value: getattr(value, "name", value))
def test_each_column_of_each_table_is_missed(table: TablePlan, column: str) -> None:
    others = tuple(other for other in TABLES if other is not table)
    less = replace(table, columns=tuple(each for each in table.columns if each.name != column))
    (lacking,) = restorations(SETTINGS, _shown(less, *others))
    assert lacking.lack == f"{table.name}.{column}"
    (statement,) = lacking.statements
    assert statement.startswith(f'ALTER TABLE "D"."S"."{table.name}" ADD COLUMN IF NOT EXISTS "{column}" ')
    assert "DEFAULT" not in statement


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Rows]]:
    """Sends a statement to a sandbox that has the history's tables and the run role's privileges on them."""
    made = world.build(tmp_path_factory.mktemp("history"), (), SystemClock(), password="-")
    session = logins.open_session(made, logins.ADMINISTRATOR, "ACCOUNTADMIN")

    def send(text: str) -> Rows:
        return in_process.rows(made, session, text)

    for statement in ("CREATE DATABASE D", "CREATE SCHEMA D.S", "CREATE ROLE RUNS"):
        send(statement)
    for entry in restorations(SETTINGS, []):
        for statement in entry.statements:
            send(statement)
    yield send
    world.stop(made)


def _state(rows: Callable[[str], Rows]) -> tuple[set[tuple[str, str, str]], set[tuple[str, str]]]:
    """The columns with their types, and the run role's privileges."""
    columns = {(row["table_name"], row["column_name"], row["data_type"]) for row in rows(show_columns(SETTINGS))}
    return columns, {(row["name"], row["privilege"]) for row in rows("SHOW GRANTS TO ROLE RUNS")}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_comes_back_with_all_columns_and_its_privileges(rows: Callable[[str], Rows], table: TablePlan) -> None:
    before = _state(rows)
    rows(f"DROP TABLE D.S.{table.name}")
    assert _state(rows) != before
    for entry in restorations(SETTINGS, rows(show_columns(SETTINGS))):
        assert entry.lack == f"the table {table.name}"
        for statement in entry.statements:
            rows(statement)
    assert _state(rows) == before


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_columns_come_back_with_their_types(rows: Callable[[str], Rows], table: TablePlan) -> None:
    before = _state(rows)
    for column in table.columns[1:]:
        rows(f'ALTER TABLE D.S.{table.name} DROP COLUMN "{column.name}"')
    for entry in restorations(SETTINGS, rows(show_columns(SETTINGS))):
        for statement in entry.statements:
            rows(statement)
    assert _state(rows) == before


def test_a_schema_with_more_columns_than_a_listing_has_is_left_alone() -> None:
    listed = [{"table_name": f"T{number}", "column_name": "C"} for number in range(MOST_ROWS)]
    assert restorations(SETTINGS, listed) == ()
    assert restorations(SETTINGS, listed[1:]) != ()
