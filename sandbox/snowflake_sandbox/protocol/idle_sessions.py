"""The sessions of clients by master token, and how long each has been idle.

Knows the rule for idle sessions (user-guide/session-policies); must not know HTTP, nor how a session is closed.
Sessions of tasks, procedures and alerts are not included: the code that opens them closes them.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake_sandbox.clock import Clock
    from snowflake_sandbox.session import Session

# The limit for drivers and connectors without a session policy. A heartbeat counts as a request.
LONGEST = timedelta(hours=4)


@dataclass
class _Client:
    session: Session
    master: str
    asked_on: datetime


class IdleSessions:
    """The idle times of client sessions. Only the server's thread uses it.

    Args:
        clock: the clock that measures idle times.
        is_busy: whether a statement of a session is running; such a session is not idle.
    """

    def __init__(self, clock: Clock, is_busy: Callable[[Session], bool]) -> None:
        self._clock = clock
        self._is_busy = is_busy
        self._clients: dict[int, _Client] = {}
        self._by_master: dict[str, Session] = {}

    def add(self, session: Session) -> str:
        """Add a session that a client has opened; return its master token."""
        master = secrets.token_urlsafe(32)
        self._clients[session.id] = _Client(session, master, self._clock.now())
        self._by_master[master] = session
        return master

    def use(self, session: Session) -> None:
        """Record that a session's client has sent a request."""
        client = self._clients.get(session.id)
        if client is not None:
            client.asked_on = self._clock.now()

    def of_master(self, master: str) -> Session | None:
        """Return the session of a master token; None if it has ended."""
        return self._by_master.get(master)

    def remove(self, session: Session) -> None:
        """Remove a session that has ended."""
        client = self._clients.pop(session.id, None)
        if client is not None:
            del self._by_master[client.master]

    def expired(self) -> list[Session]:
        """Return all sessions that have been idle for too long."""
        now = self._clock.now()
        return [client.session for client in self._clients.values() if self._is_over(client, now)]

    def _is_over(self, client: _Client, now: datetime) -> bool:
        if now - client.asked_on < LONGEST:
            return False
        if self._is_busy(client.session):
            client.asked_on = now
            return False
        return True
