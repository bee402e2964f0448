"""Reads the tables of tests that are YAML files: with the parser in C, as each worker of a suite reads all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from pathlib import Path


def content(file: Path) -> Any:
    """Return what a YAML file says."""
    return yaml.load(file.read_text("utf-8"), yaml.CSafeLoader)
