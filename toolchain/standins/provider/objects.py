"""The statements that most objects share: CREATE, SHOW, ALTER ... SET and UNSET, DROP, and reading a row back.

Knows Snowflake's general rules (SQL contract, sections 1, 4 and 5). Must not know any particular resource type.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from jobgraph.toolchain.standins.provider.cells import flag, parameters_by_name, show_output, whole
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    FoundRow,
    Observation,
    Observed,
    Property,
    Row,
    Statement,
    Statements,
    Values,
)
from jobgraph.toolchain.standins.provider.errors import NotThereError, SnowflakeError
from jobgraph.toolchain.standins.provider.sql import identifier_parts, quoted, text


@dataclass(frozen=True)
class Kind:
    """A kind of object.

    name, plural: as in CREATE and SHOW. container: property names of the database and schema. columns: of SHOW, for
    `show_output`. between_sets, between_unsets: the separators of those lists.
    """

    name: str
    plural: str
    columns: str
    container: tuple[str, ...] = ()
    between_sets: str = ", "
    between_unsets: str = ", "

    def parts(self, values: Values) -> tuple[str, ...]:
        """Return database, schema and name, as far as the kind has them."""
        return tuple(_bare(values[name]) for name in (*self.container, "name"))

    def full_name(self, values: Values) -> str:
        """Return the quoted, dotted name."""
        return quoted(*self.parts(values))

    def bare_name(self, values: Values) -> str:
        """Return the name without quotes: the official plugin's id of an account object."""
        return self.parts(values)[-1]

    def parse(self, resource_id: str) -> Values:
        """Return the values that identify the object, from a resource id such as `"DB"."SCHEMA"."NAME"`.

        Raises:
            NotThereError: if the id has another number of parts.
        """
        parts = identifier_parts(resource_id)
        names = (*self.container, "name")
        if len(parts) != len(names):
            form = ".".join(f'"<{name}>"' for name in names)
            raise NotThereError(f"{resource_id!r} is not the id of a {self.name.lower()}: an id has the form {form}.")
        return dict(zip(names, parts, strict=True))


def _bare(name: Any) -> str:
    written = str(name)
    inner = written[1:-1]
    return inner if len(written) > 1 and written[0] == written[-1] == '"' and '"' not in inner else written


def clauses(properties: Iterable[Property], values: Values) -> list[str]:
    """Return `WORD = literal` for each property that has a word and a value, in the declared order."""
    return [
        f"{prop.sql} = {prop.literal(values[prop.name])}"
        for prop in properties
        if prop.sql and is_given(values.get(prop.name))
    ]


def is_given(value: Any) -> bool:
    """Whether a property has a value: an empty text or list counts as none."""
    return value is not None and value not in ("", [], {})


def set_items(properties: Iterable[Property], change: Change) -> list[str]:
    """Return the items of ALTER ... SET: new values, and defaults for properties that only SET can remove."""
    items = []
    for prop in properties:
        if not (prop.sql and prop.in_alter and prop.name in change.changed):
            continue
        if is_given(change.news.get(prop.name)):
            items.append(f"{prop.sql} = {prop.literal(change.news[prop.name])}")
        elif prop.on_unset != "UNSET":
            items.append(prop.on_unset)
    return items


def unset_items(properties: Iterable[Property], change: Change) -> list[str]:
    """Return the words of ALTER ... UNSET."""
    return [
        prop.sql
        for prop in properties
        if prop.sql
        and prop.in_alter
        and prop.name in change.changed
        and prop.on_unset == "UNSET"
        and not is_given(change.news.get(prop.name))
    ]


def alter(kind: Kind, properties: Iterable[Property], change: Change, target: str) -> list[Statement]:
    """Return ALTER ... SET and ALTER ... UNSET, if there is anything to set or unset."""
    table = tuple(properties)
    sets, unsets = set_items(table, change), unset_items(table, change)
    lines = []
    if sets:
        lines.append(f"ALTER {kind.name} {target} SET {kind.between_sets.join(sets)}")
    if unsets:
        lines.append(f"ALTER {kind.name} {target} UNSET {kind.between_unsets.join(unsets)}")
    return [Statement(line) for line in lines]


def run(statements: Iterable[Statement]) -> Statements:
    """Run each statement in turn."""
    for statement in statements:  # noqa: UP028  # a list cannot be sent the rows, which `yield from` would try
        yield statement


def rename(kind: Kind, change: Change) -> Statements:
    """Run ALTER ... RENAME TO if the name has changed."""
    if "name" in change.changed:
        yield Statement(f"ALTER {kind.name} {kind.full_name(change.olds)} RENAME TO {kind.full_name(change.news)}")


def reread(read: Callable[[Values], Observation]) -> Callable[[Change], Observation]:
    """Return the update of a type that no statement can change: it only reads."""

    def update(change: Change) -> Observation:
        return (yield from read(change.news))

    return update


def id_parts(resource_id: str, label: str, form: str, *, least: int, first: str = "") -> list[str]:
    """Return the parts of an id, separated by bars: at least `least`, the first one equal to `first` if that is set.

    Raises:
        NotThereError: if the id has another form.
    """
    parts = resource_id.split("|")
    if len(parts) < least or first not in {"", parts[0]}:
        raise NotThereError(f"{resource_id!r} is not the id of a {label}: an id has the form {form}.")
    return parts


