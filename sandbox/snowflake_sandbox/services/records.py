"""Job services in the store: their runs and containers, written with every transition.

Knows two SQLite tables; must not know processes or statements. A job's record is kept after the object is dropped,
because GET_JOB_HISTORY shows dropped jobs too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.services.machine import (
    ContainerRun,
    ContainerStatus,
    JobRun,
    JobStatus,
    Key,
    ServiceStep,
    status,
)
from snowflake_sandbox.statements.reader import ObjectName

if TYPE_CHECKING:
    import sqlite3
    from datetime import datetime

    from snowflake_sandbox.store import Snapshot, Transaction

TABLES = """
CREATE TABLE IF NOT EXISTS job_service (
    object_id INTEGER PRIMARY KEY,
    query_id TEXT NOT NULL,
    database_name TEXT NOT NULL,
    schema_name TEXT NOT NULL,
    name TEXT NOT NULL,
    compute_pool TEXT NOT NULL,
    owner TEXT NOT NULL,
    warehouse TEXT,
    specification TEXT NOT NULL,
    replicas INTEGER NOT NULL,
    cpu REAL NOT NULL,
    memory REAL NOT NULL,
    cancelling INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL,
    task_run_id TEXT,
    created TEXT NOT NULL,
    completed TEXT,
    deleted TEXT
);
CREATE INDEX IF NOT EXISTS job_service_by_status ON job_service (status);
CREATE TABLE IF NOT EXISTS container (
    object_id INTEGER NOT NULL REFERENCES job_service (object_id),
    instance INTEGER NOT NULL,
    name TEXT NOT NULL,
    image TEXT NOT NULL,
    digest TEXT,
    status TEXT NOT NULL,
    message TEXT NOT NULL,
    exit_code INTEGER,
    restarts INTEGER NOT NULL,
    placed INTEGER NOT NULL,
    node INTEGER,
    pid INTEGER,
    identity TEXT,
    started TEXT,
    restarted TEXT,
    completed TEXT,
    PRIMARY KEY (object_id, instance, name)
) WITHOUT ROWID;
"""
UNFINISHED = "('PENDING', 'RUNNING', 'CANCELLING')"


@dataclass
class Job:
    """A job that has not ended, as kept by the supervisor: the values of its row, and its run."""

    object_id: int
    name: str
    database: str
    schema: str
    pool: str
    owner: str
    specification: str
    cpu: float
    memory: float
    task_run_id: str | None
    warehouse: str | None
    run: JobRun


def insert(tx: Transaction, job: Job, images: dict[str, str], query_id: str, now: datetime) -> None:
    """Write a new job; `images`: container name -> image reference."""
    tx.run(
        "INSERT INTO job_service (object_id, query_id, database_name, schema_name, name, compute_pool, owner,"
        " warehouse, specification, replicas, cpu, memory, status, task_run_id, created)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        job.object_id,
        query_id,
        job.database,
        job.schema,
        job.name,
        job.pool,
        job.owner,
        job.warehouse,
        job.specification,
        1 + max(instance for instance, _ in job.run.containers),
        job.cpu,
        job.memory,
        JobStatus.PENDING,
        job.task_run_id,
        now.isoformat(),
    )
    for (instance, name), container in job.run.containers.items():
        tx.run(
            "INSERT INTO container (object_id, instance, name, image, status, message, restarts, placed)"
            " VALUES (?, ?, ?, ?, ?, ?, 0, 0)",
            job.object_id,
            instance,
            name,
            images[name],
            container.status,
            container.message,
        )


def write(tx: Transaction, job: Job, step: ServiceStep, now: datetime) -> None:
    """Write a step: every changed container, and the job's status."""
    instant = now.isoformat()
    for instance, name in step.changed:
        container = step.run.containers[instance, name]
        settled = container.status in (ContainerStatus.DONE, ContainerStatus.FAILED)
        tx.run(
            "UPDATE container SET status = ?, message = ?, exit_code = ?, restarts = ?, placed = ?, completed = ?"
            " WHERE object_id = ? AND instance = ? AND name = ?",
            container.status,
            container.message,
            container.exit_code,
            container.restarts,
            container.placed,
            instant if settled else None,
            job.object_id,
            instance,
            name,
        )
    now_status = status(step.run)
    ended = now_status not in (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.CANCELLING)
    tx.run(
        "UPDATE job_service SET status = ?, cancelling = ?, completed = ? WHERE object_id = ?",
        now_status,
        step.run.cancelling,
        instant if ended else None,
        job.object_id,
    )


