"""The times of attempts as `cost --since` counts them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jobgraph.cli.costing import spans

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def test_what_was_before_the_period_is_cut_off_and_what_has_no_end_is_left_out() -> None:
    across = {"STARTED_TIME": START - HOUR, "COMPLETED_TIME": START + HOUR}
    within = {"STARTED_TIME": START + HOUR, "COMPLETED_TIME": START + 2 * HOUR}
    endless = {"STARTED_TIME": START, "COMPLETED_TIME": None}
    assert [span[1:] for span in spans([across, within, endless], START)] == [
        (START, START + HOUR),
        (START + HOUR, START + 2 * HOUR),
    ]
