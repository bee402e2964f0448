"""SHOW and SHOW PARAMETERS for every kind of object, from its `Kind` declaration.

Knows the clauses that all SHOW statements share, and how a parameter is inherited; must not know any kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import FROM_SHOW
from snowflake_sandbox.parameters import SESSION, session_text, text_of, type_of
from snowflake_sandbox.result import SHOW, Result, ResultColumn, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.definitions import LONGEST_KIND, find_for, read_kind
from snowflake_sandbox.statements.reader import ObjectName, leading_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.catalog.kind import Kind
    from snowflake_sandbox.statements.reader import Reader

_PARAMETER_COLUMNS = columns("key value default level description type")


def register(world: World) -> None:
    """Add the statements of this file."""
    world.statements |= {"SHOW": show, "SHOW PARAMETERS": show_parameters}


@dataclass(frozen=True)
class Listing:
    """The common clauses of a SHOW statement, read."""

    database: str | None = None
    schema: str | None = None
    like: str | None = None
    starts_with: str | None = None
    limit: int | None = None
    after: str | None = None
    history: bool = False
    root_only: bool = False


def read_listing(call: Call, scope: ObjectScope, like: str | None = None) -> Listing:
    """[HISTORY] [LIKE 'x'] [IN …] [STARTS WITH 'x'] [ROOT ONLY] [LIMIT n [FROM 'x']], to the end of the statement."""
    reader = call.reader
    history = reader.accept("HISTORY")
    like = reader.string() if like is None and reader.accept("LIKE") else like
    database, schema = _read_in(call, scope)
    starts_with = reader.string() if reader.accept("STARTS WITH") else None
    root_only = reader.accept("ROOT ONLY")
    limit = reader.integer() if reader.accept("LIMIT") else None
    after = reader.string() if limit is not None and reader.accept("FROM") else None
    reader.end()
    return Listing(database, schema, like, starts_with, limit, after, history=history, root_only=root_only)


def _read_in(call: Call, scope: ObjectScope) -> tuple[str | None, str | None]:
    reader, session = call.reader, call.session
    if not reader.accept("IN"):
        # Without IN: the session's database, where it has one (docs: sql-reference/sql/show-tables).
        return (session.database if scope is not ObjectScope.ACCOUNT else None), None
    if reader.accept("ACCOUNT"):
        return None, None
    if reader.accept("DATABASE"):
        return _existing(call, "DATABASE", None if reader.at_end or _at_clause(reader) else reader.object_name())
    if reader.accept("SCHEMA"):
        return _existing(call, "SCHEMA", None if reader.at_end or _at_clause(reader) else reader.object_name())
    name = reader.object_name()
    return _existing(call, "DATABASE" if scope is ObjectScope.DATABASE and name.schema is None else "SCHEMA", name)


def _at_clause(reader: Reader) -> bool:
    return reader.peek() in ("STARTS", "LIMIT")


def _existing(call: Call, kind: str, name: ObjectName | None) -> tuple[str, str | None]:
    session = call.session
    if kind == "DATABASE":
        written = name or (ObjectName(session.database) if session.database else None)
        if written is None:
            raise errors.no_current_database("SHOW")
        resolved = ObjectName(written.name)
    else:
        if name is None and session.schema is None:
            raise errors.no_current_schema("SHOW")
        resolved = session.resolve(name or ObjectName(session.schema or ""), ObjectScope.DATABASE, "SHOW")
    with call.world.store.reading() as tx:
        target = catalog.find(tx, kind, resolved)
    if target is None or not access.visible(call, [target]):
        raise errors.nothing_to_enter()
    return (target.name.name, None) if kind == "DATABASE" else (target.name.schema or "", target.name.name)


def _row(call: Call, kind: Kind, item: SnowflakeObject) -> tuple[Any, ...] | errors.SnowflakeError:
    try:
        return kind.show_row(call, item)
    except errors.SnowflakeError as error:
        return error


def _rows(call: Call, kind: Kind, listing: Listing) -> list[tuple[Any, ...]]:
    """Return the objects' rows, without those that another session has dropped since they were listed."""
    with call.world.store.reading():  # one turn for all rows (store.py)
        objects = [item for item in listed(call, kind, listing) if not listing.root_only or not item["after"]]
        answers = [(item, _row(call, kind, item)) for item in objects]
    rows: list[tuple[Any, ...]] = []
    for item, answer in answers:
        if not isinstance(answer, errors.SnowflakeError):
            rows.append(answer)
            continue
        with call.world.store.reading() as tx:
            if catalog.by_id(tx, item.id) is not None:
                raise answer
    return rows


def show(call: Call) -> Result:
    """SHOW [TERSE] <kind in the plural> …: one row per object that the session may see, by name."""
    is_terse = call.reader.accept("TERSE")
    kind = _read_plural(call)
    if is_terse and not kind.terse:
        raise errors.not_supported(f"SHOW TERSE {kind.plural}")
    listing = read_listing(call, kind.scope)
    rows = _rows(call, kind, listing)
    if kind.implied_rows is not None:
        rows = _with_implied(kind.show, rows, kind.implied_rows(call, listing.database), listing)
    if is_terse:
        return Result(*_terse(kind, rows), SHOW)
    if listing.history:
        return Result(kind.show, rows, SHOW)
    # Dropped objects are listed only with HISTORY.
    selected = [position for position, column in enumerate(kind.show) if column.name != "dropped_on"]
    return Result(tuple(kind.show[at] for at in selected), [tuple(row[at] for at in selected) for row in rows], SHOW)


