"""SYSTEM$SEND_EMAIL and SYSTEM$SEND_SNOWFLAKE_NOTIFICATION: the checks of their arguments, and queueing.

Knows the arguments of both procedures (sql-reference/stored-procedures/system_send_email,
system_send_snowflake_notification) and the privileges that they need; must not know how a notification is delivered.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data.function_arguments import counted
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.notifications import integration as integrations
from snowflake_sandbox.notifications import queue
from snowflake_sandbox.statements.reader import ObjectName, Reader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_SEND_EMAIL, _SEND = "SYSTEM$SEND_EMAIL", "SYSTEM$SEND_SNOWFLAKE_NOTIFICATION"
_DEFAULT_SUBJECT = "Snowflake Email Notification"
_LONGEST_SUBJECT = 256
_LONGEST_BODY = 128_000
_ADDRESS = re.compile(r"[^@\s,]+@([^@\s,]+)")
_CONTENT_TYPES = frozenset({"text/plain", "text/html", "application/json"})
_OPTIONS = frozenset({"subject", "toAddress", "ccAddress", "bccAddress"})


def register(world: World) -> None:
    """Add the procedures to the world; only CALL can call them."""
    world.procedures |= {_SEND_EMAIL: send_email, _SEND: send_notification}


def send_email(call: Call, arguments: tuple[Any, ...]) -> bool:
    """SYSTEM$SEND_EMAIL('integration', 'a@x, b@y', 'subject', 'body' [, 'mime type']).

    Raises:
        SnowflakeError: 002003 or 003001 for the integration, 394209 for a recipient, 001008 for another argument.
    """
    name, to, subject, body, *kind = counted(arguments, 4, 5, _SEND_EMAIL)
    mime = str(kind[0]) if kind and kind[0] is not None else "text/plain"
    if mime not in ("text/plain", "text/html"):
        raise errors.invalid_value(mime, "mime_type")
    addresses = [address.strip() for address in str(to or "").split(",")]
    integration = _integration(call, name)
    if integration["type"] != integrations.EMAIL:
        raise errors.invalid_value(str(name), "integration_name")
    email = _email(call, integration, {mime: body}, {"subject": subject, "toAddress": addresses})
    _queue(call, [(integration, email)])
    return True


def send_notification(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$SEND_SNOWFLAKE_NOTIFICATION(message or array, integration or array).

    Raises:
        SnowflakeError: as `send_email`; also 003001 for the secret of a webhook.
    """
    messages, configurations = counted(arguments, 2, 2, _SEND)
    contents = _merged(messages, "message", _CONTENT_TYPES)
    outgoing = []
    for name, options in _merged(configurations, "integration_configuration", None).items():
        integration = _integration(call, name)
        if integration["type"] == integrations.EMAIL:
            outgoing.append((integration, _email(call, integration, contents, options or {})))
        else:
            outgoing.append((integration, _webhook(call, integration, contents)))
    _queue(call, outgoing)
    return "Enqueued notifications"


def _merged(value: Any, argument: str, names: frozenset[str] | None) -> dict[str, Any]:
    """Return the JSON objects of an argument merged into one; a name may occur only once."""
    merged: dict[str, Any] = {}
    for text in value if isinstance(value, list) else [value]:
        try:
            entries = json.loads(text) if isinstance(text, str) else text
        except ValueError as error:
            raise errors.invalid_value(str(text), argument) from error
        if not isinstance(entries, dict) or not entries:
            raise errors.invalid_value(str(text), argument)
        for name, entry in entries.items():
            if name in merged or (names is not None and name not in names):
                raise errors.invalid_value(name, argument)
            merged[name] = entry
    return merged


def _integration(call: Call, name: Any) -> SnowflakeObject:
    written = Reader(str(name or "")).object_name().name if name else ""
    with call.world.store.reading() as tx:
        integration = catalog.find(tx, integrations.KIND.name, ObjectName(written))
    if integration is None:
        raise errors.does_not_exist("INTEGRATION", written)
    access.require(call, "USAGE", integration)
    if not integration["enabled"]:
        raise SnowflakeError(394210, "55000", f"Integration '{written}' is not enabled.")  # guess
    return integration


def _email(
    call: Call, integration: SnowflakeObject, contents: Mapping[str, Any], options: Mapping[str, Any]
) -> dict[str, Any]:
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise errors.invalid_value(unknown[0], "integration_configuration")
    to = options.get("toAddress") or list(integration["default_recipients"] or ())
    if not to:
        raise errors.invalid_value("", "toAddress")
    lists = {"to": to, "cc": options.get("ccAddress") or [], "bcc": options.get("bccAddress") or []}
    for addresses in lists.values():
        _check_recipients(call, integration, addresses)
    subject = options.get("subject")
    if subject is None:
        subject = integration["default_subject"] or _DEFAULT_SUBJECT
    if not subject or len(str(subject)) > _LONGEST_SUBJECT:
        raise errors.invalid_value(str(subject), "email_subject")
    parts = {kind: str(content or "") for kind, content in contents.items()}
    if any(not 1 <= len(content) <= _LONGEST_BODY for content in parts.values()):
        raise errors.invalid_value(f"{max(map(len, parts.values()))} characters", "email_content")
    return {**lists, "subject": str(subject), "parts": parts}


def _check_recipients(call: Call, integration: SnowflakeObject, addresses: Sequence[str]) -> None:
    for address in addresses:
        address_parts = _ADDRESS.fullmatch(address)
        if address_parts is None or "." not in address_parts[1][1:-1]:
            raise errors.invalid_value(address, "email_address")
    allowed = integration["allowed_recipients"]
    if allowed:
        names = {address.lower() for address in allowed}
        wrong = [str(place) for place, address in enumerate(addresses, 1) if address.lower() not in names]
        if wrong:
            raise integrations.not_allowed(wrong)
    integrations.refuse_unverified(call, addresses)


def _webhook(call: Call, integration: SnowflakeObject, contents: Mapping[str, Any]) -> dict[str, Any]:
    if integration["webhook_secret"] is not None:
        integrations.secret_named(call, ObjectName(*integration["webhook_secret"]), "READ")
    # guess: a webhook uses the plain text of several contents
    kind = next(kind for kind in ("text/plain", "application/json", "text/html") if kind in contents)
    content = contents[kind]
    return {"message": content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)}


def _queue(call: Call, outgoing: Sequence[tuple[SnowflakeObject, dict[str, Any]]]) -> None:
    with call.world.store.transaction() as tx:
        for integration, content in outgoing:
            notification = queue.Notification(
                call.world.new_id(), call.now, integration.id, integration.name.name, content, 1
            )
            queue.add(tx, notification, call.query_id)
    call.world.parts["notifications"].wake()
