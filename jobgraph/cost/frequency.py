"""How often graphs run.

Knows schedules. Must not know how long a run takes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.config import cron
from jobgraph.config.schedules import Cron

if TYPE_CHECKING:
    from jobgraph.config.schedules import Schedule

HOURS_A_MONTH = 365.25 * 24 / 12
SECONDS_A_MONTH = HOURS_A_MONTH * 3600
_SECONDS = {"SECONDS": 1, "MINUTES": 60, "HOURS": 3600}


def runs_a_month(schedule: Schedule) -> float:
    """Return how many runs a schedule starts in a month, that is, a twelfth of a year."""
    if isinstance(schedule, Cron):
        return cron.firings_a_year(schedule) / 12
    return SECONDS_A_MONTH / shortest_pause(schedule)


def shortest_pause(schedule: Schedule) -> float:
    """Return the shortest time, in seconds, between two starts of a schedule."""
    if isinstance(schedule, Cron):
        return cron.shortest_gap(schedule).total_seconds()
    return float(schedule.number * _SECONDS[schedule.unit])
