"""Evaluates alerts when they are due or on request: runs the condition, and the action if the condition has a row.

Knows threads, the clock, sessions and the engine; must not know the statements that define alerts (alert.py). A
scheduled evaluation is skipped while the previous one is running; one that EXECUTE ALERT or new rows require follows
it. Alerts on new data are checked after each statement that may have changed rows, and once a minute.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from snowflake_sandbox import due_work, errors
from snowflake_sandbox.alerts import alert as kind
from snowflake_sandbox.alerts import history, new_data, table_rows
from snowflake_sandbox.alerts.history import Ending
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.compute import rates, usage
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.session import AlertContext
from snowflake_sandbox.statements import dispatch
from snowflake_sandbox.store import insist
from snowflake_sandbox.tasks import schedule

if TYPE_CHECKING:
    from snowflake_sandbox.call import World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.result import Result
    from snowflake_sandbox.session import Session
    from snowflake_sandbox.store import Transaction

_LONGEST_SLEEP = timedelta(minutes=1)
_STOP_IN_SECONDS = 10.0
# The properties of an alert on new data that determine which rows count as new.
_WATCHED = ("condition", "state", "resumed_on")
_FAILURES = (history.FAILED, history.CONDITION_FAILED, history.ACTION_FAILED)

_log = logging.getLogger("sandbox.alerts")


SCHEDULE, ON_REQUEST, NEW_ROWS = "SCHEDULE", "EXECUTE ALERT", "TRIGGER"


@dataclass
class _Evaluation:
    """A running evaluation.

    Attributes:
        run: the key of its row in the history; None if it has none yet because it is still looking for new rows.
        again: whether another evaluation follows at once.
    """

    run: int | None
    alert: SnowflakeObject
    scheduled: datetime
    scheduled_from: str
    again: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)
    session: Session | None = None
    thread: threading.Thread | None = None


class AlertRunner:
    """Plans and runs the evaluations of a world's alerts."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._lock = threading.RLock()
        self._evaluations: dict[int, _Evaluation] = {}
        self._wake = threading.Event()
        self._stopping = threading.Event()
        # Whether an alert on new data is started; true until the thread has checked for the first time.
        self._watches = True
        self._thread = threading.Thread(target=self._loop, name="alerts", daemon=True)

    def start(self) -> None:
        """Start the thread that watches the clock; mark evaluations that a kill interrupted as cancelled."""
        with self._world.store.transaction() as tx:
            history.abandon(tx, self._world.clock.now())
        self._thread.start()

    def stop(self) -> None:
        """Start no further evaluations, and interrupt the running ones."""
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

    def plan(self, tx: Transaction, alert: SnowflakeObject, after: datetime | None = None) -> None:
        """Record when an alert is due next after `after` (default: now); never if it is suspended or on new data."""
        tx.run("DELETE FROM alert_due WHERE alert_id = ?", alert.id)
        if alert["state"] != "started" or alert["schedule"] is None:
            self._wake.set()
            return
        resumed = datetime.fromisoformat(alert["resumed_on"])
        due = schedule.next_due(schedule.parse(alert["schedule"]), resumed, after or self._world.clock.now())
        if due is not None:
            tx.run("INSERT INTO alert_due VALUES (?, ?)", alert.id, due.isoformat())
        self._wake.set()

    def watch(self, tx: Transaction, alert: SnowflakeObject) -> None:
        """Let an alert on new data count rows as new from now on.

        Raises:
            SnowflakeError: if its table does not exist, has no change tracking, or cannot be read by the alert's owner.
        """
        rows = table_rows.read(self._world, alert)
        history.write_snapshot(tx, alert.id, new_data.snapshot(rows))
        self._watches = True

    def rows_changed(self) -> None:
        """Check soon whether the table of an alert on new data has new rows."""
        if self._watches:
            self._wake.set()

    def execute(self, alert: SnowflakeObject) -> None:
        """EXECUTE ALERT: evaluate now, or after the running evaluation; the next planned evaluation is skipped."""
        with self._world.store.transaction() as tx:
            planned = tx.row("SELECT due FROM alert_due WHERE alert_id = ?", alert.id)
            if planned is not None:
                self.plan(tx, alert, after=datetime.fromisoformat(planned["due"]))
        self._begin(alert.id, self._world.clock.now(), ON_REQUEST)

    def cancel(self, alert_id: int) -> None:
        """Interrupt the running evaluation, if there is one."""
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
        """Begin the evaluations that are due, and return when the next one will be."""
        now = self._world.clock.now()
        with self._world.store.reading() as tx:
            rows = tx.rows("SELECT * FROM alert_due WHERE due <= ? ORDER BY due", now.isoformat())
        for row in rows:
            with self._world.store.transaction() as tx:
                alert = catalog.by_id(tx, row["alert_id"])
                if alert is not None:
                    self.plan(tx, alert)
            self._begin(row["alert_id"], datetime.fromisoformat(row["due"]), SCHEDULE)
        self._look_for_rows(now)
        with self._world.store.reading() as tx:
            following = tx.row("SELECT MIN(due) AS due FROM alert_due")
        longest = now + _LONGEST_SLEEP
        due = datetime.fromisoformat(following["due"]) if following is not None and following["due"] else longest
        return min(due, longest)

    def _look_for_rows(self, now: datetime) -> None:
        with self._world.store.reading() as tx:
            alerts = [alert for alert in catalog.listing(tx, "ALERT") if alert["schedule"] is None]
        watching = [alert for alert in alerts if alert["state"] == "started"]
        self._watches = bool(watching)
        for alert in watching:
            self._begin(alert.id, now, NEW_ROWS)

    def _begin(self, alert_id: int, scheduled: datetime, scheduled_from: str) -> None:
        with self._lock:
            if self._stopping.is_set():
                return
            if alert_id in self._evaluations:
                self._evaluations[alert_id].again |= scheduled_from != SCHEDULE
                return
            with self._world.store.transaction() as tx:
                alert = catalog.by_id(tx, alert_id)
                if alert is None:
                    return
                is_sure = scheduled_from != NEW_ROWS
                run = history.begin(tx, alert, scheduled, scheduled_from) if is_sure else None
            evaluation = _Evaluation(run, alert, scheduled, scheduled_from)
            self._evaluations[alert_id] = evaluation
            # started before a stop can see it: joining a thread that has not been started raises an error
            name = f"alert {alert.name.name}"
            evaluation.thread = threading.Thread(target=self._run, args=(evaluation,), name=name, daemon=True)
            evaluation.thread.start()

    def _run(self, evaluation: _Evaluation) -> None:
        began = self._world.clock.now()
        ending = self._evaluate(evaluation)
        if evaluation.run is not None and not evaluation.alert["warehouse"]:
            insist(lambda: self._meter(evaluation.alert, began), self._stopping.is_set)
        insist(lambda: self._end(evaluation, ending), self._stopping.is_set)

    def _meter(self, alert: SnowflakeObject, began: datetime) -> None:
        """Record the compute of a serverless alert (guess: the smallest size, and none for looking for new rows)."""
        with self._world.store.transaction() as tx:
            usage.add(tx, alert, rates.serverless(None), began, self._world.clock.now())

    def _end(self, evaluation: _Evaluation, ending: Ending) -> None:
        now, alert = self._world.clock.now(), evaluation.alert
        with self._lock:
            self._evaluations.pop(alert.id, None)
            with self._world.store.transaction() as tx:
                if evaluation.run is not None:
                    self._write_ending(tx, evaluation.run, alert, ending)
        if evaluation.again:
            self._begin(alert.id, now, NEW_ROWS if alert["schedule"] is None else ON_REQUEST)

    def _write_ending(self, tx: Transaction, run: int, alert: SnowflakeObject, ending: Ending) -> None:
        suspended = self._count(tx, alert.id, failed=ending.state in _FAILURES)
        if alert["schedule"] is None and ending.state == history.CONDITION_FALSE:
            history.forget(tx, run)
        else:
            history.end(tx, run, ending, self._world.clock.now(), suspended=suspended)

    def _count(self, tx: Transaction, alert_id: int, *, failed: bool) -> bool:
        """Count consecutive failures, and return whether the alert was suspended because of them."""
        alert = catalog.by_id(tx, alert_id)
        if alert is None:
            return False
        failures = (alert["failures"] or 0) + 1 if failed else 0
        limit = int(alert.parameters.get(kind.SUSPEND_AFTER, kind.KIND.parameters[kind.SUSPEND_AFTER]))
        suspended = failed and 0 < limit <= failures
        changed = {"state": "suspended", "was_auto_suspended": True} if suspended else {}
        updated = catalog.update(tx, alert, {"failures": failures, **changed})
        if suspended:
            self.plan(tx, updated)
        return suspended

    def _evaluate(self, evaluation: _Evaluation) -> Ending:
        """Run the condition, and the action if it has a row."""
        alert = evaluation.alert
        condition_id, action_id = self._world.new_id(), self._world.new_id()
        state = history.CONDITION_FAILED if alert["schedule"] is None else history.FAILED
        try:
            new_rows = self._new_rows(evaluation) if alert["schedule"] is None else None
            if alert["schedule"] is None and evaluation.run is None:
                return Ending(history.CONDITION_FALSE)
            session = self._open_session(evaluation, condition_id, new_rows)
            state = history.CONDITION_FAILED
            condition = self._execute(evaluation, alert["condition"], condition_id)
            if not _has_rows(condition):
                return Ending(history.CONDITION_FALSE, None, condition_id)
            state = history.ACTION_FAILED
            if session.alert is not None:
                session.alert = replace(session.alert, new_rows=None, condition=condition)
            self._execute(evaluation, alert["action"], action_id)
        except SnowflakeError as error:
            queries = (condition_id, action_id if state == history.ACTION_FAILED else None)
            return Ending(history.CANCELLED if evaluation.cancelled.is_set() else state, error, *queries)
        except Exception:  # noqa: BLE001  # a defect of the sandbox must not end the thread without ending the evaluation
            _log.exception("alert %s", alert.name.qualified)
            return Ending(state, errors.internal(condition_id), condition_id)
        finally:
            if evaluation.session is not None:
                logins.close_session(self._world, evaluation.session)
        return Ending(history.TRIGGERED, None, condition_id, action_id)

    def _new_rows(self, evaluation: _Evaluation) -> Result | None:
        """Return the rows new to the alert, and store the snapshot; record the evaluation if there are new rows."""
        alert = evaluation.alert
        with self._world.store.reading() as tx:
            before = history.snapshot(tx, alert.id)
        try:
            rows = table_rows.read(self._world, alert)
        except SnowflakeError:
            self._write_beginning(evaluation)
            raise
        new = new_data.since(before, rows) if before is not None else replace(rows, rows=())
        with self._world.store.transaction() as tx:
            current = catalog.by_id(tx, alert.id)
            if current is None or any(current[name] != alert[name] for name in _WATCHED):
                # It was altered or resumed meanwhile, and has had a new snapshot since.
                return None
            history.write_snapshot(tx, alert.id, new_data.snapshot(rows))
            if new.rows:
                self._write_beginning(evaluation)
        return new

    def _write_beginning(self, evaluation: _Evaluation) -> None:
        with self._world.store.transaction() as tx:
            evaluation.run = history.begin(tx, evaluation.alert, evaluation.scheduled, evaluation.scheduled_from)

    def _open_session(self, evaluation: _Evaluation, condition_id: str, new_rows: Result | None) -> Session:
        alert = evaluation.alert
        with self._world.store.reading() as tx:
            kind.require_owner_privileges(self._world, tx, alert)
            last_success = history.last_success(tx, alert.id)
        session = table_rows.open_session(self._world, alert)
        session.serverless = not alert["warehouse"]
        session.alert = AlertContext(alert["config"], condition_id, evaluation.scheduled, last_success, new_rows)
        evaluation.session = session
        return session

    def _execute(self, evaluation: _Evaluation, text: str, query_id: str) -> Result:
        assert evaluation.session is not None  # noqa: S101  # _evaluate has opened it
        return dispatch.execute(
            self._world, evaluation.session, text, query_id=query_id, cancelled=evaluation.cancelled
        )


def _has_rows(result: Result) -> bool:
    return bool(result.rows) if result.arrow is None else result.arrow.num_rows > 0
