from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.procedures.logs import (
    HIDDEN,
    PLATFORM_CUT,
    error_lines,
    log_for_history,
    masked,
    secret_values,
    secrets_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        ("password=hunter22 next", "password=[hidden] next"),
        ('{"api_key": "abc def", "n": 1}', '{"api_key": "[hidden]", "n": 1}'),
        ('PASSWORD="a b" next', 'PASSWORD="[hidden]" next'),
        ("password='it\\'s a b', x=1", "password='[hidden]', x=1"),
        (r'{"body": "{\"token\": \"a b\", \"n\": 1}"}', r'{"body": "{\"token\": \"[hidden]\", \"n\": 1}"}'),
        ("{'DB_PASSWORD': 'a b', 'REGION': 'eu'}", "{'DB_PASSWORD': '[hidden]', 'REGION': 'eu'}"),
        ("environ({'API_TOKEN': 'abc\\ndef'})", "environ({'API_TOKEN': '[hidden]'})"),
        ("REGION=eu\nDB_PASSWORD=a b c\nHOME=/root", "REGION=eu\nDB_PASSWORD=[hidden]\nHOME=/root"),
        ('declare -x API_TOKEN="a b"\ndeclare -x B="c"', 'declare -x API_TOKEN="[hidden]"\ndeclare -x B="c"'),
        ('token="never closed\nmore', 'token="[hidden]\nmore'),
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


def test_two_containers_of_a_job_may_have_secrets_of_one_name() -> None:
    containers = [{"env": {"DB_PASSWORD": "first-one"}}, {"env": {"DB_PASSWORD": "the-second"}}, {}]
    assert secrets_of({"specification": {"spec": {"containers": containers}}}) == ["the-second", "first-one"]
    assert secrets_of({}) == []


SECRETS = ["hunter2-Pass/word+1", "pa ss\"w\\ord'é", "abcdef", "0123456789" * 9]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize(
    "written",
    [
        str,
        repr,
        json.dumps,
        lambda value: json.dumps({"a": json.dumps(value)}),
        lambda value: f"https://host/?q={quote(value, '')}&z=1",
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: base64.b64encode(f"user:{value}".encode()).decode(),
        lambda value: base64.b64encode(f"us:{value}:more".encode()).decode(),
        lambda value: base64.urlsafe_b64encode(f"u:{value}.".encode()).decode(),
        lambda value: base64.encodebytes(f"{'long ' * 20}{value}".encode()).decode(),
        lambda value: f"{value[:3]}\n{value[3:]}",
        lambda value: f'"{value[:4]}"\r\n    "{value[4:]}"',
        lambda value: f'Traceback\n  File "x.py", line 1\n    login({value!r})\nValueError: no login for {value}',
        lambda value: str({"A": value, "B": 1}),
    ],
)
def test_the_value_of_a_secret_is_in_no_form_in_a_log(secret: str, written: Callable[[str], str]) -> None:
    log = masked(f"before {written(secret)} after", [secret])
    for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret, "")):
        assert form not in log.replace("\n", "")
    assert HIDDEN in log
    assert log.startswith("before ")
    assert log.endswith(" after")
    for text in re.findall(r"[\w+/-]{8,}", log):
        for start in range(4):
            decoded = base64.b64decode(
                text[start : start + (len(text) - start) // 4 * 4], altchars="-_" if "_" in text else None
            )
            assert secret.encode() not in decoded


def test_the_platforms_own_cut_is_told() -> None:
    assert log_for_history("x\n" * 45_000, ()).startswith(PLATFORM_CUT)
    assert log_for_history("x\n" * 1000, ()) == "x\n" * 1000


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


def test_the_last_line_of_a_program_that_was_killed_is_no_error() -> None:
    assert error_lines("a\nloaded 7 rows\n", has_failed_itself=False) == ("", "")
    assert error_lines("ValueError: x\nbye\n", has_failed_itself=False) == ("ValueError: x", "ValueError: x")


FRAMES = """Traceback (most recent call last):
  File "/app/error_report.py", line 9, in raise_error
    if os.environ.get("FAIL"): raise RuntimeError("no")
                               ^^^^^^^^^^^^^^^^^^^^^^^^
"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/app/main.py", line 3, in <module>
  |     raise ExceptionGroup("fatal", errors)
  | ExceptionGroup: several (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/app/main.py", line 2, in <module>
    |     raise ValueError("error")
    | ValueError: bad
    +------------------------------------
"""
AGAIN = "\nDuring handling of the above exception, another exception occurred:\n\n"
CAUSED = "\nThe above exception was the direct cause of the following exception:\n\n"


@pytest.mark.parametrize(
    ("log", "first", "last"),
    [
        (f"start\n{FRAMES}RuntimeError: the table is empty\nbye\n", *["RuntimeError: the table is empty"] * 2),
        (f"{FRAMES}StopIteration\n", "StopIteration", "StopIteration"),
        (f"{FRAMES}NotEnough: 3 rows\n{AGAIN}{FRAMES}KeyError: 'x'\n", "NotEnough: 3 rows", "KeyError: 'x'"),
        (f"{FRAMES}KeyError: 'x'\n{CAUSED}{FRAMES}app.TooFew: y\n", "KeyError: 'x'", "app.TooFew: y"),
        (f"{FRAMES}  [Previous line repeated 996 more times]\nRecursionError: deep", *["RecursionError: deep"] * 2),
        (f"an error before\n{FRAMES}Exit: 3\nan error after", "an error before", "an error after"),
        (
            "  File \"error.py\", line 1\n    raise error(\n               ^\nSyntaxError: '(' was never closed\n",
            *["SyntaxError: '(' was never closed"] * 2,
        ),
        (GROUP, "| ExceptionGroup: several (1 sub-exception)", "| ValueError: bad"),
        ('  File "x.sql", line 3\n', 'File "x.sql", line 3', 'File "x.sql", line 3'),
        (
            'x.js:3\n    throw new Error("boom")\n\nError: boom\n    at run (x.js:3:11)\n',
            'throw new Error("boom")',
            "Error: boom",
        ),
        (
            "java.lang.IllegalStateException: no\n\tat ErrorMain.main(ErrorMain.java:3)\n",
            "java.lang.IllegalStateException: no",
            "at ErrorMain.main(ErrorMain.java:3)",
        ),
        ("panic: no\n\ngoroutine 1 [running]:\nmain.main()\n", "panic: no", "panic: no"),
    ],
)
def test_the_error_of_a_python_traceback_is_its_exception(log: str, first: str, last: str) -> None:
    assert error_lines(log) == (first, last)


SOURCES = st.sampled_from(
    ['raise RuntimeError("x")', "if failed: raise Exception", "~~~^^^^", "fatal_errors[0]", "run()"]
)
FRAME = st.builds(
    lambda name, source: f'  File "/app/{name}.py", line 7, in {name}\n' + "".join(f"    {line}\n" for line in source),
    st.sampled_from(["error", "main"]),
    st.lists(SOURCES, max_size=3),
)


@given(st.lists(st.tuples(st.lists(FRAME, min_size=1, max_size=4), st.integers(0, 9)), min_size=1, max_size=4))
def test_any_chain_of_tracebacks_tells_its_first_and_its_last_exception(chain: list[tuple[list[str], int]]) -> None:
    blocks = [f"Traceback (most recent call last):\n{''.join(frames)}Fault: {number}\n" for frames, number in chain]
    assert error_lines(AGAIN.join(blocks)) == (f"Fault: {chain[0][1]}", f"Fault: {chain[-1][1]}")


def test_control_characters_are_written_out() -> None:
    assert log_for_history("a\x1b[31mred\x00\r\nb\tc\x85", ()) == "a\\x1b[31mred\\x00\nb\tc\\x85"
    assert log_for_history("invoice_\u202efdp.exe\u2066\u200b", ()) == "invoice_\\u202efdp.exe\\u2066\\u200b"
