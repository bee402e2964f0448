"""Names and texts of a request as SQL: the one place where the REST API makes them safe."""

from __future__ import annotations

from snowflake_sandbox import errors
from snowflake_sandbox.statements.reader import Reader


def quoted(*parts: str) -> str:
    """The parts of a name, each as a request has it (`my_task`, `"my task"`), dot-joined and quoted.

    Raises:
        SnowflakeError: 001003 for a part that is no name.
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
    """One part as it is kept: without quotes, upper case where it was not quoted."""
    return Reader(part).object_name().name


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
