"""SEQUENCE: numbers that are returned only once. Each uses a DuckDB sequence (data/sequences.py).

Knows its statements and its next value; must not know how queries and defaults use it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.data import sequences
from snowflake_sandbox.data.adapter import quoted
from snowflake_sandbox.parameters import session_text
from snowflake_sandbox.result import SHOW, Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import Reader
from snowflake_sandbox.tables import defaults

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.catalog.kind import Action

_LEAST, _HIGHEST = -(2**63), 2**63 - 1
_SHOWN = columns(
    "name database_name schema_name next_value# interval# created_on@ owner comment owner_role_type ordered"
)


def _read_definition(call: Call, creation: Creation) -> bool:
    reader, properties = call.reader, creation.properties
    if reader.accept("START"):
        reader.accept("WITH")
        reader.accept("=")
        properties["start"] = _number(reader, "START")
    elif reader.accept("INCREMENT"):
        properties["increment"] = _read_increment(reader)
    elif reader.accept("ORDER"):
        properties["ordered"] = True
    elif reader.accept("NOORDER"):
        properties["ordered"] = False
    else:
        return reader.accept("WITH")
    return True


def _read_increment(reader: Reader) -> int:
    reader.accept("BY")
    reader.accept("=")
    number = _number(reader, "INCREMENT")
    if number == 0:
        raise errors.invalid_value("0", "INCREMENT")
    return number


def _number(reader: Reader, name: str) -> int:
    number = reader.integer()
    if not _LEAST <= number <= _HIGHEST:
        raise errors.invalid_value(str(number), name)
    return number


def _finish(call: Call, creation: Creation) -> None:
    properties = creation.properties
    properties.setdefault("start", 1)
    properties.setdefault("increment", 1)
    properties.setdefault("ordered", session_text(call.session, "NOORDER_SEQUENCE_AS_DEFAULT") != "true")
    properties["revision"] = 0


def _duckdb(sequence: SnowflakeObject) -> str:
    return quoted(sequence.name.database or "", "main", sequences.duckdb_name(sequence))


def _make(call: Call, sequence: SnowflakeObject, start: int) -> None:
    """Create DuckDB's sequence, and update the columns that have it as their default."""
    with call.world.store.transaction() as tx:
        tx.define(
            sequence.name.database or "",
            f"CREATE SEQUENCE {_duckdb(sequence)} START {start} INCREMENT {sequence['increment']}"
            f" MINVALUE {_LEAST} MAXVALUE {_HIGHEST}",
        )
        defaults.follow(tx, sequence.name)


def _created(call: Call, sequence: SnowflakeObject) -> None:
    _make(call, sequence, sequence["start"])


def _dropped(call: Call, sequence: SnowflakeObject) -> None:
    with call.world.store.transaction() as tx:
        defaults.follow(tx, sequence.name)
        tx.define(sequence.name.database or "", f"DROP SEQUENCE IF EXISTS {_duckdb(sequence)}")


def next_value(call: Call, sequence: SnowflakeObject) -> int:
    """Return the next number of the sequence, without consuming it."""
    rows = call.world.data.rows(
        "SELECT last_value FROM duckdb_sequences() WHERE database_name = ? AND sequence_name = ?",
        sequence.name.database,
        sequences.duckdb_name(sequence),
    )
    last = rows[0][0] if rows else None
    return int(sequence["start"] if last is None else last + sequence["increment"])


def _set(call: Call, sequence: SnowflakeObject, *, first: str) -> Result | None:
    """ALTER SEQUENCE … [SET] INCREMENT …, SET ORDER | NOORDER, followed by other properties."""
    access.require(call, "OWNERSHIP", sequence)
    changed: dict[str, Any] = {}
    word, reader = first, call.reader
    while word:
        if word == "INCREMENT":
            changed["increment"] = _read_increment(reader)
        elif word == "COMMENT":
            reader.expect("=")
            changed["comment"] = reader.string()
        elif word == "ORDER" and not sequence["ordered"]:
            # the number is a guess
            raise errors.invalid_state(
                f"Sequence '{sequence.name.name}' cannot be changed from NOORDER to ORDER.", 90082, "22000"
            )
        else:
            changed["ordered"] = word == "ORDER"
        reader.accept(",")
        word = next((name for name in ("INCREMENT", "COMMENT", "ORDER", "NOORDER") if reader.accept(name)), "")
    _change(call, sequence, changed)
    return None


def _change(call: Call, sequence: SnowflakeObject, changed: dict[str, Any]) -> None:
    if "increment" not in changed:
        with call.world.store.transaction() as tx:
            catalog.update(tx, sequence, changed)
        return
    # DuckDB cannot change a sequence, so a new one continues at its next value.
    start = next_value(call, sequence)
    with call.world.store.transaction() as tx:
        after = catalog.update(tx, sequence, {**changed, "start": start, "revision": sequence["revision"] + 1})
        _make(call, after, start)
        tx.define(sequence.name.database or "", f"DROP SEQUENCE {_duckdb(sequence)}")


def _rename(call: Call, sequence: SnowflakeObject) -> Result | None:
    access.require(call, "OWNERSHIP", sequence)
    name = call.session.resolve(call.reader.object_name(), ObjectScope.SCHEMA, "ALTER SEQUENCE")
    if name.database != sequence.name.database:
        raise errors.not_supported("ALTER SEQUENCE … RENAME TO another database")
    access.require_create(call, "SEQUENCE", name)
    with call.world.store.transaction() as tx:
        catalog.rename(tx, sequence, name)
        for changed in (sequence.name, name):
            defaults.follow(tx, changed)
    return None


def _show_row(call: Call, sequence: SnowflakeObject) -> tuple[Any, ...]:
    return (
        sequence.name.name,
        sequence.name.database,
        sequence.name.schema,
        next_value(call, sequence),
        sequence["increment"],
        sequence.created_on,
        sequence.owner,
        sequence["comment"] or "",
        "ROLE",
        "Y" if sequence["ordered"] else "N",
    )


def _describe(call: Call, sequence: SnowflakeObject) -> Result:
    return Result(_SHOWN, [_show_row(call, sequence)], SHOW)


_ACTIONS: dict[str, Action] = {
    "RENAME TO": _rename,
    "INCREMENT": partial(_set, first="INCREMENT"),
    **{f"SET {word}": partial(_set, first=word) for word in ("INCREMENT", "ORDER", "NOORDER", "COMMENT")},
}

KIND = Kind(
    name="SEQUENCE",
    plural="SEQUENCES",
    scope=ObjectScope.SCHEMA,
    show=_SHOWN,
    show_row=_show_row,
    properties=(Property("COMMENT", Reader.string),),
    describe=_describe,
    read_definition=_read_definition,
    finish_definition=_finish,
    created=_created,
    dropped=_dropped,
    actions=_ACTIONS,
)
