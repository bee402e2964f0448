"""The objects that a deploy creates or configures by its own statements, because the provider has no resource for them.

Knows the forms of these statements: CREATE, ALTER and DROP, and the method calls of a budget. Must not know the format
of a preview.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# `"DB"."SCHEMA"."NAME"`: every statement of a deploy quotes names
_NAME = r'(?P<name>"(?:[^"]|"")*"(?:\."(?:[^"]|"")*")*)'
_CREATED = re.compile(rf'CREATE (?:OR REPLACE )?(?P<kind>[^"(]+?) (?:IF NOT EXISTS )?{_NAME}')
_CONFIGURED = re.compile(rf'ALTER (?P<kind>[^"(]+?) (?:IF EXISTS )?{_NAME}')
_DROPPED = re.compile(rf'DROP (?P<kind>[^"(]+?) (?:IF EXISTS )?{_NAME}')
_CALLED = re.compile(rf"CALL {_NAME}!")
_BUDGET = "Budget"
# these have resources; the steps around them follow from other changes
_WITH_RESOURCES = frozenset({"Task", "Procedure"})


@dataclass(frozen=True)
class StepObject:
    """An object of a step: its kind as the provider would name it, such as `NotificationIntegration`, and its name."""

    kind: str
    name: str


def created(statement: str) -> StepObject | None:
    """Return the object that a step's statement creates; None if it creates none."""
    return _of(_CREATED.match(statement))


def configured(statement: str) -> StepObject | None:
    """Return the object that a step's statement configures, if it has no resource; None if there is none."""
    call = _CALLED.match(statement)
    if call is not None:
        return StepObject(_BUDGET, _last(call["name"]))
    altered = _of(_CONFIGURED.match(statement))
    return None if altered is None or altered.kind in _WITH_RESOURCES else altered


def dropped(statement: str) -> StepObject | None:
    """Return the object that a step's revert drops; None if it drops none."""
    return _of(_DROPPED.match(statement))


def _of(match: re.Match[str] | None) -> StepObject | None:
    if match is None:
        return None
    # a class, such as SNOWFLAKE.CORE.BUDGET, is known by its own name
    words = match["kind"].rpartition(".")[2].split()
    return StepObject("".join(word.capitalize() for word in words), _last(match["name"]))


def _last(name: str) -> str:
    return name[: -len('"')].rpartition('"')[2]
