"""The privileges of the run role: all that it needs to run jobs, and no more.

Knows Snowflake's privileges (docs.snowflake.com/en/user-guide/security-access-control-privileges) and the objects of a
plan. Must not know how a grant is created.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from jobgraph.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jobgraph.plan.planning import Needs, ProcedurePlan
    from jobgraph.settings import Settings


class Level(Enum):
    """The kind of object on which a privilege is granted."""

    ACCOUNT = "account"
    ACCOUNT_OBJECT = "account object"
    SCHEMA = "schema"
    SCHEMA_OBJECT = "schema object"
    DATABASE_ROLE = "database role"


@dataclass(frozen=True)
class Grant:
    """Privileges on one object. `label` identifies the grant within its component; `object` is quoted."""

    label: str
    privileges: tuple[str, ...]
    level: Level
    object_type: str = ""
    object: str = ""


def revoke(grant: Grant, role: str) -> str:
    """Return the statement that revokes a grant on an account object, a schema or a schema object from a role."""
    kind = "SCHEMA" if grant.level is Level.SCHEMA else grant.object_type
    name = quoted(grant.object) if grant.level is Level.ACCOUNT_OBJECT else grant.object
    return f"REVOKE {', '.join(grant.privileges)} ON {kind} {name} FROM ROLE {quoted(role)}"


def account_grants() -> tuple[Grant, ...]:
    """Return the privileges to run tasks, with and without a warehouse."""
    return (Grant("account", ("EXECUTE MANAGED TASK", "EXECUTE TASK"), Level.ACCOUNT),)


def watch_grants(settings: Settings) -> tuple[Grant, ...]:
    """Return the privileges to own an alert that runs, with or without a warehouse."""
    serverless = ("EXECUTE MANAGED ALERT",) if settings.serverless_alert else ()
    return (Grant("account alerts", ("EXECUTE ALERT", *serverless), Level.ACCOUNT),)


def notification_grants(names: Iterable[str]) -> Iterator[Grant]:
    """Yield the privileges to send through integrations that the stack creates."""
    for name in names:
        yield Grant(name, ("USAGE",), Level.ACCOUNT_OBJECT, "INTEGRATION", name)


def storage_grants(settings: Settings) -> tuple[Grant, ...]:
    """Return the privileges on the database, schema, image repository and stage.

    CREATE TABLE is for jobs that write their results into their own tables.
    """
    return (
        Grant("database", ("USAGE",), Level.ACCOUNT_OBJECT, "DATABASE", settings.database),
        Grant("schema", ("CREATE SERVICE", "CREATE TABLE", "USAGE"), Level.SCHEMA, object=settings.qualified()),
        _on("IMAGE REPOSITORY", settings, settings.image_repository, "READ"),
        _on("STAGE", settings, settings.stage, "READ", "WRITE"),
    )


def compute_grants(settings: Settings) -> tuple[Grant, ...]:
    """Return the privileges on the warehouse and the pools; they resume by themselves, so OPERATE is not needed."""
    pools = [
        Grant(pool.name, ("MONITOR", "USAGE"), Level.ACCOUNT_OBJECT, "COMPUTE POOL", pool.name)
        for pool in settings.pools
    ]
    return (
        Grant(settings.warehouse, ("USAGE",), Level.ACCOUNT_OBJECT, "WAREHOUSE", settings.warehouse),
        *pools,
    )


def history_grants(settings: Settings) -> tuple[Grant, ...]:
    """Return the privileges to insert and read history. Only backfills and their intervals may be updated."""
    function = f"{settings.qualified(settings.task_runs_function)}(VARCHAR, TIMESTAMP_LTZ)"
    return (
        *(
            _on("TABLE", settings, name, "INSERT", "SELECT")
            for name in (*settings.history_tables, settings.operations_table, settings.notifications_table)
        ),
        _on("TABLE", settings, settings.backfills_table, "INSERT", "SELECT", "UPDATE"),
        _on("TABLE", settings, settings.backfill_intervals_table, "INSERT", "SELECT", "UPDATE"),
        Grant(settings.task_runs_function, ("USAGE",), Level.SCHEMA_OBJECT, "FUNCTION", function),
    )


def call_grant(procedure: ProcedurePlan) -> Grant:
    """Return the privilege to call a procedure."""
    return Grant(procedure.name, ("USAGE",), Level.SCHEMA_OBJECT, "PROCEDURE", procedure.signature)


def needed_grants(needs: Needs) -> Iterator[Grant]:
    """Yield the privileges to use objects that jobs name but the stack does not create.

    A label includes the object's type, because objects of different types may share a name.
    """
    for object_type, names in (
        ("WAREHOUSE", needs.warehouses),
        ("INTEGRATION", needs.integrations),
        ("DATABASE", needs.databases),
    ):
        for name in names:
            yield Grant(f"{object_type.lower()} {name}", ("USAGE",), Level.ACCOUNT_OBJECT, object_type, name)
    for name in needs.schemas:
        yield Grant(f"schema {name}", ("USAGE",), Level.SCHEMA, object=quoted(*name.split(".")))
    for object_type, names, privileges in (
        ("SECRET", needs.secrets, ("READ",)),
        ("STAGE", needs.stages, ("READ", "WRITE")),
        ("IMAGE REPOSITORY", needs.repositories, ("READ",)),
    ):
        for name in names:
            label, full_name = f"{object_type.lower()} {name}", quoted(*name.split("."))
            yield Grant(label, privileges, Level.SCHEMA_OBJECT, object_type, full_name)


def _on(object_type: str, settings: Settings, name: str, *privileges: str) -> Grant:
    return Grant(name, privileges, Level.SCHEMA_OBJECT, object_type, settings.qualified(name))
