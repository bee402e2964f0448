"""Conversions of a value from one type to another, explicit or implicit, as DuckDB expressions.

The rules: sql-reference/data-type-conversion. Knows families and macros; must not know where a conversion is needed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox.dialect import macros, time_formats
from snowflake_sandbox.dialect.families import NUMBERS, TIMES, DType, Family, family, is_null, of_type

if TYPE_CHECKING:
    from collections.abc import Callable

# A literal that every parser reads in the same way, so that no macro is needed.
_ISO = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])(?: [01]\d:[0-5]\d:[0-5]\d(?:\.\d{1,6})?)?")
_READERS = {Family.NTZ: "ntz", Family.INSTANT: "ltz", Family.DATE: "date", Family.TIME: "time"}


@dataclass(frozen=True)
class Formats:
    """The session's formats, in Snowflake's notation: those in which values are written, then those that are read."""

    ntz: str = "YYYY-MM-DD HH24:MI:SS.FF3"
    instant: str = "YYYY-MM-DD HH24:MI:SS.FF3 TZHTZM"
    date: str = "YYYY-MM-DD"
    time: str = "HH24:MI:SS"
    binary: str = "HEX"
    timestamp_read: str = "AUTO"
    date_read: str = "AUTO"
    time_read: str = "AUTO"
    binary_read: str = "HEX"

    def read(self, kind: Family) -> str:
        """Return the format in which texts of a family are read."""
        return {Family.DATE: self.date_read, Family.TIME: self.time_read}.get(kind, self.timestamp_read)

    def of(self, kind: Family) -> str:
        """Return the format in which values of a family are written."""
        return {Family.NTZ: self.ntz, Family.INSTANT: self.instant, Family.DATE: self.date}.get(kind, self.time)


def typed(node: exp.Expr, kind: exp.DType | exp.DataType) -> exp.Expr:
    """Return the expression, annotated with a type."""
    node.type = kind
    return node


def to_text(node: exp.Expr, formats: Formats) -> exp.Expr:
    """Convert to VARCHAR."""
    kind = family(node)
    if kind is Family.TEXT or is_null(node):
        return node
    converted: exp.Expr
    if kind is Family.VARIANT:
        converted = macros.call("text", node)
    elif kind is Family.BINARY:
        converted = exp.Anonymous(this=formats.binary, expressions=[node])
    elif kind is Family.FLOAT:
        converted = macros.call("float_text", node)
    elif kind in TIMES:
        converted = time_formats.write(node, kind, formats.of(kind))
    else:
        converted = exp.cast(node, "VARCHAR")
    return typed(converted, DType.VARCHAR)


def to_variant(node: exp.Expr, formats: Formats) -> exp.Expr:
    """Convert to VARIANT."""
    kind = family(node)
    if kind is Family.VARIANT or is_null(node):
        return node
    value = to_text(node, formats) if kind in TIMES or kind is Family.BINARY else node
    return typed(exp.Anonymous(this="TO_JSON", expressions=[value]), DType.VARIANT)


def to_number(node: exp.Expr) -> exp.Expr:
    """Convert a text or VARIANT in an arithmetic operator or function to FLOAT."""
    if isinstance(node, exp.Distinct):
        node.set("expressions", [to_number(value) for value in node.expressions])
        return node
    kind = family(node)
    if kind is Family.VARIANT:
        return typed(exp.cast(macros.call("text", node), "DOUBLE"), DType.DOUBLE)
    return typed(exp.cast(node, "DOUBLE"), DType.DOUBLE) if kind is Family.TEXT else node


def to_time(node: exp.Expr, target: Family, formats: Formats, *, optional: bool = False) -> exp.Expr:
    """Convert to a date, time or timestamp; `optional`: NULL if that is impossible (TRY_…)."""
    kind = family(node)
    prefix = "try_" if optional else ""
    duckdb_type = {Family.NTZ: "TIMESTAMP", Family.INSTANT: "TIMESTAMPTZ", Family.DATE: "DATE", Family.TIME: "TIME"}
    result = {Family.NTZ: DType.TIMESTAMPNTZ, Family.INSTANT: DType.TIMESTAMPLTZ, Family.DATE: DType.DATE}
    converted: exp.Expr
    is_auto = formats.read(target).upper() == "AUTO"
    if is_null(node) or (
        is_auto and target is not Family.TIME and isinstance(node, exp.Literal) and _ISO.fullmatch(node.name)
    ):
        converted = plain_cast(node, duckdb_type[target])
    elif kind is Family.TEXT and not is_auto:
        reader = "TRY_STRPTIME" if optional else "STRPTIME"
        form = exp.Literal.string(time_formats.directives(formats.read(target)))
        converted = plain_cast(exp.Anonymous(this=reader, expressions=[node, form]), duckdb_type[target])
    elif kind in (Family.TEXT, Family.VARIANT):
        converted = macros.call(prefix + _READERS[target], to_text(node, formats))
    elif kind in NUMBERS:
        instant: exp.Expr = macros.call("epoch", node)
        if target is Family.INSTANT:
            instant = exp.Anonymous(this="TIMEZONE", expressions=[exp.Literal.string("UTC"), instant])
        converted = instant if target in (Family.NTZ, Family.INSTANT) else plain_cast(instant, duckdb_type[target])
    else:
        converted = plain_cast(node, duckdb_type[target])
    return typed(converted, result.get(target, DType.TIME))


def plain_cast(node: exp.Expr, duckdb_type: str) -> exp.Expr:
    """Return a DuckDB cast, which later rewrites do not treat as Snowflake's."""
    return exp.Cast(this=node, to=exp.DataType.build(duckdb_type, dialect="duckdb"))


