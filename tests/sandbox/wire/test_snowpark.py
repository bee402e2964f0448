"""A real Snowpark session against the sandbox: what the example container and the procedures do with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from snowflake.snowpark import Session
from snowflake.snowpark.exceptions import SnowparkSQLException

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERY = "select current_time() as time,'hello'"


@pytest.fixture
def session(service: Any) -> Iterator[Session]:
    with service.connect() as connection:
        connection.cursor().execute("CREATE OR REPLACE DATABASE SNOWPARK")
        connection.cursor().execute("CREATE WAREHOUSE IF NOT EXISTS SMALL")
    settings = service.settings(database="SNOWPARK", schema="PUBLIC", warehouse="SMALL")
    made = Session.builder.configs(settings).create()
    yield made
    made.close()


def append(session: Session) -> None:
    session.sql(QUERY).write.mode("append").save_as_table("results_3")


def test_the_quickstarts_failure(session: Session) -> None:
    for _ in range(2):
        append(session)
    assert [field.name for field in session.table("results_3").schema.fields] == ["TIME", "\"'HELLO'\""]
    assert session.table("results_3").count() == 2
    session.sql("""ALTER TABLE RESULTS_3 DROP COLUMN "'HELLO'";""").collect()
    session.sql("ALTER TABLE RESULTS_3 ADD COLUMN CREATEDATE DATETIME ;").collect()
    with pytest.raises(SnowparkSQLException, match="Timestamp 'hello' is not recognized"):
        append(session)
    assert session.table("results_3").count() == 2


def test_bound_values(session: Session) -> None:
    rows = session.sql("SELECT ? AS A, ?::timestamp_ltz AS B", params=["it's", "2024-01-01 00:00:00"]).collect()
    assert rows[0].as_dict() == {"A": "it's", "B": datetime(2024, 1, 1, tzinfo=UTC)}


def test_context(session: Session) -> None:
    assert session.get_current_role() == '"ACCOUNTADMIN"'
    assert session.get_current_database() == '"SNOWPARK"'
    assert session.get_current_schema() == '"PUBLIC"'
    assert session.get_current_warehouse() == '"SMALL"'
    assert session.get_current_user() == '"SANDBOX_ADMIN"'


def test_small_data_frames(session: Session) -> None:
    frame = session.create_dataframe([[1, "a"], [2, None]], schema=["x", "y"])
    assert [tuple(row) for row in frame.collect()] == [(1, "a"), (2, None)]
    frame.write.mode("overwrite").save_as_table("frame")
    frame.write.mode("overwrite").save_as_table("frame")
    table = session.table("frame")
    assert [row[0] for row in table.filter("x > 1").collect()] == [2]
    assert table.agg({"x": "sum"}).collect()[0][0] == 3
    assert table.to_pandas()["X"].tolist() == [1, 2]
    assert table.cache_result().count() == 2


def test_show_as_a_data_frame(session: Session) -> None:
    session.create_dataframe([[1]], schema=["x"]).write.save_as_table("one", mode="overwrite")
    assert [row[0] for row in session.sql("SHOW TABLES LIKE 'ONE'").select('"name"').collect()] == ["ONE"]


def test_asynchronous(session: Session) -> None:
    job = session.sql("SELECT 5 AS X").collect_nowait()
    assert [row.as_dict() for row in job.result()] == [{"X": 5}]
