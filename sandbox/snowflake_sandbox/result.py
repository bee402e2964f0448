"""The result of a statement, independent of any wire format.

Knows Snowflake's names of column types; must not know JSON, Arrow or HTTP (wire.py), nor where rows come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

ColumnType = Literal[
    "text",
    "fixed",
    "real",
    "boolean",
    "date",
    "time",
    "timestamp_ltz",
    "timestamp_ntz",
    "timestamp_tz",
    "variant",
    "object",
    "array",
    "binary",
]

# Statement type ids of the protocol (contract section 3). For a DML id, drivers take row counts from the first row.
SELECT = 0x1000
INSERT = 0x3100
UPDATE = 0x3200
MERGE = 0x3400
DELETE = 0x3300
DDL = 0x6000
SHOW = 0x4400
DESCRIBE = 0x4500
LIST = 0x4701
CALL = 0x6200
# The types of statements that return only a status, by their first words (from the published JDBC driver).
_OF_WORDS = {
    # Of every USE: the JDBC driver knows further types, which accounts do not send (fakesnow, 457080d).
    "USE": 0x4300,
    "ALTER SESSION": 0x4100,
    "BEGIN": 0x5000,
    "START TRANSACTION": 0x5000,
    "COMMIT": 0x5000,
    "ROLLBACK": 0x5000,
}
MULTI_STATEMENT = 0xA000


@dataclass(frozen=True)
class ResultColumn:
    """A column of a result.

    Attributes:
        name: the provider matches it case-sensitively: SHOW has lower-case columns, SELECT upper-case ones.
        type: Snowflake's wire type.
        precision: digits of a fixed column.
        scale: decimal places (fixed), or digits of fractional seconds (times).
        length: the maximum number of characters of a text column, or of bytes; None: Snowflake's maximum.
        nullable: whether a cell may be NULL.
    """

    name: str
    type: ColumnType = "text"
    precision: int = 38
    scale: int = 0
    length: int | None = None
    nullable: bool = True


@dataclass(frozen=True)
class Result:
    """The columns and rows that a statement returns.

    Attributes:
        columns: one per cell of a row.
        rows: cells as Python values: str, int, Decimal, float, bool, datetime (aware for ltz/tz), date, time,
           bytes, None.
        statement_type: one of this module's ids.
        arrow: the rows as an Arrow table if they came from DuckDB; `rows` is then empty, and wire.py converts them.
        statements: query id and statement type of each statement of a request with several.
        data: fields that replace all usual response data (the responses of PUT and GET have their own form).
    """

    columns: tuple[ResultColumn, ...]
    rows: Sequence[tuple[Any, ...]] = ()
    statement_type: int = SELECT
    arrow: pa.Table | None = None
    data: dict[str, Any] | None = None
    statements: tuple[tuple[str, int], ...] = ()

    def scalar(self) -> Any:
        """Return the first cell of the first row; None if there is none."""
        return self.rows[0][0] if self.rows else None


def status(message: str = "Statement executed successfully.") -> Result:
    """Return the result of DDL: one row, one column `status` (an empty rowtype panics the Go driver, contract 3)."""
    return Result((ResultColumn("status"),), ((message,),), DDL)


def columns(specification: str) -> tuple[ResultColumn, ...]:
    """Return columns from the contract's notation: `name` text, `#` fixed, `?` boolean, `@` timestamp_ltz.

    >>> [c.type for c in columns("created_on@ name rows# is_secure?")]
    ['timestamp_ltz', 'text', 'fixed', 'boolean']
    """
    suffixes: dict[str, ColumnType] = {"#": "fixed", "?": "boolean", "@": "timestamp_ltz"}
    return tuple(
        ResultColumn(
            word.rstrip("#?@").replace("~", " "), suffixes.get(word[-1], "text"), scale=9 if word[-1] == "@" else 0
        )
        for word in specification.split()
    )


def done_type(text: str) -> int:
    """Return the type of a statement that returns only its status."""
    words = text.upper().split()[:2]
    return _OF_WORDS.get(" ".join(words), _OF_WORDS.get(words[0], DDL))
