"""STATEMENT_TIMEOUT_IN_SECONDS: how long a statement may take, and its cancellation after that time.

Knows where the parameter may be set (sql-reference/parameters): the lowest value of the statement, the session (or its
user or task) and the warehouse applies, and 0 means a week. Must not know what a statement does: it is cancelled in the
same way as by a client.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from snowflake_sandbox import errors
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.parameters import SESSION, session_value
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    from collections.abc import Iterator

    from snowflake_sandbox.call import Call

PARAMETER = "STATEMENT_TIMEOUT_IN_SECONDS"
_DEFAULT = int(SESSION[PARAMETER])
_WEEK = 604_800
_LOOK_IN_SECONDS = 0.05


def seconds(call: Call) -> int:
    """Return how long the statement may take, in seconds."""
    values = [call.parameters.get(PARAMETER), session_value(call.session, PARAMETER)]
    if call.session.warehouse is not None:
        with call.world.store.reading() as tx:
            warehouse = catalog.find(tx, "WAREHOUSE", ObjectName(call.session.warehouse))
        values.append(None if warehouse is None else warehouse.parameters.get(PARAMETER))
    return min((int(value) or _WEEK for value in values if value is not None), default=_DEFAULT)


@contextmanager
def limited(call: Call) -> Iterator[Call]:
    """Yield the call to carry out, which is cancelled when its time is over.

    Raises:
        SnowflakeError: 000630, in place of 000604, if it was cancelled for that reason.
    """
    most = seconds(call)
    if most >= _DEFAULT:
        yield call
        return
    ended, limit = threading.Event(), _Limit(replace(call, cancelled=threading.Event()), call.cancelled)
    watcher = threading.Thread(target=limit.watch, args=(ended, most), name="statement timeout", daemon=True)
    watcher.start()
    try:
        yield limit.call
    except errors.SnowflakeError as error:
        if limit.is_over and error.errno == errors.cancelled().errno:
            raise errors.took_too_long(most) from error
        raise
    finally:
        ended.set()
        watcher.join()


class _Limit:
    """Cancels a statement when its time is over, or when its sender cancels it."""

    def __init__(self, call: Call, cancelled: threading.Event) -> None:
        self.call = call
        self.is_over = False
        self._cancelled = cancelled

    def watch(self, ended: threading.Event, most: int) -> None:
        deadline = self.call.now + timedelta(seconds=most)
        while not ended.wait(_LOOK_IN_SECONDS):
            self.is_over = self.is_over or self.call.now >= deadline
            if self.is_over or self._cancelled.is_set():
                self.call.cancelled.set()
            if self.is_over:
                # Repeated, because DuckDB may not have begun the statement at the first interrupt.
                self.call.world.data.interrupt(self.call.session)
