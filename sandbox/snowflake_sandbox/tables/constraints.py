"""Keys of tables as CREATE and ALTER TABLE write them: kept and shown, enforced by nobody (as in Snowflake).

Knows the clauses of a constraint (sql-reference/sql/create-table-constraint) and the form in which a table keeps its
keys; must not know a connection. A column's own marks (`primary_key`, `unique_key`) follow from the keys.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.statements.reader import Reader
    from snowflake_sandbox.tables.column import TableColumn

PRIMARY, UNIQUE, FOREIGN = "PRIMARY KEY", "UNIQUE", "FOREIGN KEY"
_PREFIXES = {PRIMARY: "SYS_PK", UNIQUE: "SYS_UK", FOREIGN: "SYS_FK"}
_RULES = ("CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION")
# Properties without an effect: all say how a constraint would be enforced.
_PROPERTIES = (
    *("NOT ENFORCED", "ENFORCED", "NOT DEFERRABLE", "DEFERRABLE", "INITIALLY DEFERRED", "INITIALLY IMMEDIATE"),
    *("ENABLE", "DISABLE", "VALIDATE", "NOVALIDATE", "MATCH FULL", "MATCH SIMPLE", "MATCH PARTIAL"),
)


@dataclass(frozen=True)
class Key:
    """One constraint of a table.

    Attributes:
        kind: PRIMARY, UNIQUE or FOREIGN.
        table: database, schema and name of the table that a foreign key refers to, as written.
        referenced: that table's columns; none where its primary key is meant.
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
        """The constraint's name, or the one that the system gives it."""
        return self.name or f"{_PREFIXES[self.kind]}_{table.id}" + (f"_{number}" if self.kind != PRIMARY else "")

    def kept(self) -> dict[str, Any]:
        """As the catalog keeps it."""
        return asdict(self)


def of_table(table: SnowflakeObject) -> list[Key]:
    """The keys of a table; those of a table that an earlier release made are marks of its columns."""
    if table["keys"] is not None:
        return [_from_kept(record) for record in table["keys"]]
    keys = []
    for kind, mark in ((PRIMARY, "primary_key"), (UNIQUE, "unique_key")):
        names = tuple(record["name"] for record in table["columns"] if record[mark])
        keys += [Key(kind, names)] if names else []
    return keys + [_from_kept({"kind": FOREIGN, **record}) for record in table["foreign_keys"] or []]


def _from_kept(record: dict[str, Any]) -> Key:
    lists = {key: tuple(record[key]) for key in ("columns", "referenced", "table") if record.get(key) is not None}
    return Key(**{**record, **lists})


def is_next(reader: Reader) -> bool:
    """Whether a constraint of the table comes next, not a column that has such a word as its name."""
    word = (reader.peek().split() or [""])[0]
    if word == "CONSTRAINT":
        return True
    # The lexer makes one token of PRIMARY KEY.
    return word in ("PRIMARY", "UNIQUE", "FOREIGN") and (" " in reader.peek() or reader.peek(1) in ("KEY", "("))


def read(reader: Reader) -> Key:
    """An out-of-line constraint."""
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
    """A constraint within the definition of a column; None where another clause comes next."""
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
    """The columns with the marks that follow from the keys; `not_null`: those of a primary key become NOT NULL.

    Raises:
        SnowflakeError: 000904, a key names no column of the table.
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


def without(keys: Sequence[Key], kind: str, names: Sequence[str] = ()) -> list[Key]:
    """The keys without those of a kind, or without the one of these columns."""
    return [key for key in keys if key.kind != kind or (names and list(key.columns) != list(names))]


def renamed(keys: Sequence[Key], old: str, new: str) -> list[Key]:
    """The keys after a column took another name."""
    return [replace(key, columns=tuple(new if name == old else name for name in key.columns)) for key in keys]
