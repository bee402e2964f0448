"""Graphs with a past, in a sandbox: tasks that are deployed, and the rows that runner and finalizer would have left.

The same seed gives the same history. Rows come by PUT and COPY INTO, so that 100,000 of them take seconds.
"""

from __future__ import annotations

import csv
import json
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from jobgraph.plan import history
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from jobgraph.account.client import Client

from jobgraph.account.queries import Statement

SETTINGS = Settings()
DATABASE, SCHEMA = SETTINGS.database, SETTINGS.schema
PLACE = f'"{DATABASE}"."{SCHEMA}"'
PLACE_VARIABLES = {
    "SNOWFLAKE_DATABASE": DATABASE,
    "SNOWFLAKE_SCHEMA": SCHEMA,
    "SNOWFLAKE_WAREHOUSE": SETTINGS.warehouse,
}
Row = dict[str, Any]
FATES = (("DONE", 0.955), ("RETRIED", 0.02), ("FAILED", 0.015), ("TIMED_OUT", 0.004), ("CANCELLED", 0.006))
CAUSES = (
    ("app_error", 3, "Container main exited with code 3", "ValueError: column AMOUNT has 17 nulls"),
    ("out_of_memory", 137, "Container main was killed: out of memory", "Killed"),
    ("image_pull", None, "Failed to pull image my_job_image:1.1.0", ""),
)
FORM = "(TYPE = CSV FIELD_OPTIONALLY_ENCLOSED_BY = '\"' EMPTY_FIELD_AS_NULL = TRUE)"
LOG = """\
2026-11-28T02:00:{second:02d}Z INFO  starting {job}, attempt {attempt}
2026-11-28T02:00:{second:02d}Z INFO  reading market=eu days=7
2026-11-28T02:00:{second:02d}Z INFO  fetched 120,000 rows in 1.8 s
{lines}
2026-11-28T02:00:{second:02d}Z {last}
"""


@dataclass(frozen=True)
class Made:
    """A graph to be made: jobs by name with their predecessors; `chance` multiplies what may go wrong."""

    key: str
    jobs: Mapping[str, Sequence[str]]
    runs: int = 0
    schedule: str = ""
    started: bool = True
    every: timedelta = timedelta(hours=1)
    chance: float = 1.0
    usual: float = 60.0
    config: Mapping[str, Any] = field(default_factory=dict)
    last: str = ""

    @property
    def root(self) -> str:
        """The name of the root task."""
        return f"ROOT_{self.key}".upper()

    @property
    def finalizer(self) -> str:
        """The name of the finalizer."""
        return f"END_{self.key}".upper()


def layered(names: Sequence[str], widths: Sequence[int], seed: int) -> dict[str, list[str]]:
    """Jobs in layers of these widths, each after one to three of the layer before."""
    chance = random.Random(seed)  # noqa: S311  # a test's history, no secret
    jobs: dict[str, list[str]] = {}
    before: list[str] = []
    rest = list(names)
    for width in widths:
        layer, rest = rest[:width], rest[width:]
        for name in layer:
            jobs[name] = chance.sample(before, min(len(before), chance.randint(1, 3))) if before else []
        before = layer
    return jobs


def deployment(graphs: Sequence[Made]) -> list[str]:
    """Statements that make the schema, the tables of history and the tasks of the graphs."""
    statements = [
        f'CREATE DATABASE IF NOT EXISTS "{DATABASE}"',
        f'CREATE WAREHOUSE IF NOT EXISTS "{SETTINGS.warehouse}"',
    ]
    for table in (*history.tables(SETTINGS), *history.control_tables(SETTINGS)):
        columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
        statements.append(f"CREATE TABLE IF NOT EXISTS {PLACE}.{table.name} ({columns})")
    for graph in graphs:
        statements += _tasks(graph)
    return statements


def body(graph: Made, name: str, **more: Any) -> str:
    """The body of a task, with the definition that a deploy freezes into it."""
    definition = {"graph": graph.key, "task": name, "compute_pool": "PR_STD_POOL_XS", "retries": 1, **more}
    return f"SELECT $${json.dumps(definition)}$$"


