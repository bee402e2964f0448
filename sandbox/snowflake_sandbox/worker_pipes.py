"""What goes between the sandbox and the process of a procedure's call: messages over a socket, output over a pipe.

Imports little: it is loaded into the process that runs bodies (procedures/worker.py). Must not know what is sent.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket

# The number of bytes that tell a message's length.
LENGTH = 8
# The maximum size of a message; Snowflake's procedures return less.
_LARGEST = 512 << 20
# The maximum size of a call's output in its log.
LARGEST_OUTPUT = 8 << 20


def send(connection: socket.socket, data: bytes) -> None:
    """Send one message."""
    connection.sendall(len(data).to_bytes(LENGTH, "big") + data)


def receive(connection: socket.socket) -> bytes | None:
    """Receive one message; None if the other side has closed the connection."""
    data = bytearray()
    while count := outstanding(data):
        piece = connection.recv(min(count, 1 << 20))
        if not piece:
            return None
        data += piece
    return bytes(data[LENGTH:])


def outstanding(data: bytearray) -> int:
    """Return how many bytes of a message are still missing.

    Raises:
        ValueError: if the message is too long; a body that searches for the socket can write to it.
    """
    if len(data) < LENGTH:
        return LENGTH - len(data)
    length = int.from_bytes(data[:LENGTH], "big")
    if length > _LARGEST:
        raise ValueError(f"a message of {length} bytes")
    return LENGTH + length - len(data)


class Output:
    """What a body and its processes print: copied from a pipe to the log, up to a limit; the rest is only counted."""

    def __init__(self, pipe: int, log: int) -> None:
        self.pipe, self._log, self._size = pipe, log, 0

    def copy(self) -> bool:
        """Copy a part; return False if there is no more."""
        part = os.read(self.pipe, 1 << 16)
        room = max(0, LARGEST_OUTPUT - self._size)
        with suppress(OSError):  # a full disk must not end the call
            os.write(self._log, part[:room])
            if self._size <= LARGEST_OUTPUT < self._size + len(part):
                os.write(self._log, b"\n... the rest of the output is not kept\n")
        self._size += len(part)
        return bool(part)
