"""The classes that describe the form of a resource's inputs and outputs: `Shape`, and `Nested` for objects in it.

Knows no resource type; `shapes` has those.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final


class Listed:
    """A list that is absent from the outputs of a new object, and empty in those of an object that was read again."""


LISTED: Final = Listed()
LEFT_TO_SNOWFLAKE: Final = "default"
"""The provider's own word for "left to Snowflake", in the properties that are a boolean as a text."""


@dataclass(frozen=True, kw_only=True)
class Nested:
    """An object among the properties or, with `many`, a list of such objects.

    fields: by property, the value in the outputs if nothing is set, or a `Nested`. defaults: values also in the inputs.
    """

    fields: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    many: bool = False


@dataclass(frozen=True, kw_only=True)
class Shape(Nested):
    """The form of one resource type.

    version: the version of the schema, "" for the first. minutes: the time limit of an operation. renamed: Terraform's
    names that do not follow the rule, also for properties of nested objects. parameters: whether the outputs list the
    parameters. computed: properties that the server fills in if they are not in the program. spelled: the spelling of
    values in the outputs.
    """

    version: str = ""
    minutes: int = 20
    renamed: Mapping[str, str] = field(default_factory=dict)
    parameters: bool = False
    computed: frozenset[str] = frozenset()
    spelled: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
