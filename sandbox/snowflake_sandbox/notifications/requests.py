"""A notification as it is sent: an e-mail, or an HTTP request with a webhook's placeholders filled in.

Pure. Knows MIME and the placeholders of webhooks; must not know where they are sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snowflake_sandbox.notifications.queue import Notification

SECRET, MESSAGE = "SNOWFLAKE_WEBHOOK_SECRET", "SNOWFLAKE_WEBHOOK_MESSAGE"
_SENDER = "no-reply@snowflake.net"


@dataclass(frozen=True)
class WebhookRequest:
    """A webhook's POST."""

    url: str
    headers: Mapping[str, str]
    body: str


def email(notification: Notification) -> bytes:
    """Return the e-mail as the content of a file: UTF-8, with alternatives if it has several parts."""
    content = notification.content
    message = EmailMessage(policy=default.clone(cte_type="8bit", utf8=True))
    message["From"] = _SENDER
    for header in ("to", "cc", "bcc"):
        if content[header]:
            message[header.capitalize()] = ", ".join(content[header])
    # A header must be one line.
    message["Subject"] = " ".join(content["subject"].split())
    message["Date"] = format_datetime(notification.created)
    message["Message-ID"] = f"<{notification.id}@sandbox.invalid>"
    message["X-Snowflake-Integration"] = notification.integration
    parts: dict[str, str] = content["parts"]
    for place, kind in enumerate(sorted(parts, key=lambda kind: kind != "text/plain")):
        subtype = kind.partition("/")[2]
        if place == 0:
            message.set_content(parts[kind], subtype=subtype if subtype != "json" else "plain")
        else:
            message.add_alternative(parts[kind], subtype=subtype if subtype != "json" else "plain")
    return message.as_bytes()


def request(integration: Mapping[str, Any], message: str, secret: str) -> WebhookRequest:
    """Return the request of a webhook.

    The message is inserted into the template unchanged (guess: the page shows that it replaces the placeholder, but
    does not mention quotes). The secret is inserted afterwards, also into the message: the page warns of that.
    """
    template = integration["webhook_body_template"]
    body = message if template is None else template.replace(MESSAGE, message)
    headers = integration["webhook_headers"] or {}
    return WebhookRequest(
        integration["webhook_url"].replace(SECRET, secret),
        {name: value.replace(SECRET, secret) for name, value in headers.items()},
        body.replace(SECRET, secret),
    )
