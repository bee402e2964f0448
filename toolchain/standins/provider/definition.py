"""What a resource type is to this provider: its properties, and how each step of its life is spelled as statements.

Knows shapes only: `Property`, `ResourceType`, and the requests that a sequence of steps makes.
Must not know Snowflake's wire protocol or Pulumi's. A sequence is a generator: it yields a `Statement`, is sent the
rows that came back (or is thrown a `SnowflakeError`), and so holds all the order and none of the I/O.
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
    """The one value of an input that is not known until another resource exists (previews only)."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = Unknown()
NOT_DECLARED: Final = object()


@dataclass(frozen=True)
class Statement:
    """One statement to run. `tracked`: end it with the usage comment. `creates`: once it is done, the object exists."""

    sql: str
    tracked: bool = True
    creates: bool = False


@dataclass(frozen=True)
class Pause:
    """Wait before the next statement; seconds."""

    seconds: float


@dataclass(frozen=True)
class Warn:
    """Tell the person at the terminal, and go on."""

    message: str


@dataclass(frozen=True)
class Observed:
    """What the server says of an object.

    `values`: by property; None where nothing is set; absent where the server does not tell.
    `outputs`: the computed outputs. `effective`: what holds although the object
    itself does not have it, such as parameters of its schema.
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
    """The value itself: the normal form of a property that is compared literally."""
    return value


@dataclass(frozen=True, kw_only=True)
class Property:
    """One input of a resource type, as a table row.

    name: the wire name. sql: its word in CREATE, SET and UNSET ("" where the resource's own code writes it).
    literal: value to SQL. form: what a program may write. allowed: upper-case words, where only these may be written.
    default: what Check fills in. replaces: a change needs a new object. create_only: matters at creation alone.
    in_alter: part of SET and UNSET lists. on_unset: what takes it away: `UNSET`, or a SET item.
    column, read: the SHOW column it is read back from and how (None: not set). parameter: read from SHOW PARAMETERS.
    normal: the form in which program and state are compared; loose: that in which state and server are.
    dollar_quoted: sent between `$$`.
    initial: what a new object has when nothing is set; where declared, a difference from it is drift.
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
    """An update in place: the state, the new inputs, and the names of the properties that differ."""

    olds: Values
    news: Values
    changed: frozenset[str]

    def sets(self, name: str) -> bool:
        """Whether the property differs and has a new value."""
        return name in self.changed and self.news.get(name) is not None

    def unsets(self, name: str) -> bool:
        """Whether the property differs and is gone from the program."""
        return name in self.changed and self.news.get(name) is None


@dataclass(frozen=True)
class Failure:
    """One mistake in a resource's inputs: the property's wire name ("" for the whole) and what to do."""

    name: str
    reason: str


def no_rules(_values: Values) -> list[Failure]:
    """The check of a type that has no rule beyond its properties'."""
    return []


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One resource type: every file of `resources/` defines exactly one as `RESOURCE`.

    token: Pulumi's type token. label: the official plugin's name of it, used in the usage comment.
    identity: values to resource id. parse: a resource id (of `pulumi import`) to the values that name the object.
    create, read, update, delete: the sequences. check: rules over several properties.
    level, show_parameters: for types with parameters, their level and the statement that shows them.
    must_replace: of the properties that differ, those that here, with these values, need a new object.
    always_differ: properties that count as changed at every run, for a type that is told to repeat itself.
    partial: a failed update leaves the state as it was. The official plugin's other types save what was planned, which
    is what Terraform's framework does unless a type calls `d.Partial(true)`.
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
        """The last part of the token: `Warehouse`."""
        return self.token.rpartition(":")[2]

    def property_named(self, name: str) -> Property | None:
        """The property of that wire name."""
        return next((prop for prop in self.properties if prop.name == name), None)
