"""The error of a statement names the history table and the column that it lacks, for each column of each statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures import finalize_graph, history
from jobgraph.procedures.history_errors import HistoryTableError, explained
from jobgraph.procedures.notifying.outbox import MESSAGE_COLUMNS, MESSAGE_KEY
from tests.procedures.test_finalize_graph import DEFINITION

if TYPE_CHECKING:
    from collections.abc import Mapping

RUNS, LOGS, TASKS, MESSAGES = (
    '"DB"."SC"."JOBS_RUN_STATS"',
    '"DB"."SC"."JOB_LOGS"',
    '"DB"."SC"."TASK_LOGGING_STATS"',
    '"DB"."SC"."NOTIFICATIONS"',
)
INSERT_RUNS = history.insert_statement(RUNS, history.RUN_COLUMNS, history.RUN_KEY)
INSERT_LOGS = history.insert_statement(LOGS, history.LOG_COLUMNS, history.LOG_KEY)
WHOLE = history.THEN.join([INSERT_LOGS, INSERT_RUNS, history.SET_RETURN_VALUE])
# what Snowpark makes of the error of a statement with quoted names
SNOWPARK = (
    "(1304): 01-9f: 000904 (42000): SQL compilation error:\nerror line 1 at position 271\ninvalid identifier '{}'\n"
    "There are existing quoted column identifiers: ['X']. Please use one of them to reference the column."
)


@pytest.mark.parametrize(
    ("statement", "table", "columns"),
    [
        (INSERT_RUNS, "DB.SC.JOBS_RUN_STATS", history.RUN_COLUMNS),
        (INSERT_LOGS, "DB.SC.JOB_LOGS", history.LOG_COLUMNS),
        (finalize_graph.copy_statement(DEFINITION), "DB.SC.TASK_LOGGING_STATS", finalize_graph.COPIED),
        (history.insert_statement(MESSAGES, MESSAGE_COLUMNS, MESSAGE_KEY), "DB.SC.NOTIFICATIONS", MESSAGE_COLUMNS),
    ],
)
@pytest.mark.parametrize("written", ["{}", "T.{}", '"{}"'])
def test_each_column_is_named_with_its_table(
    statement: str, table: str, columns: Mapping[str, str], written: str
) -> None:
    for column in columns:
        error = explained(SnowparkSQLException(SNOWPARK.format(written.format(column))), statement)
        assert str(error) == f"The history table {table} has no column {column}: `pulumi up` adds it"
        assert (type(error), error.sql_error_code) == (HistoryTableError, 904)


def test_of_several_statements_the_one_with_the_column_is_meant() -> None:
    named = {
        column: str(explained(SnowparkSQLException(SNOWPARK.format(column)), WHOLE))
        for column in ("NODE_FAMILY", "LOG", "ATTEMPT")
    }
    assert named["NODE_FAMILY"].startswith("The history table DB.SC.JOBS_RUN_STATS has no")
    assert named["LOG"].startswith("The history table DB.SC.JOB_LOGS has no")
    assert named["ATTEMPT"].startswith("The history table DB.SC.JOB_LOGS or DB.SC.JOBS_RUN_STATS has no")


def test_a_table_that_is_gone_is_named() -> None:
    error = SnowparkSQLException("Object 'DB.SC.JOB_LOGS' does not exist or not authorized.", sql_error_code=2003)
    gone = "The history table DB.SC.JOB_LOGS does not exist, or the run role may not use it"
    assert str(explained(error, WHOLE)) == f"{gone}: `pulumi up` creates and grants it"


@pytest.mark.parametrize(
    ("text", "statement"),
    [
        (SNOWPARK.format("NODE_FAMILY"), "EXECUTE JOB SERVICE IN COMPUTE POOL P"),
        (SNOWPARK.format("NODE_FAMILY"), "SELECT NODE_FAMILY"),
        ("Object 'DB.SC.OTHER' does not exist or not authorized.", WHOLE),
        ("Numeric value 'x' is not recognized", WHOLE),
    ],
)
def test_other_errors_keep_their_words(text: str, statement: str) -> None:
    error = SnowparkSQLException(text)
    assert explained(error, statement) is error
