"""Internal STAGE (contract 6.10): a folder below the data folder. stage_files.py moves files in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors, superfluous
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements import property_values
from snowflake_sandbox.statements.reader import Reader
from snowflake_sandbox.statements.showing import text_rows

if TYPE_CHECKING:
    from pathlib import Path

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_TEMPORARY = frozenset({"TEMPORARY", "TEMP", "SCOPED"})
FILE_TYPES = ("CSV", "JSON", "AVRO", "ORC", "PARQUET", "XML", "CUSTOM")
_ENCRYPTION = {"TYPE": ("SNOWFLAKE_FULL", "SNOWFLAKE_SSE")}
_DIRECTORY = dict.fromkeys(("ENABLE", "AUTO_REFRESH", "REFRESH_ON_CREATE"), ("TRUE", "FALSE"))
_FORMAT_DEFAULTS = {
    "TYPE": "CSV",
    "RECORD_DELIMITER": "\\n",
    "FIELD_DELIMITER": ",",
    "SKIP_HEADER": "0",
    "COMPRESSION": "AUTO",
}


def root(world: World) -> Path:
    """Return the folder that contains every stage's folder; create it if it is missing."""
    path = world.folder / "stages"
    path.mkdir(parents=True, exist_ok=True)
    return path


def folder(world: World, stage: SnowflakeObject) -> Path:
    """Return the folder of a stage's files; create it if it is missing."""
    path = root(world) / str(stage.id)
    path.mkdir(parents=True, exist_ok=True)
    return path


def read_options(reader: Reader) -> dict[str, str]:
    """Read `(TYPE = CSV FIELD_DELIMITER = ',' …)` as upper-case name -> text; nested parentheses stay text."""
    reader.accept("=")
    inside = reader.parenthesized()
    options: dict[str, str] = {}
    nested = Reader(inside) if inside.strip() else None
    while nested is not None and not nested.at_end:
        name = nested.identifier()
        nested.accept("=")
        options[name] = f"({nested.parenthesized()})" if nested.peek() == "(" else str(nested.value())
        nested.accept(",")
    return options


def _refuse(word: str) -> Any:
    def read(_reader: Reader) -> Any:
        raise errors.not_supported(f"external stage ({word})")

    return read


def _require_allowed(call: Call, properties: Any) -> None:
    """Refuse values of options that an internal stage does not have, and a file format that does not exist.

    Raises:
        SnowflakeError: 001008, 002003.
    """
    property_values.require_options(properties.get("encryption") or {}, _ENCRYPTION)
    property_values.require_options(properties.get("directory") or {}, _DIRECTORY)
    options = properties.get("file_format") or {}
    property_values.require_options(options, {"TYPE": FILE_TYPES})
    if "FORMAT_NAME" in options:
        written = Reader(options["FORMAT_NAME"]).object_name()
        name = call.session.resolve(written, ObjectScope.SCHEMA, "CREATE STAGE")
        with call.world.store.reading() as tx:
            file_format = catalog.get(tx, "FILE FORMAT", name)
        access.require(call, "USAGE", file_format)


def _altered(call: Call, _before: SnowflakeObject, after: SnowflakeObject) -> None:
    _require_allowed(call, after.properties)


def _refuse_refresh(_call: Call, _stage: SnowflakeObject) -> Result | None:
    raise errors.not_supported("ALTER STAGE … REFRESH")


def _finish(call: Call, creation: Creation) -> None:
    _require_allowed(call, creation.properties)
    temporary = bool(creation.modifiers & _TEMPORARY)
    creation.properties["session"] = call.session.id if temporary else None


def _created(call: Call, stage: SnowflakeObject) -> None:
    folder(call.world, stage)
    if stage["session"] is not None:
        call.world.data.connection(call.session).temporary.append(stage.id)


def _dropping(call: Call, stage: SnowflakeObject) -> None:
    superfluous.remove_afterwards(call.world, folder(call.world, stage))


def _flag(options: Any, key: str) -> str:
    return str((options or {}).get(key, "false")).lower()


def _show_row(_call: Call, stage: SnowflakeObject) -> tuple[Any, ...]:
    server_side = str((stage["encryption"] or {}).get("TYPE", "")).upper() == "SNOWFLAKE_SSE"
    return (
        stage.created_on,
        stage.name.name,
        stage.name.database,
        stage.name.schema,
        "",
        "N",
        "N",
        stage.owner,
        stage["comment"] or "",
        None,
        "INTERNAL NO CSE" if server_side else "INTERNAL",
        None,
        None,
        None,
        None,
        "ROLE",
        "Y" if _flag(stage["directory"], "ENABLE") == "true" else "N",
    )


def _describe(_call: Call, stage: SnowflakeObject) -> Result:
    format_options = stage["file_format"] or {}
    rows: list[tuple[Any, ...]] = [
        ("STAGE_FILE_FORMAT", name, "String", format_options.get(name, default), default)
        for name, default in _FORMAT_DEFAULTS.items()
    ]
    rows += [
        ("STAGE_FILE_FORMAT", name, "String", value, "")
        for name, value in format_options.items()
        if name not in _FORMAT_DEFAULTS
    ]
    rows += [
        ("STAGE_COPY_OPTIONS", "ON_ERROR", "String", "ABORT_STATEMENT", "ABORT_STATEMENT"),
        ("STAGE_COPY_OPTIONS", "PURGE", "Boolean", "false", "false"),
        ("STAGE_LOCATION", "URL", "String", "", ""),
        ("DIRECTORY", "ENABLE", "Boolean", _flag(stage["directory"], "ENABLE"), "false"),
        ("DIRECTORY", "AUTO_REFRESH", "Boolean", _flag(stage["directory"], "AUTO_REFRESH"), "false"),
        ("DIRECTORY", "LAST_REFRESHED_ON", "String", "", ""),
    ]
    return text_rows("parent_property property property_type property_value property_default", rows)


KIND = Kind(
    name="STAGE",
    plural="STAGES",
    scope=ObjectScope.SCHEMA,
    show=columns(
        "created_on@ name database_name schema_name url has_credentials has_encryption_key owner comment region type"
        " cloud notification_channel storage_integration endpoint owner_role_type directory_enabled"
    ),
    show_row=_show_row,
    properties=(
        Property("ENCRYPTION", read_options),
        Property("DIRECTORY", read_options),
        Property("FILE_FORMAT", read_options),
        Property("COMMENT", Reader.string),
        *(Property(word, _refuse(word)) for word in ("URL", "STORAGE_INTEGRATION", "CREDENTIALS")),
    ),
    describe=_describe,
    finish_definition=_finish,
    created=_created,
    altered=_altered,
    dropping=_dropping,
    modifiers=_TEMPORARY,
    actions={"REFRESH": _refuse_refresh},
    created_message="Stage area {name} successfully created.",
)
