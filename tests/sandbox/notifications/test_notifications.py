"""Notifications: e-mails as files, webhooks as real requests to a receiver on this machine, and their history."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from contextlib import contextmanager, suppress
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox import control
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.notifications import delivery, mailbox, queue

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.conftest import Client

SLACK = (
    "CREATE NOTIFICATION INTEGRATION HOOK TYPE = WEBHOOK ENABLED = TRUE"
    " WEBHOOK_URL = 'https://hooks.slack.com/services/SNOWFLAKE_WEBHOOK_SECRET' WEBHOOK_SECRET = D.PUBLIC.TOKEN"
    ' WEBHOOK_BODY_TEMPLATE = \'{"text": "SNOWFLAKE_WEBHOOK_MESSAGE"}\''
    " WEBHOOK_HEADERS = ('Content-Type'='application/json')"
)
SEND = "CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(%s, SNOWFLAKE.NOTIFICATION.INTEGRATION('hook'))"
SANITIZED = "SNOWFLAKE.NOTIFICATION.TEXT_PLAIN(SNOWFLAKE.NOTIFICATION.SANITIZE_WEBHOOK_CONTENT(?))"


@pytest.fixture
def client(own_client: Client) -> Client:
    """These tests make objects of the account."""
    return own_client


@pytest.fixture
def mailing(client: Client) -> Client:
    client.rows("USE SCHEMA D.PUBLIC")
    client.rows("CREATE USER OPS EMAIL = 'ops@example.org'")
    client.rows("CREATE USER BOSS EMAIL = 'boss@example.org'")
    client.rows("CREATE NOTIFICATION INTEGRATION MAIL TYPE = EMAIL ENABLED = TRUE")
    client.rows("CREATE SECRET TOKEN TYPE = GENERIC_STRING SECRET_STRING = 'T0/B0/s3cr3t'")
    client.rows(SLACK)
    return client


def deliver(client: Client) -> None:
    client.world.parts["notifications"].deliver()


def mails(client: Client) -> list[Any]:
    deliver(client)
    files = sorted((client.world.folder / "mail").glob("*.eml"))
    return [message_from_bytes(file.read_bytes(), policy=default) for file in files]


@contextmanager
def receiver(client: Client, status: int = 200) -> Iterator[list[tuple[str, dict[str, str], str]]]:
    """A receiver of webhooks; yields what it received: path, headers, body."""
    received: list[tuple[str, dict[str, str], str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.append((self.path, dict(self.headers), body))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"invalid_token" if status >= 400 else b"ok")

        def log_message(self, *_: object) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    client.world.webhook_receiver = f"http://127.0.0.1:{server.server_port}/in"
    try:
        yield received
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def history(client: Client) -> list[dict[str, Any]]:
    return client.rows("SELECT * FROM TABLE(D.INFORMATION_SCHEMA.NOTIFICATION_HISTORY())")


def test_an_email_becomes_a_file_as_it_was_written(mailing: Client) -> None:
    body = 'It\'s "late" 🚨\n$$ and a \\ backslash\n' + "x" * 10_000
    rows = mailing.rows(
        "CALL SYSTEM$SEND_EMAIL(?, ?, ?, ?)",
        {"1": "mail", "2": "ops@example.org, boss@example.org", "3": "Größe & Co", "4": body},
    )
    assert list(rows[0].values()) == [True]
    (mail,) = mails(mailing)
    assert mail["To"] == "ops@example.org, boss@example.org"
    assert mail["Subject"] == "Größe & Co"
    assert mail["From"] == "no-reply@snowflake.net"
    assert mail.get_content() == body + "\n"
    (row,) = history(mailing)
    assert (row["STATUS"], row["INTEGRATION_NAME"], row["ATTEMPT"]) == (queue.SUCCESS, "MAIL", 1)
    assert json.loads(row["MESSAGE_SOURCE_INFO"]).keys() == {"query_id"}


def test_an_email_of_several_parts_and_lists(mailing: Client) -> None:
    mailing.rows(
        "CALL SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(ARRAY_CONSTRUCT(SNOWFLAKE.NOTIFICATION.TEXT_HTML('<p>a</p>'),"
        " SNOWFLAKE.NOTIFICATION.TEXT_PLAIN('a')), SNOWFLAKE.NOTIFICATION.EMAIL_INTEGRATION_CONFIG('mail', 'S',"
        " ARRAY_CONSTRUCT('ops@example.org'), ARRAY_CONSTRUCT('boss@example.org'), NULL))"
    )
    (mail,) = mails(mailing)
    assert (mail["To"], mail["Cc"], mail["Bcc"]) == ("ops@example.org", "boss@example.org", None)
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("statement", "errno"),
    [
        ("CALL SYSTEM$SEND_EMAIL('nope', 'ops@example.org', 's', 'b')", 2003),
        ("CALL SYSTEM$SEND_EMAIL('hook', 'ops@example.org', 's', 'b')", 1008),
        ("CALL SYSTEM$SEND_EMAIL('mail', 'stranger@example.org', 's', 'b')", 394209),
        ("CALL SYSTEM$SEND_EMAIL('mail', 'ops@example.org', '', 'b')", 1008),
        ("CALL SYSTEM$SEND_EMAIL('mail', 'ops@example.org', 's', '')", 1008),
        ("CALL SYSTEM$SEND_EMAIL('mail', 'ops@example.org', 's', 'b', 'text/xml')", 1008),
        (f"CALL SYSTEM$SEND_EMAIL('mail', 'ops@example.org', '{'s' * 257}', 'b')", 1008),
        (f"CALL SYSTEM$SEND_EMAIL('mail', 'ops@example.org', 's', '{'b' * 128_001}')", 1008),
        ("SELECT SYSTEM$SEND_EMAIL('mail', 'ops@example.org', 's', 'b')", 2140),
        (SEND % 'ARRAY_CONSTRUCT(\'{"text/plain": "a"}\', \'{"text/plain": "b"}\')', 1008),
        (SEND % "'no json'", 1008),
    ],
)
def test_what_is_refused_is_sent_to_nobody(mailing: Client, statement: str, errno: int) -> None:
    assert mailing.errno(statement) == errno
    assert not mails(mailing)
    assert not history(mailing)


def test_one_recipient_who_is_not_allowed_keeps_the_email_from_all(mailing: Client) -> None:
    mailing.rows("ALTER NOTIFICATION INTEGRATION MAIL SET ALLOWED_RECIPIENTS = ('ops@example.org')")
    assert mailing.errno("CALL SYSTEM$SEND_EMAIL('mail', 'ops@example.org, boss@example.org', 's', 'b')") == 394209
    assert not mails(mailing)


def test_a_disabled_integration_sends_nothing(mailing: Client) -> None:
    mailing.rows("ALTER NOTIFICATION INTEGRATION MAIL SET ENABLED = FALSE")
    assert mailing.errno("CALL SYSTEM$SEND_EMAIL('mail', 'ops@example.org', 's', 'b')") == 394210


def test_a_webhook_is_posted_with_its_placeholders_filled_in(mailing: Client) -> None:
    with receiver(mailing) as received:
        assert mailing.values(SEND % SANITIZED, {"1": "all good"}) == [("Enqueued notifications",)]
        deliver(mailing)
    ((path, headers, body),) = received
    assert path == "/in/hooks.slack.com/services/T0/B0/s3cr3t"
    assert headers["Content-Type"] == "application/json"
    assert body == '{"text": "all good"}'


def test_a_placeholder_in_a_message_would_tell_the_secret_unless_it_is_sanitized(mailing: Client) -> None:
    with receiver(mailing) as received:
        mailing.rows(SEND % "SNOWFLAKE.NOTIFICATION.TEXT_PLAIN(?)", {"1": "SNOWFLAKE_WEBHOOK_SECRET"})
        mailing.rows(SEND % SANITIZED, {"1": "SNOWFLAKE_WEBHOOK_SECRET"})
        deliver(mailing)
    assert [body for _, _, body in received] == ['{"text": "T0/B0/s3cr3t"}', '{"text": "REDACTED"}']


def test_a_webhook_that_is_refused_is_tried_three_times(mailing: Client) -> None:
    with receiver(mailing, 403) as received:
        mailing.rows(SEND % SANITIZED, {"1": "x"})
        for _ in range(5):
            deliver(mailing)
            mailing.world.clock.move(61)  # type: ignore[attr-defined]  # the tests' clock
    assert len(received) == 3
    rows = history(mailing)
    assert [row["STATUS"] for row in rows] == [queue.FAILURE, queue.RETRIABLE_FAILURE, queue.RETRIABLE_FAILURE]
    assert rows[0]["ERROR_MESSAGE"] == "HTTP 403 invalid_token"


def test_without_a_receiver_a_webhook_becomes_a_file_without_its_secret(mailing: Client) -> None:
    mailing.rows(SEND % SANITIZED, {"1": "x"})
    deliver(mailing)
    (file,) = (mailing.world.folder / "webhooks").glob("*.json")
    assert json.loads(file.read_text())["body"] == '{"text": "x"}'
    assert "s3cr3t" not in file.read_text()


def test_the_privileges_are_needed_one_by_one(mailing: Client) -> None:
    mailing.rows("CREATE ROLE R")
    mailing.rows("GRANT ROLE R TO USER SANDBOX_ADMIN")
    role = mailing.as_role("R")
    grants = [
        "GRANT USAGE ON INTEGRATION HOOK TO ROLE R",
        "GRANT USAGE ON DATABASE D TO ROLE R",
        "GRANT USAGE ON SCHEMA D.PUBLIC TO ROLE R",
        "GRANT READ ON SECRET D.PUBLIC.TOKEN TO ROLE R",
    ]
    statement = SEND % "SNOWFLAKE.NOTIFICATION.TEXT_PLAIN('x')"
    for grant in grants:
        with pytest.raises(SnowflakeError):
            role.rows(statement)
        mailing.rows(grant)
    role.rows(statement)
    for grant in grants:
        mailing.rows(grant.replace("GRANT", "REVOKE", 1).replace(" TO ", " FROM "))
        with pytest.raises(SnowflakeError):
            role.rows(statement)
        mailing.rows(grant)


def test_a_role_sees_the_history_of_integrations_that_it_may_use(mailing: Client) -> None:
    mailing.rows("CREATE ROLE R")
    mailing.rows("GRANT ROLE R TO USER SANDBOX_ADMIN")
    mailing.rows("GRANT USAGE ON DATABASE D TO ROLE R")
    mailing.rows("CALL SYSTEM$SEND_EMAIL('mail', 'ops@example.org', 's', 'b')")
    role = mailing.as_role("R")
    assert not history(role)
    mailing.rows("GRANT USAGE ON INTEGRATION MAIL TO ROLE R")
    assert len(history(role)) == 1
    assert (
        mailing.errno(
            "SELECT * FROM TABLE(D.INFORMATION_SCHEMA.NOTIFICATION_HISTORY(START_TIME => '2025-01-01 00:00:00'))"
        )
        == 1008
    )


def test_the_mailbox_lists_what_became_files(mailing: Client) -> None:
    mailing.rows("CALL SYSTEM$SEND_EMAIL('mail', 'ops@example.org', 'First', 'a\nb')")
    mailing.rows(SEND % SANITIZED, {"1": "x"})
    deliver(mailing)
    first, second = sorted(mailbox.messages(mailing.world.folder), key=lambda message: message.kind)
    assert (first.kind, first.to, first.subject, first.text) == ("e-mail", "ops@example.org", "First", "a\nb\n")
    assert (second.kind, second.to) == ("webhook", "https://hooks.slack.com/services/SNOWFLAKE_WEBHOOK_SECRET")
    assert second.text == '{"text": "x"}'


@pytest.mark.parametrize("receiver", ["http://127.0.0.1:9000", "http://localhost:9000/in", "http://[::1]:9000"])
def test_a_receiver_is_on_this_machine(receiver: str) -> None:
    control.refuse_elsewhere(receiver)


@pytest.mark.parametrize(
    "receiver", ["http://example.org:9000", "http://10.0.0.1:9000", "https://127.0.0.1:9000", "http://127.0.0.1", "x"]
)
def test_a_receiver_elsewhere_is_refused(receiver: str) -> None:
    with pytest.raises(control.SandboxError, match="posts to this machine only"):
        control.refuse_elsewhere(receiver)


def test_a_header_that_http_cannot_carry_is_told_and_holds_nobody_up(mailing: Client) -> None:
    mailing.rows(
        SLACK.replace("INTEGRATION HOOK", "INTEGRATION BROKEN").replace("'application/json'", "'a\\r\\nX-Evil: 1'")
    )
    with receiver(mailing) as received:
        broken = SEND.replace("'hook'", "'broken'") % SANITIZED
        mailing.rows(broken, {"1": "first"})
        mailing.rows(SEND % SANITIZED, {"1": "second"})
        deliver(mailing)
        deliver(mailing)
        assert [json.loads(body)["text"] for _, _, body in received] == ["second"]
        assert all("X-Evil" not in headers for _, headers, _ in received)


@contextmanager
def dripping(client: Client) -> Iterator[None]:
    """A receiver that answers a byte at a time, and never comes to an end."""
    done = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with suppress(OSError), listener.accept()[0] as connected:
            connected.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
            while not done.wait(0.02):
                connected.sendall(b"x")

    thread = threading.Thread(target=serve)
    thread.start()
    client.world.webhook_receiver = f"http://127.0.0.1:{listener.getsockname()[1]}"
    try:
        yield
    finally:
        done.set()
        listener.close()
        thread.join()


def test_a_receiver_that_drips_its_answer_is_given_up(mailing: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_HTTP_SECONDS", 0.2)
    mailing.rows(SEND % SANITIZED, {"1": "x"})
    with dripping(mailing):
        deliver(mailing)
    row = history(mailing)[-1]
    assert (row["STATUS"], row["ERROR_MESSAGE"]) == (queue.RETRIABLE_FAILURE, "no answer within 0.2 seconds")


def test_a_sandbox_that_stops_sends_nothing_more(mailing: Client) -> None:
    """Each receiver that hangs would hold it up."""
    mailing.rows(SEND % SANITIZED, {"1": "x"})
    part = mailing.world.parts["notifications"]
    with receiver(mailing) as received:
        part.stop()
        part.deliver()
    assert received == []
