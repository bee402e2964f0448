"""The wire's value formats: a Result as JSON rowset or Arrow stream, bound values as Python values.

Knows the encodings of contract section 3 and of the Arrow chunks that the Python connector reads; must not know HTTP
nor statements. The connector's nanoarrow converters fix the Arrow layout: a timestamp is a struct of epoch and
fraction, a time an int64 of nanoseconds, and each field's metadata repeats logical type, precision and scale.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from snowflake_sandbox import errors

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from snowflake_sandbox.result import Result, ResultColumn

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TEXT_LENGTH = 16_777_216
_BINARY_LENGTH = 8_388_608
_SEMI_STRUCTURED = frozenset({"variant", "object", "array"})
_MICROSECOND = timedelta(microseconds=1)
# What the semi-structured values of one result may take when they are indented: each line of a deep one has hundreds of
# blanks, so that a statement of a few bytes would take all of the machine's memory.
LARGEST_INDENTED = 256 << 20
# In TIMESTAMP_TZ cells the offset is increased by a day's minutes, so that it is never negative.
_OFFSET_SHIFT = 1440


def rowtype(column: ResultColumn) -> dict[str, Any]:
    """Return the description of one column; the Python connector needs all of these keys (contract section 7)."""
    precision, scale, length, byte_length = None, None, None, None
    if column.type == "fixed":
        precision, scale = column.precision, column.scale
    elif column.type.startswith("time"):
        precision, scale = 0, column.scale
    elif column.type == "text":
        length, byte_length = column.length or _TEXT_LENGTH, min(4 * (column.length or _TEXT_LENGTH), _TEXT_LENGTH)
    elif column.type == "binary":
        length = byte_length = column.length or _BINARY_LENGTH
    return {
        "name": column.name,
        "database": "",
        "schema": "",
        "table": "",
        "nullable": column.nullable,
        "type": column.type,
        "byteLength": byte_length,
        "length": length,
        "precision": precision,
        "scale": scale,
        "collation": None,
    }


# The columns of the results of DML, with the names of their counts in a response, as drivers read them.
_COUNTS = {
    "number of rows inserted": "numRowsInserted",
    "number of rows updated": "numRowsUpdated",
    "number of rows deleted": "numRowsDeleted",
    "number of multi-joined rows updated": "numDmlDuplicates",
}


def result_data(result: Result, *, arrow: bool, indent: int = 2) -> dict[str, Any]:
    """Return the fields of a query response that depend on the rows.

    Args:
        result: the statement's result.
        arrow: whether the client reads Arrow; rows that are not in Arrow are sent as JSON even then.
        indent: the session's JSON_INDENT; 0 writes a semi-structured value in one line.
    """
    if result.data is not None:
        return dict(result.data)
    if result.statements:
        # Clients fetch each statement's result by its id.
        return {
            **result_data(replace(result, statements=()), arrow=False, indent=indent),
            "resultIds": ",".join(query_id for query_id, _kind in result.statements),
            "resultTypes": ",".join(str(kind) for _query_id, kind in result.statements),
        }
    described = [rowtype(column) for column in result.columns]
    if result.arrow is not None and arrow:
        return {
            "rowtype": described,
            "total": result.arrow.num_rows,
            "returned": result.arrow.num_rows,
            "queryResultFormat": "arrow",
            # Without rows the connector builds an empty table itself; it cannot read a stream without batches.
            "rowsetBase64": base64.b64encode(arrow_stream(result.columns, result.arrow, Indented(indent))).decode()
            if result.arrow.num_rows
            else "",
        }
    rows = json_rows(result, Indented(indent))
    stats = _stats(result)
    return {
        **({"stats": stats} if stats else {}),
        "rowtype": described,
        "rowset": rows,
        "total": len(rows),
        "returned": len(rows),
        "queryResultFormat": "json",
    }


def _stats(result: Result) -> dict[str, int]:
    """Return the counts of changed rows of INSERT, UPDATE, DELETE and MERGE; {} for other statements."""
    row = result.rows[0] if len(result.rows) == 1 else ()
    names = [column.name for column in result.columns]
    return {_COUNTS[name]: int(count) for name, count in zip(names, row, strict=False) if name in _COUNTS}


def json_rows(result: Result, indented: Indented) -> list[list[str | None]]:
    """Return rows as in a JSON rowset: text or null (a JSON number breaks the Go driver's decoding)."""
    types = [column.type for column in result.columns]
    return [
        [None if value is None else _cell(kind, value, indented) for kind, value in zip(types, row, strict=True)]
        for row in python_rows(result)
    ]


def python_rows(result: Result) -> Sequence[tuple[Any, ...]]:
    """Return rows as Python values, whatever their form."""
    if result.arrow is None:
        return result.rows
    return list(zip(*[column.to_pylist() for column in result.arrow.columns], strict=True))


def _cell(kind: str, value: Any, indented: Indented) -> str:  # noqa: PLR0911  # one return per type
    if kind == "boolean":
        return "1" if value in (True, "true", "TRUE", "1") else "0"
    if kind.startswith("timestamp") and isinstance(value, datetime):
        return _timestamp_cell(kind, value)
    if kind == "date" and isinstance(value, date):
        return str((value - _EPOCH.date()).days)
    if kind == "time" and isinstance(value, time):
        seconds = value.hour * 3600 + value.minute * 60 + value.second
        return f"{seconds}.{value.microsecond * 1000:09d}"
    if isinstance(value, bytes):
        return value.hex().upper()
    if kind in _SEMI_STRUCTURED:
        return indented.text(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    return str(value)


class Indented:
    """Writes the VARIANTs, OBJECTs and ARRAYs of a result as clients get them; `indent`: the session's JSON_INDENT."""

    def __init__(self, indent: int) -> None:
        layout: dict[str, Any] = {"indent": indent} if indent else {"separators": (",", ":")}
        self._is_compact = not indent
        self._encoder = json.JSONEncoder(sort_keys=True, ensure_ascii=False, default=str, **layout)
        self._left = LARGEST_INDENTED

    def text(self, value: Any) -> str:
        """Return a value indented, with sorted keys (to_json, "Usage notes").

        Raises:
            SnowflakeError: 100082 (guess) if the result's values together become too large.
        """
        if not isinstance(value, str):
            return self._of(value)
        if not value.startswith(("{", "[")):
            return value
        try:
            return self._of(json.loads(value))
        except (ValueError, RecursionError):
            return value  # numbers of thousands of digits, thousands of levels: as it was written

    def _of(self, value: Any) -> str:
        if self._is_compact:
            return self._encoder.encode(value)
        pieces = []
        for piece in self._encoder.iterencode(value):
            pieces.append(piece)
            self._left -= len(piece)
            if self._left < 0:
                raise errors.too_large_indented(LARGEST_INDENTED)
        return "".join(pieces)


def _timestamp_cell(kind: str, value: datetime) -> str:
    aware = value if value.tzinfo else value.replace(tzinfo=UTC)
    microseconds = (aware - _EPOCH) // _MICROSECOND
    # The cell is a decimal number of seconds: half a second before 1970 is -0.5, not -1 plus 0.5.
    sign = "-" if microseconds < 0 else ""
    text = f"{sign}{abs(microseconds) // 1_000_000}.{abs(microseconds) % 1_000_000 * 1000:09d}"
    if kind != "timestamp_tz":
        return text
    offset = aware.utcoffset() or timedelta()
    return f"{text} {int(offset.total_seconds() // 60) + _OFFSET_SHIFT}"


def arrow_stream(columns: Sequence[ResultColumn], table: pa.Table, indented: Indented) -> bytes:
    """Return an Arrow IPC stream of one batch, in the layout that the connector's converters expect."""
    arrays, fields = [], []
    for column, chunked in zip(columns, table.columns, strict=True):
        array = _arrow_array(column, chunked.combine_chunks(), indented)
        metadata = {
            "logicalType": column.type.upper(),
            "precision": str(column.precision),
            "scale": str(column.scale),
            "charLength": str(column.length or _TEXT_LENGTH),
        }
        arrays.append(array)
        fields.append(pa.field(column.name, array.type, metadata=metadata))
    schema = pa.schema(fields)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return bytes(sink.getvalue())


def _arrow_array(column: ResultColumn, array: pa.Array, indented: Indented) -> pa.Array:  # noqa: PLR0911  # one return per type
    kind = array.type
    if pa.types.is_timestamp(kind):
        return _timestamp_struct(array)
    if pa.types.is_time(kind):
        return pc.multiply(array.cast(pa.time64("us")).cast(pa.int64()), 1000)
    if pa.types.is_decimal(kind) and column.scale == 0:
        # Snowflake sends whole numbers as integers if they fit, so that clients return int instead of Decimal.
        try:
            return array.cast(pa.int64())
        except pa.ArrowInvalid:
            return array
    if pa.types.is_uint64(kind):
        return array.cast(pa.decimal128(38, 0))
    if pa.types.is_unsigned_integer(kind):
        return array.cast(pa.int64())
    if pa.types.is_float32(kind):
        return array.cast(pa.float64())
    if pa.types.is_nested(kind) or pa.types.is_null(kind) or column.type in _SEMI_STRUCTURED:
        texts = [None if value is None else indented.text(value) for value in array.to_pylist()]
        return pa.array(texts, pa.string())
    if pa.types.is_dictionary(kind):
        return array.cast(pa.string())
    return array


def _timestamp_struct(array: pa.Array) -> pa.Array:
    microseconds = array.cast(pa.timestamp("us", array.type.tz)).cast(pa.int64())
    # Arrow's integer division truncates towards zero; times before 1970 need the floor.
    floor = pc.floor(pc.divide(microseconds.cast(pa.float64()), 1_000_000)).cast(pa.int64())
    fraction = pc.multiply(pc.subtract(microseconds, pc.multiply(floor, 1_000_000)), 1000).cast(pa.int32())
    return pa.StructArray.from_arrays(
        [pc.fill_null(floor, 0), pc.fill_null(fraction, 0)],
        fields=[pa.field("epoch", pa.int64(), nullable=False), pa.field("fraction", pa.int32(), nullable=False)],
        mask=pc.is_null(array),
    )


def binding_value(kind: str, value: Any) -> Any:
    """Return a bound value as a Python value; a list (a batch of executemany) becomes a list.

    Args:
        kind: the binding's type as the client sends it, e.g. "FIXED", "TIMESTAMP_NTZ".
        value: its text, a list of texts, or None.
    """
    if isinstance(value, list):
        return [binding_value(kind, item) for item in value]
    if value is None:
        return None
    read = _BINDINGS.get(kind)
    return value if read is None else read(value)


def _fixed(text: str) -> Any:
    return int(text) if text.lstrip("+-").isdigit() else Decimal(text)


def _instant(text: str) -> datetime:
    # A TIMESTAMP_TZ has its offset after a blank; the time in UTC does not depend on it.
    return _EPOCH + timedelta(microseconds=int(text.partition(" ")[0]) // 1000)


def _naive_instant(text: str) -> datetime:
    return _instant(text).replace(tzinfo=None)


def _time(text: str) -> time:
    return (_EPOCH + timedelta(microseconds=int(text) // 1000)).time()


def _date(text: str) -> date:
    return (_EPOCH + timedelta(milliseconds=int(text))).date()


_BINDINGS: Mapping[str, Any] = {
    "FIXED": _fixed,
    "REAL": float,
    "BOOLEAN": lambda text: str(text).lower() in ("true", "1"),
    "BINARY": bytes.fromhex,
    "DATE": _date,
    "TIME": _time,
    "TIMESTAMP_NTZ": _naive_instant,
    "TIMESTAMP_LTZ": _instant,
    "TIMESTAMP_TZ": _instant,
}


def bindings(sent: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Any]:
    """Return the `bindings` of a query request: position or name -> Python value or, for a batch, list of values."""
    return {name: binding_value(bound.get("type", "TEXT"), bound.get("value")) for name, bound in (sent or {}).items()}
