"""The one anatomy of a kind of object: what a file in this folder (or tasks/task.py, services/service.py) declares.

Knows the shape only. statements.py turns a declaration into CREATE, ALTER, DROP and DESCRIBE, showing.py into SHOW and
SHOW PARAMETERS.
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
        name: as in SQL, upper case; kept in the object's properties under its lower-case form.
        read: takes the value off the reader; raises SnowflakeError for a value it cannot be.
        default: the value when not given, and after UNSET.
        required: CREATE fails without it.
        alterable: whether ALTER … SET takes it.
    """

    name: str
    read: Callable[[Reader], Any]
    default: Any = None
    required: bool = False
    alterable: bool = True

    @property
    def key(self) -> str:
        """The key in the object's properties."""
        return self.name.lower()


@dataclass
class Creation:
    """What a CREATE statement asked for; a kind's `read_definition` adds to `properties` and may set `signature`.

    Attributes:
        grants: "COPY" or "IGNORE" where the statement says what becomes of the grants on what it replaces.
        given: keys of the properties that the statement named; `properties` has the defaults of the others too.
    """

    name: ObjectName
    properties: dict[str, Any]
    parameters: dict[str, Any]
    or_replace: bool = False
    if_not_exists: bool = False
    modifiers: frozenset[str] = frozenset()
    signature: str = ""
    given: frozenset[str] = frozenset()
    grants: str = ""


Action = Callable[["Call", "SnowflakeObject"], "Result | None"]


# In `Kind.terse`: the value stands in the row of SHOW.
SHOWN = object()


def terse(**others: Any) -> dict[str, Any]:
    """The columns that SHOW TERSE has for most kinds, `kind` being NULL; `others` are changed or follow."""
    common = {"created_on": SHOWN, "name": SHOWN, "kind": None, "database_name": SHOWN, "schema_name": SHOWN}
    return common | others


@dataclass(frozen=True)
class Kind:
    """One kind of Snowflake object.

    Attributes:
        name, plural: the words of SQL: "COMPUTE POOL", "COMPUTE POOLS".
        scope: where it lives.
        properties: of CREATE and ALTER … SET/UNSET.
        parameters: name -> default, shown by SHOW PARAMETERS IN, set by CREATE and ALTER … SET.
        show: columns of SHOW <plural>; `show_row` gives one row.
        terse: columns of SHOW TERSE <plural> with their values, `SHOWN` for that of SHOW's column of the same name;
            empty: TERSE is refused.
        describe: the answer to DESCRIBE <name>; None: DESCRIBE is refused.
        read_definition: reads what follows the name in CREATE where that is more than `NAME = value` pairs;
            called in a loop whenever the next token is no known property; returns False when it cannot use the token.
        finish_definition: called once when CREATE was read whole: cross-checks, computed properties.
        create: what puts the object into the catalog where that takes more than statements.create_object.
        created: after the row exists, in the same transaction (mirror into the data plane, start things).
        altered: after ALTER … SET/UNSET, in the same transaction, with the object before and after.
        dropping: before the row goes, in the same transaction; may refuse.
        dropped: after the row has gone, in the same transaction.
        actions: further ALTER forms by their leading words, e.g. {"SUSPEND": fn, "STOP ALL": fn}; the reader stands
            behind those words.
        modifiers: words allowed between CREATE [OR REPLACE] and the kind, e.g. {"TRANSIENT", "SECURE"}.
        created_message: the status text of CREATE; `{name}` is the object's name.
        keeps_grants: whether CREATE takes COPY GRANTS and IGNORE GRANTS (access/replacing.py).
        has_signature: procedures and functions: names are followed by argument types.
        owner_changed: after GRANT OWNERSHIP moved the object, in the same transaction (a task is suspended by it).
        grant_name: the name that SHOW GRANTS gives the object, where that is not the qualified one.
    """

    name: str
    plural: str
    scope: ObjectScope
    show: tuple[ResultColumn, ...]
    show_row: Callable[[Call, SnowflakeObject], tuple[Any, ...]]
    terse: Mapping[str, Any] = field(default_factory=dict)
    properties: tuple[Property, ...] = ()
    parameters: Mapping[str, str] = field(default_factory=dict)
    describe: Callable[[Call, SnowflakeObject], Result] | None = None
    read_definition: Callable[[Call, Creation], bool] | None = None
    finish_definition: Callable[[Call, Creation], None] | None = None
    create: Callable[[Call, Kind, Creation], Result] | None = None
    created: Callable[[Call, SnowflakeObject], None] | None = None
    altered: Callable[[Call, SnowflakeObject, SnowflakeObject], None] | None = None
    dropping: Callable[[Call, SnowflakeObject], None] | None = None
    dropped: Callable[[Call, SnowflakeObject], None] | None = None
    actions: Mapping[str, Action] = field(default_factory=dict)
    modifiers: frozenset[str] = frozenset()
    created_message: str = ""
    keeps_grants: bool = False
    has_signature: bool = False
    owner_changed: Callable[[Call, SnowflakeObject], None] | None = None
    grant_name: Callable[[SnowflakeObject], str] | None = None

    def message(self, name: str) -> str:
        """The status text of CREATE."""
        title = self.name[:1] + self.name[1:].lower()
        return (self.created_message or f"{title} {{name}} successfully created.").format(name=name)
