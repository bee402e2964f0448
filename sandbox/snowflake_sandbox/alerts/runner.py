"""Evaluates alerts when they are due or asked for: the condition, and the action if it has a row.

Knows threads, the clock, sessions and the engine; must not know the statements that define alerts (alert.py). An
evaluation that is due while the one before goes on is left out.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from snowflake_sandbox import due_work, errors
from snowflake_sandbox.alerts import alert as kind
from snowflake_sandbox.alerts import history
from snowflake_sandbox.alerts.history import Ending
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.session import AlertContext
from snowflake_sandbox.statements import dispatch
from snowflake_sandbox.store import Transaction, insist
from snowflake_sandbox.tasks import schedule

if TYPE_CHECKING:
    from snowflake_sandbox.call import World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.session import Session
    from snowflake_sandbox.store import Transaction

USER = "SYSTEM"
_LONGEST_SLEEP = timedelta(minutes=1)
_STOP_IN_SECONDS = 10.0
_FAILURES = (history.FAILED, history.CONDITION_FAILED, history.ACTION_FAILED)

_log = logging.getLogger("sandbox.alerts")


@dataclass
class _Evaluation:
    """One that goes on."""

    run: int
    alert: SnowflakeObject
    cancelled: threading.Event = field(default_factory=threading.Event)
    session: Session | None = None
    thread: threading.Thread | None = None


class AlertRunner:
    """A part of the world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.RLock()
        self._evaluations: dict[int, _Evaluation] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="alerts", daemon=True)

    def start(self) -> None:
        """Watch the clock; what a kill interrupted was cancelled by it."""
        with self._world.store.transaction() as tx:
            history.abandon(tx, self._world.clock.now())
        self._thread.start()

    def stop(self) -> None:
        """Start no evaluation any more, and interrupt those that go on."""
        self._stopping.set()
        self._wake.set()
        with self._lock:
            evaluations = list(self._evaluations.values())
        for evaluation in evaluations:
            self._interrupt(evaluation)
        for evaluation in evaluations:
            if evaluation.thread is not None:
                evaluation.thread.join(_STOP_IN_SECONDS)
        if self._thread.is_alive():
            self._thread.join()

    def plan(self, tx: Transaction, alert: SnowflakeObject) -> None:
        """Write when an alert is due next; never, if it is suspended."""
        tx.run("DELETE FROM alert_due WHERE alert_id = ?", alert.id)
        if alert["state"] != "started":
            return
        resumed = datetime.fromisoformat(alert["resumed_on"])
        due = schedule.next_due(schedule.parse(alert["schedule"]), resumed, self._world.clock.now())
        if due is not None:
            tx.run("INSERT INTO alert_due VALUES (?, ?)", alert.id, due.isoformat())
        self._wake.set()

    def execute(self, alert: SnowflakeObject) -> None:
        """EXECUTE ALERT: evaluate at once, unless an evaluation goes on."""
        now = self._world.clock.now()
        self._begin(alert.id, now, "EXECUTE ALERT")

    def cancel(self, alert_id: int) -> None:
        """Interrupt the evaluation that goes on, if one does."""
        with self._lock:
            evaluation = self._evaluations.get(alert_id)
        if evaluation is not None:
            self._interrupt(evaluation)

    def _interrupt(self, evaluation: _Evaluation) -> None:
        evaluation.cancelled.set()
        if evaluation.session is not None:
            self._world.data.interrupt(evaluation.session)

    def _loop(self) -> None:
        due_work.repeat(self._look, "alerts", world=self._world, wake=self._wake, stopping=self._stopping)

    def _look(self) -> datetime:
        """Begin what is due; until when nothing else will be."""
        now = self._world.clock.now()
        with self._world.store.reading() as tx:
            rows = tx.rows("SELECT * FROM alert_due WHERE due <= ? ORDER BY due", now.isoformat())
        for row in rows:
            with self._world.store.transaction() as tx:
                alert = catalog.by_id(tx, row["alert_id"])
                if alert is not None:
                    self.plan(tx, alert)
            self._begin(row["alert_id"], datetime.fromisoformat(row["due"]), "SCHEDULE")
        with self._world.store.reading() as tx:
            following = tx.row("SELECT MIN(due) AS due FROM alert_due")
        longest = now + _LONGEST_SLEEP
        due = datetime.fromisoformat(following["due"]) if following is not None and following["due"] else longest
        return min(due, longest)

    def _begin(self, alert_id: int, scheduled: datetime, scheduled_from: str) -> None:
        with self._lock:
            if alert_id in self._evaluations or self._stopping.is_set():
                return
            with self._world.store.transaction() as tx:
                alert = catalog.by_id(tx, alert_id)
                if alert is None:
                    return
                run = history.begin(tx, alert, scheduled, scheduled_from)
            evaluation = _Evaluation(run, alert)
            self._evaluations[alert_id] = evaluation
        thread = threading.Thread(target=self._run, args=(evaluation,), name=f"alert {alert.name.name}", daemon=True)
        evaluation.thread = thread
        thread.start()

    def _run(self, evaluation: _Evaluation) -> None:
        ending = self._evaluate(evaluation)
        insist(lambda: self._end(evaluation, ending), self._stopping.is_set)

    def _end(self, evaluation: _Evaluation, ending: Ending) -> None:
        now = self._world.clock.now()
        with self._lock:
            self._evaluations.pop(evaluation.alert.id, None)
            with self._world.store.transaction() as tx:
                suspended = self._count(tx, evaluation.alert.id, failed=ending.state in _FAILURES)
                history.end(tx, evaluation.run, ending, now, suspended=suspended)

    def _count(self, tx: Transaction, alert_id: int, *, failed: bool) -> bool:
        """Count failures in a row; whether the alert was suspended for them."""
        alert = catalog.by_id(tx, alert_id)
        if alert is None:
            return False
        failures = (alert["failures"] or 0) + 1 if failed else 0
        limit = int(alert.parameters.get(kind.SUSPEND_AFTER, kind.KIND.parameters[kind.SUSPEND_AFTER]))
        suspended = failed and 0 < limit <= failures
        changed = {"state": "suspended", "was_auto_suspended": True} if suspended else {}
        self.plan(tx, catalog.update(tx, alert, {"failures": failures, **changed}))
        return suspended

    def _evaluate(self, evaluation: _Evaluation) -> Ending:
        """Run the condition, and the action if it has a row."""
        alert = evaluation.alert
        condition_id, action_id = self._world.new_id(), self._world.new_id()
        state = history.FAILED
        try:
            with self._world.store.reading() as tx:
                kind.require_owner_privileges(self._world, tx, alert)
            session = logins.open_session(
                self._world,
                USER,
                alert.owner,
                warehouse=alert["warehouse"],
                database=alert.name.database,
                schema=alert.name.schema,
            )
            session.serverless = not alert["warehouse"]
            session.alert = AlertContext(alert["config"], condition_id)
            evaluation.session = session
            state = history.CONDITION_FAILED
            if not self._execute(evaluation, alert["condition"], condition_id):
                return Ending(history.CONDITION_FALSE, None, condition_id)
            state = history.ACTION_FAILED
            self._execute(evaluation, alert["action"], action_id)
        except SnowflakeError as error:
            queries = (condition_id, action_id if state == history.ACTION_FAILED else None)
            return Ending(history.CANCELLED if evaluation.cancelled.is_set() else state, error, *queries)
        except Exception:  # noqa: BLE001  # a defect of the sandbox must end the evaluation, not the thread alone
            _log.exception("alert %s", alert.name.qualified)
            return Ending(state, errors.internal(condition_id), condition_id)
        finally:
            if evaluation.session is not None:
                logins.close_session(self._world, evaluation.session)
        return Ending(history.TRIGGERED, None, condition_id, action_id)

    def _execute(self, evaluation: _Evaluation, text: str, query_id: str) -> bool:
        """Run a statement; whether it gave a row."""
        assert evaluation.session is not None  # noqa: S101  # _evaluate has opened it
        result = dispatch.execute(
            self._world, evaluation.session, text, query_id=query_id, cancelled=evaluation.cancelled
        )
        return bool(result.rows) if result.arrow is None else result.arrow.num_rows > 0
