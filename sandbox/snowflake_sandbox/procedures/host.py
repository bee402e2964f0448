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
from dataclasses import asdict
from pathlib import Path
from typing import Any

from snowflake_sandbox.procedures.worker import CallRequest, receive, send

_WORKER = Path(__file__).with_name("worker.py")
_CHECK_MS = 100


class Cancelled(Exception):  # noqa: N818  # it is not an error: somebody asked for it
    """The call was ended from outside."""


class ProcessDied(Exception):  # noqa: N818  # what happened, not what is wrong
    """The call's process ended without an answer: killed by the system, or its code left with os._exit."""


class ProcedureHost:
    """All running calls of Python procedures. A part of the world."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._running: dict[int, int] = {}
        self._stopping = threading.Event()

    def start(self) -> None:
        """Start the fork server; it loads Snowpark in the background."""
        with self._lock:
            if self._server is None:
                self._start_server()

    def _start_server(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._server = subprocess.Popen(
                # -P: this folder's modules must not shadow what a body imports.
                [sys.executable, "-P", str(_WORKER)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                # Nothing of the host's: a body sees no key, token or passphrase of who started the sandbox.
                env={"PATH": os.defpath, "HOME": os.devnull, "LANG": "C.UTF-8"},
            )
        self._control = ours

    def stop(self) -> None:
        """End all calls and the server."""
        self._stopping.set()
        with self._lock:
            for pid in self._running.values():
                _kill(pid)
            server, control = self._server, self._control
            self._server = self._control = None
        if control is not None:
            control.close()
        if server is not None:
            server.kill()
            server.wait()

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
        connection = self._new_child()
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

    def _new_child(self) -> socket.socket:
        with self._lock:
            if self._stopping.is_set():
                raise Cancelled
            if self._server is None or self._server.poll() is not None:
                self._start_server()
            control = self._control
            assert control is not None  # noqa: S101  # set together with the server
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


def _kill(pid: int) -> None:
    # It may have ended by itself; being a session leader, its id is its group's.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
