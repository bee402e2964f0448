"""The finalizer, killed before and after each of its statements, and run again: history and messages are as without.

The statements go to a real sandbox, through a real session; only the process that would be killed is this one.
"""

from __future__ import annotations

import json
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from snowflake.snowpark import Row, Session

from jobgraph.procedures import finalize_graph
from tests.runner.deployed import SETTINGS, Deployed, deployed

if TYPE_CHECKING:
    from collections.abc import Iterator

NOTIFY: list[dict[str, Any]] = [
    {"email": ["ops@example.org"], "events": ["failure"]},
    {"webhook": {"type": "slack", "secret": "HOOK"}, "events": ["failure"]},
]
TASKS = 3  # the root and its two jobs
TELLERS = 2


class Killed(BaseException):
    """The procedure's process is gone."""


class Statement:
    """A statement that is not sent yet."""

    def __init__(self, finalizer: Finalizer, text: str, params: list[Any]) -> None:
        self.finalizer, self.text, self.params = finalizer, text, params

    def collect(self, *, statement_params: dict[str, str]) -> list[Row]:
        self.finalizer.count += 1
        self.finalizer.meet("before", self.finalizer.count)
        if self.text.startswith("SELECT SYSTEM$TASK_RUNTIME_INFO"):
            rows = [Row(**self.finalizer.facts)]
        else:
            rows = self.finalizer.session.sql(self.text, params=self.params).collect(statement_params=statement_params)
        self.finalizer.meet("after", self.finalizer.count)
        return rows


class Finalizer:
    """One process of the finalizer: a session that knows which run it is in, and is killed where it is told to be."""

    def __init__(self, session: Session, facts: dict[str, str], kill: tuple[str, int] | None = None) -> None:
        self.session, self.facts, self.kill, self.count = session, facts, kill, 0

    def meet(self, moment: str, number: int) -> None:
        if (moment, number) == self.kill:
            raise Killed

    def sql(self, text: str, params: list[Any]) -> Statement:
        return Statement(self, text, params)

    @contextmanager
    def query_history(self) -> Iterator[Any]:
        with self.session.query_history() as history:
            yield history


class Night:
    """A graph whose runs fail, and whose own finalizer does nothing."""

    def __init__(self, graph: Deployed, session: Session) -> None:
        self.graph, self.session, self.runs = graph, session, 0
        for statement in (
            "CREATE USER OPS EMAIL = 'ops@example.org'",
            "CREATE SECRET D.S.HOOK TYPE = GENERIC_STRING SECRET_STRING = 'T0/B0/s3cr3t'",
            *(integration.create for integration in graph.planned.notifying.integrations),
            *filter(None, (integration.settle for integration in graph.planned.notifying.integrations)),
            f"ALTER TASK {graph.graph.root.full_name} SUSPEND",
            f"ALTER TASK {graph.graph.finalizer.full_name} MODIFY AS SELECT 1",  # type: ignore[union-attr]  # it has one
        ):
            graph.rows(statement)

    def run(self) -> dict[str, str]:
        """Run the graph; returns what its finalizer would be told of the run."""
        finalizer = self.graph.graph.finalizer
        assert finalizer is not None
        self.graph.start()
        self.runs += 1
        group = self.graph.finish_all(self.runs)[-1]
        (root,) = self.graph.rows(
            "SELECT ROOT_TASK_ID, SCHEDULED_TIME FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY())"
            f" WHERE NAME = '{self.graph.graph.root.name}' AND GRAPH_RUN_GROUP_ID = '{group}'"
        )
        return {
            "ROOT_ID": str(root["ROOT_TASK_ID"]),
            "ROOT_TASK": f"D.S.{self.graph.graph.root.name}",
            "TASK": f"D.S.{finalizer.name}",
            "RUN_GROUP": group,
            "STARTED": root["SCHEDULED_TIME"].isoformat(),
        }

    def close(self, facts: dict[str, str], kill: tuple[str, int] | None = None, *, notify: bool = True) -> int:
        """Run the finalizer's text; returns how many statements it sent."""
        definition = self.definition()
        if not notify:
            del definition["notify"]
        process = Finalizer(self.session, facts, kill)
        finalize_graph.main(process, json.dumps(definition))  # type: ignore[arg-type]  # a stand-in
        return process.count

    def definition(self) -> dict[str, Any]:
        """What the finalizer is told of its graph."""
        return dict(self.graph.graph.finalizer.definition)  # type: ignore[union-attr,arg-type]  # it has both

    def wrong(self, facts: dict[str, str], *, told: int) -> list[str]:
        """Return what is lost or doubled of a run: messages that Snowflake has taken, rows of history."""
        run = f"= '{facts['RUN_GROUP']}'"
        with self.graph.world.store.transaction() as tx:
            taken = tx.rows("SELECT id FROM notification WHERE content LIKE ?", f"%{facts['RUN_GROUP']}%")
        counts = {"messages taken": (len(taken), told)}
        for rows, expected in (
            (f"D.S.{SETTINGS.task_runs_table} WHERE GRAPH_RUN_GROUP_ID {run}", TASKS),
            (f"D.S.{SETTINGS.job_runs_table} WHERE GRAPH_RUN_ID {run}", 1),
            (f"D.S.{SETTINGS.notifications_table} WHERE STATE = 'SENT' AND GRAPH_RUN_ID {run}", told),
        ):
            counts[rows] = (self.graph.rows(f"SELECT COUNT(*) AS N FROM {rows}")[0]["N"], expected)
        return [f"{rows}: {count} of {expected}" for rows, (count, expected) in counts.items() if count != expected]


