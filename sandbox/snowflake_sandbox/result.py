"""The result of a statement, free of any wire format.

Knows column types in Snowflake's own words; must not know JSON, Arrow or HTTP (wire.py) nor where rows come from.
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

# Statement type ids of the protocol (contract section 3). A DML id makes drivers add up the first row.
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
# Of what only says that it was done, by its first words (the published JDBC driver's list).
_OF_WORDS = {
    "USE ROLE": 0x4300,
    "USE SECONDARY": 0x4300,
    "USE DATABASE": 0x4301,
    "USE SCHEMA": 0x4302,
    "USE WAREHOUSE": 0x4303,
    "ALTER SESSION": 0x4100,
    "BEGIN": 0x5000,
    "START TRANSACTION": 0x5000,
    "COMMIT": 0x5000,
    "ROLLBACK": 0x5000,
}
_USE = 0x4301
MULTI_STATEMENT = 0xA000


@dataclass(frozen=True)
class ResultColumn:
    """One column of a result.

    Attributes:
        name: matched case-sensitively by the provider: SHOW columns are lower case, SELECT columns upper case.
        type: Snowflake's wire type.
        precision: digits of a fixed column.
        scale: digits after the point (fixed), or of the second's fraction (times).
        length: the most characters of a text column; None: as many as Snowflake takes.
    """

    name: str
    type: ColumnType = "text"
    precision: int = 38
    scale: int = 0
    length: int | None = None


@dataclass(frozen=True)
class Result:
    """Rows and what they are.

    Attributes:
        columns: one per cell of a row.
        rows: cells as Python values: str, int, Decimal, float, bool, datetime (aware for ltz/tz), date, time,
            bytes, None.
        statement_type: one of this module's ids.
        arrow: the rows as an Arrow table where they came from DuckDB; rows is then empty and wire.py converts.
        statements: of a request with several, each one's query id and statement type.
        data: fields that replace the usual response data altogether (PUT and GET answer in a form of their own).
    """

    columns: tuple[ResultColumn, ...]
    rows: Sequence[tuple[Any, ...]] = ()
    statement_type: int = SELECT
    arrow: pa.Table | None = None
    data: dict[str, Any] | None = None
    statements: tuple[tuple[str, int], ...] = ()

    def scalar(self) -> Any:
        """The first cell of the first row, or None."""
        return self.rows[0][0] if self.rows else None


def status(message: str = "Statement executed successfully.") -> Result:
    """What DDL returns: one row, one column `status` (an empty rowtype panics the Go driver, contract section 3)."""
    return Result((ResultColumn("status"),), ((message,),), DDL)


def columns(specification: str) -> tuple[ResultColumn, ...]:
    """Columns from the contract's notation: `name` text, `#` fixed, `?` boolean, `@` timestamp_ltz.

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
    """The type of a statement that gives nothing but its status."""
    words = text.upper().split()[:2]
    if words[:1] == ["USE"]:
        return _OF_WORDS.get(" ".join(words), _USE)
    return _OF_WORDS.get(" ".join(words), _OF_WORDS.get(words[0], DDL))
