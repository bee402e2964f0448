"""CALL of Python procedures over HTTP: real bodies in processes of their own, with real Snowpark sessions."""

from __future__ import annotations

import json
import os
import queue
import threading
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox import world
from snowflake_sandbox.clock import SystemClock
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.procedures import call
from snowflake_sandbox.procedures.call import log_path
from snowflake_sandbox.protocol import logins

from tests import in_process

if TYPE_CHECKING:
    from pathlib import Path

    from tests.sandbox.procedures.conftest import Procedures


def test_a_body_works_in_its_callers_session(procedures: Procedures) -> None:
    procedures.create(
        "P(A VARCHAR, B NUMBER)",
        "session.sql('INSERT INTO T SELECT ?', params=[a]).collect()\n"
        "row = session.sql('SELECT CURRENT_ROLE(), CURRENT_SCHEMA(), CURRENT_SESSION()').collect()[0]\n"
        "return f'{a} {b} {row[0]} {row[1]} {row[2]}'",
    )
    assert procedures.value("CALL P('x', 2)") == f"x 2 ACCOUNTADMIN S {procedures.session.id}"
    assert procedures.rows("SELECT V FROM T") == [{"V": "x"}]


@pytest.mark.parametrize(
    "call", ["CALL P('a', 1 + 1)", "CALL P(B => 2, A => 'a')", "CALL P('a', B => 2)", "CALL P(LOWER('A'), '2')"]
)
def test_arguments_by_position_by_name_and_computed(procedures: Procedures, call: str) -> None:
    procedures.create("P(A VARCHAR, B NUMBER)", "return repr((a, b))")
    assert procedures.value(call) == "('a', 2)"


def test_arguments_by_bind(procedures: Procedures) -> None:
    procedures.create("P(A VARCHAR, B NUMBER)", "return repr((a, b))")
    assert procedures.value("CALL P(?, ? + 1)", binds={"1": "a$$b'", "2": 1}) == '("a$$b\'", 2)'


def test_arguments_become_pythons_types(procedures: Procedures) -> None:
    procedures.rows(
        "CREATE OR REPLACE PROCEDURE TYPES(A NUMBER(10, 2), B FLOAT, C BOOLEAN, D DATE, E VARIANT,"
        " F VARCHAR DEFAULT 'f', G VARCHAR DEFAULT NULL) RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'"
        " PACKAGES = ('snowflake-snowpark-python') HANDLER = 'main' EXECUTE AS CALLER"
        " AS $$def main(session, *values): return repr(values)$$"
    )
    found = procedures.value("CALL TYPES(1.5, 2, TRUE, '2026-01-02', PARSE_JSON('{\"a\": [1]}'))")
    expected = (Decimal("1.5"), 2.0, True, "2026-01-02", {"a": [1]}, "f", None)
    assert found == repr(expected).replace("'2026-01-02'", "datetime.date(2026, 1, 2)")


@pytest.mark.parametrize(
    ("returns", "body", "expected"),
    [
        ("VARCHAR", "return 5", "5"),
        ("VARCHAR", "return None", None),
        ("NUMBER", "return 5", 5),
        ("BOOLEAN", "return True", True),
    ],
)
def test_results(procedures: Procedures, returns: str, body: str, expected: object) -> None:
    procedures.create("R()", body, returns)
    assert procedures.value("CALL R()") == expected


def test_a_table_result(procedures: Procedures) -> None:
    procedures.create("R()", "return session.sql(\"SELECT 1 AS A, 'x' AS B\")", "TABLE (A NUMBER, B VARCHAR)")
    assert procedures.rows("CALL R()") == [{"A": 1, "B": "x"}]


def test_a_table_result_without_declared_columns_has_those_of_the_frame(procedures: Procedures) -> None:
    query = (
        "select 1 as A, 1.25::number(10, 2) as B, 1.5::float as C, true as D, '2020-01-02'::date as E,"
        " '2020-01-02 03:04:05'::timestamp_ntz as F, parse_json('{\"k\": 1}') as G, null as H, 'x' as I"
    )
    procedures.create("R()", f"return session.sql({query!r})", "TABLE ()")
    (row,) = procedures.rows("CALL R()")
    assert {**row, "G": json.loads(row["G"])} == {
        "A": 1,
        "B": Decimal("1.25"),
        "C": 1.5,
        "D": True,
        "E": date(2020, 1, 2),
        "F": datetime(2020, 1, 2, 3, 4, 5),  # noqa: DTZ001  # TIMESTAMP_NTZ has no zone
        "G": {"k": 1},
        "H": None,
        "I": "x",
    }


