"""A graph on a sandbox in this process, deployed by plain SQL from its plan, and the image of its containers.

Knows how a plan becomes statements. Must not know what any test claims.
"""

from __future__ import annotations

import shutil
import socket
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
from snowflake_sandbox import world
from snowflake_sandbox.clock import SystemClock
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.protocol.server import Server

from jobgraph.account import queries
from jobgraph.config.reading import read
from jobgraph.plan import history, sql
from jobgraph.plan.planning import Procedures, plan
from jobgraph.plan.procedure_text import sources_in
from jobgraph.plan.procedure_text import texts as procedure_texts
from jobgraph.settings import Pool, Settings
from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from snowflake_sandbox.call import World
    from snowflake_sandbox.clock import Clock

    from jobgraph.plan.planning import GraphPlan, ProcedurePlan, TaskPlan

PROCEDURES = Path(__file__).resolve().parent.parent.parent / "procedures"
SETTINGS = Settings(
    database="D",
    schema="S",
    warehouse="WH",
    pools=(
        Pool("POOL", "CPU_X64_M", 1, 20, 300),
        Pool("ASLEEP", "CPU_X64_XS", 1, 1, 300),
        Pool("SHAKY", "CPU_X64_XS", 1, 1, 300),
    ),
)
PATIENCE = 60.0
# no pandas: containers load it if it is there
BASE = "FROM python:3.11-slim\nRUN pip install snowflake-snowpark-python\n"
DOCKERFILE = f'{BASE}WORKDIR /app\nCOPY program.py ./\nENTRYPOINT ["python3", "program.py"]\n'
# the program is the same for both runners: job_run.py asks for the run that it is part of where no runner tells it
ENTRYPOINT = 'ENTRYPOINT ["python3", "job_run.py", "python3", "program.py"]'
RUNTIME = Path(__file__).resolve().parents[2] / "images" / "runtime"
PARTS = ("job_run", "job_session", "masking", "verdicts")
PROGRAM = Path(__file__).with_name("program.py")
# what the jobs of a graph have in common
DEFAULTS: dict[str, Any] = {"image": "job:latest", "compute_pool": "POOL", "timeout": "3 minutes"}


class Deployed:
    """A deployed graph; its runs are waited for by the scheduler's own steps."""

    def __init__(
        self,
        made: World,
        file: Path,
        change: Callable[[TaskPlan], str],
        *,
        is_new: bool = True,
        also: Sequence[str] = (),
    ) -> None:
        self.world = made
        self.changed = threading.Condition()
        scheduler = made.parts["tasks"]
        scheduler._apply = in_process.announced(scheduler._apply, self.changed)
        self.session = logins.open_session(made, logins.ADMINISTRATOR, "ACCOUNTADMIN")
        for statement in (
            "CREATE WAREHOUSE WH MAX_CONCURRENCY_LEVEL = 50",
            "CREATE DATABASE D",
            "CREATE SCHEMA D.S",
            "CREATE IMAGE REPOSITORY D.S.IMAGES",
        ):
            if is_new:
                self.rows(statement)
        self.session = logins.open_session(
            made, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="WH", database="D", schema="S"
        )
        texts = Procedures(**procedure_texts(sources_in(PROCEDURES)))
        planned = plan(read(file), SETTINGS, texts)
        self.graph: GraphPlan = planned.graphs[0]
        self.planned = planned
        procedures = tuple(filter(None, (planned.run_job, planned.finalize_graph, planned.watch)))
        for statement in [*also, *self._statements(procedures, change)] if is_new else ():
            self.rows(statement)

    def _statements(self, procedures: tuple[ProcedurePlan, ...], change: Callable[[TaskPlan], str]) -> Iterator[str]:
        yield "CREATE STAGE D.S.JOBS ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')"
        yield "CREATE COMPUTE POOL SHAKY MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS"
        yield "CREATE COMPUTE POOL POOL MIN_NODES = 1 MAX_NODES = 20 INSTANCE_FAMILY = CPU_X64_M"
        yield (
            "CREATE COMPUTE POOL ASLEEP MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS"
            " AUTO_RESUME = FALSE INITIALLY_SUSPENDED = TRUE"
        )
        for table in history.tables(SETTINGS):
            columns = ", ".join(
                f"{c.name} {c.type}" + (f" DEFAULT {c.default}" if c.default else "") for c in table.columns
            )
            yield f"CREATE TABLE {SETTINGS.qualified(table.name)} ({columns})"
        for table in history.control_tables(SETTINGS):
            yield history.create_statement(SETTINGS, table)
        function = history.task_runs_function(SETTINGS)
        arguments = ", ".join(f"{name} {kind}" for name, kind in function.arguments)
        yield (
            f"CREATE FUNCTION {SETTINGS.qualified(function.name)}({arguments}) RETURNS {function.returns}"
            f" AS $${function.body}$$"
        )
        for view in history.views(SETTINGS):
            yield f"CREATE VIEW {SETTINGS.qualified(view.name)} AS {view.statement}"
        for one in procedures:
            given = ", ".join(f"{name} VARCHAR" for name in one.arguments)
            yield (
                f"CREATE PROCEDURE {one.full_name}({given}) RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'"
                " PACKAGES = ('snowflake-snowpark-python') HANDLER = 'main' EXECUTE AS CALLER"
                f" AS $${one.source}$$"
            )
        root = self.graph.root
        config = f" CONFIG = {sql.json_literal(self.graph.config)}" if self.graph.config else ""
        again = f" TASK_AUTO_RETRY_ATTEMPTS = {self.graph.auto_retry}" if self.graph.auto_retry else ""
        yield f"CREATE TASK {root.full_name} WAREHOUSE = WH{config}{again} AS {root.sql}"
        for task in self.graph.tasks:
            yield _create(task, change(task))
        assert self.graph.finalizer is not None
        end = self.graph.finalizer
        yield f"CREATE TASK {end.full_name} WAREHOUSE = WH FINALIZE = {root.full_name} AS {end.sql}"
        yield f"SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('{root.name}')"

    def rows(self, text: str) -> list[dict[str, Any]]:
        """Run a statement; its rows by column name."""
        return in_process.rows(self.world, self.session, text)

    def start(self, config: dict[str, Any] | None = None) -> None:
        """Start a run of the graph, with other values than its own."""
        place = queries.Place(SETTINGS.database, SETTINGS.schema)
        self.rows(queries.execute(place, self.graph.root.name, config).text)

    def finish(self, patience: float = PATIENCE) -> str:
        """Wait until the finalizer of the only run has ended, at most `patience` seconds; returns the run's id."""
        (group,) = self.finish_all(1, patience)
        return group

    def finish_all(self, count: int, patience: float = PATIENCE) -> list[str]:
        """Wait until so many finalizers have ended, at most `patience` seconds; returns the runs' ids, oldest first."""
        assert self.graph.finalizer is not None
        asked = (
            "SELECT STATE, ERROR_MESSAGE, GRAPH_RUN_GROUP_ID FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY("
            f"TASK_NAME => '{self.graph.finalizer.name}')) WHERE STATE NOT IN ('SCHEDULED', 'EXECUTING')"
            " ORDER BY COMPLETED_TIME"
        )
        assert self._wait(lambda: len(self.rows(asked)) >= count, patience), "a finalizer has not ended"
        rows = self.rows(asked)
        assert {row["STATE"] for row in rows} == {"SUCCEEDED"}, rows
        return [str(row["GRAPH_RUN_GROUP_ID"]) for row in rows]

    def quiet(self, patience: float = PATIENCE) -> None:
        """Wait until no run is under way and none waits."""
        asked = (
            "SELECT NAME FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY(RESULT_LIMIT => 10000))"
            " WHERE STATE IN ('SCHEDULED', 'EXECUTING')"
        )
        assert self._wait(lambda: not self.rows(asked), patience), "runs go on"

    def _wait(self, condition: Callable[[], bool], patience: float) -> bool:
        """Wait for what changes only when a run begins or ends: a query at each step takes longer than the step."""
        active: frozenset[int] | None = None

        def is_met() -> bool:
            nonlocal active
            before, active = active, frozenset(self.world.parts["tasks"]._active)
            return active != before and condition()

        with self.changed:
            return self.changed.wait_for(is_met, patience)

    def attempts(self) -> dict[str, list[dict[str, Any]]]:
        """The history rows by task."""
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self.rows("SELECT * FROM D.S.JOBS_RUN_STATS ORDER BY TASK_NAME, ATTEMPT"):
            found.setdefault(row["TASK_NAME"], []).append(row)
        return found

    def logs(self, task: str) -> dict[str, str]:
        """The kept logs of a task by instance."""
        rows = self.rows(f"SELECT INSTANCE_ID, LOG FROM D.S.JOB_LOGS WHERE TASK_NAME = '{task}' ORDER BY ATTEMPT")
        return {row["INSTANCE_ID"]: row["LOG"] for row in rows}


