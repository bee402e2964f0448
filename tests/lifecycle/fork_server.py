"""Starts the stand-ins and the command by forking a process that has loaded their libraries already.

Loading `pulumi_snowflake` and the connector takes longer than most commands of the engine, and each command starts the
language host twice and the plugin once; a command of `jobgraph` does little but load its libraries. A start through the
fork server is a process of its own with arguments, environment, folder, streams and signals as it was given them; only
libraries are loaded beforehand, none of the project's own modules but the one that leaves libraries out. The SDK's
messages for `--debug`, a call to the engine each, are not sent. Official plugins are not replaced. Without FORK_SERVER
in the environment, a launcher does what `make setup` has written.
"""

from __future__ import annotations

import array
import atexit
import functools
import gc
import importlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import time
import typing
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.optional_libraries import leave_out

if TYPE_CHECKING:
    from pathlib import Path

VARIABLE = "FORK_SERVER"
LIBRARIES = (
    "grpc",
    "pulumi",
    "pulumi.automation._server",
    "pulumi.runtime.proto.provider_pb2_grpc",
    "pulumi_snowflake",
    "snowflake.connector",
    "snowflake.connector.result_batch",
    # what the program, the stand-ins and the command load besides
    "click",
    "cronsim",
    "cryptography.hazmat.primitives.serialization",
    "igraph",
    "rich.console",
    "rich.live",
    "rich.table",
    "xml.sax.saxutils",
    "yaml",
)
# The resources of a program. The SDK reads a class's annotations when it is used first, which takes milliseconds each.
RESOURCES = (
    "AccountRole",
    "ComputePool",
    "Database",
    "Execute",
    "FunctionSql",
    "FunctionSqlArgumentArgs",
    "GetProceduresResult",
    "GetTasksResult",
    "GrantAccountRole",
    "GrantOwnership",
    "GrantOwnershipOnArgs",
    "GrantPrivilegesToAccountRole",
    "GrantPrivilegesToAccountRoleOnAccountObjectArgs",
    "GrantPrivilegesToAccountRoleOnSchemaArgs",
    "GrantPrivilegesToAccountRoleOnSchemaObjectArgs",
    "ImageRepository",
    "ProcedurePython",
    "ProcedurePythonArgumentArgs",
    "Schema",
    "StageInternal",
    "Table",
    "TableColumnArgs",
    "Task",
    "TaskScheduleArgs",
    "View",
    "Warehouse",
)

# What the engine starts: it hands everything over, passes signals on, and ends as the forked process does. Without
# `site`, the interpreter takes about 10 ms. A thread waits for signals: a handler would not be called for one that
# arrives just before `recv` blocks.
CLIENT = """
import array, json, os, signal, socket, sys, threading
signals = [signal.SIGINT, signal.SIGTERM]
signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # they wait until there is a process to have them
with socket.socket(socket.AF_UNIX) as server:
    server.connect(os.environ["FORK_SERVER"])
    start = json.dumps({"arguments": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}).encode()
    streams = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
    server.sendmsg([len(start).to_bytes(4, "big")], streams)
    server.sendall(start)
    process = int.from_bytes(server.recv(4), "big")
    def pass_on():
        while True:
            try:
                os.kill(process, signal.sigwait(signals))
            except ProcessLookupError:
                pass
    threading.Thread(target=pass_on, daemon=True).start()
    code = server.recv(1)
sys.exit(code[0] if code else 1)
"""


# The command's own script.
COMMAND = """
import sys
sys.argv[0] = sys.argv.pop(1)
from jobgraph.cli.main import main
sys.exit(main())
"""


def as_forked(python: str, command: tuple[str, ...]) -> list[str]:
    """Return the command line that has the server start a command of `jobgraph`, whose first word is its script."""
    return program_as_forked(python, COMMAND, *command)


def program_as_forked(python: str, program: str, *arguments: str) -> list[str]:
    """Return the command line that has the server run a program, as `python -c` would."""
    return [python, "-I", "-S", "-c", CLIENT, program, *arguments]