def test_a_temporary_procedure_goes_with_its_session(procedures: Procedures) -> None:
    other = logins.open_session(
        procedures.world, logins.ADMINISTRATOR, "ACCOUNTADMIN", database="D", schema="S", warehouse="FOR_EVERYBODY"
    )
    text = (
        "CREATE TEMPORARY PROCEDURE GOES() RETURNS INT LANGUAGE PYTHON RUNTIME_VERSION = '3.11'"
        " PACKAGES = ('snowflake-snowpark-python') HANDLER = 'main' AS $$\ndef main(session):\n    return 3\n$$"
    )
    procedures.rows(text, session=other)
    procedures.rows("CREATE TEMP FUNCTION GOES_TOO() RETURNS INT AS '4'", session=other)
    shown = ("SHOW PROCEDURES LIKE 'GOES%' IN SCHEMA D.S", "SHOW USER FUNCTIONS LIKE 'GOES%' IN SCHEMA D.S")
    assert [len(procedures.rows(query)) for query in shown] == [1, 1]
    logins.close_session(procedures.world, other)
    assert [len(procedures.rows(query)) for query in shown] == [0, 0]


def test_an_exception_is_snowflakes_error(procedures: Procedures) -> None:
    procedures.create("BAD()", "def inner():\n    raise ValueError('boom')\ninner()")
    error = procedures.error("CALL BAD()")
    assert (error.errno, error.sqlstate) == (100357, "P0000")
    assert error.message == (
        "Python Interpreter Error:\nTraceback (most recent call last):\n"
        '  File "_udf_code.py", line 5, in main\n  File "_udf_code.py", line 4, in inner\n'
        "ValueError: boom\n in function BAD with handler main"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import os; os._exit(3)", "ended without a result"),
        ("session.sql('SELECT * FROM NOPE').collect()", "does not exist or not authorized"),
        ("return missing", "NameError"),
    ],
)
def test_other_ways_to_fail(procedures: Procedures, body: str, message: str) -> None:
    procedures.create("BAD()", body)
    assert message in procedures.error("CALL BAD()").message


@pytest.mark.parametrize(
    ("call", "errno"), [("CALL NOPE()", 2140), ("CALL P()", 1044), ("CALL P('a', 'b')", 100038), ("CALL P('a'", 1003)]
)
def test_calls_that_do_not_fit(procedures: Procedures, call: str, errno: int) -> None:
    procedures.create("P(A VARCHAR, B NUMBER)", "return a")
    assert procedures.error(call).errno == errno


def test_owners_rights_and_the_usage_privilege(procedures: Procedures) -> None:
    procedures.create("O()", "return session.sql('SELECT CURRENT_ROLE()').collect()[0][0]", execute_as="OWNER")
    procedures.create("C()", "return session.sql('SELECT CURRENT_ROLE()').collect()[0][0]")
    for statement in (
        "CREATE OR REPLACE ROLE CALLER",
        "GRANT USAGE ON DATABASE D TO ROLE CALLER",
        "GRANT USAGE ON SCHEMA D.S TO ROLE CALLER",
        "GRANT USAGE ON PROCEDURE D.S.O() TO ROLE CALLER",
    ):
        procedures.rows(statement)
    session = logins.open_session(
        procedures.world, logins.ADMINISTRATOR, "CALLER", warehouse="W", database="D", schema="S"
    )
    assert procedures.value("CALL O()", session=session) == "ACCOUNTADMIN"
    with pytest.raises(SnowflakeError):
        procedures.rows("CALL C()", session=session)
    procedures.rows("GRANT USAGE ON PROCEDURE D.S.C() TO ROLE CALLER")
    assert procedures.value("CALL C()", session=session) == "CALLER"


def test_prints_are_kept(procedures: Procedures) -> None:
    procedures.create("P()", "print('hello')\nimport os; os.system('echo from a child')")
    procedures.rows("CALL P()", query_id="the-query")
    assert log_path(procedures.world, "the-query").read_text() == "hello\nfrom a child\n"


