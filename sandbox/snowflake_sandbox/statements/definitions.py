"""CREATE, ALTER, DROP and DESCRIBE for every kind of object, from its `Kind` declaration (SHOW: showing.py).

Knows the parts of these statements that are the same for all kinds; must not know any kind, which declares its own
differences (catalog/kind.py). Every change of an object, including its hooks, is one transaction of the store; an
action of ALTER opens its own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access, future, replacing
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.parameters import is_allowed, text_of, type_of
from snowflake_sandbox.result import DESCRIBE, Result, status
from snowflake_sandbox.statements import new_names
from snowflake_sandbox.statements.reader import ObjectName, Reader, leading_words

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.store import Snapshot

_MODIFIERS = frozenset(
    {"TRANSIENT", "TEMPORARY", "TEMP", "VOLATILE", "LOCAL", "GLOBAL", "SECURE", "RECURSIVE", "SCOPED"}
)
LONGEST_KIND = 5
# Kinds whose objects share their names.
_NAMESAKES = {"TABLE": "VIEW", "VIEW": "TABLE"}


def register(world: World) -> None:
    """Add the statements that work on any registered kind."""
    world.statements |= {
        "CREATE": create,
        "ALTER": alter,
        "COMMENT": comment,
        "DROP": drop,
        "DESCRIBE": describe,
        "DESC": describe,
    }


def read_kind(world: World, reader: Reader) -> Kind:
    """Read the name of a kind, e.g. COMPUTE POOL, and return the kind.

    Raises:
        SnowflakeError: 000002, naming the words, if the sandbox has no such kind.
    """
    for count in range(LONGEST_KIND, 0, -1):
        kind = world.kinds.get(" ".join(reader.peek(ahead) for ahead in range(count)))
        if kind is not None and reader.accept(kind.name):
            return kind
    raise errors.not_supported(leading_words(reader.text))


def read_name(call: Call, kind: Kind, command: str) -> tuple[ObjectName, str]:
    """Read and return a resolved name and, for procedures and functions, the argument types ("" otherwise)."""
    name = call.session.resolve(call.reader.object_name(), kind.scope, command)
    return name, read_signature(call.reader) if kind.has_signature else ""


def read_signature(reader: Reader) -> str:
    """Read argument types, e.g. `(VARCHAR, NUMBER(38,0))`, and return them as "(VARCHAR, NUMBER)"; "" if none."""
    if reader.peek() != "(":
        return ""
    inside = reader.parenthesized()
    types = Reader(inside) if inside.strip() else None
    names: list[str] = []
    while types is not None and not types.at_end:
        names.append(types.data_type().base)
        if not types.at_end:
            types.expect(",")
    return f"({', '.join(names)})"


def create(call: Call) -> Result:
    """CREATE [OR REPLACE] [modifiers] <kind> [IF NOT EXISTS] <name> <definition>."""
    reader = call.reader
    or_replace = reader.accept("OR REPLACE")
    replaced = reader.tokens[reader.index - 1] if or_replace else None
    if reader.accept("OR ALTER"):
        raise errors.not_supported("CREATE OR ALTER")
    modifiers: set[str] = set()
    while reader.peek() in _MODIFIERS:
        modifiers.add(reader.identifier())
    kind = read_kind(call.world, reader)
    if replaced is not None and not kind.replaceable:
        raise errors.syntax_error(replaced.text, replaced.start, reader.text)
    if not modifiers <= kind.modifiers:
        raise errors.not_supported(f"CREATE {' '.join(sorted(modifiers))} {kind.name}")
    if_not_exists = reader.accept("IF NOT EXISTS")
    name = call.session.resolve(new_names.of_object(reader), kind.scope, f"CREATE {kind.name}")
    if_not_exists = if_not_exists or reader.accept("IF NOT EXISTS")
    if or_replace and if_not_exists:
        raise errors.replaced_and_kept()
    creation = Creation(name, {}, {}, or_replace, if_not_exists, frozenset(modifiers))
    read_definition(call, kind, creation)
    return (kind.create or create_object)(call, kind, creation)


def read_definition(call: Call, kind: Kind, creation: Creation, end: str = "") -> None:
    """Read what follows the name in CREATE, up to the end of the statement or to the word `end`.

    Raises:
        SnowflakeError: any error in the definition; 002029 for a missing property.
    """
    properties = {item.name: item for item in kind.properties}
    while not call.reader.at_end and not (end and call.reader.peek() == end):
        if _read_property(call.reader, kind, properties, creation.properties, creation.parameters):
            continue
        if kind.keeps_grants and replacing.read_clause(call, creation):
            continue
        if kind.read_definition is not None and kind.read_definition(call, creation):
            continue
        if not call.reader.accept(","):
            raise _unknown(call.reader, f"CREATE {kind.name}")
    missing = [item.name for item in kind.properties if item.required and item.key not in creation.properties]
    if missing:
        raise errors.missing_property(", ".join(missing), f"CREATE {kind.name}")
    creation.explicit = frozenset(creation.properties)
    creation.properties = {item.key: item.default for item in kind.properties} | creation.properties
    if kind.finish_definition is not None:
        kind.finish_definition(call, creation)


def _read_property(
    reader: Reader,
    kind: Kind,
    properties: dict[str, Property],
    values: dict[str, Any],
    parameters: dict[str, Any],
) -> bool:
    word = reader.peek()
    if word not in properties and word not in kind.parameters:
        return False
    reader.index += 1
    if not reader.accept("="):
        # `COMMENT 'x'`, or a property's name used in another way: leave it to the kind's own reader.
        reader.index -= 1
        return False
    if (properties[word].key in values) if word in properties else word in parameters:
        # guess: the number; no page says what accounts answer to a property that stands twice
        repeated = reader.tokens[reader.index - 2]
        raise errors.syntax_error(repeated.text, repeated.start, reader.text)
    if word in properties:
        values[properties[word].key] = properties[word].read(reader)
    else:
        parameters[word] = read_parameter(reader, word, kind.parameters[word])
    return True


def read_parameter(reader: Reader, name: str, default: str) -> str:
    """Read a parameter's value and return it as text; the default determines whether it must be boolean or a number.

    Raises:
        SnowflakeError: 001008 for a value of another type or outside the documented range.
    """
    value = text_of(reader.value())
    expected = type_of(default)
    if expected == "BOOLEAN":
        value = value.lower()
    if (expected != "STRING" and type_of(value) != expected) or not is_allowed(name, value):
        raise errors.invalid_value(value, name)
    return value


def _unknown(reader: Reader, statement: str) -> errors.SnowflakeError:
    if reader.peek() and reader.peek(1) == "=":
        return errors.invalid_property(reader.peek(), statement)
    return reader.unexpected()


def require_no_namesake(tx: Snapshot, kind: Kind, name: ObjectName) -> None:
    """Refuse a table with the name of a view, and a view with the name of a table.

    Raises:
        SnowflakeError: 001998.
    """
    namesake = _NAMESAKES.get(kind.name)
    if namesake is not None and catalog.find(tx, namesake, name) is not None:
        raise errors.exists_as(name.name, namesake)


def create_object(call: Call, kind: Kind, creation: Creation) -> Result:
    """Add an object, whose definition was read completely, to the catalog.

    Raises:
        SnowflakeError: 002002 name in use, 002003 missing parent, 003001 missing privilege.
    """
    access.require_create(call, kind.name, creation.name)
    with call.world.store.transaction() as tx:
        existing = catalog.find(tx, kind.name, creation.name, creation.signature)
        require_no_namesake(tx, kind, creation.name)
        if existing is not None and creation.if_not_exists:
            return status(f"{creation.name.name} already exists, statement succeeded.")
        grants = None
        if existing is not None and creation.or_replace:
            access.require(call, "OWNERSHIP", existing)
            grants = replacing.preserved_grants(tx, kind, creation, existing)
            drop_object(call, existing)
        created = catalog.create(
            tx,
            kind.name,
            creation.name,
            (None if grants is not None else future.owner(tx, kind.name, creation.name)) or call.session.role,
            call.now,
            creation.properties,
            creation.parameters,
            creation.signature,
        )
        if grants is None:
            future.apply(tx, created, call.now)
        else:
            replacing.replace_grants(tx, created, grants)
        if kind.created is not None:
            kind.created(call, created)
    return status(kind.message(creation.name.name))


def find_for(call: Call, kind: Kind, command: str, *, if_exists: bool = False) -> SnowflakeObject | None:
    """Read the name of an object and return the object; None only with `if_exists`, if there is none.

    Raises:
        SnowflakeError: 002003 also for an object that the session's roles may not know of.
    """
    name, signature = read_name(call, kind, command)
    with call.world.store.reading() as tx:
        target = catalog.find(tx, kind.name, name, signature)
        other = catalog.find(tx, _NAMESAKES[kind.name], name) if kind.name in _NAMESAKES and target is None else None
    if other is not None and access.knows(call, other):
        raise errors.other_kind(other.kind, kind.name)
    if (target is None and not if_exists) or (target is not None and not access.knows(call, target)):
        raise errors.does_not_exist(kind.name, name.qualified + signature)
    return target


def drop(call: Call) -> Result:
    """DROP <kind> [IF EXISTS] <name> [CASCADE | RESTRICT]; a kind's `dropping` reads further words, e.g. FORCE."""
    kind = read_kind(call.world, call.reader)
    if_exists = call.reader.accept("IF EXISTS")
    start = call.reader.index
    target = find_for(call, kind, f"DROP {kind.name}", if_exists=if_exists)
    if target is None:
        call.reader.index, call.reader.placeholders_read = start, 0
        name = call.reader.object_name().name
        return status(f"Drop statement executed successfully ({name} already dropped).")
    access.require(call, "OWNERSHIP", target)
    if not call.reader.accept("CASCADE"):
        call.reader.accept("RESTRICT")
    with call.world.store.transaction():
        drop_object(call, target)
        call.reader.end()
    return status(f"{target.name.name} successfully dropped.")


