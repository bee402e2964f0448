"""Records of containers after they ran: SPCS_GET_LOGS, the event table SNOWFLAKE.TELEMETRY.EVENTS, GET_JOB_HISTORY.

Knows their documented columns and who may read them; must not know how lines are collected (events.py).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data.function_arguments import Arguments
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.result import Result, ResultColumn, columns
from snowflake_sandbox.services import events, machine, records
from snowflake_sandbox.services.machine import JobStatus
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from snowflake_sandbox.call import Call, World

EVENT_TABLE = "SNOWFLAKE.TELEMETRY.EVENTS"
_LOGS = (
    ResultColumn("TIMESTAMP", "timestamp_ntz", scale=9),
    *columns("INSTANCE_ID# CONTAINER_NAME LOG"),
    ResultColumn("RECORD_ATTRIBUTES", "object"),
)
_EVENTS = (
    *(ResultColumn(name, "timestamp_ntz", scale=9) for name in ("TIMESTAMP", "START_TIMESTAMP", "OBSERVED_TIMESTAMP")),
    *(
        ResultColumn(name, "object")
        for name in ("TRACE", "RESOURCE", "RESOURCE_ATTRIBUTES", "SCOPE", "SCOPE_ATTRIBUTES")
    ),
    ResultColumn("RECORD_TYPE"),
    *(ResultColumn(name, "object") for name in ("RECORD", "RECORD_ATTRIBUTES")),
    ResultColumn("VALUE", "variant"),
    ResultColumn("EXEMPLARS", "array"),
)
_HISTORY = (
    *columns("QUERY_ID ID# NAME DATABASE_NAME SCHEMA_NAME CREATED_TIME@ COMPLETED_TIME@ DELETED_TIME@ STATUS MESSAGE"),
    ResultColumn("INSTANCE_STATUSES", "object"),
    *columns("COMPUTE_POOL_NAME OWNER OWNER_ROLE_TYPE"),
    ResultColumn("PARAMETERS", "object"),
    ResultColumn("MANAGING_OBJECT", "object"),
)
# The texts of the documented events about a job's status.
_MESSAGES = {
    JobStatus.PENDING: "Job is pending",
    JobStatus.RUNNING: "Job is running",
    JobStatus.DONE: "Job is completed",
    JobStatus.FAILED: "Job has failed",
    JobStatus.CANCELLING: "Job is being canceled",
    JobStatus.CANCELLED: "Job has been canceled",
    JobStatus.INTERNAL_ERROR: "Job has encountered an error",
}
_ONE_DAY, _KEPT = timedelta(days=1), timedelta(days=30)
_DEFAULT_LIMIT, _MOST = 100, 10_000


def register(world: World) -> None:
    """Add the functions and the table."""
    world.table_functions |= {"SPCS_GET_LOGS": get_logs, "SPCS.GET_JOB_HISTORY": get_job_history}
    for method in ("SPCS_GET_EVENTS", "SPCS_GET_METRICS"):
        world.table_functions[method] = _refuse(method)
    world.system_tables |= {EVENT_TABLE: event_table, f"{EVENT_TABLE}_VIEW": event_table}


def _refuse(method: str) -> Any:
    def refuse(_call: Call, _positional: tuple[Any, ...], _by_name: Mapping[str, Any]) -> Result:
        raise errors.not_supported(f"<service>!{method}")

    return refuse


def get_logs(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """TABLE(<service>!SPCS_GET_LOGS([START_TIME =>] [, END_TIME =>])): by default the lines of the last day.

    Raises:
        SnowflakeError: 002003 no such service, 003001 without MONITOR.
    """
    arguments = Arguments("SPCS_GET_LOGS", "service START_TIME END_TIME", positional, by_name)
    name = call.session.resolve(Reader(arguments.text("service") or "").object_name(), ObjectScope.SCHEMA, "SELECT")
    with call.world.store.reading() as tx:
        service = catalog.get(tx, "SERVICE", name)
        listed = records.containers(tx, service.id)
    access.require(call, "MONITOR", service)
    start, end = arguments.instant("START_TIME") or call.now - _ONE_DAY, arguments.instant("END_TIME") or call.now
    rows = [
        (record.instant, container["instance"], container["name"], _text(record.value), json.dumps(record.attributes))
        for container in listed
        for record in _records(call, container)
        if start <= record.instant.replace(tzinfo=UTC) <= end
    ]
    return Result(_LOGS, rows[::-1])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _records(call: Call, container: sqlite3.Row) -> Iterator[events.EventRecord]:
    key = (container["instance"], container["name"])
    path = call.world.parts["services"].events(container["object_id"], key)
    return (events.record(line) for line in events.read(path))


def event_table(call: Call) -> Result:
    """Return the rows of the default event table: the lines of every container, including dropped services.

    Raises:
        SnowflakeError: 002003 for a role that may not see everything; grants on the table are not supported.
    """
    if not access.sees_everything(access.session_roles(call.world, call.session)):
        raise errors.does_not_exist("Object", EVENT_TABLE)
    with call.world.store.reading() as tx:
        jobs = {row["object_id"]: row for row in records.all_jobs(tx)}
        listed = [(container, jobs[number]) for number in jobs for container in records.containers(tx, number)]
        place = {number: _place(tx, row) for number, row in jobs.items()}
    rows: list[tuple[Any, ...]] = []
    for container, job in listed:
        source = json.dumps({**place[job["object_id"]], **_source(container, job)})
        rows += [_event(record, source) for record in _records(call, container)]
    return Result(_EVENTS, rows)


def _event(record: events.EventRecord, source: str) -> tuple[Any, ...]:
    scope = None if record.scope is None else json.dumps(record.scope)
    cells = (None, record.instant, None, None, source, scope, None, "LOG", json.dumps(record.record))
    return (record.instant, *cells, json.dumps(record.attributes), json.dumps(record.value), None)


def _place(tx: Any, job: sqlite3.Row) -> dict[str, Any]:
    """Return a job's pool, database and schema, as far as they still exist."""
    pool = catalog.find(tx, "COMPUTE POOL", ObjectName(job["compute_pool"]))
    database = catalog.find(tx, "DATABASE", ObjectName(job["database_name"]))
    schema = catalog.find(tx, "SCHEMA", ObjectName(job["schema_name"], job["database_name"]))
    place = {
        "snow.compute_pool.id": pool and pool.id,
        "snow.compute_pool.node.instance_family": pool and pool["instance_family"],
        "snow.database.id": database and database.id,
        "snow.schema.id": schema and schema.id,
    }
    return {name: value for name, value in place.items() if value is not None}


