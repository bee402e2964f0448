"""The forms of ALTER TABLE, and the DuckDB statements of CREATE TABLE.

Knows how columns are changed in the catalog and in DuckDB together; must not know rows.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data import sequences
from snowflake_sandbox.data.adapter import quoted
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName
from snowflake_sandbox.tables import column, constraints, defaults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.result import Result
    from snowflake_sandbox.statements.reader import Reader
    from snowflake_sandbox.store import Transaction
    from snowflake_sandbox.tables.column import TableColumn
    from snowflake_sandbox.tables.constraints import Key


def sequence(table: SnowflakeObject, column_name: str) -> str:
    """Return the quoted name of an IDENTITY column's sequence."""
    return quoted(table.name.database or "", *_identity(table, column_name))


def _identity(table: SnowflakeObject, column_name: str) -> tuple[str, str]:
    # Contains the table's id, because another table may have its name after a rename.
    return table.name.schema or "", f"_identity_{table.id}_{column_name}"


def make(call: Call, table: SnowflakeObject) -> None:
    """Create the DuckDB table of a table in the catalog."""
    definitions = [column.from_record(record) for record in table["columns"]]
    statements = [
        f"CREATE OR REPLACE SEQUENCE {sequence(table, definition.name)}"
        f" START {definition.identity[0]} INCREMENT {definition.identity[1]}"
        for definition in definitions
        if definition.identity is not None
    ]
    translate = defaults.translator(call, table.name.database)
    columns = ", ".join(
        # Without the database's name, so that the default remains valid when the database is renamed.
        column.definition(definition, translate, quoted(*_identity(table, definition.name)))
        for definition in definitions
    )
    call.world.define(table.name.database or "", *statements, f"CREATE TABLE {table.name.quoted} ({columns})")


def _columns(table: SnowflakeObject) -> list[TableColumn]:
    return [column.from_record(record) for record in table["columns"]]


def _keep(
    call: Call,
    table: SnowflakeObject,
    changed: Iterable[TableColumn],
    *statements: str,
    keys: Sequence[Key] | None = None,
) -> None:
    """Change DuckDB and the catalog together; `keys`: the table's new keys, if they change."""
    definitions = list(changed) if keys is None else constraints.marked(changed, keys)
    kept_keys = {} if keys is None else {"keys": [key.record() for key in keys]}
    with call.world.store.transaction() as tx:
        if statements:
            tx.define(table.name.database or "", *statements)
        now = catalog.by_id(tx, table.id) or table
        catalog.update(tx, now, {"columns": [definition.record() for definition in definitions], **kept_keys})


def _position(definitions: list[TableColumn], name: str) -> int:
    for position, definition in enumerate(definitions):
        if definition.name == name:
            return position
    raise errors.SnowflakeError(904, "42000", f"SQL compilation error:\ncolumn '{name}' does not exist")


def _add(call: Call, table: SnowflakeObject) -> Result | None:
    reader, now = call.reader, _columns(table)
    statements: list[str] = []
    keys = constraints.of_table(table)
    while True:
        reader.accept("COLUMN")
        optional = reader.accept("IF NOT EXISTS")
        inline: list[Key] = []
        added = defaults.qualified(call, column.read(reader, inline))
        if any(definition.name == added.name for definition in now):
            if not optional:
                raise errors.SnowflakeError(
                    1430, "42601", f"SQL compilation error:\ncolumn '{added.name}' already exists"
                )
        else:
            statements += _add_statements(call, table, added)
            now.append(added)
            keys += inline
        if not reader.accept(","):
            break
    require_referenced(call, table.name, now, keys[len(constraints.of_table(table)) :])
    _keep(call, table, now, *statements, keys=keys)
    return None


def require_referenced(call: Call, table: ObjectName, own: Iterable[TableColumn], keys: Iterable[Key]) -> None:
    """Refuse foreign keys on what does not exist or may not be referenced; a table may reference itself.

    Raises:
        SnowflakeError: 002003, 000904, 003001.
    """

    def columns_of(parts: tuple[str | None, str | None, str]) -> set[str]:
        database, schema, written = parts
        name = ObjectName(written, schema or table.schema, database or table.database)
        if name == table:
            return {definition.name for definition in own}
        with call.world.store.reading() as tx:
            referred = catalog.get(tx, "TABLE", name)
        access.require(call, "REFERENCES", referred)
        return {record["name"] for record in referred["columns"]}

    constraints.require_referenced(keys, columns_of)


def _add_statements(call: Call, table: SnowflakeObject, added: TableColumn) -> list[str]:
    name = table.name.quoted
    # DuckDB cannot add a NOT NULL column in one step; Snowflake can if the table is empty or there is a default.
    text = column.definition(replace(added, nullable=True), defaults.translator(call, table.name.database), "")
    statements = [f"ALTER TABLE {name} ADD COLUMN {text}"]
    if not added.nullable:
        statements.append(f"ALTER TABLE {name} ALTER COLUMN {quoted(added.name)} SET NOT NULL")
    return statements