def drop_object(call: Call, target: SnowflakeObject) -> None:
    """Remove one object and run its kind's hook for that. Call this inside a transaction."""
    kind = call.world.kinds.get(target.kind)
    if kind is not None and kind.dropping is not None:
        kind.dropping(call, target)
    with call.world.store.transaction() as tx:
        catalog.delete(tx, target)
        if kind is not None and kind.dropped is not None:
            kind.dropped(call, target)


def drop_children(call: Call, database: str, schema: str | None = None) -> None:
    """Remove the contents of a database or schema: objects first, then schemas, newest first."""
    with call.world.store.transaction() as tx:
        inside = catalog.children(tx, database, schema)
        for child in sorted(inside, key=lambda child: child.kind == "SCHEMA"):
            if catalog.by_id(tx, child.id) is not None:
                drop_object(call, child)


@dataclass
class _Change:
    properties: dict[str, Any]
    parameters: dict[str, Any]


def alter(call: Call) -> Result:
    """ALTER <kind> [IF EXISTS] <name> SET … | UNSET … | RENAME TO … | an action of the kind."""
    kind = read_kind(call.world, call.reader)
    if_exists = call.reader.accept("IF EXISTS")
    target = find_for(call, kind, f"ALTER {kind.name}", if_exists=if_exists)
    if target is None:
        return status()
    for words in sorted(kind.actions, key=len, reverse=True):
        if call.reader.accept(words):
            access.require(call, ("OPERATE", "MODIFY"), target)
            result = kind.actions[words](call, target)
            call.reader.end()
            return result or status()
    if kind.renameable and call.reader.accept("RENAME TO"):
        return _rename(call, kind, target)
    if call.reader.accept("SET"):
        return _apply(call, kind, target, _read_set(call.reader, kind))
    if call.reader.accept("UNSET"):
        return _apply(call, kind, target, _read_unset(call.reader, kind))
    raise call.reader.unexpected()