def _source(container: sqlite3.Row, job: sqlite3.Row) -> dict[str, Any]:
    return {
        "snow.account.name": logins.ACCOUNT,
        "snow.compute_pool.name": job["compute_pool"],
        "snow.compute_pool.node.id": str(container["node"]),
        "snow.database.name": job["database_name"],
        "snow.query.id": job["query_id"],
        "snow.schema.name": job["schema_name"],
        "snow.service.container.name": container["name"],
        "snow.service.id": job["object_id"],
        "snow.service.instance": str(container["instance"]),
        "snow.service.name": job["name"],
        "snow.service.type": "Job",
    }


def get_job_history(call: Call, positional: tuple[Any, ...], by_name: Mapping[str, Any]) -> Result:
    """SNOWFLAKE.SPCS.GET_JOB_HISTORY(…): the session roles' jobs of the last 30 days, including dropped ones.

    Raises:
        SnowflakeError: 001008 for a RESULT_LIMIT above 10,000.
    """
    arguments = Arguments("GET_JOB_HISTORY", "CREATED_TIME_START CREATED_TIME_END RESULT_LIMIT", positional, by_name)
    limit = arguments.limit(_DEFAULT_LIMIT, _MOST)
    start = arguments.instant("CREATED_TIME_START") or call.now - _KEPT
    end = arguments.instant("CREATED_TIME_END") or call.now
    roles = access.session_roles(call.world, call.session)
    with call.world.store.reading() as tx:
        jobs = [
            (row, records.containers(tx, row["object_id"]))
            for row in records.all_jobs(tx)
            if start <= datetime.fromisoformat(row["created"]) <= end and row["owner"] in roles
        ]
    return Result(_HISTORY, [_history_row(row, listed) for row, listed in jobs[::-1]][:limit])


def _history_row(row: sqlite3.Row, listed: list[sqlite3.Row]) -> tuple[Any, ...]:
    return (
        row["query_id"],
        row["object_id"],
        row["name"],
        row["database_name"],
        row["schema_name"],
        *(row[name] and catalog.instant(row[name]) for name in ("created", "completed", "deleted")),
        row["status"],
        _MESSAGES[JobStatus(row["status"])],
        json.dumps(_instances(row, listed)),
        row["compute_pool"],
        row["owner"],
        "ROLE",
        json.dumps({"replicas": row["replicas"], "queryWarehouse": row["warehouse"]}),
        None,
    )


def _instances(row: sqlite3.Row, listed: list[sqlite3.Row]) -> dict[str, Any]:
    """Return instances with their containers; the keys other than lastExitCode and imageSha256 are a guess."""
    run = records.run_of(row, listed)
    return {
        str(instance): {
            "status": machine.instance_status(run, instance),
            "containers": {
                row["name"]: {
                    "status": row["status"],
                    "message": row["message"],
                    "lastExitCode": row["exit_code"],
                    "imageSha256": (row["digest"] or "").removeprefix("sha256:") or None,
                    "restartCount": row["restarts"],
                }
                for row in listed
                if row["instance"] == instance
            },
        }
        for instance in range(row["replicas"])
    }
