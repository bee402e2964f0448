"""PATTERN of COPY INTO, COPY FILES, LIST, REMOVE and GET: a user's regular expression for names of files.

Knows how patterns are matched; must not know stages. The time of DuckDB's matcher is proportional to the name's length.
Python's may take years for `(a+)+$`, and would block all other threads of the sandbox.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from snowflake_sandbox import errors

if TYPE_CHECKING:
    from snowflake_sandbox.data.adapter import DataPlane

# The dot also matches line feeds.
_MATCH = "SELECT regexp_full_match(?, ?, 's')"


@dataclass(frozen=True)
class FilePattern:
    """A pattern; with an empty text it matches all names."""

    data: DataPlane
    text: str | None = None

    def __post_init__(self) -> None:
        """Check the text.

        Raises:
            SnowflakeError: 001008 for an invalid regular expression.
        """
        try:
            self.fullmatch("")
        except errors.SnowflakeError as error:
            raise errors.invalid_value(self.text or "", "PATTERN") from error

    def fullmatch(self, name: str) -> bool:
        """Whether the whole name matches."""
        return not self.text or bool(self.data.rows(_MATCH, name, self.text)[0][0])
