"""The objects that the kit makes, all with a name that nobody else uses, and how they go, whatever happened.

Knows SHOW and DROP. Must not know what a case does.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Ask = Callable[[str], list[dict[str, Any]]]

# Part of the name of every object on the account that the kit makes; of a case's own, the longer one.
MARK = "JOBGRAPH_KIT"
MARK_OF_CASES = f"{MARK}_C"
WAREHOUSE = f"{MARK}_WAREHOUSE"
# Whole names: others may have the mark in the names of what is theirs.
_OF_A_CASE = re.compile(rf"(?:[A-Za-z]+[-_]?)?{MARK_OF_CASES}\d+(?:_[A-Z]+)?")
_OF_THE_STACK = re.compile(
    rf"{MARK}_(?:STACK|ROLE|POOL_XS|POOL_S|(?:STACK_|LATE_)?WAREHOUSE|STACK_PUBLIC_JOBGRAPH_[A-Z0-9_]+)"
)
# Users of others, then what holds others: databases first, for tasks in them use warehouses and roles own them.
_KINDS = {
    "DATABASE": "DATABASES",
    "COMPUTE POOL": "COMPUTE POOLS",
    "WAREHOUSE": "WAREHOUSES",
    "EXTERNAL ACCESS INTEGRATION": "EXTERNAL ACCESS INTEGRATIONS",
    "NOTIFICATION INTEGRATION": "NOTIFICATION INTEGRATIONS",
    "RESOURCE MONITOR": "RESOURCE MONITORS",
    "USER": "USERS",
    "ROLE": "ROLES",
}


def left_over(ask: Ask, mark: str = MARK) -> Iterator[tuple[str, str]]:
    """Yield kind and name of everything that a kit has left."""
    for kind, plural in _KINDS.items():
        for row in ask(f"SHOW {plural}"):
            if is_own(str(row["name"]), mark):
                yield kind, str(row["name"])


def is_own(name: str, mark: str = MARK) -> bool:
    """Whether a kit makes objects of this name; with MARK_OF_CASES, whether its cases do."""
    return bool(_OF_A_CASE.fullmatch(name)) or (mark == MARK and bool(_OF_THE_STACK.fullmatch(name)))


def sweep(ask: Ask, mark: str = MARK) -> list[str]:
    """Drop everything that a kit has left, this one or one that was killed; returns what it was."""
    gone = []
    for kind, name in list(left_over(ask, mark)):
        quoted = '"' + name.replace('"', '""') + '"'
        if kind == "COMPUTE POOL":
            ask(f"ALTER COMPUTE POOL {quoted} STOP ALL")
        ask(f"DROP {kind} IF EXISTS {quoted}")
        gone.append(f"{kind} {name}")
    return gone
