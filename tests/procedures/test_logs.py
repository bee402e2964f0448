from __future__ import annotations

import pytest

from jobgraph.procedures.logs import PLATFORM_CUT, error_lines, kept, masked, secret_values


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        ("password=hunter22 next", "password=[hidden] next"),
        ('{"api_key": "abc def", "n": 1}', '{"api_key": "[hidden] def", "n": 1}'),
        ('{"token": "abcdef", "n": 1}', '{"token": "[hidden]", "n": 1}'),
        ('{"tokens": 1200, "n": 1}', '{"tokens": 1200, "n": 1}'),
        ("Authorization: Bearer abcdefgh.ijk", "Authorization: Bearer [hidden]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[hidden]"),
        ("postgres://bob:pw@host/db", "postgres://[hidden]@host/db"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----\nrest", "[hidden]\nrest"),
        ("ver:1-hint:123-ETMsDgAAAX", "[hidden]"),
        ("nothing here", "nothing here"),
        # code in a traceback, not values; a value beside it is hidden
        ("    connect(token=token.read_text(),", "    connect(token=token.read_text(),"),
        ('    password=os.environ["DB_PASSWORD"],', '    password=os.environ["DB_PASSWORD"],'),
        ("    secret = get_secret()", "    secret = get_secret()"),
        ("token=token.read_text(), password=hunter22", "token=token.read_text(), password=[hidden]"),
        ("token=abc.def token=Pa(ss)", "token=[hidden] token=[hidden]"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(log: str, shown: str) -> None:
    assert masked(log, ()) == shown


def test_values_of_variables_with_secret_names_are_hidden_longest_first() -> None:
    values = secret_values({"DB_PASSWORD": "abcdef", "API_TOKEN": "abcdefghi", "REGION": "europe", "A_KEY": "zzzzzz"})
    assert values == ["abcdefghi", "abcdef"]
    assert masked("abcdefghi abcdef europe", values) == "[hidden] [hidden] europe"


def test_the_platforms_own_cut_is_told() -> None:
    assert kept("x\n" * 45_000, ()).startswith(PLATFORM_CUT)
    assert kept("x\n" * 1000, ()) == "x\n" * 1000


@pytest.mark.parametrize(
    ("log", "first", "last"),
    [
        ("", "", ""),
        ("a\nb\n", "b", "b"),
        ("start\nKeyError: 'x'\nRuntimeError: y\nbye\n", "KeyError: 'x'", "RuntimeError: y"),
    ],
)
def test_error_lines(log: str, first: str, last: str) -> None:
    assert error_lines(log) == (first, last)


def test_control_characters_are_written_out() -> None:
    assert kept("a\x1b[31mred\x00\r\nb\tc\x85", ()) == "a\\x1b[31mred\\x00\nb\tc\\x85"
