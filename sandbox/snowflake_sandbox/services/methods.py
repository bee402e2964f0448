"""Methods of a service (`CALL name!METHOD(…)`) and the SYSTEM$ functions about services.

Knows their arguments and answers (facts C2, C3); must not know how containers run.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data.function_arguments import Arguments, counted, whole
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.result import CALL, Result, ResultColumn
from snowflake_sandbox.services import events, job, logs, machine, records
from snowflake_sandbox.services.machine import JobStatus
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_MOST_LOG_BYTES = 100 * 1024
_DEFAULT_LINES = 500
_FAILED = frozenset({JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.INTERNAL_ERROR})
_LOOK_IN_SECONDS = 0.05
# Position of the timestamps flag among the arguments after the container; and the format, with microseconds.
_TIMESTAMPS, _TIMESTAMP = 3, "%Y-%m-%dT%H:%M:%S.%fZ"


def register(world: World) -> None:
    """Add the functions."""
    world.functions |= {
        "SYSTEM$GET_SERVICE_LOGS": get_service_logs,
        "SYSTEM$GET_SERVICE_STATUS": get_service_status,
        "SYSTEM$GET_COMPUTE_POOL_STATUS": get_compute_pool_status,
        "SYSTEM$WAIT_FOR_SERVICES": wait_for_services,
        "SYSTEM$SANDBOX_LOSE_NODE": lose_node,
    }


def call_method(call: Call, written: ObjectName, method: str, arguments: tuple[Any, ...]) -> Result:
    """Run `CALL name!METHOD(arguments)`.

    Raises:
        SnowflakeError: 002003 no such service, 000002 no such method in the sandbox, and what the method raises.
    """
    service = _find(call, written, *_PRIVILEGES.get(method, ()))
    if method == "SPCS_CANCEL_JOB":
        return _cancel_job(call, service)
    if method == "SPCS_WAIT_FOR":
        return _wait_for(call, service, arguments)
    raise errors.not_supported(f"CALL <service>!{method}")


_PRIVILEGES = {"SPCS_CANCEL_JOB": ("OPERATE",), "SPCS_WAIT_FOR": ("MONITOR", "OPERATE", "USAGE")}


def _find(call: Call, written: ObjectName, *privileges: str) -> SnowflakeObject:
    name = call.session.resolve(written, ObjectScope.SCHEMA, "CALL")
    with call.world.store.reading() as tx:
        service = catalog.get(tx, "SERVICE", name)
    access.require(call, privileges, service)
    return service


def _cancel_job(call: Call, service: SnowflakeObject) -> Result:
    call.world.parts["services"].cancel(service.id)
    return Result((ResultColumn("SPCS_CANCEL_JOB"),), ((f"Job {service.name.name} is being cancelled.",),), CALL)


def _wait_for(call: Call, service: SnowflakeObject, arguments: tuple[Any, ...]) -> Result:
    """Wait until the job has the status; raise an error on timeout, or if the job ends with another status."""
    status = str(arguments[0]).upper() if arguments else "DONE"
    seconds = whole(arguments[1], "timeout") if len(arguments) > 1 else 0
    if status != JobStatus.DONE:
        raise errors.not_supported(f"SPCS_WAIT_FOR('{status}')")
    ended = call.world.parts["services"].ended(service.id)
    deadline = call.now + timedelta(seconds=seconds)
    if not job.wait_for_end(call, ended, deadline):
        if call.cancelled.is_set():
            raise errors.cancelled()
        raise SnowflakeError(
            395042,  # guess
            "P0000",
            f"Timed out after {seconds} seconds: service {service.name.name} has status {_status(call, service)}.",
        )
    reached = _status(call, service)
    if reached != status:
        raise SnowflakeError(
            395043,  # guess
            "P0000",
            f"Service {service.name.name} cannot reach status {status}: it ended with status {reached}.",
        )
    return Result((ResultColumn("SPCS_WAIT_FOR"),), ((f"Service {service.name.name} reached status {status}.",),), CALL)


def _status(call: Call, service: SnowflakeObject) -> str:
    with call.world.store.reading() as tx:
        row = records.row(tx, service.id)
    return str(row["status"]) if row is not None else "DELETED"


def wait_for_services(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$WAIT_FOR_SERVICES(seconds, service [, …]): wait until none of them is PENDING.

    A job is never READY; it counts as started when it is RUNNING (guess). A failed job ends the wait.

    Raises:
        SnowflakeError: 395042 (guess) on timeout, 395043 (guess) if one has failed, 000604 if cancelled.
    """
    if len(arguments) < len(("seconds", "service")):
        counted(arguments, 2, 2, "SYSTEM$WAIT_FOR_SERVICES")
    seconds, *names = arguments
    services = [_find(call, Reader(str(name)).object_name(), "MONITOR") for name in names]
    deadline = call.now + timedelta(seconds=whole(seconds, "seconds_to_pause"))
    while True:
        statuses = {service.name.name: _status(call, service) for service in services}
        failed = [name for name, status in statuses.items() if status in _FAILED]
        if failed:
            raise SnowflakeError(
                395043,  # guess
                "P0000",
                f"Service {failed[0]} cannot become READY: it has status {statuses[failed[0]]}.",
            )
        if JobStatus.PENDING not in statuses.values():
            return "OK"
        if call.now >= deadline:
            pending = ", ".join(name for name, status in statuses.items() if status == JobStatus.PENDING)
            raise SnowflakeError(
                395042, "P0000", f"Timed out after {seconds} seconds: not READY are {pending}."
            )  # guess
        if call.cancelled.wait(_LOOK_IN_SECONDS):
            raise errors.cancelled()


