"""Snowflake SQL text: quoting, literals, and the comment by which the official plugin marks its statements.

Knows how a value becomes text. Must not know any resource type, and does no I/O.
The forms are those that terraform-provider-snowflake 2.20 sends, the provider of the SDK's release, so that the same
server answers both alike.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

PROVIDER_VERSION = "2.20.0"

_ESCAPES = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\0": "\\0",
}
_PART = re.compile(r'\s*(?:"((?:[^"]|"")*)"|([^".\s(]+))\s*(\.|$)')


class IdentifierError(ValueError):
    """A name that is no Snowflake identifier; the message says which and why."""


def identifier_parts(name: str) -> tuple[str, ...]:
    """The one to three parts of a dotted name, quotes removed, case kept as written.

    Raises:
        IdentifierError: the text is empty or not a dotted list of names.
    """
    parts: list[str] = []
    position = 0
    while position < len(name):
        match = _PART.match(name, position)
        if match is None:
            raise IdentifierError(
                f"{name!r} is not an identifier: write NAME, DATABASE.SCHEMA.NAME or quote each part."
            )
        parts.append(match[1].replace('""', '"') if match[1] is not None else match[2])
        position = match.end()
        if match[3] == "." and position == len(name):
            raise IdentifierError(f"{name!r} is not an identifier: it ends with a dot.")
    if not parts:
        raise IdentifierError("an identifier is empty.")
    return tuple(parts)


def quoted(*parts: str) -> str:
    """The parts as one quoted, dotted identifier, an inner quote doubled."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def requoted(name: str) -> str:
    """A name as a person wrote it, with every part quoted."""
    return quoted(*identifier_parts(name))


def signature_split(name: str) -> tuple[tuple[str, ...], str | None]:
    """A function's or procedure's name: its parts, and the text between the brackets (None where it has none)."""
    without_quotes = re.sub(r'"(?:[^"]|"")*"', lambda match: "x" * len(match[0]), name)
    bracket = without_quotes.find("(")
    if bracket < 0:
        return identifier_parts(name), None
    return identifier_parts(name[:bracket]), name[bracket + 1 :].rstrip().removesuffix(")")


def text(value: Any) -> str:
    """A single-quoted literal with backslash escapes."""
    return "'" + "".join(_ESCAPES.get(character, character) for character in str(value)) + "'"


def doubled_text(value: Any) -> str:
    """A single-quoted literal whose quotes are doubled: what a column's constant DEFAULT uses, alone of all."""
    return "'" + str(value).replace("'", "''") + "'"


def number(value: Any) -> str:
    """A whole number."""
    return str(int(value))


def boolean(value: Any) -> str:
    """`true` or `false`, from a boolean or from the text that many properties take in its place."""
    return str(value).lower()


def dollars(value: Any) -> str:
    """A dollar-quoted body."""
    return f"$${value}$$"


def text_list(values: Iterable[Any]) -> str:
    """Literals in brackets."""
    return "(" + ", ".join(text(value) for value in values) + ")"


def name_list(values: Iterable[Any]) -> str:
    """Quoted identifiers in brackets."""
    return "(" + ", ".join(requoted(str(value)) for value in values) + ")"


def tracking_comment(resource: str, operation: str) -> str:
    """The usage comment that ends nearly every statement of the official plugin, with its leading space."""
    content = {
        "json_schema_version": "1",
        "version": PROVIDER_VERSION,
        "resource": resource,
        "operation": operation,
    }
    return " --terraform_provider_usage_tracking " + json.dumps(content, separators=(",", ":"))


def statement_subject(statement: str) -> str:
    """The kind and object of a statement, for an error: never a body or a literal, which may hold a secret."""
    head = re.split(r"\s--terraform_provider_usage_tracking|\$\$|'|=|\(|\n", statement, maxsplit=1)[0]
    words = re.findall(r'"(?:[^"]|"")*"(?:\."(?:[^"]|"")*")*|\S+', head)[:12]
    last_name = max((index for index, word in enumerate(words) if word.startswith('"')), default=None)
    return " ".join(words[: last_name + 1] if last_name is not None else words[:4])
