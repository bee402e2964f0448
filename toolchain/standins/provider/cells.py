"""Result cells and property values: the meaning of a cell of SHOW or DESCRIBE, and when two values are equal.

Knows the texts that Snowflake uses for booleans, sizes and lists. Must not know any resource type, and does no I/O.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from jobgraph.toolchain.standins.provider.sql import IdentifierError, identifier_parts

_TRUE = frozenset({"true", "y", "yes", "1", "on"})
_SIZES = {"2XLARGE": "XXLARGE", "X2LARGE": "XXLARGE", "3XLARGE": "XXXLARGE", "X3LARGE": "XXXLARGE"}


def flag(cell: Any) -> bool:
    """Return a boolean from any of its spellings in SHOW columns."""
    return str(cell).lower() in _TRUE


def filled(cell: Any) -> str | None:
    """Return a text; None for NULL, the empty text and the text `null`, which SHOW uses for "none"."""
    return None if cell is None or str(cell) in {"", "null"} else str(cell)


def whole(cell: Any) -> int | None:
    """Return a whole number; None for an empty cell."""
    return None if filled(cell) is None else int(cell)


def flag_text(cell: Any) -> str | None:
    """Return the text `true` or `false`, the form of properties that may also be left to Snowflake's default."""
    return None if filled(cell) is None else str(flag(cell)).lower()


def flag_or_none(cell: Any) -> bool | None:
    """Return a boolean; None for an empty cell."""
    return None if filled(cell) is None else flag(cell)


def upper(value: Any) -> str:
    """Return the value in upper case: the normal form of keywords."""
    return str(value).upper()


def collapsed(value: Any) -> str:
    """Return SQL without case and repeated white space, as the official plugin compares statements and bodies."""
    return " ".join(str(value).split()).casefold()


def as_set(normal: Callable[[Any], Any] = str) -> Callable[[Iterable[Any]], frozenset[Any]]:
    """Return a normal form for lists in which order and repetition do not matter."""
    return lambda values: frozenset(normal(value) for value in values)


def identifier(value: Any) -> tuple[str, ...]:
    """Return a name without its quotes, so that quoted and unquoted spellings are equal."""
    try:
        return identifier_parts(str(value))
    except IdentifierError:
        return (str(value),)


def warehouse_size(value: Any) -> str:
    """Return a warehouse size as spelled in SET: `X-Small` of SHOW is `XSMALL`, `2X-Large` is `XXLARGE`."""
    plain = str(value).upper().replace("-", "").replace("_", "")
    if plain in _SIZES:
        return _SIZES[plain]
    return re.sub(r"^([456])XLARGE$", r"X\1LARGE", plain)


def show_output(columns: str, row: Any) -> dict[str, Any]:
    """Return a SHOW or DESCRIBE row as the output for programs.

    `columns` has their names and kinds: `name auto_suspend# auto_resume? available~` are text, whole number, boolean
    and decimal number. `created_on$` is a time that the official plugin reads as text. As in the official plugin, a
    NULL becomes the zero value of the kind.
    """
    output: dict[str, Any] = {}
    for column in columns.split():
        name, kind = column.rstrip("#?~$"), column[-1]
        cell = row.get(name)
        output[camel(name)] = _typed(cell, kind)
    return output


def _typed(cell: Any, kind: str) -> Any:
    if kind == "?":
        return flag(cell)
    if kind == "#":
        return whole(cell) or 0
    if kind == "~":
        return float(filled(cell) or 0)
    if isinstance(cell, datetime):
        return instant_in_text(cell) if kind == "$" else instant(cell)
    return "" if cell is None else str(cell)


def instant(cell: datetime) -> str:
    """Return a time as the official plugin, a Go program, writes it: `2026-11-28 21:44:24.7 +0000 UTC`."""
    fraction = f".{cell.microsecond:06d}".rstrip("0") if cell.microsecond else ""
    zone = cell.strftime("%z") or "+0000"
    return f"{cell:%Y-%m-%d %H:%M:%S}{fraction} {zone} {'UTC' if zone == '+0000' else zone}"


def instant_in_text(cell: datetime) -> str:
    """Return a time in a column that the official plugin reads as text: `2026-11-28T21:44:24.7Z`."""
    fraction = f".{cell.microsecond:06d}".rstrip("0") if cell.microsecond else ""
    zone = cell.strftime("%z") or "+0000"
    return f"{cell:%Y-%m-%dT%H:%M:%S}{fraction}{'Z' if zone == '+0000' else f'{zone[:3]}:{zone[3:]}'}"


_PARAMETER_FIELDS = ("key", "value", "default", "level", "description")


def parameters_by_name(rows: Iterable[Any]) -> dict[str, Any]:
    """Return rows of SHOW PARAMETERS by property, with the bridge's names of lists: `TIMEZONE` is `timezones`."""
    return {
        plural(camel(str(row["key"]).lower())): [{name: str(row.get(name) or "") for name in _PARAMETER_FIELDS}]
        for row in rows
    }


def plural(name: str) -> str:
    """Return the bridge's name of a list of these."""
    if name.endswith("s"):
        return name
    if name.endswith("y"):
        return name[:-1] + "ies"
    return name + ("es" if name.endswith("x") else "s")


def camel(name: str) -> str:
    """Convert `auto_resume` to `autoResume`."""
    first, *words = name.split("_")
    return first + "".join(word.capitalize() for word in words)
