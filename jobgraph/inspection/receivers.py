"""Findings on the receivers of messages: existing integrations, and e-mail addresses.

Knows the rows of SHOW USERS and of an integration. They show only that a user has an address and that an integration
allows it: no column says whether an address is verified.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.inspection import questions
from jobgraph.inspection.answers import Finding
from jobgraph.plan.notifying import missing, suspended

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from jobgraph.inspection.answers import Answers
    from jobgraph.plan.planning import Plan

_NOT_SAID = "no statement says whether it is verified: jobgraph notify test"


def findings(plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Yield what prevents messages from arriving, and a finding on each address."""
    rows = {str(row["name"]): row for row in answers.rows.get(questions.NOTIFICATIONS, ())}
    for name in plan.notifying.existing:
        row = rows.get(name)
        if row is None:
            detail = "does not exist, or the role cannot see it: have it created, or USAGE granted"
            yield Finding(f"integration {name}", ok=False, detail=detail)
        elif str(row["enabled"]).lower() == "false":
            detail = f"disabled: ALTER NOTIFICATION INTEGRATION {name} SET ENABLED = TRUE"
            yield Finding(f"integration {name}", ok=False, detail=detail)
        else:
            yield Finding(f"integration {name}", ok=True, detail="there")
    yield from _of_alert(plan, answers)
    users = users_by_address(answers.rows.get(questions.USERS, ()))
    for address, integration in plan.notifying.recipients:
        yield address_finding(address, integration, users, answers)


def _of_alert(plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Yield a finding if the stack's alert is suspended, or is missing although the stack's tasks are there."""
    name, rows = plan.settings.alert, answers.rows.get(questions.ALERT)
    if plan.alert is None or rows is None:
        return
    if suspended(name, rows):
        remedy = f"`pulumi up` resumes it, or ALTER ALERT {plan.alert.full_name} RESUME"
        yield Finding(f"alert {name}", ok=False, detail=f"is suspended, so late runs are not reported: {remedy}")
    elif missing(name, rows) and has_tasks(plan, answers):
        detail = "does not exist, so late runs are not reported: `pulumi up` creates it"
        yield Finding(f"alert {name}", ok=False, detail=detail)


def has_tasks(plan: Plan, answers: Answers) -> bool:
    """Return whether the run role owns tasks in the stack's schema: graphs are deployed there."""
    place = f"{plan.settings.database}.{plan.settings.schema}."
    return any(
        row["privilege"] == "OWNERSHIP" and row["granted_on"] == "TASK" and str(row["name"]).startswith(place)
        for row in answers.rows.get(questions.RUN_ROLE_GRANTS, ())
    )


def strangers(plan: Plan, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each address that no user has, or none if `rows`, of SHOW USERS, hide addresses.

    With such an address, a deploy fails if the stack creates the integration; with an existing one, the message fails.
    """
    users = users_by_address(rows)
    created = {integration.name for integration in plan.notifying.integrations}
    return [
        _stranger(
            address, plan, "so the next `pulumi up` fails" if integration in created else "so nobody gets the message"
        )
        for address, integration in plan.notifying.recipients
        if users is not None and address.lower() not in users
    ]


def _stranger(address: str, plan: Plan, effect: str) -> str:
    place = plan.notifying.places.get(address)
    where = f"{place}: " if place is not None else ""
    return (
        f"{where}no user of the account has the address {address}, and Snowflake sends to its users' verified addresses"
        f" only, {effect}.\n  what to do:  correct it in `notify`, or give it to a user, ALTER USER ... SET EMAIL ="
        f" '{address}', who then verifies it in Snowsight's profile."
    )


def users_by_address(rows: Sequence[Mapping[str, Any]]) -> dict[str, str] | None:
    """Return the users by their e-mail address; None if the role may not see addresses.

    A role without privileges on users sees most columns empty. Every user has a login name, so a role that sees one
    also sees the addresses.
    """
    if not any(row.get("login_name") or row.get("email") for row in rows):
        return None
    return {str(row["email"]).lower(): str(row["name"]) for row in rows if row.get("email")}


def address_finding(address: str, integration: str, users: dict[str, str] | None, answers: Answers) -> Finding:
    """Return the finding on an address that an integration sends to; '' means the stack's own integration."""
    name = f"address {address}"
    allowed = _allowed(integration, answers)
    if allowed and address.lower() not in allowed:
        remedy = f"ALTER NOTIFICATION INTEGRATION {integration} SET ALLOWED_RECIPIENTS = (...), including this address"
        return Finding(name, ok=False, detail=f"{integration} does not allow it, so nobody gets the message: {remedy}")
    if users is None:
        return Finding(name, ok=None, detail=f"the role may not see users' addresses; {_NOT_SAID}")
    user = users.get(address.lower())
    if user is not None:
        return Finding(name, ok=True, detail=f"of user {user}; {_NOT_SAID}")
    remedy = f"ALTER USER ... SET EMAIL = '{address}', and have its user verify it in Snowsight's profile"
    return Finding(name, ok=False, detail=f"no user has it, and Snowflake sends to verified users only: {remedy}")


def _allowed(integration: str, answers: Answers) -> set[str]:
    """Return the allowed recipients of an existing integration; empty if it sends to all, or if that is unknown."""
    rows = answers.rows.get(f"{questions.NOTIFICATIONS} {integration}", ())
    values = {str(row["property"]).upper(): str(row["property_value"] or "") for row in rows}
    listed = values.get("ALLOWED_RECIPIENTS", "").strip("[]")
    return {entry.strip().lower() for entry in listed.split(",") if entry.strip()}
