"""Seconds of units that are charged for uses."""

from __future__ import annotations

import pytest

from jobgraph.cost.billing import Meter, Use

POOL = Meter(fewest=1, most=3, tail=100, shortest=300)


@pytest.mark.parametrize(
    ("uses", "charged"),
    [
        ([], 0),
        ([Use(0, 0)], 0),
        ([Use(0, 50)], 300),
        ([Use(0, 500)], 600),
        ([Use(0, 500), Use(550, 600)], 700),
        ([Use(0, 500), Use(601, 1000)], 600 + 499),
        ([Use(0, 500), Use(10, 20), Use(550, 600)], 710),  # the use that began first ends last
        ([Use(0, 500, 2)], 1100),
        ([Use(0, 500), Use(0, 500)], 1100),
        ([Use(0, 500, 2), Use(0, 500, 2)], 1600),  # no more than three nodes
        ([Use(0, 50, 2)], 600),
        ([Use(0, 100), Use(50, 400, 2)], 50 + 50 * 3 + 300 * 2 + 100),
    ],
)
def test_what_is_charged(uses: list[Use], charged: float) -> None:
    assert POOL.unit_seconds(uses) == charged
    assert POOL.unit_seconds(reversed(uses)) == charged


def test_the_fewest_are_up_as_long_as_any_is_used() -> None:
    assert Meter(2, 3, 100, 300).unit_seconds([Use(0, 500)]) == 1200
