"""The real Python connector against the sandbox over HTTP."""

from __future__ import annotations

import contextlib
import http.client
import importlib
import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from snowflake.connector import DictCursor
from snowflake.connector.errors import DatabaseError, ProgrammingError
from snowflake.connector.pandas_tools import write_pandas
from snowflake_sandbox.parameters import wire_parameters
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.statements import dispatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    import snowflake.connector


@pytest.fixture
def connection(service: Any) -> Iterator[snowflake.connector.SnowflakeConnection]:
    with service.connect(paramstyle="qmark") as made:
        made.cursor().execute("CREATE OR REPLACE DATABASE CONNECTOR")
        yield made


def test_select_one(connection: Any) -> None:
    assert connection.cursor().execute("SELECT 1").fetchall() == [(1,)]


def test_wrong_password_says_no_more_than_an_unknown_user(service: Any) -> None:
    texts = []
    for more in ({"password": "wrong"}, {"user": "NOBODY"}):
        with pytest.raises(DatabaseError, match="Incorrect username or password was specified") as raised:
            service.connect(**more)
        assert raised.value.errno == 390100
        texts.append(str(raised.value))
    assert texts[0] == texts[1]


def test_role_that_was_not_granted(service: Any) -> None:
    with pytest.raises(DatabaseError, match="Role 'NOPE' specified in the connect string is not granted"):
        service.connect(role="nope")


def test_a_token_that_was_never_issued(service: Any) -> None:
    with pytest.raises(DatabaseError, match="Invalid OAuth access token"):
        service.connect(authenticator="oauth", token="made-up")


def test_login_with_the_token_of_a_container(service: Any) -> None:
    token = logins.issue_token(service.world, logins.ADMINISTRATOR, "SYSADMIN", database="CONNECTOR", service="D.S.JOB")
    with service.connect(authenticator="oauth", token=token, password=None, role=None) as made:
        row = made.cursor().execute("SELECT CURRENT_ROLE(), CURRENT_DATABASE()").fetchone()
    assert row == ("SYSADMIN", "CONNECTOR")
    logins.revoke_token(service.world, token)
    with pytest.raises(DatabaseError, match="Invalid OAuth access token"):
        service.connect(authenticator="oauth", token=token, password=None, role=None)


