"""The JSON Schema of the configuration file, made of the tables of keys: editors complete and check with it.

Knows JSON Schema (draft 2020-12) and the kinds of values. Must not know any key by name. A schema cannot say what the
rules say; it accepts every valid file and refuses what is wrong with a single value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from jobgraph.keys import FILE, SHARED
from jobgraph.kinds import Duration, Flag, Identifier, JsonValue, ListOf, MapOf, OneOf, Plain, Scalar, Text, Whole
from jobgraph.names import LONGEST_IDENTIFIER, PLAIN_IDENTIFIER
from jobgraph.sections import CRON, Either, Named, ScheduleText, Section

if TYPE_CHECKING:
    from jobgraph.kinds import Kind

Schema = dict[str, Any]
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}


def json_schema() -> Schema:
    """Return the schema of a whole file. What many keys share stands once, below `$defs`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "jobgraph's job configuration",
        **_section(FILE),
        "$defs": {name: _section(section) for name, section in SHARED.items()},
    }


def _shared(section: Section) -> Schema:
    """Return the schema of a section, by reference if it is a shared one."""
    for name, one in SHARED.items():
        if one is section:
            return {"$ref": f"#/$defs/{name}"}
    return _section(section)


def of_kind(kind: Kind) -> Schema:  # noqa: C901, PLR0911, PLR0912  # one line for each kind
    """Return the schema of a kind of value.

    Raises:
        TypeError: for a kind that has none yet.
    """
    match kind:
        case Identifier():
            return {"type": "string", "maxLength": LONGEST_IDENTIFIER, **_pattern(PLAIN_IDENTIFIER)}
        case Text(pattern=pattern, longest=longest):
            return {"type": "string", "maxLength": longest, **_pattern(pattern)}
        case Scalar(pattern=pattern):
            return _SCALAR | _pattern(pattern)
        case Whole(low=low, high=high):
            return {"type": "integer", "minimum": low, "maximum": high}
        case Flag():
            return {"type": "boolean"}
        case Plain(numbers_only=numbers_only):
            return {"type": "number"} if numbers_only else _SCALAR
        case OneOf(words=words):
            return {"enum": list(words)}
        case Duration():
            return {"type": "string", "pattern": _length_of_time("second", "minute", "hour", "day")}
        case JsonValue():
            return {"type": "object"}
        case ListOf(kind=item):
            return _list(item)
        case MapOf(kind=value, names=names):
            named = {"propertyNames": _pattern(names), "additionalProperties": of_kind(value)}
            return {"type": "object", **named}
        case Section():
            return _shared(kind)
        case Named(section=section):
            return {"type": "object", "additionalProperties": _shared(section)}
        case Either(plain=plain, section=section):
            return {"anyOf": [of_kind(plain), _shared(section)]}
        case ScheduleText():
            text = {"type": "string", "pattern": _length_of_time("second", "minute", "hour")}
            return {"anyOf": [text, _shared(CRON)]}
    raise TypeError(f"no schema for {kind}")


def _section(section: Section) -> Schema:
    """Return the schema of a section; one with nothing in it may be left empty in YAML, which makes it null."""
    properties = {key.name: _property(key.doc, of_kind(key.kind), section.partial) for key in section.keys}
    required = [key.name for key in section.keys if key.required and not section.partial]
    if required:
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _property(doc: str, schema: Schema, partial: bool) -> Schema:  # noqa: FBT001  # private, named at the only call
    value = {"anyOf": [{"type": "null"}, schema]} if partial else schema
    return {"description": doc, **value}


def _list(item: Kind) -> Schema:
    """Return the schema of a list; a single value, which is no mapping, stands for a list of one."""
    many = {"type": "array", "items": of_kind(item)}
    return many if isinstance(item, Section) else {"anyOf": [many, of_kind(item)]}


def _pattern(pattern: re.Pattern[str] | None) -> Schema:
    """Return the keyword for a pattern that must match the whole text, without Python's names of groups."""
    if pattern is None:
        return {}
    plain = re.sub(r"\(\?P<\w+>", "(", pattern.pattern)
    return {"pattern": f"^(?:{plain})$"}


def _length_of_time(*units: str) -> str:
    """Return the pattern of `30 minutes`, whatever the case of its letters."""
    words = "|".join("".join(f"[{letter}{letter.upper()}]" for letter in unit) for unit in units)
    return rf"^\s*\d{{1,9}}\s*({words})[sS]?\s*$"
