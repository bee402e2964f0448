"""The proxy passes statements on as a client's own connection would, and makes the trouble that it is told to."""

from __future__ import annotations

import http.client
import json
import threading
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.deploys.proxy import REFUSAL, Proxy, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER = b'{"success": true}'


class _Sandbox(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Any

    def log_message(self, *_arguments: Any) -> None:
        pass

    def do_POST(self) -> None:
        self.server.answered.append(json.loads(self.rfile.read(int(self.headers["content-length"])))["sqlText"])
        self.server.clients.add(self.client_address)
        self.send_response(200)
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)


@contextmanager
def proxied() -> Iterator[tuple[Any, Proxy]]:
    """A server that answers everything, and the proxy before it."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), _Sandbox)
    server.answered, server.clients, server.daemon_threads = [], set(), True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    proxy = Proxy(("127.0.0.1", server.server_address[1]))
    try:
        yield server, proxy
    finally:
        proxy.close()
        server.shutdown()
        server.server_close()


def connected(proxy: Proxy) -> closing[http.client.HTTPConnection]:
    """A client of the proxy, to be closed."""
    return closing(http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10))


def send(client: http.client.HTTPConnection, sql: str) -> tuple[int, bytes]:
    """One statement; the status and the answer."""
    client.request("POST", "/queries/v1/query-request", json.dumps({"sqlText": sql}))
    answer = client.getresponse()
    return answer.status, answer.read()


def test_a_clients_statements_share_one_connection_to_the_sandbox() -> None:
    with proxied() as (server, proxy):
        for _ in range(2):
            with connected(proxy) as client:
                assert [send(client, sql) for sql in ("SHOW TASKS", "DROP TASK A")] == [(200, ANSWER)] * 2
        assert len(server.clients) == 2
        assert proxy.writes == ["DROP TASK A"] * 2


@pytest.mark.parametrize("forward", [True, False])
def test_after_silence_at_a_write_nothing_is_answered(*, forward: bool) -> None:
    with proxied() as (server, proxy):
        proxy.trap(2, lambda: None, forward=forward)
        with connected(proxy) as client:
            send(client, "DROP TASK A")
            for sql in ("DROP TASK B", "DROP TASK C"):
                with pytest.raises(http.client.RemoteDisconnected):
                    send(client, sql)
        assert server.answered == ["DROP TASK A", *["DROP TASK B"] * forward]


@pytest.mark.parametrize(
    ("trouble", "answers", "answered"),
    [
        (Trouble.REFUSED, [(200, json.dumps(REFUSAL).encode()), (200, ANSWER)], ["SELECT 1"]),
        (Trouble.LOST, [(410, b""), (410, b"")], ["DROP TASK A"]),
        (Trouble.PAUSE, [(200, ANSWER), (200, ANSWER)], ["DROP TASK A", "SELECT 1"]),
    ],
)
def test_trouble_at_a_write(trouble: Trouble, answers: list[tuple[int, bytes]], answered: list[str]) -> None:
    with proxied() as (server, proxy):
        calls: list[bool] = []
        proxy.trap(1, lambda: calls.append(True), forward=trouble is not Trouble.REFUSED, trouble=trouble)
        with connected(proxy) as client:
            assert [send(client, sql) for sql in ("DROP TASK A", "SELECT 1")] == answers
        assert (server.answered, calls) == (answered, [True])