def write_node(tx: Transaction, job: Job, instance: int, node: int) -> None:
    """Write the node of an instance."""
    tx.run("UPDATE container SET node = ? WHERE object_id = ? AND instance = ?", node, job.object_id, instance)


def write_process(tx: Transaction, job: Job, key: Key, process: tuple[int, str], instant: datetime) -> None:
    """Write a container's process (id and identity), so that a later sandbox can end it if it is left over."""
    tx.run(
        "UPDATE container SET pid = ?, identity = ?, restarted = CASE WHEN started IS NULL THEN NULL ELSE ? END,"
        " started = COALESCE(started, ?) WHERE object_id = ? AND instance = ? AND name = ?",
        *process,
        instant.isoformat(),
        instant.isoformat(),
        job.object_id,
        *key,
    )


def write_digest(tx: Transaction, job: Job, key: Key, digest: str) -> None:
    """Write the digest of the image that a container runs."""
    tx.run(
        "UPDATE container SET digest = ? WHERE object_id = ? AND instance = ? AND name = ?", digest, job.object_id, *key
    )


def containers(tx: Snapshot, object_id: int) -> list[sqlite3.Row]:
    """Return the rows of a job's containers, ordered by instance and name."""
    return tx.rows("SELECT * FROM container WHERE object_id = ? ORDER BY instance, name", object_id)


def row(tx: Snapshot, object_id: int) -> sqlite3.Row | None:
    """Return a job's row; None if there is none."""
    return tx.row("SELECT * FROM job_service WHERE object_id = ?", object_id)


def all_jobs(tx: Snapshot) -> list[sqlite3.Row]:
    """Return the rows of all jobs, including dropped ones, oldest first."""
    return tx.rows("SELECT * FROM job_service ORDER BY object_id")


def run_of(job_row: sqlite3.Row, listed: list[sqlite3.Row]) -> JobRun:
    """Return a job's run from its stored rows."""
    return JobRun(
        {
            (row["instance"], row["name"]): ContainerRun(
                ContainerStatus(row["status"]), row["message"], row["exit_code"], row["restarts"], bool(row["placed"])
            )
            for row in listed
        },
        bool(job_row["cancelling"]),
    )


def unfinished(tx: Snapshot) -> list[tuple[Job, list[sqlite3.Row]]]:
    """Return all jobs that had not ended when the process ended, with their containers' rows, oldest first."""
    jobs = []
    for row in tx.rows(f"SELECT * FROM job_service WHERE status IN {UNFINISHED} ORDER BY object_id"):
        listed = containers(tx, row["object_id"])
        jobs.append((_job(row, run_of(row, listed)), listed))
    return jobs


def _job(row: sqlite3.Row, run: JobRun) -> Job:
    same = ("object_id", "name", "owner", "warehouse", "specification", "cpu", "memory", "task_run_id")
    values: dict[str, Any] = {name: row[name] for name in same}
    return Job(
        **values,
        database=row["database_name"],
        schema=row["schema_name"],
        pool=row["compute_pool"],
        run=run,
    )


def pool_usage(tx: Snapshot, pool: str) -> tuple[int, int]:
    """Return how many jobs of a pool have not ended, and how many nodes they use."""
    jobs = tx.row(f"SELECT COUNT(*) FROM job_service WHERE compute_pool = ? AND status IN {UNFINISHED}", pool)
    nodes = tx.row(
        "SELECT COUNT(DISTINCT node) FROM container JOIN job_service USING (object_id) WHERE compute_pool = ?"
        f" AND job_service.status IN {UNFINISHED} AND placed AND container.status NOT IN ('DONE', 'FAILED')",
        pool,
    )
    return (jobs[0] if jobs else 0), (nodes[0] if nodes else 0)


def most_nodes(tx: Snapshot, pool: str) -> int:
    """Return how many nodes a pool may have; 0 if the pool no longer exists."""
    item = catalog.find(tx, "COMPUTE POOL", ObjectName(pool))
    return 0 if item is None else int(item["max_nodes"])


def unfinished_in(tx: Snapshot, pool: str) -> list[int]:
    """Return the ids of a pool's jobs that have not ended."""
    rows = tx.rows(f"SELECT object_id FROM job_service WHERE compute_pool = ? AND status IN {UNFINISHED}", pool)
    return [row["object_id"] for row in rows]


def of_statement(tx: Snapshot, query_id: str, task_run_id: str) -> int | None:
    """Return the id of the job that this statement of a task created before the sandbox was killed; None if none."""
    row = tx.row(
        "SELECT object_id FROM job_service WHERE query_id = ? AND task_run_id = ? AND deleted IS NULL",
        query_id,
        task_run_id,
    )
    return None if row is None else int(row["object_id"])
