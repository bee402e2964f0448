"""The return value of a Python procedure as a result: one value, or the rows of a Snowpark DataFrame.

Knows the JSON of worker.py and Snowflake's types; must not know how a process is run (host.py).
"""

from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.catalog import signature
from snowflake_sandbox.result import CALL, ColumnType, Result, ResultColumn
from snowflake_sandbox.statements.reader import DataType

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_TYPES: dict[str, ColumnType] = {
    "NUMBER": "fixed",
    "FLOAT": "real",
    "BOOLEAN": "boolean",
    "VARIANT": "variant",
    "OBJECT": "object",
    "ARRAY": "array",
}
_TIMES: dict[str, ColumnType] = {"DATE": "date", "TIME": "time", "TIMESTAMP_NTZ": "timestamp_ntz"}
_SEMI_STRUCTURED = ("variant", "object", "array")
_CELLS: dict[str, Callable[[Any], Any]] = {
    "text": str,
    "fixed": lambda value: Decimal(value) if isinstance(value, str) else value,
    "date": date.fromisoformat,
    "time": time.fromisoformat,
    "timestamp_ntz": datetime.fromisoformat,
}


def result(procedure: SnowflakeObject, answer: dict[str, Any]) -> Result:
    """Return the rows of `RETURNS TABLE`, or the single value of any other procedure."""
    if procedure["returns"] == "TABLE":
        return _table(procedure, answer)
    kind = _TYPES.get(procedure["returns"], "text")
    value = answer.get("value")
    if value is not None and kind in _SEMI_STRUCTURED:
        value = json.dumps(value)
    elif value is not None and kind == "text":
        value = str(value)
    return Result((ResultColumn(procedure.name.name, kind),), ((value,),), CALL)


def _table(procedure: SnowflakeObject, answer: dict[str, Any]) -> Result:
    """Return the rows with the names and types declared in RETURNS TABLE, or else those of the DataFrame."""
    columns = [
        _column(argument.name, argument.type) for argument in signature.arguments_of(procedure, "result_columns")
    ]
    if not columns:
        kinds = [DataType(base, tuple(numbers)) for base, numbers in answer.get("types", [])]
        columns = [_column(name, kind) for name, kind in zip(answer.get("columns", []), kinds, strict=True)]
    rows = [
        tuple(_cell(value, column.type) for value, column in zip(row, columns, strict=False)) for row in answer["rows"]
    ]
    return Result(tuple(columns), rows, CALL)


def _column(name: str, kind: DataType) -> ResultColumn:
    wire = {**_TYPES, **_TIMES}.get(kind.base, "text")
    if wire == "fixed":
        precision, scale = (*kind.numbers, *(38, 0)[len(kind.numbers) :])
        return ResultColumn(name, wire, precision, scale)
    return ResultColumn(name, wire, scale=9 if kind.base in ("TIME", "TIMESTAMP_NTZ") else 0)


def _cell(value: Any, kind: str) -> Any:
    """Return a cell of a DataFrame; semi-structured values are JSON already."""
    return None if value is None else _CELLS.get(kind, lambda same: same)(value)
