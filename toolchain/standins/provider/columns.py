"""A table's columns: their text in CREATE and ALTER, and reading them from DESCRIBE TABLE (SQL contract, 6.11).

Knows the structure of `columns` in snowflake.Table. Must not know how statements are sent.
"""

import re
from collections.abc import Iterable
from typing import Any

from jobgraph.toolchain.standins.provider.cells import filled, flag
from jobgraph.toolchain.standins.provider.data_types import data_type
from jobgraph.toolchain.standins.provider.definition import Row, Values
from jobgraph.toolchain.standins.provider.sql import doubled_text, quoted, requoted, text

_IDENTITY = re.compile(r"IDENTITY START (-?\d+) INCREMENT (-?\d+)", re.IGNORECASE)
_COLLATE = re.compile(r"\s+COLLATE\s+'([^']*)'", re.IGNORECASE)


def column_text(column: Values) -> str:
    """Return a column for CREATE TABLE and ADD COLUMN; every column has a COMMENT, every text column a COLLATE."""
    words = [quoted(column["name"]), column["type"]]
    if _is_text(column):
        words.append(f"COLLATE {text(column.get('collate') or '')}")
    if column.get("default"):
        words.append(f"DEFAULT {_default_text(column['default'])}")
    if column.get("nullable") is False:
        words.append("NOT NULL")
    if column.get("identity") is not None:
        start, step = _identity_numbers(column["identity"])
        words.append(f"IDENTITY START {start} INCREMENT {step}")
    return " ".join([*words, f"COMMENT {text(column.get('comment') or '')}"])


def _is_text(column: Values) -> bool:
    return data_type(column["type"]).name == "VARCHAR"


def _identity_numbers(identity: Values) -> tuple[int, int]:
    return int(identity.get("startNum", 1)), int(identity.get("stepNum", 1))


def _default_text(default: Values) -> str:
    if default.get("expression"):
        return str(default["expression"])
    if default.get("sequence"):
        return f"{requoted(default['sequence'])}.NEXTVAL"
    return doubled_text(default.get("constant", ""))


def column_normal(column: Values) -> tuple[Any, ...]:
    """Return the normal form of a column: name, full type, nullable, default, identity, comment, collation."""
    default = column.get("default")
    return (
        column["name"],
        data_type(column["type"]),
        column.get("nullable", True) is not False,
        _default_normal(default) if default else "",
        _identity_numbers(column["identity"]) if column.get("identity") is not None else None,
        column.get("comment") or "",
        column.get("collate") or "",
    )


def _default_normal(default: Values) -> str:
    """Return a default as DESCRIBE may spell it: a constant is quoted unless it is a number or a boolean."""
    written = " ".join(_default_text(default).split())
    constant = str(default.get("constant", ""))
    return constant if constant and re.fullmatch(r"-?[\d.]+|true|false", constant, re.IGNORECASE) else written.upper()


def columns_normal(columns: Iterable[Values]) -> frozenset[tuple[Any, ...]]:
    """Return all columns. Their order does not matter: ALTER TABLE can only add a column at the end."""
    return frozenset(column_normal(column) for column in columns)


def described_column(row: Row) -> Values:
    """Return a row of DESCRIBE TABLE as a column in the program's form."""
    written = str(row["type"])
    collate = _COLLATE.search(written)
    column: Values = {
        "name": str(row["name"]),
        "type": _COLLATE.sub("", written),
        "nullable": flag(row.get("null?")),
    }
    if collate and collate[1]:
        column["collate"] = collate[1]
    if filled(row.get("comment")):
        column["comment"] = str(row["comment"])
    default = filled(row.get("default"))
    identity = _IDENTITY.search(default) if default else None
    if identity:
        column["identity"] = {"startNum": int(identity[1]), "stepNum": int(identity[2])}
    elif default:
        column["default"] = _described_default(default)
    return column


def _described_default(written: str) -> Values:
    if written.upper().endswith(".NEXTVAL"):
        return {"sequence": written[: -len(".NEXTVAL")]}
    if written.startswith("'") and written.endswith("'"):
        return {"constant": written[1:-1].replace("''", "'")}
    if re.fullmatch(r"-?[\d.]+|true|false", written, re.IGNORECASE):
        return {"constant": written}
    return {"expression": written}


def needs_new_table(olds: Iterable[Values], news: Iterable[Values]) -> bool:
    """Whether an existing column gets a default or an identity, which ALTER cannot add."""
    old = {column["name"]: column_normal(column) for column in olds}
    for column in news:
        now, was = column_normal(column), old.get(column["name"])
        if was is None:
            continue
        default_given = now[3] != was[3] and now[3] != ""
        if default_given or now[4] != was[4]:
            return True
    return False


def alter_columns(olds: list[Values], news: list[Values]) -> list[str]:
    """Return the clauses of ALTER TABLE that turn the old columns into the new: drops, additions, then changes."""
    old = {column["name"]: column for column in olds}
    new = {column["name"]: column for column in news}
    ends = [f"DROP COLUMN {quoted(name)}" for name in old if name not in new]
    ends += [f"ADD COLUMN {column_text(column)}" for name, column in new.items() if name not in old]
    for name, column in new.items():
        if name in old:
            ends += [f"ALTER COLUMN {quoted(name)} {end}" for end in _column_changes(old[name], column)]
    return ends


def _column_changes(old: Values, new: Values) -> list[str]:
    was, now = column_normal(old), column_normal(new)
    ends = []
    if was[1] != now[1] or was[6] != now[6]:
        collate = f" COLLATE {text(now[6])}" if now[6] else ""
        ends.append(f"SET DATA TYPE {new['type']}{collate}")
    if was[2] != now[2]:
        ends.append("DROP NOT NULL" if now[2] else "SET NOT NULL")
    if was[3] and not now[3]:
        ends.append("DROP DEFAULT")
    if was[5] != now[5]:
        ends.append(f"COMMENT {text(now[5])}" if now[5] else "UNSET COMMENT")
    return ends
