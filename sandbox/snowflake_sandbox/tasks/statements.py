"""Running the statement of one task run in its own thread and session, and reporting how it ended.

Knows sessions and the engine; must not know graphs, the store's tables nor when a task is due (scheduler.py).
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.compute import rates, usage
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.session import TaskContext
from snowflake_sandbox.statements import dispatch
from snowflake_sandbox.statements.reader import ObjectName
from snowflake_sandbox.tasks.machine import Happening
from snowflake_sandbox.tasks.runs import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from snowflake_sandbox.call import World
    from snowflake_sandbox.session import Session

# The user name that Snowflake shows for the statements of tasks.
USER = "SYSTEM"
# A job runs on nodes, so its task uses no compute.
_JOB = re.compile(r"\s*EXECUTE\s+JOB\s+SERVICE\b", re.IGNORECASE)
_CONDITION_FALSE = Outcome(40003, "Conditional expression for task evaluated to false.")

_log = logging.getLogger("snowflake_sandbox.tasks")


@dataclass(frozen=True)
class Work:
    """What to run: the frozen definition of a task, its database and schema, and the ids of its run."""

    task: Mapping[str, Any]
    database: str
    schema: str
    task_run_id: str
    query_id: str


@dataclass
class TaskStatement:
    """One running statement.

    Attributes:
        report: called once, at the end, with what happened, unless `interrupt` was called with `silent`.
    """

    world: World
    work: Work
    report: Callable[[Happening, Outcome], None]
    _cancelled: threading.Event = field(default_factory=threading.Event)
    _silent: bool = False
    _session: Session | None = None
    _thread: threading.Thread | None = None
    _starting: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Start the thread and return at once; do nothing if the statement was interrupted silently before."""
        with self._starting:
            if self._silent:
                return
            self._thread = threading.Thread(target=self._run, name=f"task {self.work.task['name']}", daemon=True)
            self._thread.start()

    def interrupt(self, *, silent: bool = False) -> None:
        """Make the statement end soon. With `silent`, its end is not reported: the sandbox stops, and it runs again."""
        with self._starting:
            self._silent = self._silent or silent
            self._cancelled.set()
        if self._session is not None:
            self.world.data.interrupt(self._session)

    def join(self, timeout: float) -> None:
        """Wait for the thread."""
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout)

    def _run(self) -> None:
        happening, outcome = self._end()
        if not self._silent:
            self.report(happening, outcome)

    def _end(self) -> tuple[Happening, Outcome]:
        task = self.work.task
        try:
            self._session = logins.open_session(
                self.world,
                USER,
                task["owner"],
                warehouse=task["warehouse"],
                database=self.work.database,
                schema=self.work.schema,
                task=TaskContext(self.work.task_run_id),
                parameters=task["parameters"],
            )
            self._session.serverless = not task["warehouse"]
            return self._execute(self._session)
        except errors.SnowflakeError as error:
            return Happening.FAIL, Outcome(error.errno, error.message)
        except Exception:  # noqa: BLE001  # reported as Snowflake's internal error and logged with its traceback
            # A defect in the sandbox must end the task, not block the graph.
            _log.exception("task %s: its statement failed inside the sandbox", task["name"])
            incident = errors.internal(self.work.query_id)
            return Happening.FAIL, Outcome(incident.errno, incident.message)
        finally:
            self._close()

    def _close(self) -> None:
        try:
            if self._session is not None:
                logins.close_session(self.world, self._session)
        except Exception:  # noqa: BLE001  # logged: the task has ended anyway, and that must be reported
            _log.exception("task %s: its session could not be closed", self.work.task["name"])

    def _execute(self, session: Session) -> tuple[Happening, Outcome]:
        task = self.work.task
        if task["condition"] and not self._is_true(session, task["condition"]):
            return Happening.CONDITION_FALSE, _CONDITION_FALSE
        began = self.world.clock.now()
        try:
            dispatch.execute(
                self.world, session, task["definition"], query_id=self.work.query_id, cancelled=self._cancelled
            )
        finally:
            if session.serverless and not _JOB.match(task["definition"]):
                self._meter(began)
        return Happening.SUCCEED, Outcome()

    def _meter(self, began: datetime) -> None:
        """Record the compute that the task used; its size is the task's initial one (guess: Snowflake chooses it)."""
        name = ObjectName(self.work.task["name"], self.work.schema, self.work.database)
        with self.world.store.transaction() as tx:
            task = catalog.find(tx, "TASK", name)
            if task is not None:
                rate = rates.serverless(task.parameters.get("USER_TASK_MANAGED_INITIAL_WAREHOUSE_SIZE"))
                usage.add(tx, task, rate, began, self.world.clock.now())

    def _is_true(self, session: Session, condition: str) -> bool:
        result = dispatch.execute(self.world, session, f"SELECT {condition}", cancelled=self._cancelled)
        value = result.arrow.column(0)[0].as_py() if result.arrow is not None else result.scalar()
        return bool(value)
