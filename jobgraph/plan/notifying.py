"""What notifying people of runs needs: integrations, definitions for finalizers and the watch, the stack's alert.

Knows Snowflake's statements for notification integrations and alerts, and what `procedures/notifying` reads. Must not
know how a statement is sent. The provider has no webhook integration, and its alert requires a warehouse, so each of
the two is a step with a revert.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from jobgraph.config.model import TimeOfDay
from jobgraph.config.receivers import LATE, PAGERDUTY, RECOVERED
from jobgraph.config.schedules import Cron, IntervalSchedule
from jobgraph.names import content_hash, quoted, shortened
from jobgraph.plan import sql

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.config.model import Graph, Receiver, WebhookChannel
    from jobgraph.config.schedules import Schedule
    from jobgraph.errors import Mark
    from jobgraph.settings import Settings

_SECRET, _MESSAGE = "SNOWFLAKE_WEBHOOK_SECRET", "SNOWFLAKE_WEBHOOK_MESSAGE"
_URLS = {
    "slack": f"https://hooks.slack.com/services/{_SECRET}",
    "pagerduty": "https://events.pagerduty.com/v2/enqueue",
}
# the templates of docs.snowflake.com/en/user-guide/notifications/webhook-notifications; Teams shows adaptive cards
_TEMPLATES: Mapping[str, Any] = {
    "slack": {"text": _MESSAGE},
    "teams": {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "content": {
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "body": [{"type": "TextBlock", "text": _MESSAGE, "wrap": True}],
                },
            }
        ],
    },
    "pagerduty": {
        "routing_key": _SECRET,
        "event_action": "trigger",
        "payload": {"summary": _MESSAGE, "source": "jobgraph", "severity": "error"},
    },
}
# PagerDuty identifies an incident by its key: a `resolve` ends the incident that a `trigger` with the same key began
_TRIGGER, _RESOLVE = "trigger", "resolve"
_SECONDS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600}


@dataclass(frozen=True)
class IntegrationPlan:
    """A notification integration that the stack creates: the statements that create, configure and drop it.

    `settle` is the statement that configures an existing integration; empty if its name has a hash of all its settings.
    """

    name: str
    create: str
    drop: str
    settle: str = ""


@dataclass(frozen=True)
class AlertPlan:
    """The stack's alert: its quoted full name, and the statements that create, show, resume, suspend and drop it."""

    full_name: str
    create: str
    show: str
    resume: str
    suspend: str
    drop: str


@dataclass(frozen=True)
class Notifying:
    """What is deployed because of `notify`; empty without it.

    `existing` and `secrets`: integrations and secrets that receivers name. `recipients`: (address, integration).
    `places`: address -> the first place in the file that names it.
    """

    integrations: tuple[IntegrationPlan, ...] = ()
    existing: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    recipients: tuple[tuple[str, str], ...] = ()
    watched: Mapping[str, Any] | None = None
    places: Mapping[str, Mark] = field(default_factory=dict, compare=False)


def notifying(graphs: Sequence[Graph], settings: Settings, limits: Mapping[str, int]) -> Notifying:
    """Return what the receivers of all graphs need; `limits`: graph key -> time limit of a run, in seconds."""
    receivers = [receiver for graph in graphs for receiver in graph.notify]
    emails = [receiver.email for receiver in receivers if receiver.email is not None]
    webhooks = [receiver.webhook for receiver in receivers if receiver.webhook is not None]
    addresses = sorted({address for email in emails if email.integration is None for address in email.to})
    integrations = [_email_integration(settings, addresses)] if addresses else []
    integrations += [
        each
        for graph in graphs
        for receiver in graph.notify
        for each in _webhook_integrations(graph, receiver, settings)
    ]
    return Notifying(
        integrations=tuple({integration.name: integration for integration in integrations}.values()),
        existing=tuple(
            sorted({name for name in (*(e.integration for e in emails), *(w.integration for w in webhooks)) if name})
        ),
        secrets=tuple(sorted({settings.full_name(webhook.secret) for webhook in webhooks if webhook.secret})),
        recipients=tuple(
            sorted({(to, email.integration or email_integration_name(settings)) for email in emails for to in email.to})
        ),
        watched=watched(graphs, settings, limits),
        places={to: email.mark for email in reversed(emails) if email.mark is not None for to in email.to},
    )


