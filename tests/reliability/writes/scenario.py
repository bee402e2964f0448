"""What a client does with a sandbox while its writes are met by faults, and what must hold of it afterwards.

Knows statements and what each of them promises once it is acknowledged. Must not know how faults are brought about, nor
how processes are started.
"""

from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import world
from snowflake_sandbox.clock import SystemClock
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins

from tests import in_process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from snowflake_sandbox.call import World

PASSWORD = "-"  # of a sandbox that listens nowhere
DOCKERFILE = (
    "FROM python:3.11-slim\nLABEL org.opencontainers.image.version=1\n"
    'WORKDIR /app\nCOPY main.py ./\nENTRYPOINT ["python3", "main.py"]\n'
)
# how often a client sends a statement again that ended with an error
TRIES = 3
# seconds after which what has not ended is called stuck
PATIENCE = 120.0
JOB = (
    "EXECUTE JOB SERVICE IN COMPUTE POOL P NAME = D.PUBLIC.{name} ASYNC = TRUE FROM SPECIFICATION $$"
    "{{spec: {{containers: [{{name: main, image: /d/public/r/job:1, args: [{mark}]}}]}}}}$$"
)
RUN = "(SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID'))"

LEAF = (
    f"INSERT INTO D.PUBLIC.RUNS SELECT N.ID FROM (SELECT {RUN} AS ID) AS N"
    " WHERE NOT EXISTS (SELECT 1 FROM D.PUBLIC.RUNS AS R WHERE R.ID = N.ID)"
)
FILE = "COPY INTO @D.PUBLIC.S/f.csv FROM (SELECT 'a', 1) FILE_FORMAT = (TYPE = CSV COMPRESSION = NONE) SINGLE = TRUE"
UNDER_WAY = (
    "SELECT NAME, STATE FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY()) WHERE STATE IN ('SCHEDULED', 'EXECUTING')"
)


def prepare(folder: Path, images: Path) -> None:
    """Make the folder of a sandbox that has been used for a while, and an image."""
    (images / "job").mkdir(parents=True)
    (images / "job" / "Dockerfile").write_text(DOCKERFILE)
    (images / "job" / "main.py").write_text("print('hello', flush=True)\n")
    life = Life(folder, images)
    life.begin()
    for statement in (
        "CREATE DATABASE D",
        "CREATE STAGE D.PUBLIC.S",
        "CREATE IMAGE REPOSITORY D.PUBLIC.R",
        "CREATE WAREHOUSE W",
        "CREATE COMPUTE POOL P MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS",
        "CREATE TABLE D.PUBLIC.ROWS_ (KEY VARCHAR, PART NUMBER)",
        "CREATE TABLE D.PUBLIC.OTHER (KEY VARCHAR, PART NUMBER)",
        "CREATE TABLE D.PUBLIC.OLD (KEY VARCHAR)",
        "INSERT INTO D.PUBLIC.OLD VALUES ('old')",
        "CREATE TABLE D.PUBLIC.GONE (KEY VARCHAR)",
        "CREATE TABLE D.PUBLIC.RUNS (ID VARCHAR)",
        "CREATE TASK D.PUBLIC.ROOT WAREHOUSE = W AS SELECT 1",
        f"CREATE TASK D.PUBLIC.LEAF WAREHOUSE = W AFTER D.PUBLIC.ROOT AS {LEAF}",
        "SELECT SYSTEM$TASK_DEPENDENTS_ENABLE('D.PUBLIC.ROOT')",
    ):
        life.send(statement)
    world.stop(life.world)


