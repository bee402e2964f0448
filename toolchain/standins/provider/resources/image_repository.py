"""snowflake.ImageRepository (SQL contract, section 6.9).

Knows the statements and columns of image repositories. Must not know how statements are sent.
"""

from jobgraph.toolchain.standins.provider.cells import filled, upper
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Observation,
    Property,
    ResourceType,
    Statement,
    Values,
)
from jobgraph.toolchain.standins.provider.objects import Kind, alter, clauses, drop, observe, run
from jobgraph.toolchain.standins.provider.properties import EMPTIED_COMMENT, IN_SCHEMA
from jobgraph.toolchain.standins.provider.sql import text

KIND = Kind(
    name="IMAGE REPOSITORY",
    plural="IMAGE REPOSITORIES",
    container=("database", "schema"),
    between_sets=" ",
    columns="created_on name database_name schema_name repository_url owner owner_role_type comment encryption "
    "privatelink_repository_url",
)
PROPERTIES = (
    *IN_SCHEMA,
    Property(name="name", replaces=True),
    Property(
        name="encryption",
        sql="ENCRYPTION",
        literal=lambda value: f"(TYPE = {text(upper(value))})",
        allowed=("SNOWFLAKE_FULL", "SNOWFLAKE_SSE"),
        replaces=True,
        normal=upper,
        column="encryption",
        read=filled,
    ),
    EMPTIED_COMMENT,
)


def _create(values: Values) -> Observation:
    words = [f"CREATE IMAGE REPOSITORY {KIND.full_name(values)}", *clauses(PROPERTIES, values)]
    yield Statement(" ".join(words), creates=True)
    return (yield from _read(values))


def _read(values: Values) -> Observation:
    return (yield from observe(KIND, PROPERTIES, KIND.parts(values)))


def _update(change: Change) -> Observation:
    yield from run(alter(KIND, PROPERTIES, change, KIND.full_name(change.news)))
    return (yield from _read(change.news))


RESOURCE = ResourceType(
    token="snowflake:index/imageRepository:ImageRepository",  # noqa: S106  # a type token
    label="snowflake_image_repository",
    properties=PROPERTIES,
    computed=("fullyQualifiedName", "showOutputs"),
    identity=KIND.full_name,
    full_name=KIND.full_name,
    parse=KIND.parse,
    create=_create,
    read=_read,
    update=_update,
    delete=drop(KIND),
)
