"""SECRET of type GENERIC_STRING (contract 6.19) or PASSWORD. Only containers (services) can read the value.

The value or password is not stored in the catalog but in a file of the data folder that only the file's owner can read.
Each value has a file of its own, so that a statement that fails, or a kill, leaves the former value as it was.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors, superfluous
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from pathlib import Path

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject


def _file(world: World, secret: SnowflakeObject) -> Path:
    # an earlier version called the file like the object
    return world.folder / "secrets" / (secret["file"] or str(secret.id))


_KEYS = {"GENERIC_STRING": ("secret_string",), "PASSWORD": ("username", "password")}


def keys(secret: SnowflakeObject) -> tuple[str, ...]:
    """Return the keys of a secret of its type, as named in specifications."""
    return _KEYS[secret["type"]]


def values(world: World, secret: SnowflakeObject) -> dict[str, str]:
    """Return the keys of a secret with their values."""
    content = _file(world, secret).read_text("utf-8")
    return (
        {"secret_string": content}
        if keys(secret) == ("secret_string",)
        else {
            "username": secret["username"],
            "password": content,
        }
    )


def _read_type(reader: Reader) -> str:
    written = reader.word().upper()
    if written not in _KEYS:
        raise errors.not_supported(f"SECRET of TYPE {written}")
    return written


def _keep(call: Call, secret: SnowflakeObject) -> None:
    """Move the value from the properties, where CREATE or ALTER put it, into the file."""
    text = secret["password"] if secret["secret_string"] is None else secret["secret_string"]
    if text is None:
        return
    name = f"{secret.id}_{call.world.new_id()}"
    path = call.world.folder / "secrets" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with call.world.store.transaction() as tx:
        tx.otherwise(lambda: path.unlink(missing_ok=True))
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as writer:
            writer.write(text)
            writer.flush()
            os.fsync(writer.fileno())
        superfluous.remove_afterwards(call.world, _file(call.world, secret))
        catalog.update(tx, secret, {"secret_string": None, "password": None, "file": name})


def _finish(_call: Call, creation: Creation) -> None:
    present = {name for name in ("secret_string", "username", "password") if creation.properties[name] is not None}
    required = set(_KEYS[creation.properties["type"]])
    if present != required:
        raise errors.missing_property(", ".join(sorted(required)).upper(), "CREATE SECRET")


def _altered(call: Call, _before: SnowflakeObject, after: SnowflakeObject) -> None:
    _keep(call, after)


def _dropping(call: Call, secret: SnowflakeObject) -> None:
    superfluous.remove_afterwards(call.world, _file(call.world, secret))


def _common(secret: SnowflakeObject) -> tuple[Any, ...]:
    name = secret.name
    return (secret.created_on, name.name, name.schema, name.database, secret.owner, secret["comment"], secret["type"])


def _show_row(_call: Call, secret: SnowflakeObject) -> tuple[Any, ...]:
    return (*_common(secret), None, "ROLE")


def _describe(_call: Call, secret: SnowflakeObject) -> Result:
    described = columns(
        "created_on@ name schema_name database_name owner comment secret_type username oauth_access_token_expiry_time@"
        " oauth_refresh_token_expiry_time@ oauth_scopes integration_name"
    )
    return Result(described, [(*_common(secret), secret["username"], *[None] * 4)])


KIND = Kind(
    name="SECRET",
    plural="SECRETS",
    scope=ObjectScope.SCHEMA,
    show=columns("created_on@ name schema_name database_name owner comment secret_type oauth_scopes owner_role_type"),
    show_row=_show_row,
    properties=(
        Property("TYPE", _read_type, required=True, alterable=False),
        Property("SECRET_STRING", Reader.string),
        Property("USERNAME", Reader.string),
        Property("PASSWORD", Reader.string),
        Property("COMMENT", lambda reader: reader.value()),
    ),
    describe=_describe,
    finish_definition=_finish,
    created=_keep,
    altered=_altered,
    dropping=_dropping,
)