def to_boolean(node: exp.Expr, *, optional: bool = False) -> exp.Expr:
    """Convert to BOOLEAN."""
    kind = family(node)
    if kind is Family.BOOLEAN or is_null(node):
        return node
    if kind in NUMBERS:
        return typed(exp.Paren(this=exp.NEQ(this=node, expression=exp.Literal.number(0))), DType.BOOLEAN)
    if kind in (Family.TEXT, Family.VARIANT):
        text = macros.call("text", node) if kind is Family.VARIANT else node
        return typed(macros.call("try_boolean" if optional else "boolean", text), DType.BOOLEAN)
    return typed(plain_cast(node, "BOOLEAN"), DType.BOOLEAN)


def to_binary(node: exp.Expr, encoding: str = "HEX", *, optional: bool = False) -> exp.Expr:
    """Convert to BINARY; a text is decoded with `encoding`."""
    if family(node) is Family.BINARY or is_null(node):
        return node
    text = macros.call("text", node) if family(node) is Family.VARIANT else node
    prefix = "try_" if optional else ""
    readers: dict[str, Callable[[], exp.Expr]] = {
        "HEX": lambda: macros.call(f"{prefix}unhex", text),
        "BASE64": lambda: macros.call(f"{prefix}base64", text),
        "UTF-8": lambda: exp.Anonymous(this="ENCODE", expressions=[text]),
    }
    reader = readers.get(encoding.upper().replace("UTF8", "UTF-8"))
    if reader is None:
        raise time_formats.unknown_format(encoding)
    return typed(reader(), DType.BINARY)


def unify(nodes: list[exp.Expr], formats: Formats) -> list[exp.Expr]:
    """Convert values that are compared with each other to one type, as far as an implicit conversion is necessary.

    A text or a VARIANT is converted to the other value's type; DuckDB itself compares a date with a timestamp.
    """
    # A text may contain more than a date, so it is compared as a timestamp.
    return _unify(nodes, Family.NTZ, formats)


def one_type(nodes: list[exp.Expr], formats: Formats) -> list[exp.Expr]:
    """Convert alternative results (COALESCE, CASE, UNION): to VARIANT if one is a VARIANT, otherwise as `unify`."""
    kinds = {family(node) for node in nodes}
    if Family.VARIANT not in kinds:
        return _unify(nodes, Family.DATE, formats)
    return nodes if Family.UNKNOWN in kinds - {Family.VARIANT} else [to_variant(node, formats) for node in nodes]


def _unify(nodes: list[exp.Expr], beside_date: Family, formats: Formats) -> list[exp.Expr]:
    """Convert the values to one type; `beside_date`: the family of a text beside a date."""
    kinds = {family(node) for node in nodes if not is_null(node)}
    families = kinds - {Family.TEXT, Family.VARIANT, Family.UNKNOWN}
    if len(kinds) < 2 or not kinds & {Family.TEXT, Family.VARIANT}:  # noqa: PLR2004  # two types to unify
        return nodes
    if not families:
        return [to_text(node, formats) if family(node) is Family.VARIANT else node for node in nodes]
    return [_unified(node, families, beside_date, formats) for node in nodes]


def _unified(node: exp.Expr, families: set[Family], beside_date: Family, formats: Formats) -> exp.Expr:
    if family(node) not in (Family.TEXT, Family.VARIANT) or is_null(node):
        return node
    for target in (Family.INSTANT, Family.NTZ, Family.DATE, Family.TIME):
        if target in families:
            return to_time(node, beside_date if target is Family.DATE else target, formats)
    if Family.BOOLEAN in families:
        return to_boolean(node)
    if Family.BINARY in families:
        return to_binary(node, formats.binary_read)
    return to_number(node) if family(node) is Family.VARIANT or not isinstance(node, exp.Literal) else node


def convert(node: exp.Expr, target: Family, formats: Formats, *, optional: bool = False) -> exp.Expr:
    """Convert a value to a family other than numbers."""
    if target in TIMES:
        return to_time(node, target, formats, optional=optional)
    if target is Family.BOOLEAN:
        return to_boolean(node, optional=optional)
    if target is Family.BINARY:
        return to_binary(node, formats.binary_read, optional=optional)
    return to_text(node, formats) if target is Family.TEXT else to_variant(node, formats)


def cast(node: exp.Expr, target: exp.DataType, formats: Formats, *, optional: bool = False) -> exp.Expr | None:
    """Return `CAST(node AS target)` in DuckDB; None if the usual translation is right."""
    source, kind = family(node), of_type(target)
    if Family.UNKNOWN in (source, kind):
        return None
    if kind in NUMBERS:
        if source is not Family.VARIANT:
            return None
        cast_class = exp.TryCast if optional else exp.Cast
        return cast_class(this=macros.call("text", node), to=target.copy())
    value = convert(node, kind, formats, optional=optional)
    if target.is_type(DType.ARRAY):
        return typed(macros.call("to_array", value), DType.ARRAY)
    return typed(value, DType.OBJECT) if target.is_type(DType.OBJECT) else value


def constant_text(node: exp.Expr) -> str | None:
    """Return the value of a text, or of texts joined by `||` (dbt's catalog has such a format)."""
    if isinstance(node, exp.Paren):
        return constant_text(node.this)
    if isinstance(node, exp.DPipe):
        left, right = constant_text(node.this), constant_text(node.expression)
        return None if left is None or right is None else left + right
    return str(node.this) if isinstance(node, exp.Literal) and node.is_string else None
