"""Keys of tables in CREATE and ALTER TABLE: stored and shown, but not enforced (as in Snowflake).

Knows the clauses of a constraint (sql-reference/sql/create-table-constraint) and the form in which a table stores its
keys; must not know a connection. A column's own marks (`primary_key`, `unique_key`) are derived from the keys.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.statements.reader import Reader
    from snowflake_sandbox.tables.column import TableColumn

PRIMARY, UNIQUE, FOREIGN = "PRIMARY KEY", "UNIQUE", "FOREIGN KEY"
_PREFIXES = {PRIMARY: "SYS_PK", UNIQUE: "SYS_UK", FOREIGN: "SYS_FK"}
_RULES = ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION")
# Properties without an effect: they only describe how a constraint would be enforced.
_PROPERTIES = (
    *("NOT ENFORCED", "ENFORCED", "NOT DEFERRABLE", "DEFERRABLE", "INITIALLY DEFERRED", "INITIALLY IMMEDIATE"),
    *("ENABLE", "DISABLE", "VALIDATE", "NOVALIDATE", "MATCH FULL", "MATCH SIMPLE", "MATCH PARTIAL"),
)


@dataclass(frozen=True)
class Key:
    """A constraint of a table.

    Attributes:
        kind: PRIMARY, UNIQUE or FOREIGN.
        table: database, schema and name, as written, of the table that a foreign key references.
        referenced: the referenced columns; empty if the key references that table's primary key.
    """

    kind: str
    columns: tuple[str, ...]
    name: str | None = None
    table: tuple[str | None, str | None, str] | None = None
    referenced: tuple[str, ...] = ()
    update_rule: str = "NO ACTION"
    delete_rule: str = "NO ACTION"
    rely: bool = False

    def shown_name(self, table: SnowflakeObject, number: int) -> str:
        """Return the constraint's name, or the name that the system generates."""
        return self.name or f"{_PREFIXES[self.kind]}_{table.id}" + (f"_{number}" if self.kind != PRIMARY else "")

    def record(self) -> dict[str, Any]:
        """Return the key as the catalog stores it."""
        return asdict(self)


def of_table(table: SnowflakeObject) -> list[Key]:
    """Return the keys of a table; those of a table that an earlier release created are marks on its columns."""
    if table["keys"] is not None:
        return [_from_record(record) for record in table["keys"]]
    keys = []
    for kind, mark in ((PRIMARY, "primary_key"), (UNIQUE, "unique_key")):
        names = tuple(record["name"] for record in table["columns"] if record[mark])
        keys += [Key(kind, names)] if names else []
    return keys + [_from_record({"kind": FOREIGN, **record}) for record in table["foreign_keys"] or []]


def _from_record(record: dict[str, Any]) -> Key:
    lists = {key: tuple(record[key]) for key in ("columns", "referenced", "table") if record.get(key) is not None}
    return Key(**{**record, **lists})


def is_next(reader: Reader) -> bool:
    """Whether a constraint of the table comes next, and not a column with such a name."""
    word = (reader.peek().split() or [""])[0]
    if word == "CONSTRAINT":
        return True
    # The lexer combines PRIMARY KEY into one token.
    return word in ("PRIMARY", "UNIQUE", "FOREIGN") and (" " in reader.peek() or reader.peek(1) in ("KEY", "("))


def read(reader: Reader) -> Key:
    """Read an out-of-line constraint."""
    name = reader.identifier() if reader.accept("CONSTRAINT") else None
    kind = next((kind for kind in (PRIMARY, UNIQUE) if reader.accept(kind)), FOREIGN)
    if kind == FOREIGN:
        reader.expect(FOREIGN)
    reader.expect("(")
    key = Key(kind, tuple(column.name for column in reader.name_list(")")), name)
    if kind == FOREIGN:
        reader.expect("REFERENCES")
        key = _with_reference(reader, key)
    return _with_properties(reader, key)


def read_inline(reader: Reader, column: str) -> Key | None:
    """Read a constraint in the definition of a column; return None if another clause comes next."""
    name = reader.identifier() if reader.accept("CONSTRAINT") else None
    kind = next((kind for kind in (PRIMARY, UNIQUE) if reader.accept(kind)), None)
    if kind is not None:
        return _with_properties(reader, Key(kind, (column,), name))
    if reader.accept("FOREIGN KEY REFERENCES") or reader.accept("REFERENCES"):
        return _with_properties(reader, _with_reference(reader, Key(FOREIGN, (column,), name)))
    if name is not None:
        raise reader.unexpected()
    return None


def _with_reference(reader: Reader, key: Key) -> Key:
    table = reader.object_name()
    referenced = tuple(column.name for column in reader.name_list(")")) if reader.accept("(") else ()
    return replace(key, table=(table.database, table.schema, table.name), referenced=referenced)


def _with_properties(reader: Reader, key: Key) -> Key:
    while not reader.at_end:
        if reader.accept("ON UPDATE"):
            key = replace(key, update_rule=_rule(reader))
        elif reader.accept("ON DELETE"):
            key = replace(key, delete_rule=_rule(reader))
        elif reader.accept("RELY") or reader.accept("NORELY"):
            key = replace(key, rely=reader.peek(-1) == "RELY")
        elif not any(reader.accept(words) for words in _PROPERTIES):
            break
    return key


def _rule(reader: Reader) -> str:
    rule = next((words for words in _RULES if reader.accept(words)), None)
    if rule is None:
        raise reader.unexpected()
    return rule


def marked(definitions: Iterable[TableColumn], keys: Sequence[Key], *, not_null: bool = False) -> list[TableColumn]:
    """Return the columns with the marks derived from the keys; `not_null`: make those of a primary key NOT NULL.

    Raises:
        SnowflakeError: 000904 if a key contains a column that the table does not have.
    """
    columns = list(definitions)
    names = {definition.name for definition in columns}
    for name in (name for key in keys for name in key.columns):
        if name not in names:
            raise errors.SnowflakeError(904, "42000", f"SQL compilation error:\ninvalid identifier '{name}'")
    primary, unique = ({name for key in keys if key.kind == kind for name in key.columns} for kind in (PRIMARY, UNIQUE))
    return [
        replace(
            definition,
            primary_key=definition.name in primary,
            unique_key=definition.name in unique,
            nullable=definition.nullable and not (not_null and definition.name in primary),
        )
        for definition in columns
    ]


def require_referenced(
    keys: Iterable[Key], columns_of: Callable[[tuple[str | None, str | None, str]], Collection[str]]
) -> None:
    """Refuse a foreign key on columns that the other table does not have.

    Args:
        keys: the keys that a statement adds.
        columns_of: returns the names of a table's columns; raises 002003 if there is no such table.

    Raises:
        SnowflakeError: 002003, 000904.
    """
    for key in keys:
        names = columns_of(key.table) if key.table is not None else key.referenced
        for name in key.referenced:
            if name not in names:
                raise errors.SnowflakeError(904, "42000", f"SQL compilation error:\ninvalid identifier '{name}'")


def without(keys: Sequence[Key], kind: str, names: Sequence[str] = ()) -> list[Key]:
    """Return the keys except those of a kind, or except the key of this kind on these columns."""
    return [key for key in keys if key.kind != kind or (names and list(key.columns) != list(names))]


def renamed(keys: Sequence[Key], old: str, new: str) -> list[Key]:
    """Return the keys after a column was renamed."""
    return [replace(key, columns=tuple(new if name == old else name for name in key.columns)) for key in keys]
