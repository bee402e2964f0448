"""The notifications that were written to files of a data folder: e-mails, and webhooks without a receiver.

Knows the files of delivery.py; must not know a world, so that it can read the folder of a sandbox that is not running.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import EmailMessage
    from pathlib import Path

MAIL, WEBHOOKS = "mail", "webhooks"


@dataclass(frozen=True)
class Message:
    """A message. `to` is the recipients or a webhook's URL; `sent` is the time that the file contains."""

    number: int
    file: Path
    kind: str
    sent: str
    to: str
    subject: str
    text: str


def messages(folder: Path) -> list[Message]:
    """Return all messages, oldest first, numbered from 1."""
    files = [*(folder / MAIL).glob("*.eml"), *(folder / WEBHOOKS).glob("*.json")]
    return [_read(number, file) for number, file in enumerate(sorted(files, key=lambda file: file.name), 1)]


def _read(number: int, file: Path) -> Message:
    sent = file.name.partition("-")[0]
    if file.suffix == ".json":
        request = json.loads(file.read_text())
        return Message(number, file, "webhook", sent, request["url"], "", request["body"])
    email: EmailMessage = message_from_bytes(file.read_bytes(), policy=default)
    body = email.get_body(("plain", "html"))
    text = str(body.get_content()) if body is not None else ""
    return Message(number, file, "e-mail", sent, str(email["To"]), str(email["Subject"]), text)