@dataclass
class Life:
    """One process's time with the sandbox of a folder.

    Attributes:
        note: is told each step that was acknowledged, before the next one begins.
        refusals: what ended with an error, by step.
    """

    folder: Path
    images: Path
    note: Callable[[str], None] = lambda _step: None
    refusals: dict[str, str] = field(default_factory=dict)
    world: World = field(init=False)
    session: Any = None

    def begin(self) -> None:
        """Build and start the sandbox."""
        self.world = world.build(self.folder, (self.images,), SystemClock(), password=PASSWORD)
        self.changed = threading.Condition()
        world.start(self.world)

    def send(self, text: str) -> list[dict[str, Any]]:
        """Run a statement as the server does, in a thread of its own; its rows by column name."""
        if self.session is None:
            self.session = logins.open_session(
                self.world, logins.ADMINISTRATOR, "ACCOUNTADMIN", warehouse="W", database=None, schema=None
            )
        query = self.world.parts["queries"].submit(self.session, text, {}, "")
        return in_process.rows_of(query.future.result(PATIENCE))

    def step(self, name: str, *statements: str) -> None:
        """Send the statements of one step, again from the first where one ends with an error, as a client would."""
        for _ in range(TRIES):
            try:
                for text in statements:
                    self.send(text)
            except SnowflakeError as error:
                self.refusals[name] = error.message
                self._roll_back()
            else:
                self.note(name)
                return

    def _roll_back(self) -> None:
        try:
            self.send("ROLLBACK")
        except SnowflakeError as error:
            self.refusals["ROLLBACK"] = error.message

    def go(self, mark: str) -> None:
        """Do all that a client does; `mark` is in the command line of each container."""
        for number in range(3):
            self.step(f"row {number}", f"INSERT INTO D.PUBLIC.ROWS_ VALUES ('row {number}', 1)")
        self.step("run 0", "EXECUTE TASK D.PUBLIC.ROOT")
        self.step("job J0", JOB.format(name="J0", mark=mark))
        self.step(
            "both",
            "BEGIN",
            "INSERT INTO D.PUBLIC.ROWS_ VALUES ('both', 1)",
            "INSERT INTO D.PUBLIC.OTHER VALUES ('both', 2)",
            "COMMIT",
        )
        self.step("made", "CREATE TABLE D.PUBLIC.MADE (KEY VARCHAR)")
        self.step("altered", "ALTER TABLE D.PUBLIC.OLD ADD COLUMN MORE NUMBER")
        self.step("in made", "INSERT INTO D.PUBLIC.MADE VALUES ('in made')")
        self.step("dropped", "DROP TABLE IF EXISTS D.PUBLIC.GONE")
        self.step(
            "replaced", "CREATE OR REPLACE TABLE D.PUBLIC.OTHER AS SELECT KEY, PART, 'new' AS NEW FROM D.PUBLIC.OTHER"
        )
        self.step("file", f"{FILE} OVERWRITE = TRUE")
        self.step("schema", "CREATE SCHEMA IF NOT EXISTS D.MORE")
        self.step("database", "CREATE DATABASE IF NOT EXISTS E")
        self.step("away", "DROP DATABASE IF EXISTS E")
        self.step("changed", "UPDATE D.PUBLIC.ROWS_ SET PART = 9 WHERE KEY = 'row 0'")
        self.wait()

    def wait(self) -> list[str]:
        """Wait until no run and no job is under way; returns those that are stuck."""
        deadline = time.monotonic() + PATIENCE
        while under_way := self._under_way():
            if time.monotonic() > deadline:
                return under_way
            threading.Event().wait(0.02)
        return []

    def _under_way(self) -> list[str]:
        runs = self.send(UNDER_WAY)
        jobs = [row for row in self.send("SHOW SERVICES IN ACCOUNT") if row["status"] in {"PENDING", "RUNNING"}]
        return [f"task {row['NAME']} is {row['STATE']}" for row in runs] + [
            f"job {row['name']} is {row['status']}" for row in jobs
        ]


def violations(life: Life, acknowledged: list[str], mark: str) -> list[str]:
    """Return what does not hold in a sandbox that has come to rest; `acknowledged` are the steps that were."""
    return [*_rows(life, acknowledged), *_objects(life, acknowledged), *_runs(life, acknowledged), *_left(mark)]


def _rows(life: Life, acknowledged: list[str]) -> Iterator[str]:
    rows = life.send("SELECT KEY, PART FROM D.PUBLIC.ROWS_")
    for number in range(3):
        count = sum(row["KEY"] == f"row {number}" for row in rows)
        if count > 1:
            yield f"doubled: row {number} is there {count} times"
        if not count and f"row {number}" in acknowledged:
            yield f"lost: row {number}"
    first = [row["PART"] for row in rows if row["KEY"] == "row 0"]
    if "changed" in acknowledged and "row 0" in acknowledged and first != [9]:
        yield f"lost: the change of row 0, which has {first}"
    halves = [row["PART"] for row in rows if row["KEY"] == "both"]
    others = [row["PART"] for row in life.send("SELECT KEY, PART FROM D.PUBLIC.OTHER") if row["KEY"] == "both"]
    if (len(halves), len(others)) not in {(0, 0), (1, 1)}:
        yield f"half: {len(halves)} and {len(others)} rows of one transaction"
    if "both" in acknowledged and not (halves and others):
        yield "lost: a transaction"
    if "old" not in [row["KEY"] for row in life.send("SELECT KEY FROM D.PUBLIC.OLD")]:
        yield "lost: a row of before"


