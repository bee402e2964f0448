"""Charges divided among uses: nothing is lost or added, whoever overlaps with whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.cost.allocation import Metered, Sharing, UnitUse, allocated

START = datetime(2026, 11, 1, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def hours(*credits_: float) -> list[Metered]:
    return [Metered(at(60 * number), at(60 * number + 60), each) for number, each in enumerate(credits_)]


spans = st.lists(
    st.builds(
        lambda start, length, units: UnitUse(at(start), at(start + length), units),
        st.floats(-90, 300),
        st.floats(0, 200),
        st.integers(1, 4),
    ),
    max_size=8,
)
charges = st.lists(st.floats(0, 20), max_size=4).map(lambda credits_: hours(*credits_))


@given(charges, spans, st.floats(0.01, 5), st.sampled_from(Sharing))
def test_the_parts_are_the_bill(metered: list[Metered], uses: list[UnitUse], rate: float, sharing: Sharing) -> None:
    result = allocated(metered, uses, rate, sharing)
    bill = sum(hour.credits for hour in metered)
    assert sum(result.shares) + result.idle == pytest.approx(bill, abs=1e-9)
    assert all(share >= 0 for share in (*result.shares, result.idle, *result.unmetered))
    assert len(result.shares) == len(result.unmetered) == len(uses)


@given(charges, spans, st.floats(0.01, 5), st.sampled_from([Sharing.UNITS, Sharing.ONE_UNIT]))
def test_nobody_pays_more_than_the_rate(
    metered: list[Metered], uses: list[UnitUse], rate: float, sharing: Sharing
) -> None:
    result = allocated(metered, uses, rate, sharing)
    for span, share, unmetered in zip(uses, result.shares, result.unmetered, strict=True):
        seconds = max(0.0, (span.end - span.start).total_seconds()) * span.units
        assert share + unmetered <= seconds * rate / 3600 + 1e-6


@given(charges, spans, st.floats(0.01, 5))
def test_equal_uses_pay_the_same(metered: list[Metered], uses: list[UnitUse], rate: float) -> None:
    for sharing in Sharing:
        result = allocated(metered, [*uses, *uses], rate, sharing)
        assert result.shares[: len(uses)] == pytest.approx(result.shares[len(uses) :], abs=1e-9)


def test_seconds_by_the_rate_and_the_rest_is_idle() -> None:
    uses = [UnitUse(at(0), at(30)), UnitUse(at(15), at(30), 2)]
    result = allocated(hours(2.0), uses, 1.0, Sharing.UNITS)
    assert result.shares == pytest.approx((0.5, 0.5))
    assert result.idle == pytest.approx(1.0)
    assert result.unmetered == pytest.approx((0.0, 0.0))


def test_uses_that_share_nodes_divide_what_was_charged() -> None:
    result = allocated(hours(0.3), [UnitUse(at(0), at(30)), UnitUse(at(0), at(15), 2)], 1.0, Sharing.UNITS)
    assert result.shares == pytest.approx((0.15, 0.15))
    assert result.idle == pytest.approx(0.0)


def test_tasks_that_wait_at_the_same_time_share_the_warehouse() -> None:
    """Half an hour: one alone for ten minutes, then both; the warehouse idles for a minute after that."""
    result = allocated(hours(31 / 60), [UnitUse(at(0), at(30)), UnitUse(at(10), at(30))], 1.0, Sharing.ONE_UNIT)
    assert result.shares == pytest.approx((20 / 60, 10 / 60))
    assert result.idle == pytest.approx(1 / 60)


def test_a_use_over_several_hours_gets_a_part_of_each_and_the_rest_is_not_metered() -> None:
    result = allocated(hours(1.0, 0.25), [UnitUse(at(30), at(150))], 1.0, Sharing.UNITS)
    assert result.shares == pytest.approx((0.5 + 0.25,))
    assert result.idle == pytest.approx(0.5)
    assert result.unmetered == pytest.approx((0.5,))


def test_tasks_that_share_a_warehouse_beyond_the_hour_get_their_part_of_each() -> None:
    together = [UnitUse(at(30), at(90)), UnitUse(at(30), at(90))]
    result = allocated(hours(1.0, 0.5), together, 1.0, Sharing.ONE_UNIT)
    assert result.shares == pytest.approx((0.5, 0.5))
    assert result.idle == pytest.approx(0.5)
    later = allocated(hours(1.0, 1.0), [UnitUse(at(15), at(105)), UnitUse(at(45), at(75))], 1.0, Sharing.ONE_UNIT)
    assert later.shares == pytest.approx((30 / 60 + 15 / 60 + 30 / 60, 15 / 60))
    assert later.idle == pytest.approx(0.5)


def test_a_use_of_two_slots_gets_two_parts() -> None:
    result = allocated(hours(1.0), [UnitUse(at(0), at(30), 2), UnitUse(at(0), at(30))], 1.0, Sharing.ONE_UNIT)
    assert result.shares == pytest.approx((2 / 6, 1 / 6))


def test_nothing_is_idle_where_only_use_is_charged() -> None:
    """A serverless task of a larger size than the rate is for, then an hour in which nobody used it."""
    result = allocated(hours(2.0, 0.5), [UnitUse(at(0), at(10)), UnitUse(at(10), at(40))], 1.0, Sharing.CHARGES)
    assert result.shares == pytest.approx((0.5, 1.5))
    assert result.idle == pytest.approx(0.5)
    less = allocated(hours(0.1), [UnitUse(at(0), at(30)), UnitUse(at(0), at(30))], 1.0, Sharing.CHARGES)
    assert (*less.shares, less.idle) == pytest.approx((0.05, 0.05, 0.0))
