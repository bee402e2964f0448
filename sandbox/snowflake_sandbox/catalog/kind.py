"""The declaration of a kind of object, which each file in objects/, tasks/task.py and others make.

Knows only its structure. statements/definitions.py turns a declaration into CREATE, ALTER, DROP and DESCRIBE,
statements/showing.py into SHOW and SHOW PARAMETERS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.result import Result, ResultColumn
    from snowflake_sandbox.session import ObjectScope
    from snowflake_sandbox.statements.reader import ObjectName, Reader


@dataclass(frozen=True)
class Property:
    """A `NAME = value` of CREATE and ALTER … SET.

    Attributes:
        name: as in SQL, in upper case; the object's properties have it in lower case.
        read: reads the value; raises SnowflakeError for an invalid one.
        default: the value if CREATE does not name the property, and after UNSET.
        required: whether CREATE fails without it.
        alterable: whether ALTER … SET accepts it.
    """

    name: str
    read: Callable[[Reader], Any]
    default: Any = None
    required: bool = False
    alterable: bool = True

    @property
    def key(self) -> str:
        """Return the key in the object's properties."""
        return self.name.lower()


@dataclass
class Creation:
    """The parts of a CREATE statement; a kind's `read_definition` adds to `properties` and may set `signature`.

    Attributes:
        grants: "COPY" or "IGNORE" if the statement has COPY GRANTS or IGNORE GRANTS.
        explicit: keys of the properties that the statement named; `properties` also has the defaults of the others.
    """

    name: ObjectName
    properties: dict[str, Any]
    parameters: dict[str, Any]
    or_replace: bool = False
    if_not_exists: bool = False
    modifiers: frozenset[str] = frozenset()
    signature: str = ""
    explicit: frozenset[str] = frozenset()
    grants: str = ""


Action = Callable[["Call", "SnowflakeObject"], "Result | None"]


# In `Kind.terse`: take the value from the row of SHOW.
FROM_SHOW = object()


def terse(**changes: Any) -> dict[str, Any]:
    """Return the usual columns of SHOW TERSE, with NULL as `kind`; `changes` replace columns or are appended."""
    common = {
        "created_on": FROM_SHOW,
        "name": FROM_SHOW,
        "kind": None,
        "database_name": FROM_SHOW,
        "schema_name": FROM_SHOW,
    }
    return common | changes


@dataclass(frozen=True)
class Kind:
    """A kind of Snowflake object.

    Attributes:
        name, plural: the words of SQL: "COMPUTE POOL", "COMPUTE POOLS".
        scope: whether its objects belong to the account, a database or a schema.
        properties: of CREATE and ALTER … SET/UNSET.
        parameters: name -> default; SHOW PARAMETERS IN shows them, CREATE and ALTER … SET set them.
        show: columns of SHOW <plural>; `show_row` returns one row.
        terse: columns of SHOW TERSE <plural> with their values, where `FROM_SHOW` means the value of the same column of
            SHOW; empty: TERSE is refused.
        implied_rows: returns the rows of SHOW for what every database has without being in the catalog, given the
            name of a database or None for all.
        describe: returns the result of DESCRIBE <name>; None: DESCRIBE is refused.
        read_definition: reads what follows the name in CREATE other than `NAME = value` pairs; called repeatedly while
            the next token is not the name of a property; returns False if it cannot use the token.
        finish_definition: called once after all of CREATE was read: cross-checks, computed properties.
        setting: called with the properties that ALTER … SET sets; returns those to store instead.
        create: adds the object to the catalog if definitions.create_object does not suffice.
        created: called after the row was added, in the same transaction (create it in DuckDB, start threads).
        altered: called after ALTER … SET/UNSET, in the same transaction, with the object before and after.
        dropping: called before the row is removed, in the same transaction; may refuse.
        dropped: called after the row was removed, in the same transaction.
        actions: further forms of ALTER by their leading words, e.g. {"SUSPEND": fn, "STOP ALL": fn}; called when these
            words have been read.
        modifiers: words allowed between CREATE [OR REPLACE] and the kind, e.g. {"TRANSIENT", "SECURE"}.
        created_message: the status text of CREATE; `{name}` is the object's name.
        replaceable: whether CREATE accepts OR REPLACE.
        renameable: whether ALTER accepts RENAME TO.
        keeps_grants: whether CREATE accepts COPY GRANTS and IGNORE GRANTS (access/replacing.py).
        has_signature: whether argument types follow the name, as for procedures and functions.
        owner_changed: called after GRANT OWNERSHIP changed the owner, in the same transaction (e.g. to suspend a task).
        grant_name: returns the name in SHOW GRANTS, if that is not the qualified one.
    """

    name: str
    plural: str
    scope: ObjectScope
    show: tuple[ResultColumn, ...]
    show_row: Callable[[Call, SnowflakeObject], tuple[Any, ...]]
    terse: Mapping[str, Any] = field(default_factory=dict)
    properties: tuple[Property, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    implied_rows: Callable[[Call, str | None], list[tuple[Any, ...]]] | None = None
    describe: Callable[[Call, SnowflakeObject], Result] | None = None
    read_definition: Callable[[Call, Creation], bool] | None = None
    finish_definition: Callable[[Call, Creation], None] | None = None
    setting: Callable[[Call, Mapping[str, Any]], dict[str, Any]] | None = None
    create: Callable[[Call, Kind, Creation], Result] | None = None
    created: Callable[[Call, SnowflakeObject], None] | None = None
    altered: Callable[[Call, SnowflakeObject, SnowflakeObject], None] | None = None
    dropping: Callable[[Call, SnowflakeObject], None] | None = None
    dropped: Callable[[Call, SnowflakeObject], None] | None = None
    actions: Mapping[str, Action] = field(default_factory=dict)
    modifiers: frozenset[str] = frozenset()
    created_message: str = ""
    replaceable: bool = True
    renameable: bool = True
    keeps_grants: bool = False
    has_signature: bool = False
    owner_changed: Callable[[Call, SnowflakeObject], None] | None = None
    grant_name: Callable[[SnowflakeObject], str] | None = None

    def message(self, name: str) -> str:
        """Return the status text of CREATE."""
        title = self.name[:1] + self.name[1:].lower()
        return (self.created_message or f"{title} {{name}} successfully created.").format(name=name)
