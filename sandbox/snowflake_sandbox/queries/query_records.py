"""The records of recent statements for QUERY_HISTORY (query_history.py): a QueryRecord for each.

Knows which words precede a secret; must not know how statements run. The last 2,000 statements are stored, in memory
only: a restart forgets them.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from snowflake_sandbox.errors import SnowflakeError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from snowflake_sandbox.clock import Clock

_CAPACITY = 2000
_LONGEST_TEXT = 100_000
# Blanks and comments between a property's name and its value. The group is atomic, or else forty comments could be
# matched in 2**40 ways.
_GAP = r"(?>\s+|/\*.{0,1000}?\*/|(?:--|//)[^\n]*(?:\n|$))*+"
_PROPERTIES = (
    r"SECRET_STRING|PASSWORD|PASSPHRASE|OAUTH_(?:REFRESH|ACCESS)_TOKEN|OAUTH_CLIENT_SECRET|PRIVATE_KEY|MASTER_KEY"
    r"|AWS_(?:SECRET_KEY|TOKEN)|AZURE_SAS_TOKEN"
)
# In a string, such as that of EXECUTE IMMEDIATE, a value's quotes are escaped or doubled, and again in a nested string.
_HIDDEN = re.compile(
    rf"\b({_PROPERTIES}){_GAP}={_GAP}"
    r"(?:(?P<quotes>\\++'|''++)(?:(?!(?P=quotes)|\\\\(?P=quotes)).|(?:\\\\|(?P=quotes))(?P=quotes))*+(?:(?P=quotes)|\Z)"
    r"|'(?:[^'\\]|\\.?|'')*+(?:'|\Z)|\$\$.*?(?:\$\$|\Z))",
    re.IGNORECASE | re.DOTALL,
)

# A statement may have failed because of how its secret is written: without an equals sign, or with a misspelt name.
_MAY_HOLD_SECRET = re.compile(rf"\b(?:SECRET|USER|{_PROPERTIES})\b", re.IGNORECASE)
_TEXTS = re.compile(r"'(?:[^'\\]|\\.?|'')*+(?:'|\Z)|\$\$.*?(?:\$\$|\Z)", re.DOTALL)


@dataclass
class QueryRecord:
    """A statement; `end` is None while it runs, `error` is None unless it failed; `text` contains no secret."""

    query_id: str
    text: str
    database: str | None
    schema: str | None
    session: int
    user: str
    role: str
    warehouse: str | None
    tag: str
    principal: tuple[str, str, str]
    start: datetime
    end: datetime | None = None
    error: SnowflakeError | None = None
    rows: int | None = None
    warehouse_size: str | None = None
    warehouse_type: str | None = None
    queued_since: datetime | None = None
    queued_ms: int = 0
    provisioning_ms: int = 0

    def queued_times(self, now: datetime) -> tuple[int, int]:
        """Return its waiting time so far for the warehouse's compute, and that for a slot, in milliseconds."""
        since = self.queued_since
        total = self.queued_ms + (0 if since is None else int((now - since).total_seconds() * 1000))
        provisioning = min(total, self.provisioning_ms)
        return provisioning, total - provisioning


class QueryRecords:
    """The running and recently ended statements of a sandbox, oldest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: deque[QueryRecord] = deque(maxlen=_CAPACITY)

    @contextmanager
    def recording(self, record: QueryRecord, clock: Clock) -> Iterator[QueryRecord]:
        """Record a statement while it runs and when it has ended; the caller sets `rows`."""
        record.text = without_secrets(record.text[:_LONGEST_TEXT])
        with self._lock:
            self._records.append(record)
        try:
            yield record
        except SnowflakeError as error:
            record.error = error
            if _MAY_HOLD_SECRET.search(record.text):
                record.text = _without_texts(record.text)
                record.error = SnowflakeError(error.errno, error.sqlstate, _without_texts(error.message))
            raise
        finally:
            record.end = clock.now()

    @contextmanager
    def queued(self, query_id: str, clock: Clock, provisioning: timedelta) -> Iterator[None]:
        """Record that a statement waits for its warehouse, and how long: `provisioning` of it for the compute."""
        record = self._find(query_id)
        if record is None:
            yield
            return
        record.queued_since = since = clock.now()
        record.provisioning_ms += int(provisioning.total_seconds() * 1000)
        try:
            yield
        finally:
            record.queued_since = None
            record.queued_ms += int((clock.now() - since).total_seconds() * 1000)

    def ran_on(self, query_id: str, size: str, kind: str) -> None:
        """Record the size and type of the warehouse on which a statement runs."""
        record = self._find(query_id)
        if record is not None:
            record.warehouse_size, record.warehouse_type = size, kind

    def _find(self, query_id: str) -> QueryRecord | None:
        return next((record for record in self.newest_first() if record.query_id == query_id), None)

    def newest_first(self) -> list[QueryRecord]:
        """Return all records."""
        with self._lock:
            return list(reversed(self._records))


def _without_texts(text: str) -> str:
    return _TEXTS.sub("'*****'", text)


def without_secrets(text: str) -> str:
    """Return a statement's text as the history shows it: secrets are replaced by asterisks."""
    return _HIDDEN.sub(lambda match: f"{match[1]} = '*****'", text)
