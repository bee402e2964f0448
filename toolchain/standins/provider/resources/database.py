"""snowflake.Database (SQL contract, section 6.2).

Knows the statements and columns of databases. Must not know how statements are sent.
"""

from collections.abc import Generator

from jobgraph.toolchain.standins.provider.container_parameters import DATABASE_PARAMETERS
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Observation,
    Observed,
    Pause,
    Property,
    ResourceType,
    Row,
    Statement,
    Statements,
    Step,
    Values,
)
from jobgraph.toolchain.standins.provider.errors import SnowflakeError
from jobgraph.toolchain.standins.provider.objects import (
    Kind,
    alter,
    clauses,
    drop,
    observe,
    rename,
    run,
    with_parameters,
)
from jobgraph.toolchain.standins.provider.properties import COMMENT
from jobgraph.toolchain.standins.provider.sql import quoted

KIND = Kind(
    name="DATABASE",
    plural="DATABASES",
    columns="created_on name is_default? is_current? origin owner comment options retention_time# kind owner_role_type",
)
PROPERTIES = (
    Property(name="name"),
    Property(
        name="isTransient",
        form="boolean",
        replaces=True,
        column="options",
        read=lambda cell: "TRANSIENT" in str(cell or ""),
        normal=bool,
        initial=False,
    ),
    *DATABASE_PARAMETERS,
    COMMENT,
    Property(name="dropPublicSchemaOnCreation", form="boolean", create_only=True),
)
_CONTEXT = (
    "SELECT CURRENT_ACCOUNT() as CURRENT_ACCOUNT, CURRENT_ROLE() as CURRENT_ROLE, CURRENT_REGION() AS CURRENT_REGION, "
    "CURRENT_SESSION() as CURRENT_SESSION, CURRENT_USER() as CURRENT_USER, "
    "CURRENT_ACCOUNT_NAME() as CURRENT_ACCOUNT_NAME, CURRENT_ORGANIZATION_NAME() as CURRENT_ORGANIZATION_NAME"
)
_DROP_TRIES = 3
_DROP_PAUSE_SECONDS = 1.0


def _show_parameters(values: Values) -> Statement:
    return Statement(f"SHOW PARAMETERS IN DATABASE {KIND.full_name(values)}")


def _create(values: Values) -> Observation:
    transient = "TRANSIENT " if values.get("isTransient") else ""
    line = " ".join([f"CREATE {transient}DATABASE {KIND.full_name(values)}", *clauses(PROPERTIES, values)])
    yield Statement(line, creates=True)
    if values.get("dropPublicSchemaOnCreation"):
        yield from _drop_public(values)
    return (yield from _read(values))


def _drop_public(values: Values) -> Statements:
    for attempt in range(1, _DROP_TRIES + 1):
        try:
            yield Statement(f"DROP SCHEMA IF EXISTS {KIND.full_name(values)}.{quoted('PUBLIC')}")
        except SnowflakeError:
            if attempt == _DROP_TRIES:
                raise
            yield Pause(_DROP_PAUSE_SECONDS)
        else:
            return


def _read(values: Values) -> Observation:
    live = yield from observe(KIND, PROPERTIES, KIND.parts(values))
    if live is None:
        return None
    yield from _replication(values)
    rows = yield _show_parameters(values)
    outputs = {name: value for name, value in live.outputs.items() if name != "showOutputs"}
    return with_parameters(Observed(live.values, outputs), PROPERTIES, rows, "DATABASE")


def _replication(values: Values) -> Generator[Step, list[Row], None]:
    """Query replication at each read, as the official plugin does; `replication` itself is not supported here."""
    context = yield Statement(_CONTEXT)
    where = [str(row[column]) for row in context for column in ("CURRENT_ORGANIZATION_NAME", "CURRENT_ACCOUNT_NAME")]
    yield Statement(f"SHOW REPLICATION DATABASES WITH PRIMARY {quoted(*where)}.{KIND.full_name(values)}")


def _update(change: Change) -> Observation:
    yield from rename(KIND, change)
    yield from run(alter(KIND, PROPERTIES, change, KIND.full_name(change.news)))
    return (yield from _read(change.news))


RESOURCE = ResourceType(
    token="snowflake:index/database:Database",  # noqa: S106  # a type token
    label="snowflake_database",
    properties=PROPERTIES,
    computed=("fullyQualifiedName",),
    identity=KIND.bare_name,
    full_name=KIND.full_name,
    parse=KIND.parse,
    create=_create,
    read=_read,
    update=_update,
    delete=drop(KIND),
    level="DATABASE",
    show_parameters=_show_parameters,
)
