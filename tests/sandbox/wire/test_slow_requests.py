"""Requests that come slowly, or never end, from somebody who has not logged in: refused, and others are answered."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox.protocol import server
from snowflake_sandbox.protocol.bounded_http import BoundedHttp

from tests.sandbox.wire.test_hostile_requests import is_alive

if TYPE_CHECKING:
    from tests.sandbox.conftest import Service

PATIENCE = 30.0
MEGABYTE = 1 << 20
FIRST_LINES = b"GET /health HTTP/1.1\r\nHost: localhost\r\n"
LOGIN = b"POST /session/v1/login-request HTTP/1.1\r\nHost: localhost\r\n"


def _send(service: Service, *parts: bytes) -> bytes:
    """Send parts until the other side has heard enough; returns what it says, until it closes."""
    with socket.create_connection(("127.0.0.1", service.port), PATIENCE) as connection:
        with suppress(ConnectionError):
            for part in parts:
                connection.sendall(part)
        answer = b""
        with suppress(ConnectionError):
            while content := connection.recv(65536):
                answer += content
        return answer


@pytest.mark.parametrize(
    ("start", "more"),
    [
        (b"GET /", b"a" * MEGABYTE),
        (FIRST_LINES + b"X: ", b"a" * MEGABYTE),
        (FIRST_LINES, b"x" * MEGABYTE),
        (FIRST_LINES, b"x-a: b\r\n" * 100_000),
        (LOGIN + b"Authorization: ", b"a" * MEGABYTE),
    ],
    ids=["address", "header", "name", "headers", "authorization"],
)
def test_first_lines_without_end_are_refused(service: Service, start: bytes, more: bytes) -> None:
    answer = _send(service, start, *[more] * 20)
    assert not answer or answer.startswith(b"HTTP/1.1 400")
    assert is_alive(service)


CHUNKED = LOGIN + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("start", [b"2\r\n{}\r\n0\r\nA: ", b"2\r\n{}\r\n2;", b"2;"], ids=["after", "later", "first"])
def test_what_is_around_a_body_does_not_fill_the_memory(service: Service, start: bytes) -> None:
    sent = 0
    with socket.create_connection(("127.0.0.1", service.port), PATIENCE) as connection, suppress(ConnectionError):
        connection.sendall(CHUNKED + start)
        for _ in range(20):
            connection.sendall(b"a" * MEGABYTE)
            sent += 1
    assert sent < 15
    assert is_alive(service)


def test_a_body_in_many_small_parts_is_taken(service: Service) -> None:
    login = json.dumps({"data": {"LOGIN_NAME": "NOBODY", "PASSWORD": "x" * 20_000}}).encode()
    parts = b"".join(b"1;a=b\r\n%c\r\n" % byte for byte in login) + b"0\r\nA: b\r\n\r\n"
    answer = _send(service, CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), parts)
    assert b"Incorrect username" in answer


@pytest.mark.parametrize("start", [b"", b"GET /hea", FIRST_LINES, FIRST_LINES + b"X: "])
def test_first_lines_that_do_not_come_are_not_waited_for(
    service: Service, monkeypatch: pytest.MonkeyPatch, start: bytes
) -> None:
    monkeypatch.setattr(BoundedHttp, "seconds", 0.1)
    assert b"did not end within 0.1 seconds" in _send(service, start)
    assert is_alive(service)


def test_a_login_that_does_not_come_is_not_waited_for(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "LONGEST_LOGIN_SECONDS", 0.1)
    answer = _send(service, LOGIN + b"Connection: close\r\nContent-Length: 1000\r\n\r\n{")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["success"] is False
    assert is_alive(service)


def test_many_half_requests_do_not_stop_the_others(service: Service) -> None:
    connections = [socket.create_connection(("127.0.0.1", service.port), PATIENCE) for _ in range(300)]
    try:
        for number, connection in enumerate(connections):
            connection.sendall((FIRST_LINES, LOGIN + b"Content-Length: 9\r\n\r\n{", b"GE")[number % 3])
        assert is_alive(service)
    finally:
        for connection in connections:
            connection.close()


def test_several_requests_in_one_go_are_all_answered(service: Service) -> None:
    closing = FIRST_LINES + b"Connection: close\r\n\r\n"
    assert _send(service, (FIRST_LINES + b"\r\n") * 200 + closing).count(b"HTTP/1.1 200") == 201