def _tasks(graph: Made) -> list[str]:
    warehouse = f'WAREHOUSE = "{SETTINGS.warehouse}"'
    schedule = f" SCHEDULE = '{graph.schedule}'" if graph.schedule else ""
    config = f" CONFIG = $${json.dumps(dict(graph.config))}$$" if graph.config else ""
    comment = f" COMMENT = 'jobgraph: starts graph {graph.key}'"
    statements = [
        f"CREATE TASK {PLACE}.{graph.root} {warehouse}{schedule}{config}{comment} AS SELECT CURRENT_TIMESTAMP()"
    ]
    for name, after in graph.jobs.items():
        before = ", ".join(f"{PLACE}.{task}" for task in after or [graph.root])
        statements.append(f"CREATE TASK {PLACE}.{name} {warehouse} AFTER {before} AS {body(graph, name)}")
    end = body(graph, graph.finalizer, task_runs_table="TASK_LOGGING_STATS")
    statements.append(f"CREATE TASK {PLACE}.{graph.finalizer} {warehouse} FINALIZE = {PLACE}.{graph.root} AS {end}")
    names = [graph.finalizer, *graph.jobs, *([graph.root] if graph.schedule and graph.started else [])]
    return statements + [f"ALTER TASK {PLACE}.{name} RESUME" for name in names]


@dataclass
class Rows:
    """Rows of the three tables of history."""

    tasks: list[Row] = field(default_factory=list)
    attempts: list[Row] = field(default_factory=list)
    logs: list[Row] = field(default_factory=list)


def past(graph: Made, end: datetime, seed: int = 7) -> Rows:
    """The rows of the runs of a graph, the last of which has just ended."""
    chance = random.Random(f"{graph.key}{seed}")  # noqa: S311  # a test's history, no secret
    rows = Rows()
    for number in range(graph.runs):
        start = end - graph.every * (graph.runs - number) + timedelta(seconds=chance.randint(0, 20))
        _run(graph, start, chance, rows, last=graph.last if number == graph.runs - 1 else "")
    return rows


def _run(graph: Made, start: datetime, chance: random.Random, rows: Rows, last: str) -> None:
    run_id = str(int(start.timestamp() * 1000))
    names = sorted(graph.jobs)
    entries = [{"name": name, "after": sorted(names.index(task) for task in graph.jobs[name])} for name in names]
    definition = json.dumps({"jobs": entries, "finalizer": graph.finalizer})
    ends = {graph.root: start + timedelta(seconds=1)}
    states: dict[str, str] = {}
    quiet = last == "DONE" or chance.random() < 0.8
    doomed = chance.choice(list(graph.jobs)) if last == "FAILED" else ""
    rows.tasks.append(_task(graph, run_id, graph.root, "SUCCEEDED", start, ends[graph.root], definition))
    for name, after in graph.jobs.items():
        ready = max(ends[task] for task in (*after, graph.root))
        if any(states.get(task) in {"FAILED", "TIMED_OUT", "CANCELLED", "SKIPPED"} for task in after):
            states[name], ends[name] = "SKIPPED", ready
            continue
        fate = "FAILED" if name == doomed else "DONE" if quiet else _fate(chance, graph.chance)
        ends[name] = _job(graph, run_id, name, fate, ready, chance, rows)
        states[name] = "DONE" if fate == "RETRIED" else fate
    close = max(ends.values())
    rows.tasks.append(_task(graph, run_id, graph.finalizer, "SUCCEEDED", close, close + timedelta(seconds=2)))


def _fate(chance: random.Random, factor: float) -> str:
    draw = chance.random()
    for fate, share in FATES[:0:-1]:
        draw -= share * factor
        if draw < 0:
            return fate
    return "DONE"


def _job(  # noqa: PLR0913, PLR0917  # what a job of a run is
    graph: Made, run_id: str, name: str, fate: str, ready: datetime, chance: random.Random, rows: Rows
) -> datetime:
    start = ready + timedelta(seconds=chance.uniform(0.2, 2))
    typical = graph.usual * (0.4 + 1.2 * random.Random(name).random())  # noqa: S311  # a test's history, no secret
    seconds = max(2.0, chance.gauss(typical, typical * 0.12))
    fates = {"RETRIED": ["FAILED", "DONE"], "FAILED": ["FAILED", "FAILED"]}.get(fate, [fate])
    at = start
    for number, state in enumerate(fates, 1):
        begin = at + timedelta(seconds=chance.uniform(2, 14))
        length = seconds * (chance.uniform(0.1, 0.7) if state != "DONE" else 1)
        at = begin + timedelta(seconds=length)
        _attempt(graph, run_id, name, number, state, begin, at, chance, rows)
    end = at + timedelta(seconds=1)
    task_state = {"DONE": "SUCCEEDED", "RETRIED": "SUCCEEDED", "CANCELLED": "CANCELLED"}.get(fate, "FAILED")
    error = "" if task_state != "FAILED" else f"Job {name} failed"
    rows.tasks.append(_task(graph, run_id, name, task_state, start, end, error=error))
    return end


