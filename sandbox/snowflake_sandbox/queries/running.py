"""Statements in flight: each runs in its own thread, can be aborted and awaited, and its result fetched later.

Knows threads and request ids; must not know HTTP, statements or value formats. A client that repeats a request (same
request id, after a lost connection) gets the statement that is already running, never a second run of it.
"""

from __future__ import annotations

import itertools
import logging
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.statements import dispatch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from snowflake_sandbox.call import World
    from snowflake_sandbox.result import Result
    from snowflake_sandbox.session import Session

# EXECUTE JOB SERVICE, SPCS_WAIT_FOR and CALL block their thread for as long as a job takes, hence this many.
_MOST_THREADS = 4096
# The limit for one session: far more than any client needs, and few enough that other sessions get threads.
_MOST_OF_A_SESSION = 512
# How many ended statements keep their results for RESULT_SCAN and for fetching by id, and the results' total size.
_MOST_RESULTS = 256
_MOST_BYTES = 256 << 20
# The approximate size of a row that is not in an Arrow table (SHOW).
_ROW_BYTES = 1000
# How many characters of a statement are logged at most.
_FIRST_WORD = 20

_log = logging.getLogger("snowflake_sandbox.queries.running")


@dataclass
class Query:
    """A statement in flight.

    Attributes:
        id: Snowflake's query id, known to the client before the statement ends.
        request_id: the client's own id, with which it aborts or repeats the request.
        future: the Result or the SnowflakeError.
        parameters: parameters for this statement only, as the client sent them.
    """

    id: str
    request_id: str
    session: Session
    text: str
    started_on: datetime
    future: Future[Result]
    cancelled: threading.Event = field(default_factory=threading.Event)
    parameters: Mapping[str, Any] = field(default_factory=dict)


def _size(query: Query) -> int:
    """Return the approximate number of bytes of an ended statement's result."""
    if query.future.exception() is not None:
        return 0
    result = query.future.result()
    return int(result.arrow.nbytes) if result.arrow is not None else len(result.rows) * _ROW_BYTES


def _is_too_much(session: Session, under_way: Sequence[Query]) -> bool:
    own = sum(query.session is session for query in under_way)
    return own >= _MOST_OF_A_SESSION or len(under_way) >= _MOST_THREADS


class Queries:
    """All statements of a sandbox: the running ones and the most recent ended ones."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._threads = ThreadPoolExecutor(_MOST_THREADS, thread_name_prefix="statement")
        self._lock = threading.Lock()
        self._queries: OrderedDict[str, Query] = OrderedDict()
        self._by_request: dict[str, Query] = {}
        self._under_way: dict[str, Query] = {}
        # of the results of the ended ones, and their sum: a statement need not look at all others
        self._sizes: dict[str, int] = {}
        self._total_size = 0

    def start(self) -> None:
        """Do nothing: threads are started with statements."""

    def stop(self) -> None:
        """Abort running statements and let their threads end."""
        for query in self.running():
            self.abort(query)
        self._threads.shutdown(wait=True, cancel_futures=True)

    def submit(  # noqa: PLR0913  # the parts of a request
        self,
        session: Session,
        text: str,
        binds: Mapping[str, Any],
        request_id: str,
        *,
        describe_only: bool = False,
        parameters: Mapping[str, Any] | None = None,
    ) -> Query:
        """Start a statement, or return the one that this request id started earlier.

        Raises:
            SnowflakeError: 000619 (guess) if the session, or all sessions together, have too many statements in flight.
        """
        with self._lock:
            earlier = self._by_request.get(request_id) if request_id else None
            if earlier is not None and earlier.session is session:
                return earlier
            if _is_too_much(session, self._not_done()):
                raise errors.too_many_statements(_MOST_OF_A_SESSION)
            query = Query(self._world.new_id(), request_id, session, text, self._world.clock.now(), Future())
            query.parameters = parameters or {}
            self._remember(query)
            self._under_way[query.id] = query
        self._threads.submit(self._run, query, binds, describe_only)
        return query

    def _remember(self, query: Query) -> None:
        self._queries[query.id] = query
        if query.request_id:
            self._by_request[query.request_id] = query
        surplus = list(itertools.islice(self._queries.values(), max(0, len(self._queries) - _MOST_RESULTS)))
        self._forget(query for query in surplus if query.future.done())

    def remember_result(self, session: Session, query_id: str, text: str, result: Result) -> None:
        """Store the result of a statement that ran inside another one, for RESULT_SCAN."""
        query = Query(query_id, "", session, text, self._world.clock.now(), Future())
        query.future.set_result(result)
        with self._lock:
            self._remember(query)
        self._end(query)

    def _forget(self, queries: Iterable[Query]) -> None:
        for query in queries:
            self._queries.pop(query.id, None)
            self._by_request.pop(query.request_id, None)
            self._total_size -= self._sizes.pop(query.id, 0)

    def _end(self, query: Query) -> None:
        """Count the result of a statement that has ended; forget the oldest ones while all use too much memory.

        The newest result stays, however large.
        """
        with self._lock:
            self._under_way.pop(query.id, None)
            if query.id not in self._queries:
                return
            self._sizes[query.id] = _size(query)
            self._total_size += self._sizes[query.id]
            if self._total_size > _MOST_BYTES:
                ended = [query for query in self._queries.values() if query.id in self._sizes]
                for old in ended[:-1]:
                    if self._total_size > _MOST_BYTES:
                        self._forget([old])

    def forget_session(self, session: Session, *, last: bool = False) -> None:
        """Forget the results of an ended session; the last one only if `last`, because its user may still fetch it."""
        with self._lock:
            ended = [query for query in self._queries.values() if query.session is session and query.future.done()]
            self._forget(ended if last else ended[:-1])

    def is_busy(self, session: Session) -> bool:
        """Whether a statement of the session is in flight."""
        return any(query.session is session for query in self.running())

    def _run(self, query: Query, binds: Mapping[str, Any], describe_only: bool) -> None:  # noqa: FBT001  # one caller
        run = dispatch.describe if describe_only else dispatch.execute
        try:
            access.leave_revoked_role(self._world, query.session)
            result = run(
                self._world, query.session, query.text, binds, query.id, query.cancelled, parameters=query.parameters
            )
        except errors.SnowflakeError as error:
            query.future.set_exception(error)
        except Exception as error:  # noqa: BLE001  # a defect ends one statement, is logged and reported to the client
            # The statement's text is not logged: it may contain a secret.
            word = query.text[:_FIRST_WORD].partition(" ")[0]
            _log.exception("query %s (%s …) failed inside the sandbox", query.id, word)
            query.future.set_exception(errors.of_failure(error, query.id))
        else:
            query.future.set_result(result)
        finally:
            self._end(query)

    def find(self, query_id: str) -> Query | None:
        """Return the statement with that query id, as long as it is remembered."""
        with self._lock:
            return self._queries.get(query_id)

    def running(self) -> list[Query]:
        """Return the statements that have not ended."""
        with self._lock:
            return self._not_done()

    def _not_done(self) -> list[Query]:
        return [query for query in self._under_way.values() if not query.future.done()]

    def abort_request(self, session: Session, request_id: str) -> bool:
        """Abort the statement that a request of the session's user started; return False if there is none."""
        with self._lock:
            query = self._by_request.get(request_id)
        if query is None or query.session.principal != session.principal:
            return False
        self.abort(query)
        return True

    def abort(self, query: Query) -> None:
        """Make a statement end early: blocking handlers see `cancelled`, and DuckDB is interrupted."""
        query.cancelled.set()
        if not query.future.done():
            self._world.data.interrupt(query.session)
