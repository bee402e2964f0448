"""SQL text, identifiers and data types, as pure functions."""

import pytest

from jobgraph.toolchain.standins.provider import sql
from jobgraph.toolchain.standins.provider.data_types import data_type, result_type
from jobgraph.toolchain.standins.provider.errors import SnowflakeError
from jobgraph.toolchain.standins.provider.resources.view import query_of
from jobgraph.toolchain.standins.provider.tasks.task_properties import period, period_read


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("A", ("A",)),
        ("a.b.C", ("a", "b", "C")),
        ('"D"."S x"."N"', ("D", "S x", "N")),
        ('"with ""quote"""."b.c"', ('with "quote"', "b.c")),
        ("autonamed-e6973f4", ("autonamed-e6973f4",)),
    ],
)
def test_identifiers_are_taken_apart_and_quoted(name: str, parts: tuple[str, ...]) -> None:
    assert sql.identifier_parts(name) == parts
    assert sql.identifier_parts(sql.quoted(*parts)) == parts


@pytest.mark.parametrize("name", ["", "a.", ".a", 'a"b', '"a', "a..b", "a(b)", '"a"; drop'])
def test_what_is_no_identifier_is_refused(name: str) -> None:
    with pytest.raises(sql.IdentifierError):
        sql.identifier_parts(name)


def test_texts_are_escaped() -> None:
    assert sql.text('it\'s "a"\\\n\t') == "'it\\'s \\\"a\\\"\\\\\\n\\t'"


@pytest.mark.parametrize(
    ("statement", "subject"),
    [
        ('CREATE TASK "D"."S"."T" CONFIG = $$secret$$ AS call f(\'secret\')', 'CREATE TASK "D"."S"."T"'),
        ("CREATE USER U PASSWORD = 'secret'", "CREATE USER U PASSWORD"),
        ("SHOW ROLES LIKE 'R' --terraform_provider_usage_tracking {}", "SHOW ROLES LIKE"),
        ('GRANT ROLE "A" TO ROLE "B"', 'GRANT ROLE "A" TO ROLE "B"'),
        ("select 'secret' from t", "select"),
        ('USE WAREHOUSE "W" ->> SELECT IFF(1 = 0, 1, 2)', "SELECT IFF"),
        ("alter user u set rsa_public_key=secret", "alter user u set"),
    ],
)
def test_an_errors_subject_is_kind_and_object_only(statement: str, subject: str) -> None:
    assert sql.statement_subject(statement) == subject


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("int", "NUMBER(38, 0)"),
        ("number(10)", "NUMBER(10, 0)"),
        ("DECIMAL( 10 , 2 )", "NUMBER(10, 2)"),
        ("string", "VARCHAR(16777216)"),
        ("char", "VARCHAR(1)"),
        ("double precision", "FLOAT"),
        ("timestamp_ltz", "TIMESTAMP_LTZ(9)"),
        ("variant", "VARIANT"),
        ("VECTOR(FLOAT, 256)", "VECTOR(FLOAT, 256)"),
        ('table (a int, "b" number(10,2))', 'TABLE ("a" NUMBER(38, 0), "b" NUMBER(10, 2))'),
    ],
)
def test_data_types_are_spelled_in_full(written: str, full: str) -> None:
    assert result_type(written).full() == full


def test_synonyms_are_one_type() -> None:
    assert data_type("TEXT(10)") == data_type("varchar(10)") != data_type("varchar(11)")


@pytest.mark.parametrize(
    ("view", "query"),
    [
        ("CREATE VIEW V AS select 1", "select 1"),
        (
            (
                "create or replace secure view \"AS\" (\"A\" comment 'x as y') comment = 'as' "
                "as with c as (select 1) select 2"
            ),
            "with c as (select 1) select 2",
        ),
        ("CREATE VIEW V /* as */ AS select 1;", "select 1"),
        ("", None),
    ],
)
def test_the_query_of_a_view(view: str, query: str | None) -> None:
    assert query_of(view) == query


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("59 MINUTE", {"minutes": 59}),
        ("59 MINUTES", {"minutes": 59}),
        ("1 H", {"hours": 1}),
        ("30 S", {"seconds": 30}),
        ("30 seconds", {"seconds": 30}),
        ("USING CRON 0 9 * * * UTC", {"usingCron": "0 9 * * * UTC"}),
        (None, None),
    ],
)
def test_schedules_are_read(written: str | None, value: dict[str, object] | None) -> None:
    assert period_read(written) == value
    if value:
        assert period_read(period(value)) == value


@pytest.mark.parametrize(
    ("reason", "absent", "narrow"),
    [
        ("Database 'X' does not exist or not authorized.", True, True),
        ("Object does not exist, or operation cannot be performed.", True, False),
        ("database 'X' DOES NOT EXIST OR NOT AUTHORIZED", False, False),
    ],
)
def test_absence_is_told_by_the_text(*, reason: str, absent: bool, narrow: bool) -> None:
    error = SnowflakeError(1, "", reason)

    assert (error.absent, error.absent_or_not_authorized) == (absent, narrow)