def email_integration_name(settings: Settings) -> str:
    """Return the name of the integration that sends the stack's e-mails. The name must be unique in the account."""
    return shortened(f"{settings.database}_{settings.schema}_JOBGRAPH_EMAIL")


def _webhook_integrations(graph: Graph, receiver: Receiver, settings: Settings) -> list[IntegrationPlan]:
    webhook = receiver.webhook
    if webhook is None or webhook.integration is not None:
        return []
    actions = [_TRIGGER, _RESOLVE] if _resolves(receiver) else [_TRIGGER]
    return [_webhook_integration(settings, webhook, _template(webhook, graph, settings, action)) for action in actions]


def _resolves(receiver: Receiver) -> bool:
    """Return whether a `recovered` message ends the incident that others began; it needs a second integration."""
    webhook = receiver.webhook
    return (
        webhook is not None
        and webhook.type == PAGERDUTY
        and webhook.integration is None
        and RECOVERED in receiver.events
    )


def _template(webhook: WebhookChannel, graph: Graph, settings: Settings, action: str) -> Mapping[str, Any]:
    """Return the body to post. At PagerDuty a graph has at most one open incident."""
    if webhook.type != PAGERDUTY:
        return dict(_TEMPLATES[webhook.type])
    incident = f"{settings.database}.{settings.schema}.{graph.root_task}"
    return {**_TEMPLATES[PAGERDUTY], "event_action": action, "dedup_key": incident}


def _webhook_integration_name(settings: Settings, webhook: WebhookChannel, template: Mapping[str, Any]) -> str:
    digest = content_hash([settings.full_name(webhook.secret or ""), _url(webhook), dict(template)], 8)
    return shortened(f"{settings.database}_{settings.schema}_JOBGRAPH_{webhook.type}_{digest}".upper())


def _email_integration(settings: Settings, addresses: Sequence[str]) -> IntegrationPlan:
    name = email_integration_name(settings)
    allowed = ", ".join(sql.literal(address) for address in addresses)
    return IntegrationPlan(
        name,
        create=f"CREATE OR REPLACE NOTIFICATION INTEGRATION {quoted(name)} TYPE = EMAIL ENABLED = TRUE"
        " COMMENT = 'jobgraph: tells of runs'",
        drop=_drop_integration(name),
        settle=f"ALTER NOTIFICATION INTEGRATION {quoted(name)} SET ALLOWED_RECIPIENTS = ({allowed})",
    )


def _webhook_integration(settings: Settings, webhook: WebhookChannel, template: Mapping[str, Any]) -> IntegrationPlan:
    """Return the integration of a webhook. Its statements contain the secret's name, never its value."""
    name = _webhook_integration_name(settings, webhook, template)
    secret = quoted(*settings.full_name(webhook.secret or "").split("."))
    return IntegrationPlan(
        name,
        create=f"CREATE OR REPLACE NOTIFICATION INTEGRATION {quoted(name)} TYPE = WEBHOOK ENABLED = TRUE"
        f" WEBHOOK_URL = {sql.literal(_url(webhook))} WEBHOOK_SECRET = {secret}"
        f" WEBHOOK_BODY_TEMPLATE = {sql.json_literal(dict(template))}"
        " WEBHOOK_HEADERS = ('Content-Type'='application/json') COMMENT = 'jobgraph: tells of runs'",
        drop=_drop_integration(name),
    )


def _url(webhook: WebhookChannel) -> str:
    return webhook.url or _URLS.get(webhook.type, "")


def _drop_integration(name: str) -> str:
    return f"DROP NOTIFICATION INTEGRATION IF EXISTS {quoted(name)}"


