"""What can be wrong with a data folder: files that are missing, damaged, not writable, or of another version.

Knows the texts, which name the file and the remedy; must not know what the files hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

# Raise it when a table changes: an older folder is then refused with a remedy instead of being misread.
FORMAT = 1


class DataFolderError(Exception):
    """The data folder cannot be used as it is; the text names the file and the remedy."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"{path} {problem}. Nothing was changed. Put the file back from a copy of the folder, or start afresh with"
            " `jobgraph sandbox reset` (deletes all local Snowflake data)."
        )


class StoreFormatError(DataFolderError):
    """The data folder was written by another version of the sandbox."""

    def __init__(self, path: Path, format_number: int) -> None:
        Exception.__init__(
            self,
            f"{path} was written by another version of the sandbox (format {format_number}, this one reads {FORMAT})."
            " Usual cause: the project was updated. Use that version again, or start afresh with"
            " `jobgraph sandbox reset` (deletes all local Snowflake data).",
        )


def refuse_damage(path: Path, witnesses: Iterable[Path]) -> None:
    """Refuse to create a new store next to files that only a sandbox with a store can have created.

    Raises:
        DataFolderError: if the file is missing or empty.
    """
    if (path.exists() and path.stat().st_size) or not any(witness.exists() for witness in witnesses):
        return
    raise DataFolderError(path, "is empty" if path.exists() else "is missing, though this folder was used before")
