"""PATTERN of COPY INTO, COPY FILES, LIST, REMOVE and GET: a regular expression of the user's for names of files.

Knows who matches it; must not know stages. DuckDB's matcher takes time in proportion to the name. Python's may take
years for `(a+)+$`, during which no other thread of the sandbox runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from snowflake_sandbox import errors

if TYPE_CHECKING:
    from snowflake_sandbox.data.adapter import DataPlane

# The dot takes line feeds, too.
_MATCH = "SELECT regexp_full_match(?, ?, 's')"


@dataclass(frozen=True)
class FilePattern:
    """A pattern; without text, one that all names match."""

    data: DataPlane
    text: str | None = None

    def __post_init__(self) -> None:
        """Check the text.

        Raises:
            SnowflakeError: 001008 for what is no regular expression.
        """
        try:
            self.fullmatch("")
        except errors.SnowflakeError as error:
            raise errors.invalid_value(self.text or "", "PATTERN") from error

    def fullmatch(self, name: str) -> bool:
        """Whether the whole name matches."""
        return not self.text or bool(self.data.rows(_MATCH, name, self.text)[0][0])
