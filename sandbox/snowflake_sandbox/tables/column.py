"""Columns of tables: read from CREATE TABLE and ALTER TABLE, shown by DESCRIBE, and translated to DuckDB.

Knows one column at a time; must not know the catalog or a connection. A table's properties store a column as a plain
dictionary (`TableColumn.record`). Keys are shown but not enforced, as in Snowflake.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.statements import new_names
from snowflake_sandbox.statements.reader import DataType
from snowflake_sandbox.tables import constraints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from snowflake_sandbox.result import ResultColumn
    from snowflake_sandbox.statements.reader import Reader
    from snowflake_sandbox.tables.constraints import Key

_DUCKDB = {
    "VARCHAR": "VARCHAR",
    "FLOAT": "DOUBLE",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIME": "TIME",
    "TIMESTAMP_NTZ": "TIMESTAMP",
    "TIMESTAMP_LTZ": "TIMESTAMPTZ",
    "TIMESTAMP_TZ": "TIMESTAMPTZ",
    "VARIANT": "JSON",
    "OBJECT": "JSON",
    "ARRAY": "JSON",
    "BINARY": "BLOB",
}
_MOST_DIGITS = 38
_LENGTHS = {"TEXT": 16_777_216, "BINARY": 8_388_608}
_FROM_RESULT = {
    "text": "VARCHAR",
    "real": "FLOAT",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "time": "TIME",
    "timestamp_ntz": "TIMESTAMP_NTZ",
    "timestamp_ltz": "TIMESTAMP_LTZ",
    "timestamp_tz": "TIMESTAMP_TZ",
    "variant": "VARIANT",
    "object": "OBJECT",
    "array": "ARRAY",
    "binary": "BINARY",
}


def require_distinct(names: Iterable[str]) -> None:
    """Refuse a name that stands twice among those of columns.

    Raises:
        SnowflakeError: 002025.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise errors.duplicate_column(name)
        seen.add(name)


@dataclass(frozen=True)
class TableColumn:
    """A column of a table.

    Attributes:
        base, numbers: the data type, see `DataType`.
        fixed: whether the type was written as BINARY, not VARBINARY (SHOW COLUMNS).
        default: the text of the default as written; None without one.
        identity: start and increment of IDENTITY; otherwise None.
    """

    name: str
    base: str
    numbers: tuple[int, ...] = ()
    nullable: bool = True
    default: str | None = None
    identity: tuple[int, int] | None = None
    comment: str = ""
    collation: str = ""
    primary_key: bool = False
    unique_key: bool = False
    fixed: bool = False

    @property
    def type(self) -> DataType:
        """Return the data type."""
        return DataType(self.base, self.numbers)

    @property
    def shown_type(self) -> str:
        """Return the type as in DESCRIBE TABLE, including the collation."""
        return self.type.full + (f" COLLATE '{self.collation}'" if self.collation else "")

    @property
    def shown_default(self) -> str | None:
        """Return the default as in DESCRIBE TABLE."""
        if self.identity is not None:
            return f"IDENTITY START {self.identity[0]} INCREMENT {self.identity[1]} NOORDER"
        return self.default

    @property
    def json_type(self) -> str:
        """Return the type as JSON, as in SHOW COLUMNS."""
        kind = {"VARCHAR": "TEXT", "NUMBER": "FIXED", "FLOAT": "REAL"}.get(self.base, self.base)
        described: dict[str, Any] = {"type": kind}
        if kind in ("TEXT", "BINARY"):
            length = (*self.numbers, _LENGTHS[kind])[0]
            width = min(4 * length, _LENGTHS["TEXT"]) if kind == "TEXT" else length
            described |= {"length": length, "byteLength": width, "nullable": self.nullable, "fixed": self.fixed}
        elif kind == "FIXED":
            precision, scale = (*self.numbers, 38, 0)[:2] if len(self.numbers) != 1 else (self.numbers[0], 0)
            described |= {"precision": precision, "scale": scale, "nullable": self.nullable}
        elif kind.startswith("TIME"):
            described |= {"precision": 0, "scale": (*self.numbers, 9)[0], "nullable": self.nullable}
        else:
            described["nullable"] = self.nullable
        return json.dumps(described, separators=(",", ":"))

    def record(self) -> dict[str, Any]:
        """Return the column as the catalog stores it."""
        return asdict(self)


def from_record(record: dict[str, Any]) -> TableColumn:
    """Return the column that the catalog stores as this record."""
    identity = record["identity"]
    numbers = tuple(record["numbers"])
    return TableColumn(**{**record, "numbers": numbers, "identity": tuple(identity) if identity else None})


