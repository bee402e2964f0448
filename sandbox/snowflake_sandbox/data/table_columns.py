"""The columns of the tables in a statement, with their types as the dialect's annotation needs them.

Knows the catalog's columns and a result's; must not know statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlglot import exp

from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.dialect import sizes
from snowflake_sandbox.dialect.conversions import Formats
from snowflake_sandbox.dialect.families import DType
from snowflake_sandbox.dialect.whole_queries import result_types
from snowflake_sandbox.parameters import session_text
from snowflake_sandbox.statements.reader import DataType, ObjectName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.dialect.annotation import Columns
    from snowflake_sandbox.result import Result
    from snowflake_sandbox.session import Session

_TYPES = {
    "VARCHAR": DType.VARCHAR,
    "NUMBER": DType.DECIMAL,
    "FLOAT": DType.DOUBLE,
    "BOOLEAN": DType.BOOLEAN,
    "DATE": DType.DATE,
    "TIME": DType.TIME,
    "TIMESTAMP_NTZ": DType.TIMESTAMPNTZ,
    "TIMESTAMP_LTZ": DType.TIMESTAMPLTZ,
    "TIMESTAMP_TZ": DType.TIMESTAMPLTZ,
    "VARIANT": DType.VARIANT,
    "OBJECT": DType.OBJECT,
    "ARRAY": DType.ARRAY,
    "BINARY": DType.BINARY,
}
_RESULT_TYPES = {"TEXT": "VARCHAR", "FIXED": "NUMBER", "REAL": "FLOAT"}


class TableColumns:
    """Looks up the columns of the tables in a statement, each table once."""

    def __init__(self, call: Call, rows: Mapping[str, Result]) -> None:
        self._call = call
        self._rows = rows
        self._columns: dict[tuple[str, str, str], Columns] = {}

    def __call__(self, table: exp.Table) -> Columns:
        """Return the columns of a table; empty if the table is neither in the catalog nor the statement's own."""
        key = (table.catalog, table.db, table.name)
        if key not in self._columns:
            self._columns[key] = self._of_rows(table.name) if table.name in self._rows else self._of_catalog(key)
        return self._columns[key]

    def _of_rows(self, name: str) -> Columns:
        columns = self._rows[name].columns
        return {
            column.name: data_type(_RESULT_TYPES.get(column.type.upper(), column.type.upper())) for column in columns
        }

    def _of_catalog(self, key: tuple[str, str, str]) -> Columns:
        if not all(key):
            return {}
        with self._call.world.store.reading() as tx:
            table = catalog.find(tx, "TABLE", ObjectName(key[2], key[1], key[0]))
        return {} if table is None else {column["name"]: column_type(column) for column in table["columns"]}


def data_type(base: str) -> exp.DataType:
    """Return a column's type as the dialect's annotation represents it."""
    return exp.DataType(this=_TYPES.get(base, DType.UNKNOWN))


def column_type(record: Mapping[str, Any]) -> exp.DataType:
    """Return the type of a table's column, with its precision or length as declared."""
    kind = data_type(record["base"])
    numbers = tuple(record["numbers"])
    kind.meta[sizes.NUMBERS_OF_COLUMN] = numbers
    kind.meta[result_types.NOT_NULL] = not record["nullable"]
    kind.meta[sizes.NAME_OF_COLUMN_TYPE] = DataType(record["base"], numbers).full
    return kind


def session_formats(session: Session) -> Formats:
    """Return the formats in which a session writes and reads dates, times and binary values."""
    general = session_text(session, "TIMESTAMP_OUTPUT_FORMAT")
    return Formats(
        ntz=session_text(session, "TIMESTAMP_NTZ_OUTPUT_FORMAT") or general,
        instant=session_text(session, "TIMESTAMP_LTZ_OUTPUT_FORMAT") or general,
        date=session_text(session, "DATE_OUTPUT_FORMAT"),
        time=session_text(session, "TIME_OUTPUT_FORMAT"),
        binary=session_text(session, "BINARY_OUTPUT_FORMAT").upper(),
        timestamp_read=session_text(session, "TIMESTAMP_INPUT_FORMAT"),
        date_read=session_text(session, "DATE_INPUT_FORMAT"),
        time_read=session_text(session, "TIME_INPUT_FORMAT"),
        binary_read=session_text(session, "BINARY_INPUT_FORMAT"),
    )
