"""Conversions between DuckDB and results: columns of relations, results as temporary tables, staged files.

Knows DuckDB's and Snowflake's type names and DuckDB's readers of files; must not know sessions or statements.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pyarrow as pa

from snowflake_sandbox.dialect.families import DType
from snowflake_sandbox.errors import invalid_value, not_supported
from snowflake_sandbox.result import ColumnType, Result, ResultColumn

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import duckdb
    from sqlglot import exp

_GZIP = b"\x1f\x8b"
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_KINDS: dict[str, ColumnType] = {
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "DOUBLE": "real",
    "FLOAT": "real",
    "DATE": "date",
    "TIME": "time",
    "TIME WITH TIME ZONE": "time",
    "TIMESTAMP": "timestamp_ntz",
    "TIMESTAMP_S": "timestamp_ntz",
    "TIMESTAMP_MS": "timestamp_ntz",
    "TIMESTAMP_NS": "timestamp_ntz",
    # DuckDB has one type with a time zone; it stores only the time in UTC, which is what TIMESTAMP_LTZ means.
    "TIMESTAMP WITH TIME ZONE": "timestamp_ltz",
    "JSON": "variant",
    "BLOB": "binary",
}
_INTEGERS = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT"}
)
_DIGITS_OF_64_BITS = 18
_DUCKDB: dict[str, str] = {
    "text": "VARCHAR",
    "real": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIME",
    "timestamp_ntz": "TIMESTAMP",
    "timestamp_ltz": "TIMESTAMPTZ",
    "timestamp_tz": "TIMESTAMPTZ",
    "variant": "JSON",
    "object": "JSON",
    "array": "JSON",
    "binary": "BLOB",
}


def column(name: str, duckdb_type: str) -> ResultColumn:
    """Return the result column for a column of a relation."""
    if duckdb_type in _INTEGERS:
        return ResultColumn(name, "fixed")
    if match := _DECIMAL.fullmatch(duckdb_type):
        return ResultColumn(name, "fixed", precision=int(match[1]), scale=int(match[2]))
    kind = _KINDS.get(duckdb_type)
    if kind is None:
        kind = (
            "array" if duckdb_type.endswith("]") else "object" if duckdb_type.startswith(("STRUCT", "MAP")) else "text"
        )
    return ResultColumn(name, kind, scale=9 if kind.startswith("time") else 0)


def columns(relation: duckdb.DuckDBPyRelation) -> tuple[ResultColumn, ...]:
    """Return the result columns of a relation, which is bound but not run."""
    return tuple(column(name, str(kind)) for name, kind in zip(relation.columns, relation.types, strict=True))


def semi_structured(described: tuple[ResultColumn, ...], kinds: list[exp.DataType | None]) -> tuple[ResultColumn, ...]:
    """Return the columns with ARRAY or OBJECT where the expression has that type: DuckDB has JSON for all of them."""
    if len(described) != len(kinds):
        return described
    names: dict[object, ColumnType] = {DType.ARRAY: "array", DType.OBJECT: "object"}
    return tuple(
        replace(item, type=names[kind.this])
        if kind is not None and item.type == "variant" and kind.this in names
        else item
        for item, kind in zip(described, kinds, strict=True)
    )


def no_rows(described: tuple[ResultColumn, ...]) -> pa.Table:
    """Return an empty table with these columns (for requests that only describe)."""
    names = [described_column.name for described_column in described]
    return pa.Table.from_arrays([pa.array([], pa.string()) for _ in described], names=names)


def duckdb_type(described_column: ResultColumn) -> str:
    """Return the DuckDB type for a result column."""
    if described_column.type != "fixed":
        return _DUCKDB[described_column.type]
    if described_column.scale:
        return f"DECIMAL({described_column.precision},{described_column.scale})"
    return "HUGEINT" if described_column.precision > _DIGITS_OF_64_BITS else "BIGINT"


# Arrow types of columns that may contain only NULLs; other types are inferred from the values.
_ARROW: dict[str, pa.DataType] = {
    "text": pa.string(),
    "boolean": pa.bool_(),
    "real": pa.float64(),
    "timestamp_ltz": pa.timestamp("us", "UTC"),
    "timestamp_ntz": pa.timestamp("us"),
}


def make_table(duck: duckdb.DuckDBPyConnection, name: str, result: Result) -> None:
    """Create a temporary table with a result, for the statement that selects from it."""
    if result.arrow is not None:
        duck.register("_arrow", result.arrow)
        duck.execute(f'CREATE TEMP TABLE "{name}" AS SELECT * FROM _arrow')
        duck.unregister("_arrow")
        return
    described = ", ".join(
        '"' + described_column.name.replace('"', '""') + '" ' + duckdb_type(described_column)
        for described_column in result.columns
    )
    duck.execute(f'CREATE TEMP TABLE "{name}" ({described})')
    if result.rows:
        # Row by row, DuckDB takes a second for the history of a graph of 1,000 tasks; as an Arrow table, milliseconds.
        cells = zip(*result.rows, strict=True)
        arrays = [
            pa.array(cell, _ARROW.get(described_column.type))
            for cell, described_column in zip(cells, result.columns, strict=True)
        ]
        rows = pa.Table.from_arrays(arrays, names=[f"c{number}" for number in range(len(arrays))])
        duck.register("_rows", rows)
        duck.execute(f'INSERT INTO "{name}" SELECT * FROM _rows')
        duck.unregister("_rows")


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _compression(path: Path, said: str) -> str:
    """Return DuckDB's word; what AUTO means is seen from the content, as an unloaded file may have any name."""
    if said in ("NONE", "GZIP", "ZSTD"):
        return said.lower()
    with path.open("rb") as file:
        return "gzip" if file.read(len(_GZIP)) == _GZIP else "auto"


def file_reader(path: Path, file_format: Mapping[str, str]) -> str:
    """Return the call of DuckDB's table function that reads a CSV, JSON or Parquet file.

    Raises:
        SnowflakeError: 000002 for another format, 001008 for a SKIP_HEADER that is not a number.
    """
    compression = _text(_compression(path, file_format.get("COMPRESSION", "AUTO").upper()))
    kind = file_format.get("TYPE", "CSV").upper()
    if kind == "PARQUET":
        return f"read_parquet({_text(str(path))})"
    if kind == "JSON":
        return f"read_json_objects({_text(str(path))}, format = 'auto', compression = {compression})"
    if kind != "CSV":
        raise not_supported(f"COPY INTO … TYPE = {kind}")
    skip = file_format.get("SKIP_HEADER", "0")
    if not skip.isdecimal():
        raise invalid_value(skip, "SKIP_HEADER")
    options = {
        "delim": _text(file_format.get("FIELD_DELIMITER", ",").replace("\\t", "\t")),
        "skip": skip,
        "header": "false",
        "all_varchar": "true",
        "compression": compression,
    }
    quote = file_format.get("FIELD_OPTIONALLY_ENCLOSED_BY", "NONE")
    options["quote"] = "''" if quote.upper() == "NONE" else _text(quote)
    listed = ", ".join(f"{name} = {value}" for name, value in options.items())
    return f"read_csv({_text(str(path))}, {listed})"