def get_service_logs(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$GET_SERVICE_LOGS(service, instance, container [, lines [, previous [, since [, timestamps]]]]).

    The newest lines, at most 100 KB. The last two are not documented; the `snow` command sends them.

    Raises:
        SnowflakeError: 002003, or no such instance or container.
    """
    service, instance, container, *options = counted(arguments, 3, 7, "SYSTEM$GET_SERVICE_LOGS")
    service_object = _find(call, Reader(str(service)).object_name(), "MONITOR")
    key = (whole(instance, "instance id"), str(container))
    lines = _DEFAULT_LINES if not options or options[0] is None else whole(options[0], "lines")
    with call.world.store.reading() as tx:
        containers = {(row["instance"], row["name"]): row for row in records.containers(tx, service_object.id)}
    if key not in containers:
        listed = ", ".join(f"{number}/{name}" for number, name in sorted(containers))
        raise SnowflakeError(
            395044,  # guess
            "22023",
            f"Service {service_object.name.name} has no container '{key[1]}' in instance {key[0]}. It has: {listed}.",
        )
    if containers[key]["message"] == machine.LOST or _is_released(call, service_object):
        raise SnowflakeError(
            395045,  # guess
            "55000",
            f"Logs of container '{key[1]}' in instance {key[0]} of service {service_object.name.name} are not"
            " available: its node is gone. What the event table has of them is kept.",
        )
    supervisor = call.world.parts["services"]
    if not any(options[2:]):
        return logs.newest(supervisor.log(service_object.id, key), lines, _MOST_LOG_BYTES)
    since = Arguments("SYSTEM$GET_SERVICE_LOGS", "SINCE", (options[2] or None,), {}).instant("SINCE")
    has_timestamps = len(options) > _TIMESTAMPS and str(options[_TIMESTAMPS]).lower() in ("true", "1")
    chosen = [
        f"{line.instant.strftime(_TIMESTAMP)} {line.text}" if has_timestamps else line.text
        for line in events.read(supervisor.events(service_object.id, key))
        if since is None or line.instant >= since
    ]
    return "\n".join(chosen[-lines:])[-_MOST_LOG_BYTES:]


def get_compute_pool_status(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$GET_COMPUTE_POOL_STATUS(pool): the pool's state as JSON (deprecated; `snow` calls it)."""
    (text,) = counted(arguments, 1, 1, "SYSTEM$GET_COMPUTE_POOL_STATUS")
    with call.world.store.reading() as tx:
        pool = catalog.get(tx, "COMPUTE POOL", Reader(str(text)).object_name())
    access.require(call, "MONITOR", pool)
    kind = call.world.kinds["COMPUTE POOL"]
    row = dict(zip([column.name for column in kind.show], kind.show_row(call, pool), strict=True))
    return json.dumps({"status": row["state"], "message": row.get("status_message") or ""})


def _is_released(call: Call, service: SnowflakeObject) -> bool:
    """Whether the nodes of an ended job have been released: its pool is suspended ("Monitoring services", logs)."""
    with call.world.store.reading() as tx:
        row = records.row(tx, service.id)
        pool = catalog.find(tx, "COMPUTE POOL", ObjectName(row["compute_pool"])) if row is not None else None
    return row is not None and row["status"] in machine.ENDED and pool is not None and bool(pool["suspended"])


def lose_node(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$SANDBOX_LOSE_NODE(pool [, node]), sandbox only: lose a node while jobs run on it.

    Nodes are numbered from 0; the default is the lowest number in use.
    """
    node, *options = counted(arguments, 1, 2, "SYSTEM$SANDBOX_LOSE_NODE")
    name = Reader(str(node)).object_name().name
    with call.world.store.reading() as tx:
        pool = catalog.get(tx, "COMPUTE POOL", ObjectName(name))
    access.require(call, "OPERATE", pool)
    node = whole(options[0], "node") if options else None
    lost = call.world.parts["services"].lose_node(name, node)
    return f"Node lost: {lost} instances ran on it."


def get_service_status(call: Call, arguments: tuple[Any, ...]) -> str:
    """SYSTEM$GET_SERVICE_STATUS(service [, timeout]), deprecated by Snowflake: JSON, one item per container."""
    service, *_timeout = counted(arguments, 1, 2, "SYSTEM$GET_SERVICE_STATUS")
    service_object = _find(call, Reader(str(service)).object_name(), "MONITOR")
    with call.world.store.reading() as tx:
        listed = records.containers(tx, service_object.id)
    return json.dumps(
        [
            {
                "status": row["status"],
                "message": row["message"],
                "containerName": row["name"],
                "instanceId": str(row["instance"]),
                "serviceName": service_object.name.name,
                "image": row["image"],
                "restartCount": row["restarts"],
                "startTime": row["started"] or "",
            }
            for row in listed
        ]
    )
