"""IMAGE REPOSITORY (contract 6.9). The services part manages its content (registry.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.result import columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

REGISTRY = "local-sandbox.registry.snowflakecomputing.com"


def read_encryption(reader: Reader) -> str:
    """Read `ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')`; ENCRYPTION itself has been read already."""
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


KIND = Kind(
    name="IMAGE REPOSITORY",
    plural="IMAGE REPOSITORIES",
    scope=ObjectScope.SCHEMA,
    show=columns(
        "created_on@ name database_name schema_name repository_url owner owner_role_type comment encryption"
        " privatelink_repository_url"
    ),
    show_row=_show_row,
    properties=(Property("COMMENT", Reader.string),),
    read_definition=_read_definition,
)
