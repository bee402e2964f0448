"""Whether those who are to be told of runs can be: integrations that are there already, and addresses of e-mails.

Knows SHOW USERS and the rows of an integration. No column of Snowflake's says whether an address is verified: only that
a user has it can be seen, and that an integration allows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.inspection import questions
from jobgraph.inspection.answers import Finding
from jobgraph.plan.notifying import suspended

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from jobgraph.inspection.answers import Answers
    from jobgraph.plan.planning import Plan

_NOT_SAID = "no statement says whether it is verified: jobgraph notify test"


def findings(plan: Plan, answers: Answers) -> Iterator[Finding]:
    """Yield what keeps messages from arriving, and what can be said of each address."""
    rows = {str(row["name"]): row for row in answers.rows.get(questions.NOTIFICATIONS, ())}
    for name in plan.notifying.existing:
        row = rows.get(name)
        if row is None:
            detail = "not there, or not visible to the role: have it made, or USAGE granted"
            yield Finding(f"integration {name}", ok=False, detail=detail)
        elif str(row["enabled"]).lower() == "false":
            detail = f"switched off: ALTER NOTIFICATION INTEGRATION {name} SET ENABLED = TRUE"
            yield Finding(f"integration {name}", ok=False, detail=detail)
        else:
            yield Finding(f"integration {name}", ok=True, detail="there")
    alert = plan.settings.alert
    if suspended(alert, answers.rows.get(questions.ALERT, ())):
        remedy = f"`pulumi up` resumes it, or ALTER ALERT {plan.settings.qualified(alert)} RESUME"
        yield Finding(f"alert {alert}", ok=False, detail=f"is suspended, so nobody is told of late runs: {remedy}")
    users = users_by_address(answers.rows.get(questions.USERS, ()))
    for address, integration in plan.notifying.recipients:
        yield address_finding(address, integration, users, answers)


def strangers(plan: Plan, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence for each address that no user has, given the rows of SHOW USERS; none if they hide addresses.

    A deploy fails at such an address where the stack makes the integration, and a message where it is there already.
    """
    users = users_by_address(rows)
    made = {integration.name for integration in plan.notifying.integrations}
    return [
        _stranger(
            address, plan, "so the next `pulumi up` fails" if integration in made else "so nobody gets the message"
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
    """Return the users that have an address, by address; None if the role may not see addresses.

    A role without privileges on users gets their rows with most columns empty. Every user has a login name, so a role
    that sees one sees addresses too, where there are any.
    """
    if not any(row.get("login_name") or row.get("email") for row in rows):
        return None
    return {str(row["email"]).lower(): str(row["name"]) for row in rows if row.get("email")}


def address_finding(address: str, integration: str, users: dict[str, str] | None, answers: Answers) -> Finding:
    """Return what can be said of an address that an integration sends to; Snowflake's own is called ''."""
    name = f"address {address}"
    allowed = _allowed(integration, answers)
    if allowed and address.lower() not in allowed:
        remedy = f"ALTER NOTIFICATION INTEGRATION {integration} SET ALLOWED_RECIPIENTS = (...), with it among them"
        return Finding(name, ok=False, detail=f"{integration} does not allow it, so nobody gets the message: {remedy}")
    if users is None:
        return Finding(name, ok=None, detail=f"the role may not see users' addresses; {_NOT_SAID}")
    user = users.get(address.lower())
    if user is not None:
        return Finding(name, ok=True, detail=f"of user {user}; {_NOT_SAID}")
    remedy = f"ALTER USER ... SET EMAIL = '{address}', and have its user verify it in Snowsight's profile"
    return Finding(name, ok=False, detail=f"no user has it, and Snowflake sends to verified users only: {remedy}")


def _allowed(integration: str, answers: Answers) -> set[str]:
    """Return whom an integration that is there already sends to; none if it sends to all, or did not say."""
    rows = answers.rows.get(f"{questions.NOTIFICATIONS} {integration}", ())
    values = {str(row["property"]).upper(): str(row["property_value"] or "") for row in rows}
    listed = values.get("ALLOWED_RECIPIENTS", "").strip("[]")
    return {entry.strip().lower() for entry in listed.split(",") if entry.strip()}
