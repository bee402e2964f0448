"""What a deploy saw before its first step, as the text of a step: written, and read back from a preview.

Knows the wording of the text. Must not know how a deploy responds to it.
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
    r"(?:; (?P<root>\w+) was suspended because its runs failed)?(?:; \w+ loses its schedule)?'"
)
_LOSES = re.compile(r"; (?P<root>\w+) loses its schedule'")


@dataclass(frozen=True)
class Observation:
    """Tasks that differed from the plan (the first names and a count), and a root suspended because its runs failed."""

    tasks: str
    failed_root: str = ""


def observation(deploy: str, differing: Sequence[str], failed_root: str = "", unscheduled_root: str = "") -> str:
    """Return a statement that names the tasks that differ from the plan; `deploy` makes it unique to this deploy.

    `unscheduled_root`: a started root whose schedule this deploy removes.
    """
    names = ", ".join(differing[:_MOST_NAMES])
    remainder = f" and {len(differing) - _MOST_NAMES} more" if differing[_MOST_NAMES:] else ""
    root = f"; {failed_root} was suspended because its runs failed" if failed_root else ""
    loses = f"; {unscheduled_root} loses its schedule" if unscheduled_root else ""
    return sql.nothing(f"not as planned when deploy {deploy} began: {names}{remainder}{root}{loses}")


def unscheduled_root(statement: str) -> str | None:
    """Return the root that loses its schedule, according to such a statement; `None` if none does."""
    match = _LOSES.search(statement)
    return match["root"] if match else None


def read_observation(statement: str) -> Observation | None:
    """Return the observation in such a statement; `None` for any other statement."""
    match = _TEXT.search(statement)
    return Observation(match["names"], match["root"] or "") if match else None