@functools.cache
def address() -> str:
    """Start the server of this process, which ends with it; its socket."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    server = subprocess.Popen(
        [sys.executable, "-P", __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    )
    assert server.stdout
    path = server.stdout.readline().decode().strip()
    assert path, "the fork server did not start"
    atexit.register(_end, server, os.getpid())
    return path


def _end(server: subprocess.Popen[bytes], owner: int) -> None:
    """End the server of the process `owner`; a fork of that process does nothing."""
    if os.getpid() != owner:
        return
    assert server.stdin
    server.stdin.close()
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:  # a fork of this process still holds the other end of its standard input
        server.kill()
    with server:
        pass


def install(home: Path) -> None:
    """Let the launchers of stand-ins in a PULUMI_HOME ask the server first."""
    for path in home.glob("plugins/*/pulumi-*"):
        if path.is_symlink():  # an official one, of a hundred megabytes
            continue
        text = path.read_text(errors="replace")
        lines = text.splitlines()
        if not lines[0].startswith("#!/bin/sh") or "runpy.run_module" not in text:
            continue
        python, _, command = lines[-1].removeprefix("exec ").partition(" ")
        ask = f"exec {python} -I -S {path.parent / 'client.py'} {command.removeprefix('-P -c ')}"
        (path.parent / "client.py").write_text(CLIENT)
        path.write_text("\n".join([*lines[:-1], f'if [ -n "${VARIABLE}" ]; then {ask}; fi', lines[-1], ""]))


@dataclass(frozen=True)
class Start:
    """What a process is given: what to run with its arguments, environment and folder, and its streams."""

    arguments: list[str]
    environment: dict[str, str]
    folder: str
    streams: list[int]


class Server:
    """Forks for each connection; the connection's end is the process's end, and the other way round."""

    def __init__(self, listener: socket.socket) -> None:
        self._selector = selectors.DefaultSelector()
        self._selector.register(listener, selectors.EVENT_READ, self._start)
        self._selector.register(sys.stdin, selectors.EVENT_READ, lambda _: sys.exit())
        self._listener = listener

    def serve(self) -> None:
        """Work until the process that has started the server is gone."""
        while True:
            for key, _ in self._selector.select():
                key.data(key.fileobj)

    def _start(self, _listener: object) -> None:
        connection, _ = self._listener.accept()
        start = _received(connection)
        process = os.fork()
        if process == 0:
            self._selector.close()
            self._listener.close()
            connection.close()
            _become(start)
        for stream in start.streams:
            os.close(stream)
        ended = os.pidfd_open(process)
        connection.sendall(process.to_bytes(4, "big"))

        def hang_up(_connection: object) -> None:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            self._selector.unregister(connection)

        def end(_ended: object) -> None:
            _, status = os.waitpid(process, 0)
            with suppress(OSError):
                connection.sendall(bytes([os.waitstatus_to_exitcode(status) & 0xFF]))
            with suppress(KeyError):
                self._selector.unregister(connection)
            self._selector.unregister(ended)
            os.close(ended)
            connection.close()

        self._selector.register(connection, selectors.EVENT_READ, hang_up)
        self._selector.register(ended, selectors.EVENT_READ, end)


def _received(connection: socket.socket) -> Start:
    streams = array.array("i")
    length, ancillary, _, _ = connection.recvmsg(4, socket.CMSG_LEN(3 * streams.itemsize))
    for _, _, data in ancillary:
        streams.frombytes(data)
    size = int.from_bytes(length, "big")
    content = bytearray()
    while len(content) < size:
        content += connection.recv(size - len(content))
    return Start(**json.loads(content), streams=list(streams))


def _become(start: Start) -> None:
    """Be the process that the engine wanted, in the place of the server."""
    code = 1
    try:
        for number, stream in enumerate(start.streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rww")
        )
        os.environ.clear()
        os.environ.update(start.environment)
        time.tzset()
        os.chdir(start.folder)
        program, *arguments = start.arguments
        sys.argv = ["-c", *arguments]
        exec(program, {"__name__": "__main__"})  # noqa: S102  # the launcher's own line, as `python -c` would run it
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:  # noqa: BLE001  # whatever ends a process ends this one
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _warm() -> None:
    """Spare each program what the SDK works out once per process, and the messages that nobody reads."""
    sdk, log, snowflake = (
        importlib.import_module(name) for name in ("pulumi._types", "pulumi.log", "pulumi_snowflake")
    )
    vars(log)["debug"] = lambda *_, **__: None
    waiting: list[object] = [getattr(snowflake, name) for name in RESOURCES]
    ready: set[object] = set()
    while waiting:
        each = waiting.pop()
        waiting.extend(typing.get_args(each))
        if each in ready or not isinstance(each, type) or not each.__module__.startswith("pulumi_snowflake"):
            continue
        ready.add(each)
        waiting.extend(sdk._types_from_py_properties(each).values())


def main() -> None:
    """Load the libraries, say where it listens, then fork whenever somebody asks."""
    leave_out()  # as the plugin and the command do
    for library in LIBRARIES:
        importlib.import_module(library)
    _warm()
    gc.collect()
    gc.freeze()
    gc.disable()
    with tempfile.TemporaryDirectory(prefix="fork-server-") as folder, socket.socket(socket.AF_UNIX) as listener:
        path = f"{folder}/socket"
        listener.bind(path)
        listener.listen()
        sys.stdout.write(f"{path}\n")
        sys.stdout.flush()
        Server(listener).serve()


if __name__ == "__main__":
    main()
