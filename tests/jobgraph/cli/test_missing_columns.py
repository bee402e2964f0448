"""A column that a history table lacks is named with its table, and with the statement that adds it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jobgraph.account import client, control_queries, queries, steering
from jobgraph.account.missing_columns import MissingColumnError, ResultRow, missing_column
from jobgraph.account.queries import Place, Statement, Tables
from jobgraph.plan import history
from jobgraph.runs import operations
from jobgraph.runs.operations import Operation
from jobgraph.settings import Settings
from tests.jobgraph.cli.recorded import START, Server

if TYPE_CHECKING:
    from tests.jobgraph.cli.conftest import Invoke

PLACE = Place("DB", "SC")
UNKNOWN = "SQL compilation error: error line 1 at position 7\ninvalid identifier '{}'"
TABLES = (*history.tables(Settings()), *history.control_tables(Settings()))
ATTEMPTS = queries.attempts(PLACE, Tables(), "ROOT", "1").text


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_each_column_of_each_table_is_named_with_the_statement_that_adds_it(table: history.TablePlan) -> None:
    for column in table.columns:
        text = f'SELECT * FROM "DB"."SC"."{table.name}" WHERE X = ?'
        error = client.refused(Statement(text), 904, UNKNOWN.format(column.name))
        assert isinstance(error, MissingColumnError)
        assert f"The history table DB.SC.{table.name} has no column {column.name}" in str(error)
        adding = f'ALTER TABLE "DB"."SC"."{table.name}" ADD COLUMN IF NOT EXISTS "{column.name}" {column.type} COMMENT '
        assert adding in error.remedy
        assert "DEFAULT" not in error.remedy  # Snowflake adds no column whose default is an expression


def test_the_table_is_the_one_that_the_identifier_names() -> None:
    logs = queries.logs(PLACE, Tables(), "ROOT", "1", "A").text
    assert "The history table DB.SC.JOB_LOGS has" in str(missing_column(logs, UNKNOWN.format("L.LOG")))
    assert "The history table DB.SC.JOBS_RUN_STATS has" in str(missing_column(logs, UNKNOWN.format("R.ATTEMPT")))
    assert "DB.SC.JOB_LOGS or DB.SC.JOBS_RUN_STATS has" in str(missing_column(logs, UNKNOWN.format("ATTEMPT")))


def test_a_table_of_another_name_is_named() -> None:
    statement = queries.attempts(PLACE, Tables(job_runs="MINE"), "ROOT", "1").text
    assert "The history table DB.SC.MINE has no column REASON_CLASS" in str(
        missing_column(statement, UNKNOWN.format("REASON_CLASS"))
    )


@pytest.mark.parametrize(("statement", "name"), [(ATTEMPTS, "NOPE"), ("SELECT 1", "LOG"), ("EXECUTE TASK x", "LOG")])
def test_other_unknown_identifiers_keep_snowflakes_words(statement: str, name: str) -> None:
    assert "000904" in str(client.refused(Statement(statement), 904, UNKNOWN.format(name)))


def test_a_row_without_a_column_is_told_in_the_same_words() -> None:
    text = control_queries.operations_of(PLACE, Tables(), "g", 5).text
    row = ResultRow(text, {"OPERATION": "run", "GRAPH_NAME": "g"})
    with pytest.raises(MissingColumnError, match=r"The history table DB\.SC\.OPERATIONS has no column NOTE"):
        operations.read([row])
    with pytest.raises(KeyError):
        row["NOPE"]
    assert row.get("NOTE") is None


def test_what_was_done_is_done_where_it_cannot_be_recorded(invoke: Invoke, server: Server) -> None:
    error = missing_column(control_queries.operations_of(PLACE, Tables(), "g", 5).text, UNKNOWN.format("NOTE"))
    server.answers = {"^INSERT": error, "ALTER TASK": []}
    done = invoke("suspend")
    assert done.exit_code == 0, done.output
    assert "It is done, but history does not show who did it: The history table DB.SC.OPERATIONS" in done.stderr


def test_a_table_of_an_earlier_version_takes_an_operation_without_the_time_of_the_request(server: Server) -> None:
    def insert(statement: Statement) -> list[dict[str, object]]:
        if "REQUESTED_TIME" in statement.text:
            raise client.refused(statement, 904, UNKNOWN.format("REQUESTED_TIME"))
        return []

    server.answers = {"^INSERT": insert}
    operation = Operation("run", "g", (), requested_at=START)
    steering.keep(server, Tables(), operation)
    assert server.sent[-1] == control_queries.insert_operation(
        server.place, Tables(), replace(operation, requested_at=None)
    )
