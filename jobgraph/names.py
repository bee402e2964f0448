"""Names of Snowflake objects: which are legal, how they are quoted, and how they are joined.

Knows Snowflake's rules for identifiers and the lengths it allows. Must not know what any name is used for.
"""

from __future__ import annotations

import hashlib
import json
import re
from functools import lru_cache
from typing import Any

# Job services refuse quoted names, and their names must serve as DNS labels
# (docs.snowflake.com/en/sql-reference/sql/execute-job-service), so only plain identifiers are allowed anywhere.
# Snowflake also allows `$`, but a `$` could end a $$-quoted text.
PLAIN_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
LONGEST_IDENTIFIER = 255
NAME_REMEDY = f"use letters, digits and underscores, no digit first, at most {LONGEST_IDENTIFIER} characters"


def upper(name: str) -> str:
    """Return the name as Snowflake stores an unquoted identifier."""
    return name.upper()


@lru_cache(maxsize=10_000)
def is_plain(name: str) -> bool:
    """Return whether `name` is valid without quotes wherever Snowflake expects an identifier."""
    return len(name) <= LONGEST_IDENTIFIER and PLAIN_IDENTIFIER.fullmatch(name) is not None


def not_plain(name: str) -> str:
    """Return the sentence that a name is not a plain identifier; a long name is cut."""
    excerpt = name if len(name) <= LONGEST_IDENTIFIER else f"{name[:60]}... ({len(name)} characters)"
    return f"`{excerpt}` is not a plain Snowflake identifier"


def quoted(*parts: str) -> str:
    """Return the parts as one identifier: each part quoted, joined by dots.

    Raises:
        ValueError: if a part is not a plain identifier. The rules check users' names long before; this is the last
            defence of every SQL text.
    """
    for part in parts:
        if not is_plain(part):
            raise ValueError(f"not a plain Snowflake identifier: {part!r}")
    return ".".join(f'"{part}"' for part in parts)


def shortened(name: str) -> str:
    """Return a name that is built of others; of one that is too long for Snowflake, the start and a hash of it all."""
    if len(name) <= LONGEST_IDENTIFIER:
        return name
    digest = content_hash(name, 8).upper()
    return f"{name[: LONGEST_IDENTIFIER - len(digest) - 1]}_{digest}"


def parts_of(text: str) -> tuple[str, ...]:
    """Return the parts of a name as `quoted` writes it; none if the text is no such name."""
    parts = tuple(part[1:-1] for part in text.split("."))
    return parts if all(map(is_plain, parts)) and quoted(*parts) == text else ()


def stage_name(location: str) -> str:
    """Return the stage of a location such as `@db.schema.stage/folder`, spelled as in the location."""
    return location.removeprefix("@").partition("/")[0]


def content_hash(content: Any, length: int = 16) -> str:
    """Return the first `length` hex digits of the SHA-256 of a text, or of the canonical JSON of anything else."""
    text = content if isinstance(content, str) else json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:length]
