"""The receivers of messages in the `notify` of a file or a graph, read into the model and written back.

Knows the model, the values that the kinds in `nested_keys` return, and the rules between the values of a receiver. Must
not know how a message is sent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jobgraph.config.job_values import items, stated
from jobgraph.config.model import EmailChannel, Receiver, TimeOfDay, WebhookChannel
from jobgraph.config.timing import duration_text
from jobgraph.errors import nearest
from jobgraph.setting_values import time_zones

if TYPE_CHECKING:
    from collections.abc import Iterator

    import yaml

    from jobgraph.config.document import Document
    from jobgraph.config.sections import Block

FAILURE, SUCCESS, RECOVERED, LATE = "failure", "success", "recovered", "late"
PAGERDUTY = "pagerduty"
PLACEHOLDER = "SNOWFLAKE_WEBHOOK_SECRET"
_USUAL = (FAILURE, RECOVERED, LATE)
# an existing integration opens an incident with each message
_USUAL_OF_FOREIGN_PAGERDUTY = (FAILURE, LATE)
# docs.snowflake.com/en/sql-reference/sql/create-notification-integration-webhooks allows only these
_URLS = {
    "slack": re.compile(r"https://hooks\.slack\.com/services/\S+"),
    "teams": re.compile(
        r"https://([\w.-]+\.logic\.azure\.com/workflows/\S+"
        r"|default[\w.-]+\.environment\.api\.powerplatform\.com/powerautomate/automations/direct/workflows/\S+)"
    ),
}
_URL_EXAMPLES = {
    "slack": f"https://hooks.slack.com/services/{PLACEHOLDER}",
    "teams": "https://default<host>.environment.api.powerplatform.com/powerautomate/automations/direct/workflows/"
    f"{PLACEHOLDER}/triggers/manual/paths/invoke",
}
# rule, key, issue, remedy
_Wrong = tuple[str, str, str, str]


def receivers_of(block: Block, path: str, document: Document) -> tuple[Receiver, ...] | None:
    """Return the receivers of a file or a graph, and report their problems; None if it has no `notify`."""
    if "notify" not in block.values:
        return None
    receivers = []
    for place, entry, node in block.values["notify"]:
        at = f"{path}notify[{place}]"
        receiver = _receiver(entry, document)
        receivers.append(receiver)
        for rule, key, issue, remedy in _wrong(receiver, entry):
            where = _node(entry, key) or node
            document.report(where, f"{at}.{key}" if key else at, rule=rule, issue=issue, remedy=remedy)
        _check_timezone(receiver, entry, at, document)
    return tuple(receivers)


def receiver_in_file(receiver: Receiver) -> dict[str, Any]:
    """Return the values of a receiver in the file, with defaults."""
    email, webhook, late = receiver.email, receiver.webhook, receiver.late_after
    if isinstance(late, TimeOfDay):
        late_after: Any = {"time": late.time, "timezone": late.timezone}
    else:
        late_after = duration_text(late) if late is not None else None
    return stated(
        {
            "events": list(receiver.events),
            "email": stated({"to": list(email.to), "integration": email.integration}) if email else None,
            "webhook": stated(
                {
                    "type": webhook.type,
                    "secret": webhook.secret,
                    "url": webhook.url,
                    "integration": webhook.integration,
                }
            )
            if webhook
            else None,
            "late_after": late_after,
        }
    )


def _receiver(block: Block, document: Document) -> Receiver:
    values = block.values
    email = values["email"].values if "email" in values else None
    webhook = values["webhook"].values if "webhook" in values else None
    foreign = webhook is not None and webhook.get("type") == PAGERDUTY and "integration" in webhook
    usual = _USUAL_OF_FOREIGN_PAGERDUTY if foreign else _USUAL
    return Receiver(
        events=tuple(dict.fromkeys(items(values["events"]))) if "events" in values else usual,
        email=EmailChannel(
            items(email.get("to")), _upper(email.get("integration")), document.mark(block.nodes["email"])
        )
        if email is not None
        else None,
        webhook=WebhookChannel(
            webhook.get("type", ""), webhook.get("secret"), webhook.get("url"), _upper(webhook.get("integration"))
        )
        if webhook is not None
        else None,
        late_after=_late_after(values["late_after"].values) if "late_after" in values else None,
    )


def _upper(name: str | None) -> str | None:
    return name.upper() if name else None


def _late_after(values: dict[str, Any]) -> int | TimeOfDay | None:
    if "seconds" in values:
        return int(values["seconds"])
    # a time without a zone, or a zone without a time, has been reported
    return TimeOfDay(values["time"], values["timezone"]) if {"time", "timezone"} <= values.keys() else None


def _wrong(receiver: Receiver, block: Block) -> Iterator[_Wrong]:
    channels = {"email", "webhook"} & (block.values.keys() | block.wrong)
    if len(channels) != 1:
        issue = "a receiver has either `email` or `webhook`"
        yield "notify-channel", "", issue, "write {email: [ops@example.org]}, or {webhook: {type: slack, secret: NAME}}"
    if "events" in block.values and not receiver.events:
        yield "notify-events", "events", "without any event, no message is sent", "name events, or remove it"
    if "late_after" in block.values and LATE not in receiver.events:
        issue = "`late_after` says when a run is late, but `events` leaves out `late`"
        yield "notify-late", "late_after", issue, "add `late` to `events`, or remove `late_after`"
    if receiver.email is not None and not receiver.email.to and "to" in block.values["email"].values:
        yield "notify-email", "email", "an e-mail needs an address", "write [ops@example.org]"
    if receiver.webhook is not None and receiver.webhook.type:
        yield from _wrong_webhook(receiver.webhook)
        opens = {SUCCESS, RECOVERED} if receiver.webhook.integration else {SUCCESS}
        opening = [event for event in receiver.events if event in opens]
        if receiver.webhook.type == PAGERDUTY and opening:
            issue = f"at PagerDuty, a message about {', '.join(opening)} would open an incident"
            remedy = (
                "leave `failure` and `late`; with a `secret` in place of `integration`, `recovered` resolves it"
                if RECOVERED in opening
                else "leave `failure`, `recovered` and `late`; send messages about good runs to another receiver"
            )
            yield "notify-events", "events", issue, remedy


def _wrong_webhook(webhook: WebhookChannel) -> Iterator[_Wrong]:
    rule, key = "notify-webhook", "webhook"
    if webhook.integration and webhook.url:
        issue = "an existing integration has its own URL"
        yield rule, key, issue, "remove `url`, or remove `integration` so that the stack creates one"
        return
    if webhook.integration:
        return
    if not webhook.secret:
        issue = "a webhook that the stack creates needs the secret of its address"
        remedy = "name a Snowflake secret of TYPE = GENERIC_STRING with `secret`, or an `integration` that exists"
        yield rule, key, issue, remedy
    if webhook.url is None:
        if webhook.type == "teams":
            issue = "a Teams workflow has an address of its own"
            yield rule, key, issue, f"write its `url`, with the secret part as {PLACEHOLDER}: {_URL_EXAMPLES['teams']}"
        return
    if webhook.type not in _URLS:
        yield rule, key, "PagerDuty has one address for all", "remove `url`"
    elif not _URLS[webhook.type].fullmatch(webhook.url):
        yield rule, key, f"Snowflake posts no {webhook.type} message there", f"write {_URL_EXAMPLES[webhook.type]}"
    elif PLACEHOLDER not in webhook.url:
        issue = "the address contains its secret in plain text"
        yield rule, key, issue, f"put the secret part into the Snowflake secret, and {PLACEHOLDER} in its place"


def _check_timezone(receiver: Receiver, block: Block, path: str, document: Document) -> None:
    late = receiver.late_after
    if not isinstance(late, TimeOfDay) or late.timezone in time_zones():
        return
    node = block.values["late_after"].nodes["timezone"]
    issue, remedy = "this time zone does not exist", "write a name of the IANA list, as UTC or Europe/Berlin"
    close = nearest(late.timezone, time_zones())
    at = f"{path}.late_after.timezone"
    document.report(node, at, rule="schedule-timezone", issue=issue, remedy=remedy, close=close)


def _node(block: Block, key: str) -> yaml.Node | None:
    return block.nodes.get(key) if key else None
