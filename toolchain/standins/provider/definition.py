"""The definition of a resource type for this provider: its properties, and the statements of its operations.

Knows only structures: `Property`, `ResourceType`, and the requests that a sequence of steps makes. Must not know
Snowflake's wire protocol or Pulumi's. A sequence is a generator: it yields a `Statement` and is sent its rows, or a
`SnowflakeError` is thrown into it. So it defines the order, but does no I/O.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Values = dict[str, Any]
"""Properties by their wire names (camelCase), as plain Python values."""

Row = Mapping[str, Any]
"""One row of a result: cells by the column names that the server sent."""

Form = Literal["text", "number", "boolean", "boolean text", "texts", "object", "objects"]


class Unknown:
    """The single value for inputs that are unknown until another resource exists (only in previews)."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = Unknown()
NOT_DECLARED: Final = object()


@dataclass(frozen=True)
class Statement:
    """A statement. `tracked`: it ends with the usage comment. `creates`: the object exists once it has succeeded."""

    sql: str
    tracked: bool = True
    creates: bool = False


@dataclass(frozen=True)
class Pause:
    """A pause before the next statement, in seconds."""

    seconds: float


@dataclass(frozen=True)
class Warn:
    """A warning for the user at the terminal; the sequence continues."""

    message: str


@dataclass(frozen=True)
class Observed:
    """An object as the server describes it.

    `values`: by property; None if a property is not set; absent if the server does not report it. `outputs`: the
    computed outputs. `effective`: values in effect although they are not set on the object itself, such as parameters
    of its schema.
    """

    values: Values
    outputs: Values = field(default_factory=dict)
    effective: Values = field(default_factory=dict)


Step = Statement | Pause | Warn
Statements = Generator[Step, list[Row], None]
"""Steps that return nothing."""

Observation = Generator[Step, list[Row], Observed | None]
"""Steps that return what the server says of the object; None: there is no such object."""

FoundRow = Generator[Step, list[Row], Row | None]


def as_is(value: Any) -> Any:
    """Return the value itself: the normal form of a property that is compared literally."""
    return value


@dataclass(frozen=True, kw_only=True)
class Property:
    """An input of a resource type.

    name: the wire name. sql: its word in CREATE, SET and UNSET ("" if the resource's own code writes it).
    literal: value to SQL. form: the allowed form in a program. allowed: the allowed words in upper case, if limited.
    default: the value that Check fills in. replaces: a change needs a new object. create_only: only used by CREATE.
    in_alter: part of SET and UNSET lists. on_unset: how it is removed: `UNSET`, or a SET item.
    column, read: the SHOW column with the value, and its reader (None: not set). parameter: read from SHOW PARAMETERS.
    normal: the form in which program and state are compared; loose: the form for state and server.
    dollar_quoted: sent between `$$`.
    initial: the value of a new object if nothing is set; if declared, a different value is drift.
    """

    name: str
    sql: str = ""
    literal: Callable[[Any], str] = str
    form: Form = "text"
    allowed: tuple[str, ...] = ()
    required: bool = False
    default: Any = None
    replaces: bool = False
    create_only: bool = False
    in_alter: bool = True
    on_unset: str = "UNSET"
    column: str = ""
    read: Callable[[Any], Any] = as_is
    parameter: bool = False
    normal: Callable[[Any], Any] = as_is
    loose: Callable[[Any], Any] | None = None
    initial: Any = NOT_DECLARED
    dollar_quoted: bool = False


@dataclass(frozen=True)
class Change:
    """An update in place: the state, the new inputs, and the names of the changed properties."""

    olds: Values
    news: Values
    changed: frozenset[str]

    def sets(self, name: str) -> bool:
        """Whether the property has changed and has a new value."""
        return name in self.changed and self.news.get(name) is not None

    def unsets(self, name: str) -> bool:
        """Whether the property has changed and is no longer in the program."""
        return name in self.changed and self.news.get(name) is None


@dataclass(frozen=True)
class Failure:
    """A mistake in a resource's inputs: the property's wire name ("" for the whole) and the remedy."""

    name: str
    reason: str


def no_rules(_values: Values) -> list[Failure]:
    """The check of a type without rules besides those of its properties."""
    return []


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """A resource type: every file of `resources/` defines exactly one as `RESOURCE`.

    token: Pulumi's type token. label: the official plugin's name for it in the usage comment.
    identity: values to resource id. parse: a resource id (of `pulumi import`) to the values that identify the object.
    create, read, update, delete: the sequences. check: rules for several properties.
    level, show_parameters: for types with parameters, their level and the statement that shows them.
    must_replace: returns the changed properties that need a new object, given these values.
    always_differ: properties that count as changed at every run, for a type that may have to repeat its statements.
    partial: whether a failed update leaves the state unchanged. The official plugin saves the planned state for other
    types, as Terraform's framework does unless a type calls `d.Partial(true)`.
    """

    token: str
    label: str
    properties: tuple[Property, ...]
    computed: tuple[str, ...]
    identity: Callable[[Values], str]
    parse: Callable[[str], Values]
    create: Callable[[Values], Observation]
    read: Callable[[Values], Observation]
    update: Callable[[Change], Observation]
    delete: Callable[[Values], Statements]
    full_name: Callable[[Values], str] | None = None
    check: Callable[[Values], list[Failure]] = no_rules
    preview_feature: str = ""
    level: str = ""
    show_parameters: Callable[[Values], Statement] | None = None
    must_replace: Callable[[Values, Values, frozenset[str]], frozenset[str]] = lambda _olds, _news, _changed: (
        frozenset()
    )
    always_differ: Callable[[Values], frozenset[str]] = lambda _news: frozenset()
    partial: bool = False

    @property
    def kind(self) -> str:
        """Return the last part of the token: `Warehouse`."""
        return self.token.rpartition(":")[2]

    def property_named(self, name: str) -> Property | None:
        """Return the property with that wire name; None if there is none."""
        return next((prop for prop in self.properties if prop.name == name), None)
