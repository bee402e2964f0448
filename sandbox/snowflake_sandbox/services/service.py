"""SERVICE (contract 6.22): the declaration of the kind, SHOW JOB SERVICES, and the rows about instances and containers.

Knows what SHOW and DESCRIBE answer; must not know how a job progresses. Long-running services (CREATE SERVICE) are not
supported.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind
from snowflake_sandbox.objects.image_repository import REGISTRY
from snowflake_sandbox.result import SHOW, Result, ResultColumn, columns
from snowflake_sandbox.services import machine, records, spec
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.showing import listed, read_listing

if TYPE_CHECKING:
    import sqlite3

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.services.machine import JobRun

_SHOWN = columns(
    "name status database_name schema_name owner compute_pool dns_name current_instances# target_instances#"
    " min_ready_instances# min_instances# max_instances# auto_resume? external_access_integrations created_on@"
    " updated_on@ resumed_on@ suspended_on@ auto_suspend_secs# comment owner_role_type query_warehouse is_job?"
    " is_async_job? spec_digest is_upgrading? managing_object_domain managing_object_name"
)
_CONTAINERS = columns(
    "database_name schema_name service_name service_status instance_id instance_status container_name status message"
    " image_name image_digest restart_count# start_time last_exit_code# last_restart_time"
)
_INSTANCES = columns(
    "database_name schema_name service_name service_status instance_id status spec_digest creation_time start_time"
    " ip_address"
)
_ENDPOINTS = columns("name port# port_range protocol is_public? ingress_url")
_ROLES = columns("created_on@ name comment")


def _record(call: Call, service: SnowflakeObject) -> tuple[sqlite3.Row, list[sqlite3.Row], JobRun]:
    with call.world.store.reading() as tx:
        row, listed = records.row(tx, service.id), records.containers(tx, service.id)
    assert row is not None  # noqa: S101  # object and record are written in one transaction
    return row, listed, records.run_of(row, listed)


def spec_digest(service: SnowflakeObject) -> str:
    """Return the digest of a service's specification."""
    return hashlib.sha256(str(service["spec"]).encode()).hexdigest()


def _show_row(call: Call, service: SnowflakeObject) -> tuple[Any, ...]:
    row, _, run = _record(call, service)
    instances = range(row["replicas"])
    current = sum(machine.instance_status(run, instance) == "READY" for instance in instances)
    integrations = service["external_access_integrations"]
    return (
        service.name.name,
        row["status"],
        service.name.database,
        service.name.schema,
        service.owner,
        row["compute_pool"],
        _dns_name(service),
        current,
        row["replicas"],
        row["replicas"],
        row["replicas"],
        row["replicas"],
        False,
        f"[{', '.join(integrations)}]" if integrations else None,
        service.created_on,
        catalog.instant(row["completed"] or row["created"]),
        None,
        None,
        0,
        service["comment"],
        "ROLE",
        service["query_warehouse"],
        True,
        bool(service["is_async_job"]),
        spec_digest(service),
        False,
        None,
        None,
    )


def _dns_name(service: SnowflakeObject) -> str:
    return f"{service.name.name.lower().replace('_', '-')}.{service.id:x}.svc.spcs.internal"


def _describe(call: Call, service: SnowflakeObject) -> Result:
    return Result((*_SHOWN, ResultColumn("spec")), [(*_show_row(call, service), service["spec"])], SHOW)


def _dropping(call: Call, service: SnowflakeObject) -> None:
    call.reader.accept("FORCE")
    with call.world.store.transaction() as tx:
        tx.run("UPDATE job_service SET deleted = ? WHERE object_id = ?", call.now.isoformat(), service.id)
    call.world.parts["services"].remove(service.id)


def _refuse_create(_call: Call, _creation: Creation) -> bool:
    raise errors.not_supported("CREATE SERVICE")


def find(call: Call, *privileges: str) -> SnowflakeObject:
    """Read the name of a service from the statement and return the service, after checking the session's privileges."""
    name = call.session.resolve(call.reader.object_name(), ObjectScope.SCHEMA, "SHOW")
    with call.world.store.reading() as tx:
        service = catalog.get(tx, "SERVICE", name)
    access.require(call, privileges, service)
    return service


