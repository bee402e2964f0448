"""A proxy before the sandbox that keeps every statement that passes, and can make trouble at the k-th write.

Knows how Snowflake's clients send statements over HTTP. Must not know what any statement is about.
"""

from __future__ import annotations

import gzip
import http.client
import json
import re
import sys
import threading
from contextlib import nullcontext
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

TRACKING = re.compile(r" --terraform_provider_usage_tracking .*$", re.DOTALL)
READS = re.compile(r"\s*(SHOW|SELECT|DESCRIBE|DESC|LIST|LS|USE)\b", re.IGNORECASE)
ON_THE_WAY = frozenset({"host", "content-length", "connection", "transfer-encoding", "keep-alive"})


def is_write(statement: str) -> bool:
    """Whether a statement changes anything; a session's own settings are no change."""
    return not READS.match(statement) and not statement.upper().startswith("ALTER SESSION")


class Trouble(Enum):
    """What becomes of the write at which the trap shuts.

    SILENCE: no answer, and nothing passes any more. REFUSED: Snowflake's error for a missing privilege, and all goes
    on. LOST: what it did is not told,
    and no request passes any more. PAUSE: it waits until `then` is done, and passes.
    """

    SILENCE = "silence"
    REFUSED = "refused"
    LOST = "lost"
    PAUSE = "pause"


REFUSAL = {
    "success": False,
    "code": "003001",
    "message": "SQL access control error:\nInsufficient privileges to operate on this object.",
    "data": {"errorCode": "003001", "sqlState": "42501", "queryId": "01000000-0000-0000-0000-000000000000"},
}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that were killed."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@dataclass
class Proxy:
    """Listens on a port of its own; `statements` are those sent since `clear`, in the order of their arrival.

    at: the number of the write (from 1) at which `then` is called; `forward`: whether that write reaches the sandbox.
    trouble: what its client gets to know.
    around: what surrounds the forwarding of each statement.
    """

    target: tuple[str, int]
    statements: list[str] = field(default_factory=list)
    at: int | None = None
    forward: bool = True
    trouble: Trouble = Trouble.SILENCE
    then: Callable[[], None] = lambda: None
    around: Callable[[str], AbstractContextManager[None]] = lambda _statement: nullcontext()
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        handler = type("Handler", (_Handler,), {"proxy": self})
        self.server = _Server(("127.0.0.1", 0), handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    @property
    def port(self) -> int:
        return int(self.server.server_address[1])

    @property
    def writes(self) -> list[str]:
        """The statements that change something."""
        return [one for one in self.statements if is_write(one)]

    def clear(self) -> None:
        """Forget what was sent, and any trap."""
        with self.lock:
            self.statements.clear()
            self.at = None

    def trap(self, at: int, then: Callable[[], None], *, forward: bool, trouble: Trouble = Trouble.SILENCE) -> None:
        """At the write of that number, call `then`."""
        with self.lock:
            self.statements.clear()
            self.at, self.then, self.forward, self.trouble = at, then, forward, trouble

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def seen(self, statement: str) -> bool:
        """Keep a statement; whether the trap shuts at it."""
        with self.lock:
            self.statements.append(statement)
            if self.at is None or not is_write(statement):
                return False
            number = len(self.writes)
            return number == self.at or (number > self.at and self.trouble is Trouble.SILENCE)

    @property
    def shut(self) -> bool:
        """Whether the trap shut some writes ago."""
        return self.at is not None and len(self.writes) > self.at

    @property
    def down(self) -> bool:
        """Whether nothing passes any more because the connection was lost."""
        return self.trouble is Trouble.LOST and self.at is not None and len(self.writes) >= self.at


class _Handler(BaseHTTPRequestHandler):
    """A client's connection, and one to the sandbox that lasts as long: as if the client had connected itself."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a head and its body are one packet
    disable_nagle_algorithm = True
    proxy: Proxy

    def setup(self) -> None:
        super().setup()
        self.sandbox = http.client.HTTPConnection(*self.proxy.target, timeout=120)

    def finish(self) -> None:
        self.sandbox.close()
        super().finish()

    def log_message(self, *_arguments: Any) -> None:
        pass

    def _pass(self) -> None:
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True  # the client was killed
            return
        caught, statement = False, ""
        if self.proxy.down:
            self._lost()
            return
        if "/queries/v1/query-request" in self.path and self.command == "POST":
            statement = _statement(body, self.headers.get("content-encoding"))
            caught = self.proxy.seen(statement)
        trouble = self.proxy.trouble if caught else None
        if trouble is Trouble.PAUSE:
            self.proxy.then()
        if trouble is Trouble.REFUSED:
            self.proxy.then()
            self._answer(HTTPStatus.OK, [("content-type", "application/json")], json.dumps(REFUSAL).encode())
            return
        forwarded = not caught or trouble is Trouble.PAUSE or (self.proxy.forward and not self.proxy.shut)
        with self.proxy.around(statement) if forwarded else nullcontext():
            answer, content = self._ask(body) if forwarded else (None, b"")
        if trouble is Trouble.LOST:
            self.proxy.then()
            self._lost()
            return
        if answer is None or trouble is Trouble.SILENCE:
            self.close_connection = True
            self.proxy.then()
            return
        self._answer(answer.status, answer.getheaders(), content)

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        try:
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in ON_THE_WAY:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()
        except OSError:
            self.close_connection = True  # the client was killed

    def _lost(self) -> None:
        """Answer as a gateway does that takes nothing from this client: drivers repeat a request that found silence."""
        self._answer(HTTPStatus.GONE, [], b"")

    def _ask(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in ON_THE_WAY}
        self.sandbox.request(self.command, self.path, body, headers)
        answer = self.sandbox.getresponse()
        return answer, answer.read()

    do_GET = do_POST = do_DELETE = do_PUT = _pass  # noqa: N815  # names of the base class


def _statement(body: bytes, encoding: str | None) -> str:
    text = gzip.decompress(body) if encoding == "gzip" or body[:2] == b"\x1f\x8b" else body
    return TRACKING.sub("", str(json.loads(text).get("sqlText") or "")).strip()
