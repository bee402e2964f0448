"""The sandbox's side of procedure processes: starts the fork server, runs calls in its children, ends them.

Knows processes and sockets; must not know statements, sessions or the catalog (call.py does).
"""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from snowflake_sandbox.procedures.worker import DATA_FRAMES, CallRequest, receive, send

_WORKER = Path(__file__).with_name("worker.py")
_CHECK_MS = 100


class Cancelled(Exception):  # noqa: N818  # it is not an error: somebody asked for it
    """The call was ended from outside."""


class ProcessDied(Exception):  # noqa: N818  # what happened, not what is wrong
    """The call's process ended without an answer: killed by the system, or its code left with os._exit."""


@dataclass(frozen=True)
class _Server:
    """A fork server's process, and the socket over which it is asked for children."""

    process: subprocess.Popen[bytes]
    control: socket.socket


class ProcedureHost:
    """All running calls of Python procedures. A part of the world."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # with and without data frames
        self._servers: dict[bool, _Server] = {}
        self._running: dict[int, int] = {}
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start the fork server of most procedures; it loads Snowpark in the background."""
        with self._lock:
            self._started(data_frames=False)

    def _started(self, *, data_frames: bool) -> _Server:
        """The fork server that runs; a new one where it has ended, or none was wanted yet."""
        server = self._servers.get(data_frames)
        if server is None or server.process.poll() is not None:
            server = self._servers[data_frames] = _start_server(data_frames=data_frames)
        return server

    def stop(self) -> None:
        """End all calls and the server."""
        self._stopping.set()
        with self._lock:
            for pid in self._running.values():
                _kill(pid)
            servers, self._servers = self._servers, {}
        for server in servers.values():
            server.control.close()
            server.process.kill()
            server.process.wait()

    def run(self, request: CallRequest, cancelled: threading.Event) -> dict[str, Any]:
        """Run one call to its end; blocks.

        Args:
            request: the call.
            cancelled: ends it from outside.

        Returns:
            The worker's answer (worker.answer_of).

        Raises:
            Cancelled: `cancelled` was set, or the sandbox stops.
            ProcessDied: the process ended without an answer.
        """
        connection = self._new_child(request)
        key = connection.fileno()
        try:
            pid = self._await(connection, cancelled)
            with self._lock:
                self._running[key] = int(pid)
            send(connection, pickle.dumps(asdict(request)))
            return dict(json.loads(self._await(connection, cancelled)))
        except (BrokenPipeError, ConnectionResetError) as error:
            raise ProcessDied from error
        finally:
            self._forget(key)
            connection.close()

    def _forget(self, key: int) -> None:
        with self._lock:
            pid = self._running.pop(key, None)
        if pid is not None:
            _kill(pid)

    def _new_child(self, request: CallRequest) -> socket.socket:
        with self._lock:
            if self._stopping.is_set():
                raise Cancelled
            control = self._started(data_frames=request.data_frames).control
            ours, theirs = socket.socketpair()
            with theirs:
                socket.send_fds(control, [b"!"], [theirs.fileno()])
            return ours

    def _await(self, connection: socket.socket, cancelled: threading.Event) -> bytes:
        poll = select.poll()
        poll.register(connection, select.POLLIN)
        # Threads cannot wait for an event and a socket at once; an answer is seen at once, a cancellation soon.
        while not poll.poll(_CHECK_MS):
            if cancelled.is_set() or self._stopping.is_set():
                raise Cancelled
        data = receive(connection)
        if data is None:
            raise Cancelled if cancelled.is_set() or self._stopping.is_set() else ProcessDied
        return data


def _start_server(*, data_frames: bool) -> _Server:
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            # -P: this folder's modules must not shadow what a body imports.
            [sys.executable, "-P", str(_WORKER), *([DATA_FRAMES] if data_frames else [])],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            # Nothing of the host's: a body sees no key, token or passphrase of who started the sandbox.
            env={"PATH": os.defpath, "HOME": os.devnull, "LANG": "C.UTF-8"},
        )
    return _Server(process, ours)


def _kill(pid: int) -> None:
    # It may have ended by itself; being a session leader, its id is its group's.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