def _with_implied(
    described: Sequence[ResultColumn], rows: list[tuple[Any, ...]], implied: list[tuple[Any, ...]], listing: Listing
) -> list[tuple[Any, ...]]:
    """Return the rows with those that are no objects of the catalog, by name."""
    name = [column.name for column in described].index("name")
    pattern = catalog.like_pattern(listing.like)
    selected = [
        row
        for row in implied
        if (pattern is None or pattern.fullmatch(row[name]))
        and row[name].startswith(listing.starts_with or "")
        and row[name] > (listing.after or "")
    ]
    return sorted([*rows, *selected], key=lambda row: str(row[name]))[: listing.limit]


def listed(call: Call, kind: Kind, listing: Listing) -> list[SnowflakeObject]:
    """Return the objects of a listing that the session may see, by name."""
    with call.world.store.reading() as tx:
        objects = catalog.listing(tx, kind.name, listing.database, listing.schema, listing.like)
    names = [
        item
        for item in access.visible(call, objects)
        if item.name.name.startswith(listing.starts_with or "") and item.name.name > (listing.after or "")
    ]
    return names[: listing.limit]


def _terse(kind: Kind, rows: list[tuple[Any, ...]]) -> tuple[tuple[ResultColumn, ...], list[tuple[Any, ...]]]:
    positions = {column.name: position for position, column in enumerate(kind.show)}
    described = tuple(
        kind.show[positions[name]] if value is FROM_SHOW else ResultColumn(name) for name, value in kind.terse.items()
    )
    cells = [
        tuple(row[positions[name]] if value is FROM_SHOW else value for name, value in kind.terse.items())
        for row in rows
    ]
    return described, cells


def _read_plural(call: Call) -> Kind:
    plurals = {kind.plural: kind for kind in call.world.kinds.values()}
    # Snowflake lists its own functions too; the sandbox has no list of them.
    if call.reader.peek() == "FUNCTIONS" and "FUNCTION" in call.world.kinds:
        call.reader.accept("FUNCTIONS")
        return call.world.kinds["FUNCTION"]
    for count in range(LONGEST_KIND, 0, -1):
        kind = plurals.get(" ".join(call.reader.peek(ahead) for ahead in range(count)))
        if kind is not None and call.reader.accept(kind.plural):
            return kind
    raise errors.not_supported(leading_words(call.text))


def show_parameters(call: Call) -> Result:
    """SHOW PARAMETERS [LIKE 'x'] [IN | FOR SESSION | ACCOUNT | USER <name> | <kind> <name>]."""
    reader = call.reader
    like = reader.string() if reader.accept("LIKE") else None
    rows = _parameter_rows(call)
    like = reader.string() if like is None and reader.accept("LIKE") else like
    reader.end()
    pattern = catalog.like_pattern(like)
    selected = [row for row in rows if pattern is None or pattern.fullmatch(str(row[0]))]
    return Result(_PARAMETER_COLUMNS, selected, SHOW)


def _parameter_rows(call: Call) -> list[tuple[Any, ...]]:
    reader, session = call.reader, call.session
    if not (reader.accept("IN") or reader.accept("FOR")) or reader.accept("SESSION"):
        own = {name for name in session.parameters if name in SESSION}
        return [
            (name, session_text(session, name), default, "SESSION" if name in own else "", "", type_of(default))
            for name, default in sorted(SESSION.items())
        ]
    if reader.accept("ACCOUNT"):
        defaults = {**SESSION, "EVENT_TABLE": "snowflake.telemetry.events"}
        return [(name, value, value, "", "", type_of(value)) for name, value in sorted(defaults.items())]
    kind = read_kind(call.world, reader)
    target = find_for(call, kind, "SHOW PARAMETERS")
    if target is None or not access.visible(call, [target]):
        raise errors.does_not_exist(kind.name, target.name.qualified if target else "")
    above = _above(call.world, target)
    return [_parameter_row(kind, target, above, name) for name in sorted(kind.parameters)]


def _parameter_row(kind: Kind, target: SnowflakeObject, above: Sequence[SnowflakeObject], name: str) -> tuple[Any, ...]:
    value, level = _nearest(name, (target, *above))
    default = kind.parameters[name]
    return (name, default if value is None else text_of(value), default, level, "", type_of(default))


def effective_parameter(world: World, target: SnowflakeObject, name: str) -> tuple[Any, str]:
    """Return a parameter's value and the level that sets it: object, schema or database; (None, "") if none does."""
    if name in target.parameters:
        return target.parameters[name], target.kind
    return _nearest(name, _above(world, target))


def _nearest(name: str, levels: Sequence[SnowflakeObject]) -> tuple[Any, str]:
    return next(((level.parameters[name], level.kind) for level in levels if name in level.parameters), (None, ""))


def _above(world: World, target: SnowflakeObject) -> list[SnowflakeObject]:
    """Return the schema and the database of an object, if it is in one."""
    chain = []
    if target.name.database is not None:
        chain.append(("SCHEMA", ObjectName(target.name.schema or "", target.name.database)))
    if target.name.schema is not None:
        chain.append(("DATABASE", ObjectName(target.name.database or target.name.schema)))
    with world.store.reading() as tx:
        return [parent for kind, name in chain if (parent := catalog.find(tx, kind, name)) is not None]


def text_rows(names: str, rows: list[tuple[Any, ...]]) -> Result:
    """Return a result with text columns, as for DESCRIBE."""
    return Result(tuple(ResultColumn(name.replace("~", " ")) for name in names.split()), rows, SHOW)