def _create(task: TaskPlan, body: str) -> str:
    clauses = [
        f"WAREHOUSE = {task.warehouse}" if task.warehouse else "",
        f"USER_TASK_TIMEOUT_MS = {task.timeout_ms}",
        f"AFTER {', '.join(task.after)}",
        f"WHEN {task.when}" if task.when else "",
    ]
    return f"CREATE TASK {task.full_name} {' '.join(filter(None, clauses))} AS {body}"


@contextmanager
def deployed(  # noqa: PLR0913  # one for each thing that a test may have its own of
    folder: Path,
    images: Path,
    file: Path,
    change: Callable[[TaskPlan], str],
    clock: Clock | None = None,
    *,
    is_new: bool = True,
    also: Sequence[str] = (),
) -> Iterator[Deployed]:
    """A deployed graph as long as the context stands; `change` gives a task's statement, `also` what its jobs need.

    Not `is_new`: the folder has the sandbox of an earlier one, in which the graph is deployed already.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(100)
        made = world.build(folder, (images,), clock or SystemClock(), address=listener.getsockname()[:2], password="-")
        settings = uvicorn.Config(Server(made).application(), log_level="error", timeout_graceful_shutdown=1)
        server = uvicorn.Server(settings)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        world.start(made)
        try:
            yield Deployed(made, file, change, is_new=is_new, also=also)
        finally:
            server.should_exit = True
            thread.join()
            world.stop(made)


def write_image(folder: Path, program: str | None = None) -> Path:
    """Make the image `job` of program.py, or of another program, in a folder of images; return its own folder."""
    image = folder / "job"
    image.mkdir(parents=True)
    (image / "Dockerfile").write_text(DOCKERFILE)
    (image / "program.py").write_text(PROGRAM.read_text("utf-8") if program is None else program)
    return image


def write_image_with_runtime(folder: Path) -> None:
    """Make the image `job` of program.py, started by the runtime, in a folder of images."""
    image = folder / "job"
    image.mkdir(parents=True)
    (image / "Dockerfile").write_text(f"{BASE}WORKDIR /app\nCOPY . ./\n{ENTRYPOINT}\n")
    for file in (PROGRAM, *(RUNTIME / f"{name}.py" for name in PARTS)):
        shutil.copy(file, image / file.name)
