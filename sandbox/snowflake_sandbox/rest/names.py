"""Names and texts of a request as SQL: the only place where the REST API makes them safe."""

from __future__ import annotations

from snowflake_sandbox import errors
from snowflake_sandbox.statements.reader import Reader


def quoted(*parts: str) -> str:
    """Return a qualified name with quoted parts; each part is as in a request (`my_task`, `"my task"`).

    Raises:
        SnowflakeError: 001003 for an invalid part.
    """
    return ".".join(_quoted(part) for part in parts)


def _quoted(part: str) -> str:
    reader = Reader(part)
    name = reader.object_name()
    reader.end()
    if name.schema is not None:
        raise errors.syntax_error(".", 0, part)
    return name.quoted


def plain(part: str) -> str:
    """Return one part as it is stored: without quotes, in upper case if it was not quoted."""
    return Reader(part).object_name().name


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
