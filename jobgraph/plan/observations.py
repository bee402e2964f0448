"""What a deploy saw before its first step, as the text of a step, both ways: written, and read back from a preview.

Knows how the text is worded. Must not know what a deploy does about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.plan import sql

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_NAMES = 5
_TEXT = re.compile(
    r"not as planned when deploy \w+ began: (?P<names>[\w, ]+?)"
    r"(?:; (?P<root>\w+) was suspended because its runs failed)?'"
)


@dataclass(frozen=True)
class Observation:
    """Tasks that were not as planned (of many, the first and their count), and a root that its failures suspended."""

    tasks: str
    failed_root: str = ""


def observation(deploy: str, differing: Sequence[str], failed_root: str = "") -> str:
    """Return a statement that tells which tasks are not as planned; `deploy` makes it another one in each deploy."""
    names = ", ".join(differing[:_MOST_NAMES])
    remainder = f" and {len(differing) - _MOST_NAMES} more" if differing[_MOST_NAMES:] else ""
    root = f"; {failed_root} was suspended because its runs failed" if failed_root else ""
    return sql.nothing(f"not as planned when deploy {deploy} began: {names}{remainder}{root}")


def read_observation(statement: str) -> Observation | None:
    """Return what such a statement tells; `None` for any other."""
    match = _TEXT.search(statement)
    return Observation(match["names"], match["root"] or "") if match else None
