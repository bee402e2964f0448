"""Bodies that want to outlive their call, to see what is not theirs, or to answer the host themselves."""

from __future__ import annotations

import os
import queue
import select
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.objects import stage
from snowflake_sandbox.procedures.host import LOGS, ProcedureHost
from snowflake_sandbox.procedures.worker import CallRequest
from snowflake_sandbox.worker_pipes import LARGEST_OUTPUT

from tests.sandbox.services.test_mounts import mounts_work

if TYPE_CHECKING:
    from snowflake_sandbox.call import World

    from tests.sandbox.procedures.conftest import Procedures

PATIENCE = 30.0


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
    own = procedures.world.folder / "logs" / ".mounts.tmp"
    if mounts_work():
        assert own.is_dir()
        assert not any(path.exists() for path in paths)
    deadline = time.monotonic() + PATIENCE
    # removed after the answer; what else is there is where the sandbox's own code is mounted, if that is below /tmp
    while any(own.glob("procedure-*")) if mounts_work() else paths[0].parent.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.skipif(not mounts_work(), reason="namespaces are not allowed here")
def test_a_body_sees_no_file_of_the_sandboxs_and_no_process(procedures: Procedures) -> None:
    folder = procedures.world.folder
    (folder / "credentials.json").write_text("of the administrator")
    (folder / LOGS / "of-another.log").write_text("what another call has printed")
    procedures.create(
        "LOOK(D VARCHAR)",
        "import os\n"
        "seen = [os.path.join(f, n) for f, _, names in os.walk(d) for n in names]\n"
        "pids = [p for p in os.listdir('/proc') if p.isdigit()]\n"
        "roots = [p for p in pids if os.path.exists(f'/proc/{p}/root{d}/credentials.json')]\n"
        "return repr((seen, roots, max(map(int, pids)) < 1000))",
    )
    assert procedures.value(f"CALL LOOK('{folder}')") == "([], [], True)"


@pytest.mark.skipif(not mounts_work(), reason="namespaces are not allowed here")
def test_a_body_does_not_see_what_a_project_has_beside_the_data(procedures: Procedures) -> None:
    around = procedures.world.folder.parent
    connections = around / "snowflake" / "connections.toml"
    connections.parent.mkdir(exist_ok=True)
    connections.write_text("password = 'of the administrator'")
    procedures.create("BESIDE(D VARCHAR)", "import os\nreturn repr(os.listdir(d))")
    assert procedures.value(f"CALL BESIDE('{around}')") == "[]"


