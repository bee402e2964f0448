"""The schedules of graphs, at an interval or by a cron expression, and their notations.

Knows the notations of the file, of messages, of SHOW TASKS and of the provider. Must not know when a run is due.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_UNITS = {"S": "SECONDS", "M": "MINUTES", "H": "HOURS"}
_INTERVAL = re.compile(r"(\d+)\s*([SMH])\w*", re.IGNORECASE)
_CRON = re.compile(r"(?:USING CRON )?(.+) (\S+)", re.IGNORECASE)


@dataclass(frozen=True)
class IntervalSchedule:
    """Run every `number` units; `unit` is SECONDS, MINUTES or HOURS."""

    number: int
    unit: str

    def __str__(self) -> str:
        """Return the schedule in words."""
        return f"every {self.in_file}"

    @property
    def in_file(self) -> str:
        """The value in the file: `59 minutes`."""
        unit = self.unit.lower()
        return f"{self.number} {unit if self.number != 1 else unit.removesuffix('s')}"

    @property
    def in_snowflake(self) -> str:
        """The text that CREATE TASK takes, and the provider reads back: `59 MINUTE`."""
        return f"{self.number} {self.unit.removesuffix('S')}"

    @property
    def in_provider(self) -> dict[str, Any]:
        """The inputs of the provider's task: `{"minutes": 59}`."""
        return {self.unit.lower(): self.number}


@dataclass(frozen=True)
class Cron:
    """Run at the times of a five-field cron expression, read in an IANA time zone."""

    expression: str
    timezone: str

    def __str__(self) -> str:
        """Return the schedule in words."""
        return f"cron {self.expression} ({self.timezone})"

    @property
    def in_file(self) -> dict[str, str]:
        """The value in the file: `{cron: 0 2 * * *, timezone: UTC}`."""
        return {"cron": self.expression, "timezone": self.timezone}

    @property
    def in_snowflake(self) -> str:
        """The text that CREATE TASK takes: `USING CRON 0 2 * * * UTC`."""
        return f"USING CRON {self.expression} {self.timezone}"

    @property
    def in_provider(self) -> dict[str, Any]:
        """The inputs of the provider's task: `{"using_cron": "0 2 * * * UTC"}`."""
        return {"using_cron": f"{self.expression} {self.timezone}"}


Schedule = IntervalSchedule | Cron


def from_snowflake(text: str | None) -> Schedule | None:
    """Return the schedule in a column of SHOW TASKS: `59 MINUTE` or `59 MINUTES`, `USING CRON 0 2 * * * UTC`, none."""
    if text in (None, "", "null"):
        return None
    interval = _INTERVAL.fullmatch(str(text))
    if interval is not None:
        return IntervalSchedule(int(interval[1]), _UNITS[interval[2].upper()])
    cron = _CRON.fullmatch(str(text))
    return Cron(cron[1], cron[2]) if cron is not None else None


def from_provider(inputs: Mapping[str, Any]) -> Schedule | None:
    """Return the schedule in the engine's inputs of a task: `{"minutes": 59}`, `{"usingCron": "0 2 * * * UTC"}`."""
    for unit in _UNITS.values():
        if isinstance(number := inputs.get(unit.lower()), int | float):
            return IntervalSchedule(int(number), unit)
    return from_snowflake(f"USING CRON {inputs['usingCron']}") if inputs.get("usingCron") else None