def _drop_column(call: Call, table: SnowflakeObject) -> Result | None:
    call.reader.accept("IF EXISTS")
    now, names = _columns(table), [call.reader.identifier()]
    while call.reader.accept(","):
        call.reader.accept("COLUMN")
        names.append(call.reader.identifier())
    for name in names:
        now.pop(_position(now, name))
    keys = [key for key in constraints.of_table(table) if not set(key.columns) & set(names)]
    statements = [f"ALTER TABLE {table.name.quoted} DROP COLUMN {quoted(name)}" for name in names]
    _keep(call, table, now, *statements, keys=keys)
    return None


def _rename_column(call: Call, table: SnowflakeObject) -> Result | None:
    now, old = _columns(table), call.reader.identifier()
    call.reader.expect("TO")
    new = call.reader.identifier()
    position = _position(now, old)
    now[position] = replace(now[position], name=new)
    statement = f"ALTER TABLE {table.name.quoted} RENAME COLUMN {quoted(old)} TO {quoted(new)}"
    _keep(call, table, now, statement, keys=constraints.renamed(constraints.of_table(table), old, new))
    return None


def _alter_columns(call: Call, table: SnowflakeObject) -> Result | None:
    reader, now = call.reader, _columns(table)
    bracketed = reader.accept("(")
    statements: list[str] = []
    while True:
        reader.accept("COLUMN")
        position = _position(now, reader.identifier())
        now[position], changes = _alter_column(call, table, now[position])
        statements += changes
        if not reader.accept(","):
            break
    if bracketed:
        reader.expect(")")
    _keep(call, table, now, *statements)
    return None


def _alter_column(call: Call, table: SnowflakeObject, definition: TableColumn) -> tuple[TableColumn, list[str]]:
    reader = call.reader
    start = f"ALTER TABLE {table.name.quoted} ALTER COLUMN {quoted(definition.name)}"
    if reader.accept("SET NOT NULL"):
        return replace(definition, nullable=False), [f"{start} SET NOT NULL"]
    if reader.accept("DROP NOT NULL"):
        return replace(definition, nullable=True), [f"{start} DROP NOT NULL"]
    if reader.accept("DROP DEFAULT"):
        return replace(definition, default=None, identity=None), [f"{start} DROP DEFAULT"]
    if reader.accept("SET DEFAULT"):
        return _set_default(call, table, definition, start)
    if reader.accept("UNSET COMMENT") or reader.accept("COMMENT"):
        is_unset = reader.at_end or reader.peek() == ","
        return replace(definition, comment="" if is_unset else reader.string()), []
    if not reader.accept("SET DATA TYPE"):
        reader.accept("TYPE")
    kind = reader.data_type()
    collation = reader.string() if reader.accept("COLLATE") else definition.collation
    changed = replace(definition, base=kind.base, numbers=kind.numbers, collation=collation)
    if kind.base != definition.base:
        raise errors.SnowflakeError(
            2108,
            "22000",
            f"SQL compilation error:\ncannot change column {definition.name} from type {definition.type.full}"
            f" to {kind.full}",
        )
    duckdb_type = column.duckdb_type(kind)
    is_same = duckdb_type == column.duckdb_type(definition.type)
    return changed, [] if is_same else [f"{start} SET DATA TYPE {duckdb_type}"]


def _set_default(
    call: Call, table: SnowflakeObject, definition: TableColumn, start: str
) -> tuple[TableColumn, list[str]]:
    """SET DEFAULT seq.NEXTVAL; only defaults that use a sequence can be set (sql-reference/sql/alter-table-column)."""
    changed = defaults.qualified(call, replace(definition, default=column.read_expression(call.reader)))
    if sequences.sequence_of(changed.default) is None or sequences.sequence_of(definition.default) is None:
        raise errors.SnowflakeError(
            2, "0A000", "Unsupported feature 'Alter Column Set Default' for anything but another sequence."
        )
    return changed, [f"{start} SET DEFAULT {defaults.translator(call, table.name.database)(changed.default or '')}"]


def _cluster(call: Call, table: SnowflakeObject) -> Result | None:
    _set(call, table, cluster_by=f"LINEAR({call.reader.parenthesized()})")
    return None


def _drop_clustering(call: Call, table: SnowflakeObject) -> Result | None:
    _set(call, table, cluster_by=None)
    return None


def _set(call: Call, table: SnowflakeObject, **values: Any) -> None:
    with call.world.store.transaction() as tx:
        catalog.update(tx, table, values)