def drop(kind: Kind) -> Callable[[Values], Statements]:
    """Return the delete of a kind: DROP ... IF EXISTS."""

    def delete(values: Values) -> Statements:
        yield Statement(f"DROP {kind.name} IF EXISTS {kind.full_name(values)}")

    return delete


def show_text(kind: Kind, parts: tuple[str, ...]) -> str:
    """Return SHOW ... LIKE 'name' IN its container."""
    where = {1: "", 2: " IN DATABASE ", 3: " IN SCHEMA "}[len(parts)]
    return f"SHOW {kind.plural} LIKE {text(parts[-1])}{where}{quoted(*parts[:-1])}"


def show(kind: Kind, parts: tuple[str, ...]) -> FoundRow:
    """Return the object's SHOW row by exact name; None if it, its schema or its database does not exist.

    Raises:
        SnowflakeError: if SHOW failed for another reason, or although the database and schema exist.
    """
    try:
        rows: list[Row] = yield Statement(show_text(kind, parts))
    except SnowflakeError as error:
        if len(parts) == 1 or not error.absent or (yield from _parents_there(parts)):
            raise
        return None
    return pick(rows, parts)


def pick(rows: Iterable[Row], parts: tuple[str, ...]) -> Row | None:
    """Return the row with exactly this name, schema and database; LIKE may match others; None if there is none."""
    cells = dict(zip(("name", "schema_name", "database_name"), reversed(parts), strict=False))
    return next((row for row in rows if all(row.get(key, value) == value for key, value in cells.items())), None)


def _parents_there(parts: tuple[str, ...]) -> Any:
    """Whether the database and schema exist (SQL contract, section 4)."""
    if len(parts) == 3:  # noqa: PLR2004  # database, schema, object
        try:
            rows = yield Statement(f"SHOW SCHEMAS LIKE {text(parts[1])} IN DATABASE {quoted(parts[0])}")
        except SnowflakeError as error:
            if not error.absent:
                raise
        else:
            return pick(rows, parts[:2]) is not None
    rows = yield Statement(f"SHOW DATABASES LIKE {text(parts[0])}")
    return pick(rows, parts[:1]) is not None


def columns_read(properties: Iterable[Property], row: Row) -> Values:
    """Return the properties in the SHOW row."""
    return {
        prop.name: prop.read(row.get(prop.column))
        for prop in properties
        if prop.column and not prop.parameter and prop.column in row
    }


def parameters_read(properties: Iterable[Property], rows: Iterable[Row], level: str) -> Values:
    """Return the parameters in SHOW PARAMETERS; None for one that is not set on the object itself."""
    by_key = {str(row.get("key")).upper(): row for row in rows}
    return {
        prop.name: prop.read(by_key[prop.sql].get("value")) if by_key[prop.sql].get("level") == level else None
        for prop in properties
        if prop.parameter and prop.sql in by_key
    }


def parameters_effective(properties: Iterable[Property], rows: Iterable[Row]) -> Values:
    """Return the parameters in effect, wherever they are set; the zero value of the type if there is no value."""
    by_key = {str(row.get("key")).upper(): row.get("value") for row in rows}
    return {
        prop.name: _typed_value(prop, by_key[prop.sql]) for prop in properties if prop.parameter and prop.sql in by_key
    }


def _typed_value(prop: Property, cell: Any) -> Any:
    if prop.form == "number":
        return whole(cell) or 0
    return flag(cell) if prop.form == "boolean" else str(cell or "")


def with_parameters(
    live: Observed, properties: Iterable[Property], rows: Iterable[Row], level: str, *, effective: bool = False
) -> Observed:
    """Return the observed object with its parameters; `effective`: also include them in the outputs."""
    keys = {prop.sql: prop for prop in properties if prop.parameter}
    listed = [row for row in rows if str(row.get("key")).upper() in keys]
    values = live.values | parameters_read(keys.values(), listed, level)
    outputs = {"parameters": [parameters_by_name(_in_show(listed))]} if effective else {}
    return Observed(values, live.outputs | outputs, parameters_effective(keys.values(), listed))


def _in_show(rows: Iterable[Row]) -> list[Row]:
    """Return the parameters that the official plugin lists; pools for notebooks are only properties there."""
    return [row for row in rows if not str(row["key"]).upper().startswith("DEFAULT_NOTEBOOK_")]


def observe(kind: Kind, properties: Iterable[Property], parts: tuple[str, ...]) -> Observation:
    """Observe an object with SHOW only."""
    row = yield from show(kind, parts)
    if row is None:
        return None
    outputs = {"showOutputs": [show_output(kind.columns, row)], "fullyQualifiedName": quoted(*parts)}
    return Observed(columns_read(properties, row), outputs)


def rows_or_none(statement: str, absent: Callable[[SnowflakeError], bool]) -> Any:
    """Return the rows of a statement; None if its failure means absence."""
    try:
        rows = yield Statement(statement)
    except SnowflakeError as error:
        if not absent(error):
            raise
        return None
    return rows
