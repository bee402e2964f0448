"""SECRET of type GENERIC_STRING (contract 6.19). The value never comes back; the services part gives it to containers.

The value is kept in a file of the data folder that its owner alone can read, not in the catalog.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from sandbox import errors
from sandbox.objects import catalog
from sandbox.objects.kind import Creation, Kind, Property
from sandbox.result import Result, columns
from sandbox.session import Scope
from sandbox.statement import Reader

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.engine import Call, World
    from sandbox.objects.catalog import SnowflakeObject


def _file(world: World, found: SnowflakeObject) -> Path:
    return world.folder / "secrets" / str(found.id)


def value(world: World, found: SnowflakeObject) -> str:
    """The secret's text."""
    return _file(world, found).read_text()


def _read_type(reader: Reader) -> str:
    written = reader.word().upper()
    if written != "GENERIC_STRING":
        raise errors.not_supported(f"SECRET of TYPE {written}")
    return written


def _keep(call: Call, found: SnowflakeObject) -> None:
    """Move the value from the properties, where CREATE or ALTER left it, into the file."""
    text = found["secret_string"]
    if text is None:
        return
    path = _file(call.world, found)
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as writer:
        writer.write(text)
    with call.world.store.transaction() as tx:
        catalog.update(tx, found, {"secret_string": None})


def _finish(_call: Call, creation: Creation) -> None:
    if creation.properties["secret_string"] is None:
        raise errors.missing_property("SECRET_STRING", "CREATE SECRET")


def _altered(call: Call, _before: SnowflakeObject, after: SnowflakeObject) -> None:
    _keep(call, after)


def _dropping(call: Call, found: SnowflakeObject) -> None:
    _file(call.world, found).unlink(missing_ok=True)


def _common(found: SnowflakeObject) -> tuple[Any, ...]:
    name = found.name
    return (found.created_on, name.name, name.schema, name.database, found.owner, found["comment"], found["type"])


def _show_row(_call: Call, found: SnowflakeObject) -> tuple[Any, ...]:
    return (*_common(found), None, "ROLE")


def _describe(_call: Call, found: SnowflakeObject) -> Result:
    described = columns(
        "created_on@ name schema_name database_name owner comment secret_type username oauth_access_token_expiry_time@"
        " oauth_refresh_token_expiry_time@ oauth_scopes integration_name"
    )
    return Result(described, [(*_common(found), *[None] * 5)])


KIND = Kind(
    name="SECRET",
    plural="SECRETS",
    scope=Scope.SCHEMA,
    show=columns("created_on@ name schema_name database_name owner comment secret_type oauth_scopes owner_role_type"),
    show_row=_show_row,
    properties=(
        Property("TYPE", _read_type, required=True, alterable=False),
        Property("SECRET_STRING", Reader.string),
        Property("COMMENT", lambda reader: reader.value()),
    ),
    describe=_describe,
    finish_definition=_finish,
    created=_keep,
    altered=_altered,
    dropping=_dropping,
)
