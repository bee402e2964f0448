"""snowflake.Schema (SQL contract, section 6.3).

Knows the statements and columns of schemas. Must not know how statements are sent.
"""

from jobgraph.toolchain.standins.provider.cells import show_output
from jobgraph.toolchain.standins.provider.container_parameters import SCHEMA_PARAMETERS
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Observation,
    Observed,
    Property,
    ResourceType,
    Statement,
    Statements,
    Values,
)
from jobgraph.toolchain.standins.provider.errors import SnowflakeError
from jobgraph.toolchain.standins.provider.objects import (
    Kind,
    alter,
    clauses,
    drop,
    is_given,
    observe,
    rename,
    run,
    show,
    with_parameters,
)
from jobgraph.toolchain.standins.provider.properties import COMMENT

KIND = Kind(
    name="SCHEMA",
    plural="SCHEMAS",
    container=("database",),
    columns="created_on dropped_on name is_default? is_current? database_name owner comment options retention_time "
    "owner_role_type",
)
_MANAGED = "MANAGED ACCESS"
_NO_INSTANT = "0001-01-01 00:00:00 +0000 UTC"


def _option(word: str, cell: object) -> str:
    return str(word in str(cell or "")).lower()


PROPERTIES = (
    Property(name="database", required=True, replaces=True),
    Property(name="name"),
    Property(
        name="isTransient",
        form="boolean text",
        replaces=True,
        column="options",
        read=lambda cell: _option("TRANSIENT", cell),
        initial="false",
    ),
    Property(
        name="withManagedAccess",
        form="boolean text",
        column="options",
        read=lambda cell: _option(_MANAGED, cell),
        initial="false",
    ),
    *SCHEMA_PARAMETERS,
    COMMENT,
)


def _show_parameters(values: Values) -> Statement:
    return Statement(f"SHOW PARAMETERS IN SCHEMA {KIND.full_name(values)}")


def _create(values: Values) -> Observation:
    if values["name"].upper() == "PUBLIC" and (yield from show(KIND, KIND.parts(values))) is not None:
        yield from _adopt(values)
    else:
        yield _create_statement(values)
    return (yield from _read(values))


def _create_statement(values: Values) -> Statement:
    transient = "TRANSIENT " if values.get("isTransient") == "true" else ""
    words = [f"CREATE {transient}SCHEMA {KIND.full_name(values)}"]
    if values.get("withManagedAccess") == "true":
        words.append(f"WITH {_MANAGED}")
    return Statement(" ".join([*words, *clauses(PROPERTIES, values)]), creates=True)


def _adopt(values: Values) -> Statements:
    """PUBLIC is created with its database, so it is altered to the program's values instead of being created."""
    yield _managed_access(values)
    declared = frozenset(prop.name for prop in PROPERTIES if is_given(values.get(prop.name)))
    unset = frozenset(prop.name for prop in SCHEMA_PARAMETERS) - declared
    yield from run(alter(KIND, PROPERTIES, Change({}, values, declared | unset), KIND.full_name(values)))


def _managed_access(values: Values) -> Statement:
    verb = "ENABLE" if values.get("withManagedAccess") == "true" else "DISABLE"
    return Statement(f"ALTER SCHEMA {KIND.full_name(values)} {verb} {_MANAGED}", creates=True)


def _read(values: Values) -> Observation:
    live = yield from observe(KIND, PROPERTIES, KIND.parts(values))
    if live is None:
        return None
    rows = yield _show_parameters(values)
    try:
        described = yield Statement(f"DESCRIBE SCHEMA {KIND.full_name(values)}")
    except SnowflakeError:
        described = []  # the official plugin also continues without it
    output = live.outputs["showOutputs"][0]
    outputs = live.outputs | {
        "showOutputs": [output | {"droppedOn": output["droppedOn"] or _NO_INSTANT}],
        "describeOutputs": [show_output("created_on name kind", row) for row in described],
    }
    return with_parameters(Observed(live.values, outputs), PROPERTIES, rows, "SCHEMA", effective=True)


def _update(change: Change) -> Observation:
    yield from rename(KIND, change)
    if "withManagedAccess" in change.changed:
        yield _managed_access(change.news)
    yield from run(alter(KIND, PROPERTIES, change, KIND.full_name(change.news)))
    return (yield from _read(change.news))


RESOURCE = ResourceType(
    token="snowflake:index/schema:Schema",  # noqa: S106  # a type token
    label="snowflake_schema",
    partial=True,
    properties=PROPERTIES,
    computed=("describeOutputs", "fullyQualifiedName", "parameters", "showOutputs"),
    identity=KIND.full_name,
    full_name=KIND.full_name,
    parse=KIND.parse,
    create=_create,
    read=_read,
    update=_update,
    delete=drop(KIND),
    level="SCHEMA",
    show_parameters=_show_parameters,
)
