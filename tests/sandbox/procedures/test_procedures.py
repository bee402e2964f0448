"""CALL of Python procedures over HTTP: real bodies in processes of their own, with real Snowpark sessions."""

from __future__ import annotations

import json
import os
import queue
import select
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn
from snowflake_sandbox import world
from snowflake_sandbox.clock import SystemClock
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.procedures import call
from snowflake_sandbox.procedures.call import log_path
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.protocol.server import Server

from tests import in_process
from tests.sandbox.services.test_mounts import mounts_work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake_sandbox.call import World
    from snowflake_sandbox.session import Session

PATIENCE = 30.0


@dataclass
class Procedures:
    world: World
    session: Session

    def rows(self, text: str, **more: Any) -> list[dict[str, Any]]:
        return in_process.rows(self.world, more.pop("session", self.session), text, **more)

    def create(self, name: str, body: str, returns: str = "VARCHAR", execute_as: str = "CALLER") -> None:
        lines = "\n".join(f"    {line}" for line in body.splitlines())
        head, _, arguments = name.partition("(")
        names = ", ".join(word.split()[0].lower() for word in arguments.rstrip(")").split(",") if word)
        self.rows(
            f"CREATE OR REPLACE PROCEDURE {head}({arguments or ')'} RETURNS {returns} LANGUAGE PYTHON"
            " RUNTIME_VERSION = '3.11' PACKAGES = ('snowflake-snowpark-python') HANDLER = 'main'"
            f" EXECUTE AS {execute_as} AS $$\ndef main(session{', ' + names if names else ''}):\n{lines}\n$$"
        )

    def value(self, call: str, **more: Any) -> Any:
        return next(iter(self.rows(call, **more)[0].values()))

    def error(self, call: str) -> SnowflakeError:
        with pytest.raises(SnowflakeError) as raised:
            self.rows(call)
        return raised.value


