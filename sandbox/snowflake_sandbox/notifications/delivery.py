"""The delivery of notifications: e-mails are written to files, webhooks are posted to a receiver on this machine.

Knows threads, files and HTTP. Must not know the content of a notification. Nothing ever leaves the machine: without a
receiver, a webhook's request is also written to a file, without its secret.
"""

from __future__ import annotations

import http.client
import json
import socket
import threading
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from snowflake_sandbox import due_work
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.notifications import queue, requests
from snowflake_sandbox.notifications.mailbox import MAIL, WEBHOOKS
from snowflake_sandbox.objects import secret as secrets
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    from snowflake_sandbox.call import World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.notifications.queue import Notification

_LONGEST_SLEEP = timedelta(minutes=1)
_HTTP_SECONDS = 10
_LONGEST_ANSWER = 2000


class Delivery:
    """The thread of a world that sends the notifications that are due."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="notifications", daemon=True)

    def start(self) -> None:
        """Send what was queued earlier, then new notifications as they come."""
        self._thread.start()

    def stop(self) -> None:
        """Stop; queued notifications are sent after the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def wake(self) -> None:
        """Make the thread check the queue now, because something was added. Safe inside a transaction."""
        self._wake.set()

    def _loop(self) -> None:
        due_work.repeat(self.deliver, "notifications", world=self._world, wake=self._wake, stopping=self._stopping)

    def deliver(self) -> datetime:
        """Send all notifications that are due, and return when the next one will be."""
        now = self._world.clock.now()
        with self._world.store.reading() as tx:
            pending = queue.due(tx, now)
        for notification in pending:
            if self._stopping.is_set():
                break
            error = self._deliver(notification)
            with self._world.store.transaction() as tx:
                queue.settle(tx, notification, error, self._world.clock.now())
        with self._world.store.reading() as tx:
            following = queue.next_instant(tx)
        longest = now + _LONGEST_SLEEP
        return longest if following is None else min(following, longest)

    def _deliver(self, notification: Notification) -> str | None:
        """Send one notification, and return why it could not be sent, or None."""
        if "parts" in notification.content:
            self._write(MAIL, f"{_file_name(notification)}.eml", requests.email(notification))
            return None
        with self._world.store.reading() as tx:
            integration = catalog.by_id(tx, notification.integration_id)
        if integration is None:
            return "the integration was dropped"
        return self._post(notification, integration)

    def _post(self, notification: Notification, integration: SnowflakeObject) -> str | None:
        message = notification.content["message"]
        if self._world.webhook_receiver is None:
            request = requests.request(integration.properties, message, requests.SECRET)
            text = json.dumps({"url": request.url, "headers": dict(request.headers), "body": request.body}, indent=1)
            self._write(WEBHOOKS, f"{_file_name(notification)}.json", text.encode())
            return None
        secret = self._secret(integration)
        if secret is None:
            return "the secret was dropped"
        return post(self._world.webhook_receiver, requests.request(integration.properties, message, secret))

    def _secret(self, integration: SnowflakeObject) -> str | None:
        """Return the value of the integration's secret; "" without one, None if the secret was dropped."""
        if integration["webhook_secret"] is None:
            return ""
        with self._world.store.reading() as tx:
            secret = catalog.find(tx, "SECRET", ObjectName(*integration["webhook_secret"]))
        return None if secret is None else secrets.values(self._world, secret)["secret_string"]

    def _write(self, folder: str, name: str, content: bytes) -> None:
        # always the same name, so that a retry after a kill overwrites the file
        path: Path = self._world.folder / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(content)
        unfinished.replace(path)


def _file_name(notification: Notification) -> str:
    return f"{notification.created:%Y%m%dT%H%M%S%f}-{notification.id[:8]}"


def post(receiver: str, request: requests.WebhookRequest) -> str | None:
    """Post a request to the receiver, at a path made of its real host and path; return an error, or None.

    The error is the body of the response, as in NOTIFICATION_HISTORY.
    """
    address, target = urlsplit(receiver), urlsplit(request.url)
    path = f"{address.path.rstrip('/')}/{target.netloc}{target.path}" + (f"?{target.query}" if target.query else "")
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=_HTTP_SECONDS)
    expired = threading.Event()
    try:
        connection.connect()
        with _hanging_up(connection.sock, expired):
            connection.request("POST", path, request.body.encode(), dict(request.headers))
            answer = connection.getresponse()
            body = answer.read(_LONGEST_ANSWER).decode(errors="replace")
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: headers that HTTP cannot carry
        return _late() if expired.is_set() or isinstance(error, TimeoutError) else f"{type(error).__name__}: {error}"
    finally:
        connection.close()
    if expired.is_set():
        return _late()
    accepted = http.client.OK <= answer.status < http.client.MULTIPLE_CHOICES
    return None if accepted else f"HTTP {answer.status} {body}"


def _late() -> str:
    return f"no answer within {_HTTP_SECONDS} seconds"


@contextmanager
def _hanging_up(connected: socket.socket, expired: threading.Event) -> Iterator[None]:
    """Close the connection after a while: the socket's own timeout restarts with each byte of a slow receiver."""

    def hang_up() -> None:
        expired.set()
        # OSError: the receiver has already closed the connection
        with suppress(OSError):
            connected.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(_HTTP_SECONDS, hang_up)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
