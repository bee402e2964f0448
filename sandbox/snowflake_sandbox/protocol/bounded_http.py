"""Limits of size and time for the head of a request, that is its first line and headers, and of what is around a body.

Knows uvicorn's protocol; must not know what requests mean. No client has logged in yet when its head is read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

if TYPE_CHECKING:
    import asyncio

# The maximum size of address and headers together; drivers send about two thousand bytes.
LARGEST_HEAD = 64 << 10
# The maximum time from the opening of a connection, or a request's first byte, to the end of its headers.
LONGEST_HEAD_SECONDS = 60.0


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol with these limits."""

    largest = LARGEST_HEAD
    seconds = LONGEST_HEAD_SECONDS
    _received = 0
    _beside_body = 0
    _has_body = False
    _is_in_head = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start counting bytes and time."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer."""
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Process a part of a request, unless its head is already too large."""
        if self._is_in_head:
            self._received += len(data)
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._limit_framing(len(data))
        if self._is_in_head and self._received > self.largest and not self.transport.is_closing():
            self.send_400_response(f"The request's headers have more than {self.largest} bytes.")

    def _limit_framing(self, size: int) -> None:
        """Close a connection that sends no more body but headers after it, or lengths of parts that do not end."""
        self._beside_body = 0 if self._is_in_head or self._has_body else self._beside_body + size
        self._has_body = False
        if self._beside_body > self.largest and not self.transport.is_closing():
            self.transport.close()

    def on_body(self, body: bytes) -> None:
        """Pass on a part of a body, which is limited where bodies are read."""
        super().on_body(body)
        self._has_body = True

    def on_message_begin(self) -> None:
        """Start counting again: a connection carries many requests."""
        super().on_message_begin()
        self._begin()

    def on_headers_complete(self) -> None:
        """Stop counting; the code that reads the body limits its size."""
        self._end()
        super().on_headers_complete()

    def _begin(self) -> None:
        self._end()
        self._is_in_head, self._received = True, 0
        self._timer = self.loop.call_later(self.seconds, self._give_up)

    def _end(self) -> None:
        self._is_in_head = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.send_400_response(f"The request's headers did not end within {self.seconds:g} seconds.")
