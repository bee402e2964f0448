from __future__ import annotations

import pytest

from jobgraph.config.schedules import Cron, IntervalSchedule
from jobgraph.plan.task_rows import schedule


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("59 MINUTE", IntervalSchedule(59, "MINUTES")),
        ("1 HOURS", IntervalSchedule(1, "HOURS")),
        ("10 S", IntervalSchedule(10, "SECONDS")),
        ("USING CRON 0 2 * * * Europe/Berlin", Cron("0 2 * * *", "Europe/Berlin")),
        (None, None),
        ("null", None),
    ],
)
def test_a_roots_schedule_is_read_as_the_column_has_it(text: str | None, expected: object) -> None:
    assert schedule({"schedule": text}) == expected
