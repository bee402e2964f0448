"""Families of data types, on which conversions and rewrites depend.

Knows sqlglot's type annotations of Snowflake's types; must not know any rewrite.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Iterable

DType = exp.DataType.Type


class Family(Enum):
    """Types with the same conversions."""

    UNKNOWN = auto()
    TEXT = auto()
    NUMBER = auto()
    FLOAT = auto()
    BOOLEAN = auto()
    DATE = auto()
    TIME = auto()
    NTZ = auto()
    INSTANT = auto()
    VARIANT = auto()
    BINARY = auto()


# TIMESTAMP without a suffix is TIMESTAMP_NTZ (TIMESTAMP_TYPE_MAPPING's default).
_FAMILIES: dict[Family, Iterable[exp.DType]] = {
    Family.TEXT: exp.DataType.TEXT_TYPES,
    Family.FLOAT: (DType.FLOAT, DType.DOUBLE, DType.DECFLOAT),
    Family.NUMBER: (exp.DataType.INTEGER_TYPES | {DType.DECIMAL, DType.BIGDECIMAL, DType.UDECIMAL}),
    Family.BOOLEAN: (DType.BOOLEAN,),
    Family.DATE: (DType.DATE, DType.DATE32),
    Family.TIME: (DType.TIME,),
    Family.NTZ: (DType.TIMESTAMP, DType.TIMESTAMPNTZ, DType.DATETIME),
    Family.INSTANT: (DType.TIMESTAMPLTZ, DType.TIMESTAMPTZ),
    Family.VARIANT: (DType.VARIANT, DType.JSON, DType.JSONB, DType.OBJECT, DType.ARRAY, DType.STRUCT, DType.MAP),
    Family.BINARY: (DType.BINARY, DType.VARBINARY, DType.BLOB),
}
_BY_TYPE = {kind: family for family, kinds in _FAMILIES.items() for kind in kinds}
TIMES = frozenset({Family.DATE, Family.TIME, Family.NTZ, Family.INSTANT})
NUMBERS = frozenset({Family.NUMBER, Family.FLOAT})


def of_type(kind: exp.DataType | None) -> Family:
    """Return the family of a data type."""
    return Family.UNKNOWN if kind is None else _BY_TYPE.get(kind.this, Family.UNKNOWN)


def family(node: exp.Expr) -> Family:
    """Return the family of an annotated expression's type."""
    return of_type(node.type)


def is_null(node: exp.Expr) -> bool:
    """Whether an expression is the literal NULL, which has any type."""
    return isinstance(node.unnest(), exp.Null)