def _rename(call: Call, kind: Kind, target: SnowflakeObject) -> Result:
    access.require(call, "OWNERSHIP", target)
    name = call.session.resolve(new_names.of_object(call.reader), kind.scope, f"ALTER {kind.name}")
    call.reader.end()
    with call.world.store.transaction() as tx:
        catalog.rename(tx, target, name)
    return status()


def _read_set(reader: Reader, kind: Kind) -> _Change:
    properties = {item.name: item for item in kind.properties if item.alterable}
    change = _Change({}, {})
    while not reader.at_end:
        if not _read_property(reader, kind, properties, change.properties, change.parameters) and not reader.accept(
            ","
        ):
            raise _unknown(reader, f"ALTER {kind.name}")
    return _something(reader, change)


def _read_unset(reader: Reader, kind: Kind) -> _Change:
    properties = {item.name: item for item in kind.properties if item.alterable}
    change = _Change({}, {})
    while not reader.at_end:
        word = reader.peek()
        if word in properties:
            change.properties[properties[word].key] = properties[word].default
        elif word in kind.parameters:
            change.parameters[word] = None
        else:
            raise errors.invalid_property(word, f"ALTER {kind.name}")
        reader.index += 1
        reader.accept(",")
    return _something(reader, change)


def _something(reader: Reader, change: _Change) -> _Change:
    if not change.properties and not change.parameters:
        raise reader.unexpected()
    return change


