"""IMAGE REPOSITORY (contract 6.9). Holds no images: the services part looks them up in the project's image folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.access import access
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.result import SHOW, Result, columns
from snowflake_sandbox.session import Scope
from snowflake_sandbox.statements.definitions import find_for
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

REGISTRY = "local-sandbox.registry.snowflakecomputing.com"


def read_encryption(reader: Reader) -> str:
    """`ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')`; the reader stands behind ENCRYPTION."""
    reader.accept("=")
    inside = Reader(reader.parenthesized())
    inside.expect("TYPE")
    inside.accept("=")
    return inside.word().upper()


def _read_definition(call: Call, creation: Creation) -> bool:
    if not call.reader.accept("ENCRYPTION"):
        return False
    creation.properties["encryption"] = read_encryption(call.reader)
    return True


def _show_row(_call: Call, repository: SnowflakeObject) -> tuple[Any, ...]:
    database, schema, name = repository.name.database or "", repository.name.schema or "", repository.name.name
    return (
        repository.created_on,
        name,
        database,
        schema,
        f"{REGISTRY}/{database}/{schema}/{name}".lower(),
        repository.owner,
        "ROLE",
        repository["comment"] or "",
        repository["encryption"] or "SNOWFLAKE_FULL",
        "",
    )


def register(world: World) -> None:
    """Add the statement of this file."""
    world.statements["SHOW IMAGES"] = _show_images


_IMAGES = columns("created_on@ image_name tags digest image_path")


def _show_images(call: Call) -> Result:
    """SHOW IMAGES [LIKE 'x'] IN IMAGE REPOSITORY <name>: none is ever pushed, those of the project lie in folders."""
    if call.reader.accept("LIKE"):
        call.reader.string()
    call.reader.expect("IN IMAGE REPOSITORY")
    repository = find_for(call, KIND, "SHOW IMAGES")
    if repository is not None:
        access.require(call, ("READ",), repository)
    call.reader.end()
    return Result(_IMAGES, [], SHOW)


KIND = Kind(
    name="IMAGE REPOSITORY",
    plural="IMAGE REPOSITORIES",
    scope=Scope.SCHEMA,
    show=columns(
        "created_on@ name database_name schema_name repository_url owner owner_role_type comment encryption"
        " privatelink_repository_url"
    ),
    show_row=_show_row,
    properties=(Property("COMMENT", Reader.string),),
    read_definition=_read_definition,
)
