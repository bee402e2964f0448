"""Result cells and property values: what a cell of SHOW or DESCRIBE means, and when two values are the same.

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
    """A boolean from any of the ways a SHOW column spells it."""
    return str(cell).lower() in _TRUE


def filled(cell: Any) -> str | None:
    """A text, or None for NULL, the empty text and the text `null`, which SHOW uses for "none"."""
    return None if cell is None or str(cell) in {"", "null"} else str(cell)


def whole(cell: Any) -> int | None:
    """A whole number, or None where the cell is empty."""
    return None if filled(cell) is None else int(cell)


def flag_text(cell: Any) -> str | None:
    """`true` or `false` as text, the form of properties that may also be left to Snowflake's default."""
    return None if filled(cell) is None else str(flag(cell)).lower()


def flag_or_none(cell: Any) -> bool | None:
    """A boolean, or None where the cell is empty."""
    return None if filled(cell) is None else flag(cell)


def upper(value: Any) -> str:
    """Upper case: the normal form of keywords."""
    return str(value).upper()


def collapsed(value: Any) -> str:
    """SQL with case ignored and white space run together: how the official plugin compares statements and bodies."""
    return " ".join(str(value).split()).casefold()


def as_set(normal: Callable[[Any], Any] = str) -> Callable[[Iterable[Any]], frozenset[Any]]:
    """A normal form for lists in which order and repetition say nothing."""
    return lambda values: frozenset(normal(value) for value in values)


def identifier(value: Any) -> tuple[str, ...]:
    """A name without its quotes, so that quoted and plain spellings are the same."""
    try:
        return identifier_parts(str(value))
    except IdentifierError:
        return (str(value),)


def warehouse_size(value: Any) -> str:
    """A warehouse size in the spelling of SET: `X-Small` of SHOW is `XSMALL`, `2X-Large` is `XXLARGE`."""
    plain = str(value).upper().replace("-", "").replace("_", "")
    if plain in _SIZES:
        return _SIZES[plain]
    return re.sub(r"^([456])XLARGE$", r"X\1LARGE", plain)


def show_output(columns: str, row: Any) -> dict[str, Any]:
    """A SHOW or DESCRIBE row as the output that programs read.

    `columns` names them with their kinds: `name auto_suspend# auto_resume? available~` are text, whole number,
    boolean and decimal number. `created_on$` is an instant that the official plugin reads as a text. A cell that is
    NULL gives the kind's zero, as the official plugin's does.
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
    """An instant as the official plugin, a Go program, writes it: `2026-11-28 21:44:24.7 +0000 UTC`."""
    fraction = f".{cell.microsecond:06d}".rstrip("0") if cell.microsecond else ""
    zone = cell.strftime("%z") or "+0000"
    return f"{cell:%Y-%m-%d %H:%M:%S}{fraction} {zone} {'UTC' if zone == '+0000' else zone}"


def instant_in_text(cell: datetime) -> str:
    """An instant in a column that the official plugin reads as a text: `2026-11-28T21:44:24.7Z`."""
    fraction = f".{cell.microsecond:06d}".rstrip("0") if cell.microsecond else ""
    zone = cell.strftime("%z") or "+0000"
    return f"{cell:%Y-%m-%dT%H:%M:%S}{fraction}{'Z' if zone == '+0000' else f'{zone[:3]}:{zone[3:]}'}"


_PARAMETER_FIELDS = ("key", "value", "default", "level", "description")


def parameters_by_name(rows: Iterable[Any]) -> dict[str, Any]:
    """Rows of SHOW PARAMETERS by property, as the bridge names lists: `TIMEZONE` is `timezones`."""
    return {
        plural(camel(str(row["key"]).lower())): [{name: str(row.get(name) or "") for name in _PARAMETER_FIELDS}]
        for row in rows
    }


def plural(name: str) -> str:
    """As the bridge writes the name of a list."""
    if name.endswith("s"):
        return name
    if name.endswith("y"):
        return name[:-1] + "ies"
    return name + ("es" if name.endswith("x") else "s")


def camel(name: str) -> str:
    """`auto_resume` as `autoResume`."""
    first, *words = name.split("_")
    return first + "".join(word.capitalize() for word in words)
