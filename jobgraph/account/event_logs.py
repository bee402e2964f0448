"""Logs that containers wrote to the account's event table: the table's name, and the lines of an attempt's service.

Knows the columns of event tables (docs.snowflake.com/en/developer-guide/snowpark-container-services/
monitoring-services). Must not know how logs are shown.
"""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from jobgraph.account.client import AbsentError
from jobgraph.account.queries import Statement
from jobgraph.errors import RunFailedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.account.client import Client
    from jobgraph.account.queries import Place
    from jobgraph.runs.attempts import Attempt

# Every account has this table (docs.snowflake.com/en/developer-guide/logging-tracing/event-table-setting-up).
USUAL = "SNOWFLAKE.TELEMETRY.EVENTS"
# LOG_LOCATION of an attempt begins with this if its logs are in the event table (procedures/history.py).
_THERE = "event table"
_TABLE_NAME = re.compile(r"[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*){2}")
# Tolerance, because the clocks of nodes differ from the runner's.
_SLACK = timedelta(minutes=10)
# At most this many lines are shown, the newest ones: some 10 MB.
_MOST_LINES = 100_000


def is_there(attempt: Attempt) -> bool:
    """Return whether an attempt's logs were sent to the event table."""
    return attempt.log_location.startswith(_THERE)


def table(client: Client) -> str:
    """Return the name of the account's event table."""
    try:
        rows = client.rows(Statement("SHOW PARAMETERS LIKE 'EVENT_TABLE' IN ACCOUNT"))
    except (AbsentError, RunFailedError):
        return USUAL
    name = str(rows[0]["value"] or "") if rows else ""
    return name.upper() if _TABLE_NAME.fullmatch(name) else USUAL


def lines(client: Client, attempt: Attempt) -> Mapping[tuple[str, str], str]:
    """Return an attempt's logs from the event table, by (instance, container); empty if the role may not read it."""
    try:
        rows = client.rows(_lines(client.place, table(client), attempt))
    except AbsentError:
        return {}
    texts: dict[tuple[str, str], list[str]] = {}
    for row in reversed(rows):
        texts.setdefault((str(row["INSTANCE_ID"]), str(row["CONTAINER_NAME"])), []).append(f"{row['LINE']}\n")
    return {container: "".join(listed) for container, listed in texts.items()}


def _lines(place: Place, events: str, attempt: Attempt) -> Statement:
    """The lines, newest first. The name of the instance's attribute depends on the age of the account."""
    instance = ", ".join(map(_attribute, ("snow.service.container.instance", "snow.service.instance")))
    conditions = {
        "snow.service.name": attempt.service.rpartition(".")[2],
        "snow.database.name": place.database,
        "snow.schema.name": place.schema,
    }
    since = attempt.started or attempt.completed
    bound = [(since - _SLACK).astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ")] if since else []
    where = ["RECORD_TYPE = 'LOG'", *(f"{_attribute(name)} = ?" for name in conditions)]
    where += ["TIMESTAMP >= ?::TIMESTAMP_NTZ"] if bound else []
    return Statement(
        f"SELECT COALESCE({instance}) AS INSTANCE_ID, {_attribute('snow.service.container.name')} AS CONTAINER_NAME,"
        f" VALUE::VARCHAR AS LINE FROM {events} WHERE {' AND '.join(where)}"
        f" ORDER BY TIMESTAMP DESC LIMIT {_MOST_LINES}",
        (*conditions.values(), *bound),
    )


def _attribute(name: str) -> str:
    return f'RESOURCE_ATTRIBUTES:"{name}"::VARCHAR'
