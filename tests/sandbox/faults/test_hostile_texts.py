"""Texts that are made to take a pattern's time: while Python looks for a pattern, no other thread of the sandbox runs.

Each is one that took from seconds to longer than anybody lives.
"""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

import duckdb
import pytest
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data import data_errors
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.notifications import sending
from snowflake_sandbox.queries.query_records import without_secrets
from snowflake_sandbox.services import images, spec
from snowflake_sandbox.statements import lists
from snowflake_sandbox.statements.reader import strip_tracking
from snowflake_sandbox.tables.file_patterns import FilePattern

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.conftest import Client

# Of the processor's time; all of them together take a tenth of it.
SECONDS = 2.0
MANY = 100_000
_LONG_NAME = "a" * 255
_MESSAGE = "Conversion Error: Could not convert " + "timestamp '" * MANY + '"'
TEXTS: dict[str, Callable[[], object]] = {
    "blanks at the end": lambda: strip_tracking("select 1" + " " * MANY + "x"),
    "line feeds at the start": lambda: strip_tracking("\n" * MANY + "select 1"),
    "comments behind a property": lambda: without_secrets("select PASSWORD" + "/**/" * 40 + "x"),
    "line comments behind a property": lambda: without_secrets("select PASSWORD" + "--\n" * 40 + "x"),
    "properties and comments that do not end": lambda: without_secrets("PASSWORD/*" * (MANY // 10)),
    "LIKE of SHOW": lambda: catalog.like_pattern("%a" * 40 + "%b").fullmatch(_LONG_NAME),  # type: ignore[union-attr]  # there is a text
    "an image's name": lambda: images.parse_reference("a" * MANY + "!"),
    "a specification's variables": lambda: spec._VARIABLE.sub("", "{{x|default(" * (MANY // 12)),
    "an address": lambda: sending._ADDRESS.fullmatch("a@" + "." * MANY + "@"),
    "what DuckDB says": lambda: data_errors.from_duckdb(duckdb.ConversionException(_MESSAGE)),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_hostile_text_takes_no_time(name: str) -> None:
    began = time.thread_time()
    with suppress(SnowflakeError, images.ImageError):
        TEXTS[name]()
    assert time.thread_time() - began < SECONDS


@pytest.mark.parametrize(
    "statement",
    [
        "list @S pattern = '(a+)+$'",
        "copy into T from @S pattern = '(a|a)*$'",
        "put file:///x @S" + " " * MANY + "x",
        "select 1" + " ;" * MANY,
        "show tables like '" + "%a" * 40 + "%b'",
        "show parameters like '" + "%_" * 40 + "%!'",
    ],
    ids=lambda text: text[:40],
)
def test_a_hostile_statement_takes_no_time(client: Client, statement: str) -> None:
    client.rows("create stage S encryption = (type = 'SNOWFLAKE_SSE')")
    client.rows(f'create table T ("{_LONG_NAME}" varchar)')
    client.rows(f'create table "{_LONG_NAME}" (A varchar)')
    client.rows(f"copy into @S/{'a' * 200}! from (select 1) single = true")
    began = time.process_time()
    with suppress(SnowflakeError):
        client.rows(statement)
    assert time.process_time() - began < SECONDS


@pytest.mark.parametrize(
    ("like", "name", "is_like"),
    [
        ("a%b", "aXXb", True),
        ("a%b", "aXXbc", False),
        ("%b%c%", "abbbcd", True),
        ("%bc%b", "bcb", True),
        ("%ab%ab", "aab", False),
        ("a%a", "a", False),
        ("%", "", True),
        ("", "", True),
        ("A_c", "abC", True),
        (r"a\%c", "a%c", True),
        (r"a\%c", "abc", False),
        ("%%a%%", "bab", True),
    ],
)
def test_like_still_means_what_it_means(like: str, name: str, is_like: bool) -> None:  # noqa: FBT001  # a case's outcome
    pattern = catalog.like_pattern(like)
    assert pattern is not None
    assert bool(pattern.fullmatch(name)) is is_like


def test_a_pattern_for_files_matches_whole_names(client: Client) -> None:
    data = client.world.data
    assert FilePattern(data, ".*[.]csv").fullmatch("a/b.csv")
    assert not FilePattern(data, "b[.]csv").fullmatch("a/b.csv")
    assert FilePattern(data, "a.b").fullmatch("a\nb")
    assert FilePattern(data).fullmatch("anything")
    with pytest.raises(SnowflakeError) as error:
        FilePattern(data, "(")
    assert error.value.errno == 1008


def test_a_secret_whose_text_does_not_end_is_hidden() -> None:
    for text in ("password = 's3cret", "password = 's3cret\\", "password = $$s3cret", "password = 's3''cret''"):
        assert without_secrets(text) == "password = '*****'"


def test_the_providers_comment_goes_and_no_other() -> None:
    comment = '--terraform_provider_usage_tracking {"json": 1}'
    assert strip_tracking(f"select 1 {comment}\n ") == "select 1"
    assert strip_tracking(f"select 1 ;{comment}") == "select 1"
    assert strip_tracking(f"select 1 {comment}\n+ 1") == f"select 1 {comment}\n+ 1"


DEEP = 5000


@pytest.mark.parametrize(
    "statement",
    [
        "select " + "(" * DEEP + "1" + ")" * DEEP,
        "select " + "not " * DEEP + "true",
        "select " + "+".join(["1"] * DEEP),
        "select " + "abs(" * DEEP + "1" + ")" * DEEP,
        "select * from " + "(select * from " * DEEP + "T" + ")" * DEEP,
        "select " + "[" * DEEP + "]" * DEEP,
        "select 1" + "::int" * DEEP,
        "begin " + "if (true) then " * DEEP + "return 1;" + " end if;" * DEEP + " end;",
        "begin " * DEEP + "end;" * DEEP,
        "create view V as select " + "(" * DEEP + "1" + ")" * DEEP,
        "create task K warehouse = W as select " + "(" * DEEP + "1" + ")" * DEEP + "; select 1",
        "execute job service in compute pool P name = J from specification $$" + "[" * DEEP + "$$",
        "select " + "x" * (5 << 20),
    ],
    ids=lambda text: text[:40],
)
def test_a_statement_that_is_too_deep_or_too_long_is_refused_as_such(client: Client, statement: str) -> None:
    client.rows("create compute pool if not exists P min_nodes = 1 max_nodes = 1 instance_family = CPU_X64_XS")
    query = client.world.parts["queries"].submit(client.session, statement, {}, "")
    error = query.future.exception(60)
    assert isinstance(error, SnowflakeError)
    assert error.errno != 603, error.message
    assert "incident" not in error.message


ROWS, EXPRESSIONS = lists.MOST_ROWS, 16_384
_IN_LIST = "select 1 where 1 in ({})".format(", ".join(["2"] * EXPRESSIONS))


def test_more_rows_than_the_limit_are_refused_by_their_number(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a limit that takes no seconds to reach: `make slow` reaches the real one."""
    assert lists.MOST_ROWS == 200_000
    monkeypatch.setattr(lists, "MOST_ROWS", 3)
    client.rows("create table T (v int)")
    client.rows("insert into T values (1),(1),(1)")
    with pytest.raises(SnowflakeError, match="expected at most 3, got 4") as refused:
        client.rows(f"insert into T values (1),(1),(1),(1{' ' * 2 * EXPRESSIONS})")  # a short one is not looked at
    assert refused.value.errno == 1795
    assert "line 1 at position 14" in refused.value.message


@pytest.mark.parametrize(
    ("statement", "place", "most"),
    [
        ("insert into T values " + ",".join(["(1)"] * (ROWS + 1)), "line 1 at position 14", "200,000, got 200,001"),
        ("select *\n from values " + ",".join(["(1)"] * (ROWS + 1)), "line 2 at position 6", "200,000, got 200,001"),
        ("create table C as select * from (values " + ",".join(["(1)"] * (ROWS + 1)) + ") as v", "", "200,000, got"),
        ("insert into T values ((select 1 where 1 in (" + "2," * EXPRESSIONS + "2)))", "", "16,384, got 16,385"),
        ("select 1 where 1 not in (" + "2," * EXPRESSIONS + "abs(3))", "position 24", "16,384, got 16,385"),
    ],
    ids=lambda text: text[:40],
)
def test_a_list_of_too_many_values_is_refused_by_its_number(
    client: Client, statement: str, place: str, most: str
) -> None:
    client.rows("create table T (v int)")
    with pytest.raises(SnowflakeError) as refused:
        client.rows(statement)
    assert refused.value.errno == 1795
    assert place in refused.value.message
    assert f"expected at most {most}" in refused.value.message


@pytest.mark.parametrize(
    "statement",
    [
        _IN_LIST,
        _IN_LIST.replace("select", "select 2 in (1, 2) as a,", 1),
        "select " + ", ".join(["abs(1)"] * EXPRESSIONS) + ", 1",
        "values " + ",".join(["(1, 2)"] * EXPRESSIONS) + ", (2, 3)",
        "insert into T values (" + ",".join(["1"] * ROWS) + ")",
    ],
    ids=lambda text: text[:40],
)
def test_lists_that_are_long_enough_or_none_are_counted_right(statement: str) -> None:
    lists.check(statement)


@pytest.mark.parametrize(
    "expression",
    [
        "replace(repeat('a', 1000000), 'a', repeat('b', 1000000))",
        "replace(repeat('a', 100000), 'a', rpad('', 5000, 'b'))",
        "replace(replace(replace(repeat('a', 90000), 'a', 'bbbbbbbbbbbbbbbb'), 'b', 'cccccccccc'), 'c', 'ddddddddddd')",
        "regexp_replace(repeat('a', 1000000), 'a', repeat('b', 1000000))",
        "regexp_replace(repeat('a', 1000000), '(a+)', repeat('\\\\1', 1000))",
        "regexp_replace(repeat('a', 1000000), 'A', repeat('b', 1000000), 1, 0, 'i')",
        "array_size(array_generate_range(0, 1000000000))",
    ],
)
def test_a_short_statement_does_not_fill_the_memory(client: Client, expression: str) -> None:
    began = time.process_time()
    with pytest.raises(SnowflakeError) as error:
        client.rows(f"select length({expression})")
    assert error.value.errno in {100078, 100183}
    assert time.process_time() - began < SECONDS * 2


def test_replacements_below_the_limit_are_made(client: Client) -> None:
    texts = {
        "replace('abc', 'b', 'xyz')": "axyzc",
        "replace('abc', 'b')": "ac",
        "replace('abc', '', 'x')": "abc",
        "replace('abc', null, 'x')": None,
        "replace(null, 'a', 'bb')": None,
        "replace('abc', 'b', upper('x'))": "aXc",
        "replace(replace('abc', 'a', 'bb'), 'b', 'ccc')": "cccccccccc",
        "regexp_replace('a1b22', '[0-9]+', '<\\\\0>')": "a<1>b<22>",
        "regexp_replace('a1b22', '[0-9]+')": "ab",
        "regexp_replace('a1b22', lower('[0-9]'), 'xx')": "axxbxxxx",
        "regexp_replace('a1b22', 'B', 'xx', 1, 1, 'i')": "a1xx22",
        "regexp_replace(null, 'a', 'bb')": None,
    }
    ((*values,),) = client.values(f"select {', '.join(texts)}")
    assert values == list(texts.values())