_READ_MEMORY = """
import os
found = []
for pid in filter(str.isdigit, os.listdir('/proc')):
    if pid == str(os.getpid()):  # this call has it as an argument
        continue
    try:
        with open(f'/proc/{pid}/maps') as maps, open(f'/proc/{pid}/mem', 'rb', 0) as memory:
            for line in maps:
                first, last = (int(word, 16) for word in line.split()[0].split('-'))
                if 'rw' in line:
                    memory.seek(first)
                    found += [pid] if secret.encode() * 2 in memory.read(last - first) else []
    except (OSError, ValueError, OverflowError):
        continue
return repr(found)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="/proc is Linux's")
def test_a_body_cannot_read_the_memory_of_another_call(procedures: Procedures, tmp_path: Path) -> None:
    up, gate = tmp_path / "up", tmp_path / "gate"
    for fifo in (up, gate):
        os.mkfifo(fifo)
    procedures.create(
        "HOLDS(UP VARCHAR, GATE VARCHAR, SECRET VARCHAR)",
        "kept = secret * 2\nopen(up, 'w').write('x')\nopen(gate).read()\nreturn kept",
    )
    procedures.create("READS(SECRET VARCHAR)", _READ_MEMORY)
    call = f"CALL HOLDS('{up}', '{gate}', 'in-memory-only-')"
    thread = threading.Thread(target=procedures.rows, args=(call,))
    thread.start()
    up.read_text()
    try:
        assert procedures.value("CALL READS('in-memory-only-')") == "[]"
    finally:
        gate.write_text("go")
        thread.join()


@pytest.mark.skipif(not mounts_work(), reason="namespaces are not allowed here")
def test_a_body_can_neither_end_nor_see_another_nor_share_anything_with_it(
    procedures: Procedures, tmp_path: Path
) -> None:
    up, gate = tmp_path / "up", tmp_path / "gate"
    for fifo in (up, gate):
        os.mkfifo(fifo)
    procedures.create(
        "STAYS(UP VARCHAR, GATE VARCHAR)",
        "for folder in ('/tmp', '/var/tmp', '/dev/shm'):\n    open(f'{folder}/of-another', 'w').write('secret')\n"
        "open(up, 'w').write('x')\nreturn open(gate).read()",
    )
    procedures.create(
        "ENDS()",
        "import ctypes, glob, os, signal\n"
        "pids = [p for p in os.listdir('/proc') if p.isdigit()]\n"
        "files = [file for folder in ('/tmp', '/var/tmp', '/dev/shm') for file in glob.glob(f'{folder}/of-another')]\n"
        # 248 is add_key on x86-64, 217 on the others; -3 is the session's keyring, -4 the user's
        "number = 248 if os.uname().machine == 'x86_64' else 217\n"
        "libc = ctypes.CDLL(None)\n"
        "keys = [libc.syscall(number, b'user', b'left', b'x', 1, ring) for ring in (-3, -4)]\n"
        "for pid in (-1, *(int(pid) for pid in pids if pid not in ('1', str(os.getpid())))):\n"
        "    try: os.kill(pid, signal.SIGKILL)\n"
        "    except OSError: pass\n"
        "return repr((len(pids), files, keys))",
    )
    stays: queue.Queue[object] = queue.Queue()

    def call() -> None:
        try:
            stays.put(procedures.value(f"CALL STAYS('{up}', '{gate}')"))
        except SnowflakeError as error:
            stays.put(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    up.read_text()
    assert procedures.value("CALL ENDS()") == "(2, [], [-1, -1])"
    gate.write_text("still here")
    assert stays.get(timeout=PATIENCE) == "still here"
    thread.join()


@pytest.mark.skipif(not mounts_work(), reason="namespaces are not allowed here")
@pytest.mark.parametrize("rights", ["OWNER", "CALLER"])
def test_a_body_reads_and_writes_a_stage_without_seeing_its_folder(procedures: Procedures, rights: str) -> None:
    procedures.rows("CREATE OR REPLACE STAGE D.S.FILES")
    folder = stage.root(procedures.world)
    procedures.create(
        "STAGED(D VARCHAR)",
        "import io, os\n"
        "session.file.put_stream(io.BytesIO(b'content'), '@FILES/a.txt', auto_compress=False)\n"
        "content = session.file.get_stream('@FILES/a.txt').read()\n"
        "open('/tmp/b.txt', 'w').write('more')\n"
        "session.file.put('/tmp/b.txt', '@FILES/in', auto_compress=False)\n"
        "fetched = [file.file for file in session.file.get('@FILES/in/', '/tmp/down')]\n"
        "return repr((content, fetched, open('/tmp/down/b.txt').read(), os.path.exists(d)))",
        execute_as=rights,
    )
    assert procedures.value(f"CALL STAGED('{folder}')") == "(b'content', ['b.txt'], 'more', False)"
    # the client's own session copies files itself, as before
    assert procedures.session.bodies == []


def test_a_flood_of_output_does_not_fill_the_disk(procedures: Procedures) -> None:
    procedures.create("FLOODS()", "import os\nfor _ in range(64):\n    os.write(1, b'x' * (1 << 20))\nreturn 'done'")
    assert procedures.value("CALL FLOODS()") == "done"
    newest = max((procedures.world.folder / LOGS).iterdir(), key=lambda file: file.stat().st_mtime_ns)
    assert LARGEST_OUTPUT < newest.stat().st_size < LARGEST_OUTPUT + 100
    assert newest.read_bytes().endswith(b"... the rest of the output is not kept\n")


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


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="/proc is Linux's")
@pytest.mark.parametrize("is_loaded", [True, False])
def test_no_process_of_the_server_is_left_when_it_has_stopped(tmp_path: Path, *, is_loaded: bool) -> None:
    host = ProcedureHost(cast("World", SimpleNamespace(folder=tmp_path)))
    host.start()
    if is_loaded:
        request = CallRequest("P", "def main(session): pass", "nope", (), {}, str(tmp_path / LOGS / "log"))
        assert "error" in host.run(request, threading.Event())
    host.stop()
    left = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            left += [command] if str(tmp_path).encode() in command else []
    assert left == []