def _drop_keys(kind: str) -> Callable[[Call, SnowflakeObject], Result | None]:
    def action(call: Call, table: SnowflakeObject) -> Result | None:
        names = [name.name for name in call.reader.name_list(")")] if call.reader.accept("(") else []
        _end_of_drop(call.reader)
        _keep(call, table, _columns(table), keys=constraints.without(constraints.of_table(table), kind, names))
        return None

    return action


def _end_of_drop(reader: Reader) -> None:
    if not reader.accept("CASCADE"):
        reader.accept("RESTRICT")


def _drop_constraint(call: Call, table: SnowflakeObject) -> Result | None:
    name, keys = call.reader.identifier(), constraints.of_table(table)
    _end_of_drop(call.reader)
    dropped = _key_named(table, keys, name)
    _keep(call, table, _columns(table), keys=[key for key in keys if key is not dropped])
    return None


def _rename_constraint(call: Call, table: SnowflakeObject) -> Result | None:
    name, keys = call.reader.identifier(), constraints.of_table(table)
    call.reader.expect("TO")
    new = call.reader.identifier()
    before = _key_named(table, keys, name)
    changed = [replace(key, name=new) if key is before else key for key in keys]
    _keep(call, table, _columns(table), keys=changed)
    return None


def _key_named(table: SnowflakeObject, keys: Sequence[Key], name: str) -> Key:
    for number, key in enumerate(keys):
        if key.shown_name(table, number) == name:
            return key
    raise errors.does_not_exist("Constraint", name)


def _add_constraint(call: Call, table: SnowflakeObject) -> Result | None:
    # The words that selected this action, CONSTRAINT or PRIMARY KEY, are part of the constraint.
    call.reader.index = next(
        index
        for index in range(call.reader.index - 1, 0, -1)
        if call.reader.tokens[index].text.upper()
        in ("CONSTRAINT", "PRIMARY KEY", "PRIMARY", "FOREIGN KEY", "FOREIGN", "UNIQUE")
    )
    # Unlike in CREATE TABLE, nullable columns remain nullable: keys are not enforced.
    added = constraints.read(call.reader)
    require_referenced(call, table.name, _columns(table), [added])
    _keep(call, table, _columns(table), keys=[*constraints.of_table(table), added])
    return None


def _rename(call: Call, table: SnowflakeObject) -> Result | None:
    name = call.session.resolve(call.reader.object_name(), ObjectScope.SCHEMA, "ALTER TABLE")
    if (name.database, name.schema) != (table.name.database, table.name.schema):
        raise errors.not_supported("ALTER TABLE … RENAME TO another schema")
    with call.world.store.transaction() as tx:
        take_name(tx, table, name)
    return None


def _swap(call: Call, table: SnowflakeObject) -> Result | None:
    """SWAP WITH: both tables take each other's names in one transaction, with their rows, grants and keys."""
    name = call.session.resolve(call.reader.object_name(), ObjectScope.SCHEMA, "ALTER TABLE")
    with call.world.store.reading() as tx:
        other = catalog.get(tx, "TABLE", name)
    access.require(call, "OWNERSHIP", other)
    if (name.database, name.schema) != (table.name.database, table.name.schema):
        raise errors.not_supported("ALTER TABLE … SWAP WITH a table of another schema")
    between = ObjectName(f"_SWAPPED_{table.id}", name.schema, name.database)
    with call.world.store.transaction() as tx:
        for item, taken in ((table.id, between), (other.id, table.name), (table.id, name)):
            take_name(tx, catalog.by_id(tx, item) or table, taken)
    return None


def take_name(tx: Transaction, table: SnowflakeObject, name: ObjectName) -> None:
    """Rename a table within its schema, in the catalog and in DuckDB."""
    catalog.rename(tx, table, name)
    tx.define(table.name.database or "", f"ALTER TABLE {table.name.quoted} RENAME TO {quoted(name.name)}")


ACTIONS: dict[str, Callable[[Call, SnowflakeObject], Result | None]] = {
    "RENAME TO": _rename,
    "SWAP WITH": _swap,
    "RENAME COLUMN": _rename_column,
    "ADD": _add,
    "ADD CONSTRAINT": _add_constraint,
    "ADD FOREIGN KEY": _add_constraint,
    "ADD PRIMARY KEY": _add_constraint,
    "ADD UNIQUE": _add_constraint,
    "DROP": _drop_column,
    "DROP COLUMN": _drop_column,
    "DROP PRIMARY KEY": _drop_keys(constraints.PRIMARY),
    "DROP UNIQUE": _drop_keys(constraints.UNIQUE),
    "DROP FOREIGN KEY": _drop_keys(constraints.FOREIGN),
    "DROP CONSTRAINT": _drop_constraint,
    "RENAME CONSTRAINT": _rename_constraint,
    "DROP CLUSTERING KEY": _drop_clustering,
    "CLUSTER BY": _cluster,
    "ALTER": _alter_columns,
    "MODIFY": _alter_columns,
}
