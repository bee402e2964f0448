"""NOTIFICATION INTEGRATION of TYPE EMAIL and WEBHOOK: the allowed recipients, and the parts of an HTTP request.

Knows the properties of both types (sql-reference/sql/create-notification-integration-email and -webhooks); must not
know how notifications are sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader
from snowflake_sandbox.statements.showing import text_rows

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

EMAIL, WEBHOOK = "EMAIL", "WEBHOOK"
# The page of webhooks allows only these.
_WEBHOOK_URL = re.compile(
    r"https://(?:hooks\.slack\.com/services/.+"
    r"|[\w.-]+\.logic\.azure\.com/workflows/.+"
    r"|default[\w.-]+\.environment\.api\.powerplatform\.com/powerautomate/automations/direct/workflows/.+"
    r"|events\.pagerduty\.com/v2/enqueue"
    r"|api-private\.atlassian\.com/automation/webhooks/jira/.+"
    r"|[\w-]+\.service-now\.com/.+)"
)
_LONGEST_SUBJECT = 256
_OF_TYPE = {
    EMAIL: ("allowed_recipients", "default_recipients", "default_subject"),
    WEBHOOK: ("webhook_url", "webhook_secret", "webhook_body_template", "webhook_headers"),
}


def _type(reader: Reader) -> str:
    written = reader.word().upper()
    if written not in _OF_TYPE:
        raise errors.not_supported(f"NOTIFICATION INTEGRATION of TYPE {written}")
    return written


def _url(reader: Reader) -> str:
    url = reader.string()
    if not _WEBHOOK_URL.fullmatch(url):
        raise errors.invalid_value(url, "WEBHOOK_URL")
    return url


def _secret(reader: Reader) -> list[str | None]:
    name = reader.quoted_name()
    return [name.name, name.schema, name.database]


def _headers(reader: Reader) -> dict[str, str]:
    reader.expect("(")
    headers: dict[str, str] = {}
    while not reader.accept(")"):
        name = reader.string()
        reader.expect("=")
        headers[name] = reader.string()
        reader.accept(",")
    return headers


def _subject(reader: Reader) -> str:
    subject = reader.string()
    if len(subject) > _LONGEST_SUBJECT:
        raise errors.invalid_value(subject, "DEFAULT_SUBJECT")
    return subject


def _finish(call: Call, creation: Creation) -> None:
    properties = creation.properties
    kind = properties["type"]
    for other_kind, keys in _OF_TYPE.items():
        for key in keys:
            if other_kind != kind and key in creation.explicit:
                raise errors.invalid_property(key.upper(), f"CREATE NOTIFICATION INTEGRATION of TYPE {kind}")
    if kind == WEBHOOK and properties["webhook_url"] is None:
        raise errors.missing_property("WEBHOOK_URL", "CREATE NOTIFICATION INTEGRATION")
    if properties["webhook_body_template"] is not None and "content-type" not in map(
        str.lower, properties["webhook_headers"] or ()
    ):
        raise errors.missing_property("WEBHOOK_HEADERS with Content-Type", "CREATE NOTIFICATION INTEGRATION")
    _check(call, properties)


def _check(call: Call, properties: dict[str, Any]) -> None:
    """Resolve the secret's name, and refuse recipients who are not users of the account."""
    for key in ("allowed_recipients", "default_recipients"):
        refuse_unverified(call, properties[key] or ())
    if properties["webhook_secret"] is not None:
        name, schema, database = properties["webhook_secret"]
        secret = secret_named(call, ObjectName(name, schema, database), "USAGE")
        properties["webhook_secret"] = [secret.name.name, secret.name.schema, secret.name.database]


def _altered(call: Call, _before: SnowflakeObject, after: SnowflakeObject) -> None:
    checked = dict(after.properties)
    _check(call, checked)
    with call.world.store.transaction() as tx:
        catalog.update(tx, after, {"webhook_secret": checked["webhook_secret"]})


def secret_named(call: Call, name: ObjectName, privilege: str) -> SnowflakeObject:
    """Return the secret of an integration if the session has the privilege on it.

    Raises:
        SnowflakeError: 002003 if it does not exist, 003001 without the privilege.
    """
    resolved = call.session.resolve(name, ObjectScope.SCHEMA, "CREATE NOTIFICATION INTEGRATION")
    with call.world.store.reading() as tx:
        secret = catalog.get(tx, "SECRET", resolved)
    access.require(call, privilege, secret)
    if secret["type"] != "GENERIC_STRING":
        raise errors.invalid_value(resolved.qualified, "WEBHOOK_SECRET")
    return secret


def refuse_unverified(call: Call, addresses: Iterable[str]) -> None:
    """Refuse addresses that no user of the account has; every user's address counts as verified here.

    Raises:
        SnowflakeError: 394209 (guess), with the positions of the addresses in the list, from 1.
    """
    with call.world.store.reading() as tx:
        verified = {str(user["email"]).lower() for user in catalog.listing(tx, "USER") if user["email"]}
    wrong = [str(place) for place, address in enumerate(addresses, 1) if address.lower() not in verified]
    if wrong:
        raise not_allowed(wrong)


def not_allowed(places: Iterable[str]) -> errors.SnowflakeError:
    """Return error 394209 (guess) for recipients who are not allowed."""
    return errors.SnowflakeError(
        394209,
        "22023",
        f"Email recipients in the given list at indexes [{','.join(places)}] are not allowed. Either these email"
        " addresses are not yet validated or do not belong to any user in the current account.",
    )


def _row(_call: Call, integration: SnowflakeObject) -> tuple[Any, ...]:
    return (
        integration.name.name,
        integration["type"],
        "NOTIFICATION",
        integration["enabled"],
        integration["comment"],
        integration.created_on,
    )


def _describe(_call: Call, integration: SnowflakeObject) -> Result:
    rows = [("ENABLED", "Boolean", str(integration["enabled"]).lower(), "false")]
    rows += [_described(key, integration[key]) for key in _OF_TYPE[integration["type"]]]
    rows += [("DIRECTION", "String", "OUTBOUND", "INBOUND"), ("COMMENT", "String", integration["comment"] or "", "")]
    return text_rows("property property_type property_value property_default", rows)


def _described(key: str, value: Any) -> tuple[str, str, str, str]:
    if key.endswith("recipients"):
        return (key.upper(), "List", ",".join(value or ()), "")
    if key == "webhook_headers":
        return (key.upper(), "Map", ", ".join(f"{name}={text}" for name, text in (value or {}).items()), "")
    if key == "webhook_secret":
        return (key.upper(), "String", ".".join(reversed(value)) if value else "", "")
    return (key.upper(), "String", value or "", "")


KIND = Kind(
    name="NOTIFICATION INTEGRATION",
    plural="NOTIFICATION INTEGRATIONS",
    scope=ObjectScope.ACCOUNT,
    show=columns("name type category enabled? comment created_on@"),
    show_row=_row,
    properties=(
        Property("TYPE", _type, required=True, alterable=False),
        Property("ENABLED", Reader.boolean, required=True),
        Property("ALLOWED_RECIPIENTS", Reader.string_list),
        Property("DEFAULT_RECIPIENTS", Reader.string_list),
        Property("DEFAULT_SUBJECT", _subject),
        Property("WEBHOOK_URL", _url),
        Property("WEBHOOK_SECRET", _secret),
        Property("WEBHOOK_BODY_TEMPLATE", Reader.string),
        Property("WEBHOOK_HEADERS", _headers),
        Property("COMMENT", Reader.string),
    ),
    finish_definition=_finish,
    altered=_altered,
    describe=_describe,
    created_message="Integration {name} successfully created.",
)
