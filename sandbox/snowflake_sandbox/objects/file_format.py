"""FILE FORMAT: named options of COPY INTO and INFER_SCHEMA. Stored and shown here; copy_into.py interprets them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.objects.stage import FILE_TYPES
from snowflake_sandbox.result import columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.property_values import one_of, whole_number
from snowflake_sandbox.statements.reader import Reader
from snowflake_sandbox.store import to_json

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_TEMPORARY = frozenset({"TEMPORARY", "TEMP", "SCOPED", "VOLATILE"})
_OPTIONS = [
    "TYPE",
    "COMPRESSION",
    "FIELD_DELIMITER",
    "RECORD_DELIMITER",
    "SKIP_HEADER",
    "FIELD_OPTIONALLY_ENCLOSED_BY",
    "BINARY_AS_TEXT",
    "USE_LOGICAL_TYPE",
    "USE_VECTORIZED_SCANNER",
    "PARSE_HEADER",
    "TRIM_SPACE",
    "STRIP_OUTER_ARRAY",
]

_READERS = {"TYPE": one_of("TYPE", *FILE_TYPES), "SKIP_HEADER": whole_number("SKIP_HEADER", 0)}


def _finish(call: Call, creation: Creation) -> None:
    temporary = bool(creation.modifiers & _TEMPORARY)
    creation.properties["session"] = call.session.id if temporary else None


def _created(call: Call, file_format: SnowflakeObject) -> None:
    if file_format["session"] is not None:
        call.world.data.connection(call.session).temporary.append(file_format.id)


def _show_row(_call: Call, file_format: SnowflakeObject) -> tuple[Any, ...]:
    options = {name: file_format[name.lower()] for name in _OPTIONS if file_format[name.lower()] is not None}
    return (
        file_format.created_on,
        file_format.name.name,
        file_format.name.database,
        file_format.name.schema,
        file_format["type"] or "CSV",
        file_format.owner,
        file_format["comment"] or "",
        to_json(options),
        "ROLE",
    )


KIND = Kind(
    name="FILE FORMAT",
    plural="FILE FORMATS",
    scope=ObjectScope.SCHEMA,
    show=columns("created_on@ name database_name schema_name type owner comment format_options owner_role_type"),
    show_row=_show_row,
    properties=(
        *(Property(name, _READERS.get(name, Reader.word)) for name in _OPTIONS),
        Property("COMMENT", Reader.string),
    ),
    finish_definition=_finish,
    created=_created,
    modifiers=_TEMPORARY,
)