def test_the_logs_of_old_calls_are_removed(procedures: Procedures, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(call, "_MOST_LOGS", 2)
    procedures.rows(
        "CREATE PROCEDURE SAYS(WHAT VARCHAR) RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'"
        " PACKAGES = ('snowflake-snowpark-python') HANDLER = 'main' AS $$def main(session, what):\n    print(what)$$"
    )
    for number, query in enumerate(("first", "second", "third")):
        procedures.rows(f"CALL SAYS('{query}')", query_id=query)
        # the order is that of the file system's times, which may be coarser than a call is long
        os.utime(log_path(procedures.world, query), (number, number))
    procedures.rows("CALL SAYS('fourth')", query_id="fourth")
    kept = {path.stem for path in log_path(procedures.world, "fourth").parent.iterdir()}
    assert len(kept) == 2
    assert "fourth" in kept
    assert not kept & {"first", "second"}


def test_many_calls_at_once(procedures: Procedures) -> None:
    procedures.create("P(A NUMBER)", "return session.sql('SELECT ?', params=[a]).collect()[0][0]", "NUMBER")
    results: queue.Queue[int] = queue.Queue()

    def call(number: int) -> None:
        session = logins.open_session(
            procedures.world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="W", database="D", schema="S"
        )
        results.put(procedures.value(f"CALL P({number})", session=session))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results.queue) == list(range(20))


@pytest.mark.parametrize("statement", ["use role ACCOUNTADMIN", "use secondary roles all"])
def test_a_body_with_its_owners_rights_cannot_change_its_role(procedures: Procedures, statement: str) -> None:
    procedures.create("RISE", f'session.sql("{statement}").collect()\nreturn "risen"', execute_as="OWNER")
    assert "Unsupported statement type" in procedures.error("CALL RISE()").message
    procedures.create("RISE", f'session.sql("{statement}").collect()\nreturn "risen"', execute_as="CALLER")
    assert procedures.value("CALL RISE()") == "risen"


def test_a_body_sees_no_variable_of_the_hosts(procedures: Procedures) -> None:
    procedures.create("VARIABLES", 'import os\nreturn " ".join(os.environ)')
    names = set(str(procedures.value("CALL VARIABLES()")).split())
    # The worker and its libraries set some of their own, which tests set too.
    own = {"ARROW_DEFAULT_MEMORY_POOL", "SNOWFLAKE_DISABLE_PLATFORM_DETECTION"}
    assert names & set(os.environ) <= {"PATH", "HOME", "LANG", "TMPDIR"} | own
    assert len(os.environ) > len(names & set(os.environ))


@pytest.mark.parametrize(
    ("packages", "answer"),
    [
        ("snowflake-snowpark-python==1.33.0", "No module named 'pandas'"),
        ("pandas', 'snowflake-snowpark-python", "[1, 2]"),
    ],
)
def test_pandas_is_there_where_packages_name_it(procedures: Procedures, packages: str, answer: str) -> None:
    procedures.rows(
        f"CREATE OR REPLACE PROCEDURE P() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'"
        f" PACKAGES = ('{packages}') HANDLER = 'main' AS $$\ndef main(session):\n    try:\n        import pandas\n"
        "    except ImportError as error:\n        return str(error)\n"
        "    return str(session.sql('SELECT 1 AS X UNION SELECT 2 ORDER BY X').to_pandas()['X'].tolist())\n$$"
    )
    assert procedures.value("CALL P()") == answer


def test_the_first_procedure_in_python_starts_the_process(tmp_path: Path) -> None:
    sql = "CREATE PROCEDURE D.PUBLIC.Q() RETURNS VARCHAR LANGUAGE SQL AS 'BEGIN RETURN 1; END'"
    python = (
        "CREATE PROCEDURE D.PUBLIC.P() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'"
        " PACKAGES = ('snowflake-snowpark-python') HANDLER = 'main' AS 'def main(session): return 1'"
    )
    started = []
    for statements in (("CREATE DATABASE D", sql, python), ()):
        made = world.build(tmp_path / "sandbox", (), SystemClock(), password="-")
        session = logins.open_session(made, logins.ADMINISTRATOR, "ACCOUNTADMIN", database="D", schema="PUBLIC")
        host = made.parts["procedures"]
        host.start()
        started.append(len(host._servers))
        for statement in statements:
            in_process.rows(made, session, statement)
            started.append(len(host._servers))
        world.stop(made)
    assert started == [0, 0, 0, 1, 1]


def test_a_body_may_look_for_a_library_and_note_its_program(procedures: Procedures) -> None:
    # As the Python models of dbt do.
    procedures.rows(
        "CREATE OR REPLACE PROCEDURE D.S.LOOKS() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'"
        " PACKAGES = ('snowflake-snowpark-python') HANDLER = 'main' AS $$\nimport importlib.util, sys\n"
        "def main(session):\n    sys._xoptions['snowflake_partner_attribution'].append('me')\n"
        "    return str([importlib.util.find_spec(name) is not None for name in ('pandas', 'cloudpickle')])\n$$"
    )
    assert procedures.rows("CALL D.S.LOOKS()") == [{"LOOKS": "[False, True]"}]