def test_binds_of_every_type(connection: Any) -> None:
    given = (
        datetime(2020, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001  # TIMESTAMP_NTZ has no zone
        date(1969, 12, 31),
        time(1, 2, 3, 4),
        Decimal("1.25"),
        True,
        None,
        bytearray(b"ab"),
        "it's ? and $$",
        -7,
    )
    assert connection.cursor().execute("SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?", given).fetchone() == given


def test_a_cast_right_behind_a_bind(connection: Any) -> None:
    row = connection.cursor().execute("SELECT ?::timestamp_ltz, ?::int + 1", ("2024-01-01 00:00:00", "4")).fetchone()
    assert row == (datetime(2024, 1, 1, tzinfo=UTC), 5)


def test_a_batch_is_one_statement(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE BATCH (A INT, B VARCHAR)")
    cursor.executemany("INSERT INTO BATCH VALUES (?, ?)", [(number, str(number)) for number in range(1000)])
    assert cursor.rowcount == 1000
    assert cursor.execute("SELECT COUNT(*), MAX(A), COUNT(B) FROM BATCH").fetchone() == (1000, 999, 1000)


def test_client_side_binds(service: Any) -> None:
    with service.connect() as made:
        assert made.cursor().execute("SELECT %s", ("it's \\ 1",)).fetchone() == ("it's \\ 1",)


def test_rows_changed_are_counted(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE CHANGED (A INT)")
    assert cursor.execute("INSERT INTO CHANGED VALUES (1), (2), (3)").rowcount == 3
    assert cursor.execute("UPDATE CHANGED SET A = A + 1 WHERE A > 1").rowcount == 2
    assert cursor.execute("DELETE FROM CHANGED WHERE A = 1").rowcount == 1


def test_pandas(connection: Any) -> None:
    frame = (
        connection.cursor()
        .execute(
            "SELECT 1 AS A, 'x' AS B, 1.5::NUMBER(10,2) AS C, NULL AS D, TRUE AS E, '2020-01-01'::DATE AS F,"
            " '2020-01-01 00:00:00.5'::TIMESTAMP_NTZ AS G"
        )
        .fetch_pandas_all()
    )
    assert frame.to_dict("records")[0]["B"] == "x"
    assert frame["A"].tolist() == [1]
    assert float(frame["C"][0]) == 1.5
    assert frame["G"][0].microsecond == 500_000


@pytest.mark.filterwarnings("ignore:is_datetime64tz_dtype:DeprecationWarning")  # the connector's own use of pandas
def test_write_pandas_through_a_stage(connection: Any) -> None:
    pandas = importlib.import_module("pandas")
    frame = pandas.DataFrame({"A": [1, 2], "B": ["x", "y"]})
    done, _chunks, rows, _files = write_pandas(connection, frame, "WRITTEN", auto_create_table=True)
    assert (done, rows) == (True, 2)
    assert connection.cursor().execute("SELECT A, B FROM WRITTEN ORDER BY A").fetchall() == [(1, "x"), (2, "y")]


def test_put_and_get_copy_files(connection: Any, tmp_path: Any) -> None:
    source = tmp_path / "with 'quote.txt"
    source.write_text("hello")
    cursor = connection.cursor()
    cursor.execute("CREATE STAGE FILES")
    path = str(source).replace("'", "\\'")
    cursor.execute(f"PUT 'file://{path}' @FILES/sub AUTO_COMPRESS = FALSE")
    assert [row[:2] for row in cursor.execute("LIST @FILES").fetchall()] == [(f"files/sub/{source.name}", 5)]
    target = tmp_path / "got"
    target.mkdir()
    cursor.execute(f"GET @FILES/sub 'file://{target}/'")
    assert (target / source.name).read_text() == "hello"


def test_dictionary_cursor_and_description(connection: Any) -> None:
    cursor = connection.cursor(DictCursor)
    assert cursor.execute("select 1 as a, 'x'").fetchall() == [{"A": 1, "'X'": "x"}]
    described = cursor.describe("SELECT 1 AS A, 1.5::NUMBER(10,2) AS B, 'x' AS C")
    assert [(one.name, one.type_code, one.scale) for one in described] == [("A", 0, 0), ("B", 0, 2), ("C", 2, None)]


def test_errors_carry_number_state_and_query_id(connection: Any) -> None:
    cursor = connection.cursor()
    with pytest.raises(ProgrammingError) as raised:
        cursor.execute("SELECT * FROM NOPE")
    assert (raised.value.errno, raised.value.sqlstate) == (2003, "42S02")
    assert raised.value.sfqid


def test_asynchronous_statement(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute_async("SELECT 7 AS Z")
    query_id = cursor.sfqid
    assert connection.get_query_status_throw_if_error(query_id).name in ("RUNNING", "SUCCESS")
    cursor.get_results_from_sfqid(query_id)
    assert cursor.fetchall() == [(7,)]


def test_the_parameters_that_drivers_read(service: Any) -> None:
    # The Node driver makes BigInts of whole numbers where a response says so.
    session = logins.open_session(service.world, logins.ADMINISTRATOR, "ACCOUNTADMIN")
    dispatch.execute(service.world, session, "ALTER SESSION SET JS_TREAT_INTEGER_AS_BIGINT = TRUE")
    sent = {row["name"]: row["value"] for row in wire_parameters(session)}
    assert sent["JS_TREAT_INTEGER_AS_BIGINT"] is True


def test_a_statement_is_aborted_by_its_id(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute_async("SELECT SYSTEM$WAIT(60)")
    assert cursor.abort_query(cursor.sfqid)
    with pytest.raises(ProgrammingError) as raised:
        cursor.get_results_from_sfqid(cursor.sfqid)
    assert raised.value.errno == 604


def test_a_put_with_a_comment(connection: Any, tmp_path: Any) -> None:
    (tmp_path / "a.txt").write_text("hello")
    cursor = connection.cursor()
    cursor.execute("CREATE STAGE COMMENTED")
    # As snowflake.core writes it.
    cursor.execute(f"PUT /* a comment */ file://{tmp_path}/a.txt @COMMENTED/x AUTO_COMPRESS = False OVERWRITE = True;")
    assert [row[0] for row in cursor.execute("LIST @COMMENTED").fetchall()] == ["commented/x/a.txt"]


def test_counts_of_changed_rows(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE COUNTED (A INT)")
    assert cursor.execute("INSERT INTO COUNTED VALUES (1), (2)").stats.num_rows_inserted == 2
    assert cursor.execute("UPDATE COUNTED SET A = 3").stats.num_rows_updated == 2
    assert cursor.execute("DELETE FROM COUNTED WHERE A = 3").stats.num_rows_deleted == 2
    assert cursor.execute("SELECT 1").stats.num_rows_inserted is None


def test_a_statement_that_takes_long_is_polled_for(impatient: Any) -> None:
    with impatient.connect() as made:
        assert made.cursor().execute("SELECT 1").fetchall() == [(1,)]
        assert made.cursor().execute("SHOW ROLES LIKE 'SYSADMIN'").fetchone()[1] == "SYSADMIN"


def test_several_statements_in_one_request_are_refused(connection: Any) -> None:
    with pytest.raises(ProgrammingError, match="Actual statement count 2 did not match") as raised:
        connection.cursor().execute("SELECT 1; SELECT 2")
    assert raised.value.errno == 8
    cursors = list(connection.execute_string("SELECT 1; SELECT 2"))
    assert [cursor.fetchone() for cursor in cursors] == [(1,), (2,)]


def test_transactions(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE KEPT (A INT)")
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO KEPT VALUES (1)")
    cursor.execute("ROLLBACK")
    assert cursor.execute("SELECT COUNT(*) FROM KEPT").fetchone() == (0,)
    cursor.execute("COMMIT")


def test_a_transaction_in_which_a_statement_failed_is_not_committed_in_silence(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE LOST (A INT)")
    cursor.execute("BEGIN")
    cursor.execute("INSERT INTO LOST VALUES (1)")
    for statement in ("INSERT INTO LOST SELECT 'x'", "INSERT INTO LOST VALUES (2)", "COMMIT"):
        with pytest.raises(ProgrammingError):
            cursor.execute(statement)
    cursor.execute("INSERT INTO LOST VALUES (3)")
    assert cursor.execute("SELECT * FROM LOST").fetchall() == [(3,)]


def test_temporary_tables_end_with_the_session(service: Any, connection: Any) -> None:
    with service.connect(database="CONNECTOR", schema="PUBLIC") as other:
        other.cursor().execute("CREATE TEMPORARY TABLE GOES (A INT)")
        assert connection.cursor().execute("SHOW TABLES LIKE 'GOES'").fetchall()
    assert not connection.cursor().execute("SHOW TABLES LIKE 'GOES'").fetchall()


def test_time_zone_of_the_session(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("ALTER SESSION SET TIMEZONE = 'America/New_York'")
    (found,) = cursor.execute("SELECT '2024-01-01 00:00:00'::TIMESTAMP_LTZ").fetchone()
    assert found.utcoffset().total_seconds() == -5 * 3600
    assert found.astimezone(UTC) == datetime(2024, 1, 1, 5, tzinfo=UTC)


def test_time_zone_of_the_login(service: Any) -> None:
    with service.connect(session_parameters={"TIMEZONE": "America/New_York"}) as other:
        (found,) = other.cursor().execute("SELECT '2024-01-01 00:00:00'::TIMESTAMP_LTZ").fetchone()
    assert found.astimezone(UTC) == datetime(2024, 1, 1, 5, tzinfo=UTC)


def test_a_refused_parameter_is_not_kept(connection: Any) -> None:
    cursor = connection.cursor()
    with pytest.raises(ProgrammingError, match=r"invalid value \[Nowhere/At All\] for parameter 'TIMEZONE'"):
        cursor.execute("ALTER SESSION SET TIMEZONE = 'Nowhere/At All'")
    assert cursor.execute("SHOW PARAMETERS LIKE 'TIMEZONE' IN SESSION").fetchone()[1] == "UTC"


def test_what_cannot_be_read_is_an_error_that_no_driver_repeats(service: Any, connection: Any) -> None:
    headers = {"Authorization": f'Snowflake Token="{connection.rest.token}"', "Content-Type": "application/json"}
    body = {"sqlText": "SELECT ?", "bindings": {"1": {"type": "FIXED", "value": "no number"}}}
    sent = http.client.HTTPConnection("127.0.0.1", service.port)
    with contextlib.closing(sent):
        sent.request("POST", "/queries/v1/query-request?requestId=x", json.dumps(body), headers)
        answer = sent.getresponse()
        assert (answer.status, json.load(answer)["code"]) == (200, "390001")


def test_json_results_on_demand(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("ALTER SESSION SET PYTHON_CONNECTOR_QUERY_RESULT_FORMAT = 'JSON'")
    row = cursor.execute(
        "SELECT 1, TRUE, 1.5, 'x', NULL, '1969-12-31 23:59:59.5'::TIMESTAMP_NTZ, '10:11:12'::TIME"
    ).fetchone()
    assert row == (1, True, 1.5, "x", None, datetime(1969, 12, 31, 23, 59, 59, 500_000), time(10, 11, 12))  # noqa: DTZ001  # likewise


def test_semi_structured_values_are_indented_and_their_keys_in_order(connection: Any) -> None:
    cursor = connection.cursor()
    for text in ("", "ALTER SESSION SET PYTHON_CONNECTOR_QUERY_RESULT_FORMAT = 'JSON'"):
        if text:
            cursor.execute(text)
        row = cursor.execute(
            """SELECT PARSE_JSON('{"b": "x y", "a": [1, 2.5]}'), ARRAY_CONSTRUCT(1, 'ä'), PARSE_JSON('"[x"'),
            ARRAY_CONSTRUCT()"""
        ).fetchone()
        assert row == ('{\n  "a": [\n    1,\n    2.5\n  ],\n  "b": "x y"\n}', '[\n  1,\n  "ä"\n]', '"[x"', "[]")
