"""Sizes and types of columns: a value that is too large for its column, or of a type that it does not take, is refused.

The rules: sql-reference/data-types-text, data-types-numeric, and "Coercible" in sql-reference/data-type-conversion.
Knows annotated expressions and columns' types; must not know statements (assignments.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox.dialect import macros
from snowflake_sandbox.dialect.conversions import plain_cast, typed
from snowflake_sandbox.dialect.families import NUMBERS, TIMES, DType, Family, family, is_null, of_type
from snowflake_sandbox.errors import SnowflakeError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Where the type of a table's column keeps its precision or length, and its name as in DESCRIBE TABLE.
NUMBERS_OF_COLUMN = "numbers"
NAME_OF_COLUMN_TYPE = "full"
# The most digits of which each value is in the 64 bits in which DuckDB stores whole numbers here.
_DIGITS_OF_64_BITS = 18
_LARGEST_TEXT = 16_777_216
# Families to which a value is converted implicitly; a family that is missing has no implicit conversions.
_STAMPS = frozenset({Family.NTZ, Family.INSTANT})
_COERCIBLE: dict[Family, frozenset[Family]] = {
    Family.TEXT: frozenset(Family) - {Family.VARIANT},
    Family.NUMBER: frozenset({Family.BOOLEAN, Family.TEXT, Family.VARIANT}) | NUMBERS | _STAMPS,
    Family.FLOAT: frozenset({Family.BOOLEAN, Family.TEXT, Family.VARIANT}) | NUMBERS,
    Family.BOOLEAN: frozenset({Family.TEXT, Family.VARIANT}),
    Family.DATE: frozenset({Family.TEXT}) | _STAMPS,
    Family.TIME: frozenset({Family.TEXT}),
    Family.NTZ: frozenset({Family.TEXT}) | TIMES,
    Family.INSTANT: frozenset({Family.TEXT}) | TIMES,
    Family.VARIANT: frozenset(Family),
    Family.BINARY: frozenset(),
}
_NAMES = {
    Family.TEXT: "VARCHAR",
    Family.NUMBER: "NUMBER(38,0)",
    Family.FLOAT: "FLOAT",
    Family.BOOLEAN: "BOOLEAN",
    Family.DATE: "DATE",
    Family.TIME: "TIME(9)",
    Family.NTZ: "TIMESTAMP_NTZ(9)",
    Family.INSTANT: "TIMESTAMP_LTZ(9)",
    Family.BINARY: "BINARY",
}


def require_coercible(value: exp.Expr, target: exp.DataType | None, column: str) -> None:
    """Refuse a value whose type is not converted implicitly to that of its column.

    Raises:
        SnowflakeError: 002023.
    """
    source, kind = family(value), of_type(target)
    if target is None or is_null(value) or Family.UNKNOWN in (source, kind):
        return
    is_semi_structured = source is Family.VARIANT and value.type is not None and not value.type.is_type(DType.VARIANT)
    is_text_of_semi_structured = is_semi_structured and kind is Family.TEXT and _is_array_or_object(value)
    if not is_text_of_semi_structured and (source is kind or kind in _COERCIBLE[source]):
        return
    name = "ARRAY" if is_text_of_semi_structured else _NAMES.get(source, source.name)
    if is_text_of_semi_structured and value.type is not None and not value.type.is_type(DType.ARRAY):
        name = "OBJECT"
    raise SnowflakeError(
        2023,
        "22000",
        "SQL compilation error:\nExpression type does not match column data type, expecting"
        f" {target.meta.get(NAME_OF_COLUMN_TYPE, kind.name)} but got {name} for column {column}",
    )


def _is_array_or_object(value: exp.Expr) -> bool:
    return value.type is not None and value.type.is_type(DType.ARRAY, DType.OBJECT, DType.STRUCT, DType.MAP)


def fits(value: exp.Expr, target: exp.DataType | None) -> exp.Expr:
    """Return a value of its column's family, which is an error if it is too large for the column."""
    numbers = declared(target)
    kind = of_type(target)
    if not numbers or is_null(value):
        return value
    if kind is Family.NUMBER:
        whole = len(numbers) == 1 or numbers[1] == 0
        is_limited = whole and numbers[0] <= _DIGITS_OF_64_BITS
        return plain_cast(value, f"DECIMAL({numbers[0]}, 0)") if is_limited else value
    if kind is Family.TEXT and numbers[0] < _LARGEST_TEXT:
        return value if _is_short(value, numbers[0]) else fit_text(value, numbers[0])
    if kind is Family.BINARY and family(value) is Family.BINARY:
        return typed(macros.call("fit_binary", value, exp.Literal.number(numbers[0])), DType.BINARY)
    return value


def declared(target: exp.DataType | None) -> Sequence[int]:
    """Return the precision and scale, or the length, of a column's type; empty if it has none."""
    return () if target is None else target.meta.get(NUMBERS_OF_COLUMN, ())


def fit_text(value: exp.Expr, length: int, *, optional: bool = False) -> exp.Expr:
    """Return a text that is an error if it is longer; `optional`: NULL then (TRY_CAST)."""
    text = value if family(value) is Family.TEXT else plain_cast(value, "VARCHAR")
    name = "try_fit_text" if optional else "fit_text"
    return typed(macros.call(name, text, exp.Literal.number(length)), DType.VARCHAR)


def _is_short(value: exp.Expr, length: int) -> bool:
    """Whether a text is known to fit. The declared length of a column is not asked: its type may be a function's."""
    return isinstance(value, exp.Literal) and len(value.name) <= length


def length_of(target: exp.DataType) -> int | None:
    """Return the length of a text type in a cast; None without one. CHAR alone has one character."""
    parameter = next(iter(target.expressions), None)
    if isinstance(parameter, exp.DataTypeParam) and isinstance(parameter.this, exp.Literal):
        return int(parameter.this.name)
    return 1 if target.is_type(DType.CHAR, DType.NCHAR) else None