def _apply(call: Call, kind: Kind, target: SnowflakeObject, change: _Change) -> Result:
    access.require(call, "MODIFY", target)
    if kind.setting is not None:
        change.properties |= kind.setting(call, change.properties)
    with call.world.store.transaction() as tx:
        before = catalog.by_id(tx, target.id) or target
        after = catalog.update(tx, before, change.properties, change.parameters)
        if kind.altered is not None:
            kind.altered(call, before, after)
    return status()


def comment(call: Call) -> Result:
    """COMMENT [IF EXISTS] ON <kind> <name> IS '<text>' (columns: tables/comments.py)."""
    if_exists = call.reader.accept("IF EXISTS")
    call.reader.expect("ON")
    kind = read_kind(call.world, call.reader)
    if not any(item.name == "COMMENT" for item in kind.properties):
        raise errors.not_supported(f"COMMENT ON {kind.name}")
    target = find_for(call, kind, "COMMENT", if_exists=if_exists)
    call.reader.expect("IS")
    text = call.reader.string()
    call.reader.end()
    return status() if target is None else _apply(call, kind, target, _Change({"comment": text}, {}))


def _described_kind(call: Call, kind: Kind) -> Kind:
    """Return the kind of the object: DESCRIBE TABLE and VIEW are interchangeable (sql-reference/sql/desc-view)."""
    namesake = _NAMESAKES.get(kind.name)
    if namesake is None:
        return kind
    start = call.reader.index
    name, _ = read_name(call, kind, f"DESCRIBE {kind.name}")
    call.reader.index, call.reader.placeholders_read = start, 0
    with call.world.store.reading() as tx:
        is_other = catalog.find(tx, kind.name, name) is None and catalog.find(tx, namesake, name) is not None
    return call.world.kinds[namesake] if is_other else kind


def describe(call: Call) -> Result:
    """DESCRIBE <kind> <name>; a kind's `describe` reads what may follow, e.g. TYPE = COLUMNS."""
    kind = _described_kind(call, read_kind(call.world, call.reader))
    if kind.describe is None:
        raise errors.not_supported(f"DESCRIBE {kind.name}")
    target = find_for(call, kind, f"DESCRIBE {kind.name}")
    assert target is not None  # noqa: S101  # without IF EXISTS
    result = kind.describe(call, target)
    call.reader.end()
    return replace(result, statement_type=DESCRIBE)