@contextmanager
def failing_night(folder: Path) -> Iterator[Night]:
    """Deploy a graph whose second job fails."""
    file = folder / "jobs.yaml"
    jobs: dict[str, Any] = {"good": {}, "bad": {"after": ["good"]}}
    defaults = {"image": "job:1", "compute_pool": "POOL"}
    graphs = {"g": {"notify": NOTIFY, "jobs": jobs}}
    file.write_text(yaml.safe_dump({"version": 1, "defaults": defaults, "graphs": graphs}))
    bodies = {"GOOD": "SELECT 1", "BAD": "SELECT 'x'::NUMBER"}
    with deployed(folder / "sandbox", folder / "images", file, lambda task: bodies[task.name]) as graph:
        host, port = graph.world.address
        login = {"account": "sandbox", "user": "SANDBOX_ADMIN", "password": "-", "role": "ACCOUNTADMIN"}
        place = {"database": "D", "schema": "S", "warehouse": "WH"}
        server = {"host": host, "port": port, "protocol": "http"}
        with Session.builder.configs({**login, **place, **server}).create() as session:
            yield Night(graph, session)


def sweep(night: Night, *, notify: bool, every: int = 1) -> tuple[int, list[str]]:
    """Kill the finalizer at every n-th place where it can be; returns how often, and what was lost or doubled."""
    told = TELLERS if notify else 0
    facts = night.run()
    statements = night.close(facts, notify=notify)
    wrong = [f"not killed: {line}" for line in night.wrong(facts, told=told)]
    kills = [(moment, number) for number in range(1, statements + 1) for moment in ("before", "after")][::every]
    for kill in kills:
        facts = night.run()
        try:
            night.close(facts, kill, notify=notify)
        except Killed:
            night.close(facts, notify=notify)
            night.close(facts, notify=notify)
        else:
            wrong.append(f"{kill[0]} statement {kill[1]} nothing was killed")
        wrong += [f"killed {kill[0]} statement {kill[1]}: {line}" for line in night.wrong(facts, told=told)]
    return len(kills), wrong


def run(_seed: int, _count: int) -> tuple[list[str], list[str]]:
    """Sweep with and without `notify`, which has no random part; returns figures and what is wrong."""
    figures, failures = [], []
    with tempfile.TemporaryDirectory() as name, failing_night(Path(name)) as night:
        for notify, words in ((True, "two receivers"), (False, "nobody is told")):
            kills, wrong = sweep(night, notify=notify)
            figures.append(f"finalizer killed {kills} times, {words}: {len(wrong)} lost or doubled")
            failures += wrong
    return figures, failures