@pytest.fixture(scope="module")
def procedures(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Procedures]:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        folder = tmp_path_factory.mktemp("procedures")
        made = world.build(folder, (), SystemClock(), address=listener.getsockname()[:2], password="-")
        settings = uvicorn.Config(Server(made).application(), log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        made.parts["procedures"].start()
        session = logins.open_session(made, logins.ADMINISTRATOR, "ACCOUNTADMIN", database="D", schema="S")
        found = Procedures(made, session)
        for statement in (
            "CREATE WAREHOUSE W MAX_CONCURRENCY_LEVEL = 20",
            "GRANT USAGE ON WAREHOUSE W TO ROLE PUBLIC",
            "CREATE DATABASE D",
            "CREATE SCHEMA D.S",
            "CREATE TABLE D.S.T (V VARCHAR)",
        ):
            found.rows(statement)
        yield found
        made.parts["procedures"].stop()
        server.should_exit = True
        thread.join()
        world.stop(made)


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


def _sleepers(seconds: str) -> list[int]:
    """Processes that sleep for so many seconds, on this machine."""
    pids = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (folder / "cmdline").read_bytes() == f"sleep\0{seconds}\0".encode():
                pids.append(int(folder.name))
    return pids


def _gone(descriptors: list[int]) -> bool:
    """Wait for the end of processes."""
    for descriptor in descriptors:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if not poll.poll(PATIENCE * 1000):
            return False
        os.close(descriptor)
    return True


_LEAVE = """
import os, subprocess, sys
subprocess.Popen(['sleep', seconds])
subprocess.Popen(['sleep', seconds], start_new_session=True)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execvp('sleep', ['sleep', seconds])
    os._exit(0)
os.wait()
open(f, 'w').write('started')
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="/proc is Linux's")
@pytest.mark.parametrize("ending", ["returns", "fails", "is cancelled", "spins"])
def test_nothing_that_a_call_started_outlives_it(procedures: Procedures, tmp_path: Path, ending: str) -> None:
    fifo, gate = tmp_path / "started", tmp_path / "gate"
    os.mkfifo(fifo)
    os.mkfifo(gate)
    seconds = f"{600 + time.monotonic_ns() / 1e9}"
    endings = {
        "returns": "open(g).read()\nreturn 'done'",
        "fails": "open(g).read()\nos._exit(3)",
        "is cancelled": "import signal\nsignal.pause()",
        # one operation of C code, during which no thread of Python's does anything
        "spins": "import re\nre.match('(a+)+$', 'a' * 60 + '!')",
    }
    procedures.create("LEAVES(F VARCHAR, G VARCHAR, SECONDS VARCHAR)", f"{_LEAVE}\n{endings[ending]}")
    cancelled = threading.Event()
    answers: queue.Queue[object] = queue.Queue()

    def call() -> None:
        statement = f"CALL LEAVES('{fifo}', '{gate}', '{seconds}')"
        try:
            answers.put(procedures.rows(statement, cancelled=cancelled))
        except SnowflakeError as error:
            answers.put(error)

    thread = threading.Thread(target=call)
    thread.start()
    fifo.read_text()
    # The last of them may not have become `sleep` yet.
    while len(pids := _sleepers(seconds)) < 3:
        time.sleep(0.01)
    watched = [os.pidfd_open(pid) for pid in pids]
    if ending in ("returns", "fails"):
        gate.write_text("go")
    else:
        cancelled.set()
    expected = {"returns": "done", "fails": "ended without a result"}.get(ending, "SQL execution canceled")
    assert expected in str(answers.get(timeout=PATIENCE))
    assert _gone(watched)
    thread.join()


def test_a_call_leaves_no_temporary_files(procedures: Procedures) -> None:
    body = "import tempfile\nreturn tempfile.NamedTemporaryFile(delete=False).name + ' ' + tempfile.mkdtemp()"
    procedures.create("LEAVES_FILES()", body)
    paths = [Path(word) for word in str(procedures.value("CALL LEAVES_FILES()")).split()]
    assert len({path.parent for path in paths}) == 1
    deadline = time.monotonic() + PATIENCE
    while paths[0].parent.exists():  # removed after the answer
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(not mounts_work(), reason="namespaces are not allowed here")
def test_a_body_sees_no_file_of_the_sandboxs_and_no_process(procedures: Procedures) -> None:
    folder = procedures.world.folder
    (folder / "credentials.json").write_text("of the administrator")
    procedures.create(
        "LOOK(D VARCHAR)",
        "import os\n"
        "seen = [os.path.join(f, n) for f, _, names in os.walk(d) for n in names if not f.endswith('/procedures')]\n"
        "pids = [p for p in os.listdir('/proc') if p.isdigit()]\n"
        "roots = [p for p in pids if os.path.exists(f'/proc/{p}/root{d}/credentials.json')]\n"
        "return repr((seen, roots, max(map(int, pids)) < 1000))",
    )
    assert procedures.value(f"CALL LOOK('{folder}')") == "([], [], True)"


@pytest.mark.parametrize(
    "sent", ["(1 << 62).to_bytes(8, 'big')", "(9).to_bytes(8, 'big') + b'no json x'", "(2).to_bytes(8, 'big') + b'77'"]
)
def test_a_body_that_answers_the_host_itself_fails_alone(procedures: Procedures, sent: str) -> None:
    find = "import os, socket, stat\nfor n in range(3, 50):\n    try:\n        s = socket.socket(fileno=os.dup(n))\n"
    send = f"        s.sendall({sent}) if s.family == socket.AF_UNIX else None\n    except OSError: pass\n"
    procedures.create("ANSWERS()", f"{find}{send}os._exit(0)")
    assert "ended without a result" in procedures.error("CALL ANSWERS()").message


def test_a_body_that_begins_an_answer_can_be_cancelled(procedures: Procedures, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    find = "import os, signal, socket\nfor n in range(3, 50):\n    try:\n        s = socket.socket(fileno=os.dup(n))\n"
    send = "        s.sendall(bytes(7) + b'x') if s.family == socket.AF_UNIX else None\n    except OSError: pass\n"
    procedures.create("BEGINS(F VARCHAR)", f"{find}{send}open(f, 'w').write('x')\nsignal.pause()")
    cancelled = threading.Event()
    answers: queue.Queue[object] = queue.Queue()

    def call() -> None:
        try:
            answers.put(procedures.rows(f"CALL BEGINS('{fifo}')", cancelled=cancelled))
        except SnowflakeError as error:
            answers.put(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    fifo.read_text()
    cancelled.set()
    assert "SQL execution canceled" in str(answers.get(timeout=PATIENCE))
    thread.join()


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
