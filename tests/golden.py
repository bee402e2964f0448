"""Texts that are kept beside the tests: compared, or written anew with UPDATE_GOLDENS=1."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def compare(kept: Path, found: str) -> None:
    """Assert that a text is the kept one."""
    if os.environ.get("UPDATE_GOLDENS") == "1":
        kept.write_text(found)
    assert found == kept.read_text(), f"UPDATE_GOLDENS=1 writes {kept.name} anew: read its diff"