def _objects(life: Life, acknowledged: list[str]) -> Iterator[str]:
    tables = {row["name"] for row in life.send("SHOW TABLES IN DATABASE D")}
    yield from _tables(life, tables)
    for step, name, wanted in (("made", "MADE", True), ("dropped", "GONE", False), ("replaced", "OTHER", True)):
        if step in acknowledged and (name in tables) is not wanted:
            yield f"lost: {step}, yet {name} is {'' if name in tables else 'not '}there"
    for step, name, column in (("altered", "OLD", "MORE"), ("replaced", "OTHER", "NEW")):
        if step in acknowledged and column not in _columns(life, name):
            yield f"lost: {step}, yet {name} has no column {column}"
    if "in made" in acknowledged and len(life.send("SELECT KEY FROM D.PUBLIC.MADE")) != 1:
        yield "lost or doubled: the row of a new table"
    if "file" in acknowledged and [row["name"] for row in life.send("LIST @D.PUBLIC.S")] != ["s/f.csv"]:
        yield "lost: a file of a stage"
    databases = {row["name"] for row in life.send("SHOW DATABASES")}
    if "away" in acknowledged and "E" in databases:
        yield "lost: a database was dropped, and is there"
    files = [path.name for path in (life.folder / "data").glob("database_*.duckdb")]
    if len(files) != len(databases - {"SNOWFLAKE"}):
        yield f"orphan: {files} of the databases {sorted(databases)}"


def _tables(life: Life, tables: set[str]) -> Iterator[str]:
    """Yield where what is listed is not what is stored."""
    for name in sorted(tables):
        try:
            shown = [row["name"] for row in life.send(f'DESCRIBE TABLE D.PUBLIC."{name}"')]
            if _columns(life, name) != shown:
                yield f"half: table {name} has {_columns(life, name)} and shows {shown}"
        except SnowflakeError as error:
            yield f"half: table {name} is listed, and reading it says {error.message}"
    rows = life.world.data.rows(
        "SELECT table_name FROM duckdb_tables() WHERE database_name = 'D' AND schema_name != 'main'"
    )
    yield from (f"orphan: table {name} is stored and not listed" for name in sorted({row[0] for row in rows} - tables))


def _columns(life: Life, table: str) -> list[str]:
    rows = life.world.data.rows(
        "SELECT column_name FROM duckdb_columns() WHERE database_name = 'D' AND table_name = ? ORDER BY column_index",
        table,
    )
    return [row[0] for row in rows]


def _runs(life: Life, acknowledged: list[str]) -> Iterator[str]:
    history = "SELECT * FROM TABLE(D.INFORMATION_SCHEMA.TASK_HISTORY()) WHERE NAME = 'LEAF'"
    leaves = life.send(history)
    if len({row["GRAPH_RUN_GROUP_ID"] for row in leaves}) != len(leaves):
        yield f"doubled: {len(leaves)} runs of a task in fewer runs of its graph"
    if "run 0" in acknowledged and not leaves:
        yield "lost: a run of a graph"
    rows = sorted(row["ID"] for row in life.send("SELECT ID FROM D.PUBLIC.RUNS"))
    done = sorted(str(row["GRAPH_RUN_GROUP_ID"]) for row in leaves if row["STATE"] == "SUCCEEDED")
    if rows != done:
        yield f"lost or doubled: runs {done} succeeded, and left {rows}"
    if "job J0" in acknowledged and "J0" not in states_of_jobs(life):
        yield "lost: a job"


def states_of_jobs(life: Life) -> dict[str, str]:
    """Return how each job ended: without a fault, its container has run."""
    return {row["name"]: row["status"] for row in life.send("SHOW SERVICES IN ACCOUNT")}


def _left(mark: str) -> Iterator[str]:
    """Yield the processes of containers that are still there."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if mark.encode() in command and folder.name != str(os.getpid()):
            yield f"orphan: process {folder.name}: {command[-80:]!r}"


def dumped(values: dict[str, Any]) -> str:
    """Return values as one line of JSON."""
    return json.dumps(values, sort_keys=True)