def show_containers(call: Call) -> Result:
    """SHOW SERVICE CONTAINERS IN SERVICE <name>."""
    call.reader.expect("IN SERVICE")
    service = find(call, "MONITOR", "USAGE", "OPERATE")
    call.reader.end()
    row, listed, run = _record(call, service)
    rows = [
        (
            service.name.database,
            service.name.schema,
            service.name.name,
            row["status"],
            str(container["instance"]),
            machine.instance_status(run, container["instance"]),
            container["name"],
            container["status"],
            container["message"],
            _image_url(container["image"]),
            container["digest"],
            container["restarts"],
            container["started"],
            container["exit_code"],
            container["restarted"],
        )
        for container in listed
    ]
    return Result(_CONTAINERS, rows, SHOW)


def show_instances(call: Call) -> Result:
    """SHOW SERVICE INSTANCES IN SERVICE <name>."""
    call.reader.expect("IN SERVICE")
    service = find(call, "MONITOR", "USAGE", "OPERATE")
    call.reader.end()
    row, listed, run = _record(call, service)
    rows = [
        (
            service.name.database,
            service.name.schema,
            service.name.name,
            row["status"],
            str(instance),
            machine.instance_status(run, instance),
            spec_digest(service),
            row["created"],
            min(
                (
                    container["started"]
                    for container in listed
                    if container["instance"] == instance and container["started"]
                ),
                default=None,
            ),
            "127.0.0.1",
        )
        for instance in range(row["replicas"])
    ]
    return Result(_INSTANCES, rows, SHOW)


def _image_url(image: str) -> str:
    """Return an image reference with the registry's host in front, unless it has one already."""
    return f"{REGISTRY}{image}" if image.startswith("/") else image


def show_endpoints(call: Call) -> Result:
    """SHOW ENDPOINTS IN SERVICE <name>: the endpoints in the specification; none of them is reachable."""
    call.reader.expect("IN SERVICE")
    service = find(call, "USAGE", "MONITOR", "OPERATE")
    call.reader.end()
    endpoints = spec.endpoints(str(service["spec"]))
    rows = [
        (
            item.get("name"),
            item.get("port"),
            item.get("portRange"),
            str(item.get("protocol", "HTTP")).upper(),
            bool(item.get("public", False)),
            None,
        )
        for item in endpoints
    ]
    return Result(_ENDPOINTS, rows, SHOW)


def show_roles(call: Call) -> Result:
    """SHOW ROLES IN SERVICE <name>: the role that every service has; `serviceRoles` are refused."""
    call.reader.expect("SERVICE")
    service = find(call, "USAGE", "MONITOR", "OPERATE")
    call.reader.end()
    return Result(_ROLES, [(service.created_on, "ALL_ENDPOINTS_USAGE", "")], SHOW)


def show_services(call: Call) -> Result:
    """SHOW SERVICES [EXCLUDE JOBS] […]: every service of the sandbox is a job."""
    if call.reader.accept("EXCLUDE JOBS"):
        _listed(call)
        return Result(_without(_SHOWN, "is_job", "is_async_job"), (), SHOW)
    return Result(_SHOWN, [_show_row(call, service) for service in _listed(call)], SHOW)


def show_job_services(call: Call) -> Result:
    """SHOW JOB SERVICES […]: the columns of SHOW SERVICES except `is_job`."""
    positions = [position for position, column in enumerate(_SHOWN) if column.name != "is_job"]
    rows = [_show_row(call, service) for service in _listed(call)]
    return Result(_without(_SHOWN, "is_job"), [tuple(row[position] for position in positions) for row in rows], SHOW)


def _without(columns_of: tuple[ResultColumn, ...], *names: str) -> tuple[ResultColumn, ...]:
    return tuple(column for column in columns_of if column.name not in names)


def _listed(call: Call) -> list[SnowflakeObject]:
    """Return the services of a listing, which may be limited to one compute pool."""
    reader = call.reader
    like = reader.string() if reader.accept("LIKE") else None
    if not reader.accept("IN COMPUTE POOL"):
        listing = read_listing(call, ObjectScope.SCHEMA, like)
        return listed(call, DECLARATION, listing)
    pool = reader.object_name().name
    services = listed(call, DECLARATION, read_listing(call, ObjectScope.ACCOUNT, like))
    return [service for service in services if _record(call, service)[0]["compute_pool"] == pool]


DECLARATION = Kind(
    name="SERVICE",
    plural="SERVICES",
    scope=ObjectScope.SCHEMA,
    show=_SHOWN,
    show_row=_show_row,
    describe=_describe,
    read_definition=_refuse_create,
    dropping=_dropping,
)