def from_result(result_column: ResultColumn) -> TableColumn:
    """Return the column that CREATE TABLE … AS creates for a query's column."""
    if result_column.type == "fixed":
        return TableColumn(result_column.name, "NUMBER", (result_column.precision, result_column.scale))
    if result_column.length is not None:
        return TableColumn(result_column.name, _FROM_RESULT[result_column.type], (result_column.length,))
    return TableColumn(result_column.name, _FROM_RESULT[result_column.type])


def duckdb_type(kind: DataType) -> str:
    """Return the DuckDB type for values of a Snowflake type.

    Raises:
        SnowflakeError: 000002 for a type that the sandbox lacks (GEOGRAPHY, VECTOR, …).
    """
    if kind.base == "NUMBER":
        precision, scale = (*kind.numbers, 38, 0)[:2] if kind.numbers[1:] else ((*kind.numbers, 38)[0], 0)
        if not 0 < precision <= _MOST_DIGITS or not 0 <= scale <= precision:
            raise errors.invalid_value(f"({precision},{scale})", "NUMBER")
        # 64 bits instead of DECIMAL(38,0), whose products overflow in DuckDB.
        return f"DECIMAL({precision},{scale})" if scale else "BIGINT"
    if kind.base not in _DUCKDB:
        raise errors.not_supported(f"data type {kind.base}")
    return _DUCKDB[kind.base]


def definition(column: TableColumn, translate: Callable[[str], str], sequence: str) -> str:
    """Return the column's definition in DuckDB's CREATE TABLE.

    Args:
        column: the column.
        translate: translates a Snowflake expression to DuckDB's SQL.
        sequence: the quoted name of the column's sequence, used for IDENTITY.
    """
    text = '"' + column.name.replace('"', '""') + '" ' + duckdb_type(column.type)
    if column.identity is not None:
        text += f" DEFAULT nextval('{sequence.replace(chr(39), chr(39) * 2)}')"
    elif column.default is not None:
        text += f" DEFAULT {translate(column.default)}"
    return text if column.nullable else text + " NOT NULL"


def read(reader: Reader, keys: list[Key]) -> TableColumn:
    """Read a column definition up to the next comma or parenthesis; add its constraints to `keys`.

    Raises:
        SnowflakeError: 001003, or 000002 for a clause that the sandbox lacks.
    """
    name = new_names.of_column(reader)
    is_fixed = reader.peek() == "BINARY"
    kind = reader.data_type()
    column = TableColumn(name, kind.base, kind.numbers, fixed=is_fixed)
    while not reader.at_end and reader.peek() not in (",", ")"):
        key = constraints.read_inline(reader, name)
        if key is None:
            column = _read_clause(reader, column)
        else:
            keys.append(key)
    duckdb_type(column.type)
    return column


def _read_clause(reader: Reader, column: TableColumn) -> TableColumn:  # one branch per clause
    if reader.accept("NOT NULL"):
        return replace(column, nullable=False)
    if reader.accept("NULL"):
        return column
    if reader.accept("DEFAULT"):
        return replace(column, default=read_expression(reader))
    if reader.accept("IDENTITY") or reader.accept("AUTOINCREMENT"):
        return replace(column, identity=_read_identity(reader))
    if reader.accept("COLLATE"):
        return replace(column, collation=reader.string())
    if reader.accept("COMMENT"):
        reader.accept("=")
        return replace(column, comment=reader.string())
    raise errors.not_supported(f"column clause {reader.peek()}") if reader.peek() else reader.unexpected()


def _read_identity(reader: Reader) -> tuple[int, int]:
    start, increment = 1, 1
    if reader.peek() == "(":
        numbers = reader.parenthesized().split(",")
        start, increment = int(numbers[0]), int(numbers[1])
    if reader.accept("START"):
        reader.accept("WITH")
        reader.accept("=")
        start = reader.integer()
    if reader.accept("INCREMENT"):
        reader.accept("BY")
        reader.accept("=")
        increment = reader.integer()
    if not reader.accept("ORDER"):
        reader.accept("NOORDER")
    return start, increment


_AFTER_DEFAULT = frozenset({"NOT", "NULL", "COMMENT", "COLLATE", "UNIQUE", "PRIMARY", "CONSTRAINT", "REFERENCES"})


def read_expression(reader: Reader) -> str:
    """Read a default and return its text; it ends at a comma, a parenthesis or the next clause."""
    start = reader.tokens[reader.index]
    depth, last = 0, start
    while not reader.at_end:
        word = reader.peek()
        first = (word.split() or [""])[0]
        if depth == 0 and (
            word in (",", ")") or (first in _AFTER_DEFAULT and reader.tokens[reader.index] is not start)
        ):
            break
        depth += {"(": 1, ")": -1}.get(word, 0)
        last = reader.tokens[reader.index]
        reader.index += 1
    return reader.text[start.start : last.end + 1]