def _attempt(  # noqa: PLR0913, PLR0917  # what an attempt is
    graph: Made,
    run_id: str,
    name: str,
    number: int,
    state: str,
    begin: datetime,
    end: datetime,
    chance: random.Random,
    rows: Rows,
) -> None:
    bad = state != "DONE"
    kind, code, reason, error = chance.choice(CAUSES)
    if state == "TIMED_OUT":
        kind, code, reason, error = "timeout", None, "The job ran longer than its timeout of 300 seconds", ""
    if state == "CANCELLED":
        kind, code, reason, error = "cancelled", None, "Somebody cancelled the task", ""
    key = {"ROOT_TASK_NAME": graph.root, "TASK_NAME": name, "GRAPH_RUN_ID": run_id, "ATTEMPT": number}
    rows.attempts.append(
        {
            **key,
            "GRAPH_NAME": graph.key,
            "JOB_STATUS": state,
            "GRAPH_START_TIME": begin.isoformat(),
            "SERVICE_NAME": f"{name}_{abs(hash((run_id, name))) % 16**8:08X}_{number}",
            "COMPUTE_POOL": "PR_STD_POOL_XS",
            "EXIT_CODE": code if bad else 0,
            "REASON": reason if bad else "",
            "STARTED_TIME": begin.isoformat(),
            "COMPLETED_TIME": end.isoformat(),
            "DURATION_IN_SECS": round((end - begin).total_seconds(), 3),
            "OUTPUTS": "" if bad else json.dumps({"rows_written": chance.randint(1, 90_000)}),
            "REASON_CLASS": kind if bad else "",
            "FIRST_ERROR": error if bad else "",
            "IMAGE_DIGEST": "sha256:" + random.Random(name).randbytes(16).hex(),  # noqa: S311  # a test's history
            "NODE_FAMILY": "CPU_X64_XS",
            "REPLICAS": 1,
            "QUERY_ID": f"01b8{chance.randrange(16**8):08x}-0000-7d2f-0000-000000000000",
            "CREATED_DATE": end.strftime("%Y-%m-%d %H:%M:%S"),
        }
    )
    if bad or chance.random() < 0.1:
        middle = "\n".join(
            f"2026-11-28T02:00:{line % 60:02d}Z INFO  batch {line} of 40: {chance.randint(900, 4000)} rows"
            for line in range(1, 41)
        )
        last = f"ERROR {error or reason}" if bad else "INFO  done"
        text = LOG.format(job=name, attempt=number, second=begin.second, lines=middle, last=last)
        rows.logs.append({**key, "INSTANCE_ID": "0", "CONTAINER_NAME": "main", "LOG": text})


def _task(  # noqa: PLR0913, PLR0917  # what a task of a run is
    graph: Made,
    run_id: str,
    name: str,
    state: str,
    begin: datetime,
    end: datetime,
    definition: str = "",
    error: str = "",
) -> Row:
    return {
        "GRAPH_RUN_GROUP_ID": run_id,
        "NAME": name,
        "STATE": state,
        "QUERY_START_TIME": begin.strftime("%Y-%m-%d %H:%M:%S"),
        "COMPLETED_TIME": end.strftime("%Y-%m-%d %H:%M:%S"),
        "DURATION_IN_SECS": round((end - begin).total_seconds()),
        "ERROR_MESSAGE": error,
        "ATTEMPT_NUMBER": 1,
        "SCHEDULED_FROM": "SCHEDULE",
        "ROOT_TASK_NAME": graph.root,
        "GRAPH_NAME": graph.key,
        "SCHEDULED_TIME": begin.isoformat(),
        "STARTED_TIME": begin.isoformat(),
        "ENDED_TIME": end.isoformat(),
        "RUN_CONFIG": json.dumps(dict(graph.config)) if graph.config and definition else "",
        "GRAPH_DEFINITION": definition,
    }


def load(client: Client, folder: Path, rows: Rows) -> None:
    """Write rows into the tables of history."""
    for table, content in (
        (SETTINGS.task_runs_table, rows.tasks),
        (SETTINGS.job_runs_table, rows.attempts),
        (SETTINGS.job_logs_table, rows.logs),
    ):
        if content:
            _copy(client, folder / f"{table}.csv", table, content)


def _copy(client: Client, file: Path, table: str, rows: Sequence[Row]) -> None:
    columns = list(rows[0])
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writerows(rows)
    stage = f"{PLACE}.PAST"
    for statement in (
        f"CREATE STAGE IF NOT EXISTS {stage}",
        f"PUT 'file://{file}' @{stage} AUTO_COMPRESS = FALSE OVERWRITE = TRUE",
        f"COPY INTO {PLACE}.{table} ({', '.join(columns)}) FROM @{stage}/{file.name} FILE_FORMAT = {FORM}",
    ):
        client.rows(Statement(statement))
