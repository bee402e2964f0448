"""The sandbox's side of procedure processes: starts the fork server, runs calls in its children, stops them.

Knows processes and sockets; must not know statements, sessions or the catalog (call.py does).
"""

from __future__ import annotations

import json
import os
import pickle
import select
import shutil
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.procedures.worker import DATA_FRAMES, CallRequest
from snowflake_sandbox.services import containers, launching
from snowflake_sandbox.services.launching import Surroundings
from snowflake_sandbox.worker_pipes import LENGTH, outstanding, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake_sandbox.call import World

_WORKER = Path(__file__).with_name("worker.py")
_CHECK_MS = 100
_LONGEST_END_SECONDS = 10.0
# The folder of calls' output, below the sandbox's folder.
LOGS = "logs/procedures"


class Cancelled(Exception):  # noqa: N818  # not an error: a user or a timeout requested it
    """The call was cancelled."""


class ProcessDied(Exception):  # noqa: N818  # says what happened, not what is wrong
    """The call's process ended without an answer: it was killed by the system, or its code called os._exit."""


@dataclass(frozen=True)
class _Server:
    """The process of a fork server, and the socket for requesting children."""

    process: subprocess.Popen[bytes]
    control: socket.socket


class ProcedureHost:
    """All running calls of Python procedures in a world.

    If the system supports it, bodies see neither the sandbox's own files nor other processes.

    Args:
        world: the world.
        is_needed: whether the world already has a procedure in Python when it starts.
    """

    def __init__(self, world: World, is_needed: Callable[[], bool] = lambda: True) -> None:
        self._world = world
        self._is_needed = is_needed
        self._is_on = False
        self._lock = threading.Lock()
        # by whether data frames are loaded
        self._servers: dict[bool, _Server] = {}
        self._stopping = threading.Event()

    def start(self) -> None:
        """Begin to work; a world without a procedure in Python needs no process yet."""
        # A killed process may have left temporary files.
        shutil.rmtree(self._surroundings().temporary, ignore_errors=True)
        self._is_on = True
        if self._is_needed():
            self.prepare()

    def prepare(self) -> None:
        """Start the fork server that most procedures use, so that it has loaded Snowpark when the first is called."""
        with self._lock:
            if self._is_on and not self._stopping.is_set():
                self._started(data_frames=False)

    def _started(self, *, data_frames: bool) -> _Server:
        """Return the running fork server; start a new one if it has ended or was never started."""
        server = self._servers.get(data_frames)
        if server is None or server.process.poll() is not None:
            server = self._servers[data_frames] = _start_server(self._surroundings(), data_frames=data_frames)
        return server

    def _surroundings(self) -> Surroundings:
        folder = self._world.folder
        (folder / LOGS).mkdir(parents=True, exist_ok=True)
        hidden = launching.hidden_folders(folder)
        return Surroundings(folder / "logs" / ".mounts", hidden=hidden, confines=True)

    def stop(self) -> None:
        """End all calls and the servers."""
        self._stopping.set()
        with self._lock:
            servers, self._servers = self._servers, {}
        for server in servers.values():
            server.control.close()
            # The launcher then ends last, by itself.
            containers.kill(server.process.pid)
            server.process.wait()
        shutil.rmtree(self._surroundings().temporary, ignore_errors=True)

    def run(self, request: CallRequest, cancelled: threading.Event) -> dict[str, Any]:
        """Run one call to its end; this blocks.

        Args:
            request: the call.
            cancelled: set it to cancel the call.

        Returns:
            The worker's answer (worker.answer_of).

        Raises:
            Cancelled: `cancelled` was set, or the sandbox stops.
            ProcessDied: the process ended without an answer.
        """
        with self._new_child(request) as connection:  # closing it ends everything that the call started
            try:
                send(connection, pickle.dumps(asdict(request)))
                answer = _answer(self._await(connection, cancelled))
            except (BrokenPipeError, ConnectionResetError, ValueError, RecursionError) as error:
                raise ProcessDied from error
            _wait_for_output(connection)
            return answer

    def _new_child(self, request: CallRequest) -> socket.socket:
        with self._lock:
            if self._stopping.is_set():
                raise Cancelled
            control = self._started(data_frames=request.data_frames).control
            ours, theirs = socket.socketpair()
            log = os.open(request.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                with theirs:
                    socket.send_fds(control, [b"!"], [theirs.fileno(), log])
            finally:
                os.close(log)
            return ours

    def _await(self, connection: socket.socket, cancelled: threading.Event) -> bytes:
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        data = bytearray()
        while count := outstanding(data):
            # Threads cannot wait for an event and a socket at once: an answer is noticed at once, a cancellation soon.
            if not poll.poll(_CHECK_MS):
                if cancelled.is_set() or self._stopping.is_set():
                    raise Cancelled
                continue
            piece = connection.recv(min(count, 1 << 20))
            if not piece:
                raise Cancelled if cancelled.is_set() or self._stopping.is_set() else ProcessDied
            data += piece
        return bytes(data[LENGTH:])


def _wait_for_output(connection: socket.socket) -> None:
    """Wait until the call's keeper has written what the body printed and ended, unless that takes too long."""
    connection.settimeout(_LONGEST_END_SECONDS)
    with suppress(OSError):
        while connection.recv(1 << 16):
            pass


def _answer(content: bytes) -> dict[str, Any]:
    answer = json.loads(content)
    if not isinstance(answer, dict) or not {"value", "columns", "error"} & set(answer):
        raise ValueError("no answer of the worker's")
    return answer


def _start_server(surroundings: Surroundings, *, data_frames: bool) -> _Server:
    ours, theirs = socket.socketpair()
    options = [DATA_FRAMES] if data_frames else []
    started: Future[subprocess.Popen[bytes]] = Future()

    def serve() -> None:
        """Start the server and wait for its end: the server ends together with the thread that started it."""
        try:
            # -P: modules of this folder must not shadow the imports of a body.
            process = launching.launch(
                surroundings,
                (sys.executable, "-P", str(_WORKER), *options, *launching.own_code()),
                # Nothing from the host: a body must not see keys, tokens or passphrases of the sandbox's user.
                {"PATH": os.defpath, "HOME": os.devnull, "LANG": "C.UTF-8"},
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        except BaseException as error:  # noqa: BLE001  # raised where the result is awaited
            started.set_exception(error)
            return
        started.set_result(process)
        process.wait()

    with theirs:
        threading.Thread(target=serve, name="procedure server", daemon=True).start()
        return _Server(started.result(), ours)
