"""A proxy before the sandbox that keeps every statement that passes, and can stop the world at the k-th write.

Knows how Snowflake's clients send statements over HTTP. Must not know what any statement is about.
"""

from __future__ import annotations

import gzip
import http.client
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

TRACKING = re.compile(r" --terraform_provider_usage_tracking .*$", re.DOTALL)
READS = re.compile(r"\s*(SHOW|SELECT|DESCRIBE|DESC|LIST|LS|USE)\b", re.IGNORECASE)
ON_THE_WAY = frozenset({"host", "content-length", "connection", "transfer-encoding", "keep-alive"})


def is_write(statement: str) -> bool:
    """Whether a statement changes anything; a session's own settings are no change."""
    return not READS.match(statement) and not statement.upper().startswith("ALTER SESSION")


@dataclass
class Proxy:
    """Listens on a port of its own; `statements` are those sent since `clear`, in the order of their arrival.

    at: the number of the write (from 1) at which `then` is called; `forward`: whether that write reaches the sandbox.
    A client whose statement it is gets no answer.
    """

    target: tuple[str, int]
    statements: list[str] = field(default_factory=list)
    at: int | None = None
    forward: bool = True
    then: Callable[[], None] = lambda: None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        handler = type("Handler", (_Handler,), {"proxy": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
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

    def trap(self, at: int, then: Callable[[], None], *, forward: bool) -> None:
        """At the write of that number, call `then`."""
        with self.lock:
            self.statements.clear()
            self.at, self.then, self.forward = at, then, forward

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def seen(self, statement: str) -> bool:
        """Keep a statement; whether the trap shuts at it. Behind a shut trap nothing passes any more."""
        with self.lock:
            self.statements.append(statement)
            return self.at is not None and is_write(statement) and len(self.writes) >= self.at

    @property
    def shut(self) -> bool:
        return self.at is not None and len(self.writes) > self.at


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy

    def log_message(self, *_arguments: Any) -> None:
        pass

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        caught = False
        if "/queries/v1/query-request" in self.path and self.command == "POST":
            caught = self.proxy.seen(_statement(body, self.headers.get("content-encoding")))
        if caught and (not self.proxy.forward or self.proxy.shut):
            self._vanish()
            return
        answer, content = self._ask(body)
        if caught:
            self._vanish()
            return
        try:
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ON_THE_WAY:
                    self.send_header(name, value)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        except OSError:
            self.close_connection = True  # the client was killed

    def _vanish(self) -> None:
        self.close_connection = True
        self.proxy.then()

    def _ask(self, body: bytes) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection(*self.proxy.target, timeout=120)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in ON_THE_WAY}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()

    do_GET = do_POST = do_DELETE = do_PUT = _pass  # noqa: N815  # names of the base class


def _statement(body: bytes, encoding: str | None) -> str:
    text = gzip.decompress(body) if encoding == "gzip" or body[:2] == b"\x1f\x8b" else body
    return TRACKING.sub("", str(json.loads(text).get("sqlText") or "")).strip()
