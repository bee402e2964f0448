"""Snowflake SQL text: quoting, literals, and the usage comment of the official plugin's statements.

Knows how a value becomes text. Must not know any resource type, and does no I/O. The forms are those of
terraform-provider-snowflake 2.20, the provider of the SDK's release, so that a server responds to both alike.
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
    """A name is not a Snowflake identifier; the message has the name and the reason."""


def identifier_parts(name: str) -> tuple[str, ...]:
    """Return the one to three parts of a dotted name, without quotes, with case unchanged.

    Raises:
        IdentifierError: if the text is empty or not a dotted list of names.
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
    """Return the parts as one quoted, dotted identifier, with inner quotes doubled."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def requoted(name: str) -> str:
    """Return a name as a user wrote it, with every part quoted."""
    return quoted(*identifier_parts(name))


def signature_split(name: str) -> tuple[tuple[str, ...], str | None]:
    """Return the parts of a function's or procedure's name, and the text in its parentheses (None without them)."""
    without_quotes = re.sub(r'"(?:[^"]|"")*"', lambda match: "x" * len(match[0]), name)
    bracket = without_quotes.find("(")
    if bracket < 0:
        return identifier_parts(name), None
    return identifier_parts(name[:bracket]), name[bracket + 1 :].rstrip().removesuffix(")")


def text(value: Any) -> str:
    """Return a single-quoted literal with backslash escapes."""
    return "'" + "".join(_ESCAPES.get(character, character) for character in str(value)) + "'"


def doubled_text(value: Any) -> str:
    """Return a single-quoted literal with doubled quotes, which only a column's constant DEFAULT uses."""
    return "'" + str(value).replace("'", "''") + "'"


def number(value: Any) -> str:
    """Return a whole number as text."""
    return str(int(value))


def boolean(value: Any) -> str:
    """Return `true` or `false` for a boolean, or for the text that many properties accept instead."""
    return str(value).lower()


def dollars(value: Any) -> str:
    """Return a dollar-quoted body."""
    return f"$${value}$$"


def text_list(values: Iterable[Any]) -> str:
    """Return literals in parentheses."""
    return "(" + ", ".join(text(value) for value in values) + ")"


def name_list(values: Iterable[Any]) -> str:
    """Return quoted identifiers in parentheses."""
    return "(" + ", ".join(requoted(str(value)) for value in values) + ")"


def tracking_comment(resource: str, operation: str) -> str:
    """Return the usage comment at the end of nearly every statement of the official plugin, with its leading space."""
    content = {
        "json_schema_version": "1",
        "version": PROVIDER_VERSION,
        "resource": resource,
        "operation": operation,
    }
    return " --terraform_provider_usage_tracking " + json.dumps(content, separators=(",", ":"))


def statement_subject(statement: str) -> str:
    """Return the kind and object of a statement for an error, never a body or literal, which may contain a secret.

    Of a chain that begins with USE, it is the statement after that: what was to be done, not where.
    """
    statement = re.sub(r'^USE \w+ (?:"(?:[^"]|"")*"|\w+)\s*->>\s*', "", statement)
    head = re.split(r"\s--terraform_provider_usage_tracking|\$\$|'|=|\(|\n", statement, maxsplit=1)[0]
    words = re.findall(r'"(?:[^"]|"")*"(?:\."(?:[^"]|"")*")*|\S+', head)[:12]
    last_name = max((index for index, word in enumerate(words) if word.startswith('"')), default=None)
    return " ".join(words[: last_name + 1] if last_name is not None else words[:4])