def notify_definition(graph: Graph, settings: Settings) -> dict[str, Any] | None:
    """Return the part of a finalizer's definition about the graph's receivers; `None` if the graph has none."""
    if not graph.notify:
        return None
    jobs = {
        job.name: {"attempts": job.retries + 1, **({"runbook": job.runbook} if job.runbook else {})}
        for job in sorted(graph.jobs, key=lambda job: job.name)
    }
    return {
        "receivers": [receiver_definition(receiver, graph, settings) for receiver in graph.notify],
        "jobs": jobs,
        **({"page": settings.page_url} if settings.page_url else {}),
    }


def receiver_definition(receiver: Receiver, graph: Graph, settings: Settings) -> dict[str, Any]:
    """Return a receiver as `procedures/notifying` reads it."""
    entries: dict[str, Any] = {"events": list(receiver.events)}
    if receiver.email is not None:
        integration = receiver.email.integration or email_integration_name(settings)
        entries |= {"channel": "email", "integration": integration, "to": list(receiver.email.to)}
    elif receiver.webhook is not None:
        webhook = receiver.webhook
        entries |= {"channel": webhook.type, "integration": webhook.integration}
        names = [integration.name for integration in _webhook_integrations(graph, receiver, settings)]
        entries |= dict(zip(("integration", "resolving"), names, strict=False))
    late = receiver.late_after
    if late is not None:
        entries["late_after"] = {"time": late.time, "timezone": late.timezone} if isinstance(late, TimeOfDay) else late
    return entries


def watched(graphs: Sequence[Graph], settings: Settings, limits: Mapping[str, int]) -> dict[str, Any] | None:
    """Return the definition of the watch; `None` if no receiver wants to know of late runs."""
    entries = [
        _watched_graph(graph, settings) | {"timeout": limits[graph.key]}
        for graph in graphs
        if any(LATE in receiver.events for receiver in graph.notify)
    ]
    if not entries:
        return None
    return {
        "database": settings.database,
        "schema": settings.schema,
        "task_runs_table": settings.task_runs_table,
        "notifications_table": settings.notifications_table,
        "graphs": entries,
        **({"page": settings.page_url} if settings.page_url else {}),
    }


def _watched_graph(graph: Graph, settings: Settings) -> dict[str, Any]:
    receivers = [receiver_definition(receiver, graph, settings) for receiver in graph.notify if LATE in receiver.events]
    return {
        "graph": graph.key,
        "root": graph.root_task,
        **({"finalizer": graph.finalizer_task} if graph.finalizer else {}),
        **({"schedule": _schedule(graph.schedule)} if graph.schedule else {}),
        "receivers": receivers,
    }


def _schedule(schedule: Schedule) -> dict[str, Any]:
    match schedule:
        case Cron(expression, timezone):
            return {"cron": expression, "timezone": timezone}
        case IntervalSchedule(number, unit):
            return {"seconds": number * _SECONDS[unit]}


def alert(settings: Settings, procedure: str, definition: Mapping[str, Any]) -> AlertPlan:
    """Return the stack's alert, which calls the watch. It is serverless unless the settings want a warehouse."""
    full_name = settings.qualified(settings.alert)
    warehouse = "" if settings.serverless_alert else f" WAREHOUSE = {quoted(settings.warehouse)}"
    action = f"CALL {settings.qualified()}.{procedure}({sql.json_literal(dict(definition))})"
    create = (
        f"CREATE OR REPLACE ALERT {full_name}{warehouse} SCHEDULE = '{settings.alert_minutes} MINUTE'"
        " COMMENT = 'jobgraph: tells of runs that are late' IF (EXISTS (SELECT 1)) THEN "
    ) + action
    note = f"content {content_hash(create)}"
    return AlertPlan(
        full_name,
        create,
        show=f"SHOW ALERTS IN SCHEMA {settings.qualified()}",
        resume=sql.with_comment(f"ALTER ALERT {full_name} RESUME", note),
        suspend=f"ALTER ALERT IF EXISTS {full_name} SUSPEND",
        drop=f"DROP ALERT IF EXISTS {full_name}",
    )


def suspended(name: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the alert is among the rows of SHOW ALERTS and is suspended."""
    return any(row["name"] == name and str(row["state"]).lower() == "suspended" for row in rows)


def missing(name: str, rows: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the alert is not among the rows of SHOW ALERTS."""
    return all(row["name"] != name for row in rows)
