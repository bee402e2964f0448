"""The JSON Schema of the configuration file, generated from the tables of keys. Editors complete and check with it.

Knows JSON Schema (draft 2020-12) and the kinds of values. Must not know any key by name. A schema cannot express the
rules between values; it accepts every valid file and rejects wrong single values.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from jobgraph.config.keys import FILE, OVERLAY, SHARED
from jobgraph.config.kinds import (
    Duration,
    Flag,
    Identifier,
    Image,
    JsonValue,
    ListOf,
    MapOf,
    OneOf,
    Plain,
    Scalar,
    Text,
    Whole,
)
from jobgraph.config.sections import CRON, Either, NamedSections, OneOrMore, ScheduleText, Section
from jobgraph.config.sections import partial as changes_to
from jobgraph.images import IMAGE_REFERENCE
from jobgraph.names import LONGEST_IDENTIFIER, PLAIN_IDENTIFIER

if TYPE_CHECKING:
    from jobgraph.config.kinds import ValueKind

Schema = dict[str, Any]
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}


def json_schema() -> Schema:
    """Return the schema of a whole file. Definitions that several keys share are below `$defs`."""
    return _whole("jobgraph's job configuration", FILE)


def overlay_schema() -> Schema:
    """Return the schema of `jobconfig.<stack>.yaml`, which has only the changes for that stack."""
    return _whole("changes to jobgraph's job configuration in one stack", OVERLAY)


def _whole(title: str, section: Section) -> Schema:
    body = _section(section)
    shared = {name: _section(part) for name, part in SHARED.items()}
    used = _references(body)
    while referred := {name for part in used for name in _references(shared[part])} - used:
        used |= referred
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    return {**head, **body, "$defs": {name: part for name, part in shared.items() if name in used}}


def _references(schema: Schema) -> set[str]:
    """Return the names of the shared sections to which a schema refers."""
    return set(re.findall(r'"#/\$defs/(\w+)"', json.dumps(schema)))


def _shared(section: Section) -> Schema:
    """Return the schema of a section, as a reference if the section is shared."""
    for name, shared in SHARED.items():
        if shared is section:
            return {"$ref": f"#/$defs/{name}"}
    return _section(section)


def of_kind(kind: ValueKind) -> Schema:  # noqa: C901, PLR0911, PLR0912  # one line for each kind
    """Return the schema of a kind of value.

    Raises:
        TypeError: if the kind has no schema yet.
    """
    match kind:
        case Identifier():
            return {"type": "string", "maxLength": LONGEST_IDENTIFIER, **_pattern(PLAIN_IDENTIFIER)}
        case Image(longest=longest):
            return {"type": "string", "maxLength": longest, **_pattern(IMAGE_REFERENCE)}
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
        case OneOrMore(kind=item):
            return {"anyOf": [of_kind(item), {"type": "array", "items": of_kind(item)}]}
        case ListOf(kind=item):
            return {"type": "array", "items": of_kind(item)}
        case MapOf(kind=value, names=names, partial=partial):
            entries = {"propertyNames": _pattern(names), "additionalProperties": _or_nothing(of_kind(value), partial)}
            return {"type": "object", **entries}
        case Section():
            return _shared(kind)
        case NamedSections(section=section):
            return {"type": "object", "additionalProperties": _shared(section)}
        case Either(plain=plain, section=section):
            return {"anyOf": [of_kind(plain), _shared(section)]}
        case ScheduleText(partial=partial):
            text = {"type": "string", "pattern": _length_of_time("second", "minute", "hour")}
            return {"anyOf": [text, _shared(changes_to(CRON) if partial else CRON)]}
    raise TypeError(f"no schema for {kind}")


def _section(section: Section) -> Schema:
    """Return the schema of a section. In YAML, a section without keys may be left empty, which makes it null."""
    properties = {key.name: _property(key.doc, of_kind(key.kind), section.partial) for key in section.keys}
    required = [key.name for key in section.keys if key.required and not section.partial]
    if required:
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}
    return {"type": ["object", "null"], "properties": properties, "additionalProperties": False}


def _property(doc: str, schema: Schema, partial: bool) -> Schema:  # noqa: FBT001  # private, named at the only call
    return {"description": doc, **_or_nothing(schema, partial)}


def _or_nothing(schema: Schema, partial: bool) -> Schema:  # noqa: FBT001  # private, for the functions around it
    return {"anyOf": [{"type": "null"}, schema]} if partial else schema


def _pattern(pattern: re.Pattern[str] | None) -> Schema:
    """Return the keyword for a pattern that must match the whole text, without Python's group names."""
    if pattern is None:
        return {}
    plain = re.sub(r"\(\?P<\w+>", "(", pattern.pattern)
    return {"pattern": f"^(?:{plain})$"}


def _length_of_time(*units: str) -> str:
    """Return the pattern of texts such as `30 minutes`, in any case."""
    words = "|".join("".join(f"[{letter}{letter.upper()}]" for letter in unit) for unit in units)
    return rf"^\s*\d{{1,9}}\s*({words})[sS]?\s*$"
