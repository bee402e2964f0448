"""What a procedure's handler returns, as JSON has it.

Imports little: it is loaded into the process that runs bodies (procedures/worker.py). Must not know how it is sent.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any


def plain(result: Any) -> dict[str, Any]:
    """Return `{"value": …}`, or `{"columns": […], "types": […], "rows": […]}` of a data frame."""
    schema = getattr(result, "schema", None)
    if schema is not None and hasattr(result, "collect"):
        rows = [[_json(value) for value in row] for row in result.collect()]
        names = [field.name.strip('"') for field in schema.fields]
        return {"columns": names, "types": [_data_type(field.datatype) for field in schema.fields], "rows": rows}
    return {"value": _json(result)}


# Snowpark's types by name; any other type is text.
_NAMES = {
    "ByteType": "NUMBER",
    "ShortType": "NUMBER",
    "IntegerType": "NUMBER",
    "LongType": "NUMBER",
    "DecimalType": "NUMBER",
    "FloatType": "FLOAT",
    "DoubleType": "FLOAT",
    "BooleanType": "BOOLEAN",
    "DateType": "DATE",
    "TimeType": "TIME",
    "VariantType": "VARIANT",
    "MapType": "OBJECT",
    "StructType": "OBJECT",
    "ArrayType": "ARRAY",
}


def _data_type(kind: Any) -> tuple[str, tuple[int, ...]]:
    """Return name and numbers of the type of a DataFrame's column."""
    name = type(kind).__name__
    if name == "TimestampType" and kind.tz.name in ("NTZ", "DEFAULT"):
        return "TIMESTAMP_NTZ", ()
    return _NAMES.get(name, "VARCHAR"), (kind.precision, kind.scale) if name == "DecimalType" else ()


def _json(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return str(value)
