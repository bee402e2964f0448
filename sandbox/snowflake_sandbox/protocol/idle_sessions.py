"""The sessions of clients: by their master tokens, and how long each has asked for nothing.

Knows when a session has been idle for too long (user-guide/session-policies); must not know HTTP nor how one is closed.
Sessions of tasks, procedures and alerts are not among them: who opens those closes them.
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

# Of drivers and connectors, where no session policy says otherwise. A heartbeat counts as a request.
LONGEST = timedelta(hours=4)


@dataclass
class _Client:
    session: Session
    master: str
    asked_on: datetime


class IdleSessions:
    """See above. Used by the thread of the server alone.

    Args:
        clock: what tells how long a session has been idle.
        is_busy: whether a statement of a session is under way; such a session is not idle.
    """

    def __init__(self, clock: Clock, is_busy: Callable[[Session], bool]) -> None:
        self._clock = clock
        self._is_busy = is_busy
        self._clients: dict[int, _Client] = {}
        self._by_master: dict[str, Session] = {}

    def add(self, session: Session) -> str:
        """Note a session that a client has opened; returns its master token."""
        master = secrets.token_urlsafe(32)
        self._clients[session.id] = _Client(session, master, self._clock.now())
        self._by_master[master] = session
        return master

    def use(self, session: Session) -> None:
        """Note that a session's client has asked for something."""
        client = self._clients.get(session.id)
        if client is not None:
            client.asked_on = self._clock.now()

    def of_master(self, master: str) -> Session | None:
        """Return the session of a master token, while it is there."""
        return self._by_master.get(master)

    def remove(self, session: Session) -> None:
        """Forget a session that has ended."""
        client = self._clients.pop(session.id, None)
        if client is not None:
            del self._by_master[client.master]

    def expired(self) -> list[Session]:
        """Return all that have been idle for too long."""
        now = self._clock.now()
        return [client.session for client in self._clients.values() if self._is_over(client, now)]

    def _is_over(self, client: _Client, now: datetime) -> bool:
        if now - client.asked_on < LONGEST:
            return False
        if self._is_busy(client.session):
            client.asked_on = now
            return False
        return True
