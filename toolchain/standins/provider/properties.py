"""Properties that many resource types share: the database and schema, the comment, and parameters by kind.

Knows their names, literals and how they are read back. Must not know which resource type has which property.
"""

from dataclasses import replace

from jobgraph.toolchain.standins.provider.cells import filled, flag_or_none, upper, warehouse_size, whole
from jobgraph.toolchain.standins.provider.definition import Property
from jobgraph.toolchain.standins.provider.sql import boolean, number, text

IN_SCHEMA = (
    Property(name="database", required=True, replaces=True),
    Property(name="schema", required=True, replaces=True),
)
COMMENT = Property(name="comment", sql="COMMENT", literal=text, column="comment", read=filled, initial=None)
EMPTIED_COMMENT = replace(COMMENT, on_unset="COMMENT = ''")
"""The comment of a kind of object that knows no UNSET of it."""


def whole_parameter(name: str, word: str) -> Property:
    """Return a parameter that is a whole number."""
    return Property(name=name, sql=word, literal=number, form="number", parameter=True, read=whole)


def flag_parameter(name: str, word: str) -> Property:
    """Return a parameter that is true or false."""
    return Property(name=name, sql=word, literal=boolean, form="boolean", parameter=True, read=flag_or_none)


def text_parameter(name: str, word: str) -> Property:
    """Return a parameter that is a case-sensitive text."""
    return Property(name=name, sql=word, literal=text, parameter=True, read=filled)


def keyword_parameter(name: str, word: str, allowed: tuple[str, ...] = ()) -> Property:
    """Return a parameter that is a word in any case."""
    return Property(name=name, sql=word, literal=text, allowed=allowed, normal=upper, parameter=True, read=filled)


def size_literal(value: object) -> str:
    """Return the size of a warehouse in a statement."""
    return text(warehouse_size(value))


def size_parameter(name: str, word: str) -> Property:
    """Return a parameter that is the size of a warehouse in any spelling."""
    return Property(name=name, sql=word, literal=size_literal, normal=warehouse_size, parameter=True, read=filled)
