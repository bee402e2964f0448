"""Texts for amounts, differences and lines of cost."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.cost import wording
from jobgraph.cost.change import Priced, changed
from jobgraph.cost.estimate import STANDING, CostLine, Estimate, GraphCost
from jobgraph.cost.ranges import NOTHING, Range, exactly
from jobgraph.cost.rates import published
from jobgraph.cost.usage import CLOSE, FROM_HISTORY, IDLE, JOB, POOL, SERVERLESS, WAIT, WAREHOUSE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0009, "less than 0.001"),
        (0.001, "0.001"),
        (0.12345, "0.123"),
        (99.96, "100"),
        (99.94, "99.9"),
        (100.0, "100"),
        (104.4, "104"),
        (12_345.6, "12,346"),
    ],
)
def test_a_number_has_three_digits_and_all_before_the_point(value: float, text: str) -> None:
    assert wording.number(value) == text


@pytest.mark.parametrize(
    ("credits_", "text"),
    [
        (Range(43.2, 104, 54.6), "about 54.6 (43.2 to 104)"),
        (Range(2.08, 935), "2.08 to 935"),
        (Range(0, 43.8), "at most 43.8"),
        (Range(0, 43.8, 2), "about 2 (at most 43.8)"),
        (Range(1.0001, 1.0002, 1.0001), "1"),
        (NOTHING, "0"),
        (Range(0, 0.0004), "less than 0.001"),
        (Range(0, 0.0004, 0.0001), "less than 0.001"),
        (Range(0, 43.8, 0.0004), "less than 0.001 (at most 43.8)"),
        (Range(0.0004, 43.8), "at most 43.8"),
        (Range(0, 0.001), "at most 0.001"),
    ],
)
def test_a_range_says_its_bounds_and_the_usual_amount_if_known(credits_: Range, text: str) -> None:
    assert wording.amount(credits_) == text


@pytest.mark.parametrize(
    ("credits_", "price", "text"),
    [
        (0.5, 3.0, "$1.50"),
        (33.333, 3.0, "$100.00"),
        (33.334, 3.0, "$100"),
        (50.0, 2.0, "$100"),
        (1000.0, 2.5, "$2,500"),
        (99.99, 1, "$99.99"),
    ],
)
def test_money_has_cents_below_a_hundred(credits_: float, price: float, text: str) -> None:
    assert wording.money(credits_, price) == text


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (17.0, "+17"),
        (-0.25, "-0.25"),
        (0.0009, "the same"),
        (-0.0009, "the same"),
        (0.001, "+0.001"),
        (0.0, "the same"),
    ],
)
def test_a_difference_has_its_sign_unless_negligible(difference: float, text: str) -> None:
    assert wording.sign(difference) == text


def test_a_difference_in_money_has_its_sign() -> None:
    assert [wording.sign_of_money(credits_, 3.0) for credits_ in (17.0, -0.25, 0.0)] == ["+$51.00", "-$0.75", "+$0.00"]


def estimated(credits_: Range, *uncounted: str) -> Estimate:
    return Estimate((), (), credits_, uncounted, replace(published(), credit_price=2.0))


@pytest.mark.parametrize(
    ("estimate", "text"),
    [
        (estimated(Range(1, 9, 5)), "about 5 (1 to 9) credits a month ($10.00 at $2.00 a credit)"),
        (estimated(Range(1, 9)), "1 to 9 credits a month (at most $18.00 at $2.00 a credit)"),
        (estimated(Range(4, 4)), "4 credits a month ($8.00 at $2.00 a credit)"),
        (
            estimated(NOTHING, "g", "h"),
            "0 credits a month ($0.00 at $2.00 a credit); besides g, h, whose runs depend on usage",
        ),
    ],
)
def test_what_a_month_costs_is_an_upper_bound_unless_the_usual_amount_is_known(estimate: Estimate, text: str) -> None:
    assert wording.monthly(estimate) == text


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (Range(1, 50, 41), Range(1, 99, 58), "about 41 -> 58 credits a month (+17, +$34.00 at $2.00 a credit)"),
        (Range(1, 50, 41), Range(1, 60), "at most 50 -> 60 credits a month (+10, +$20.00 at $2.00 a credit)"),
        (Range(1, 60), Range(1, 50, 41), "at most 60 -> 50 credits a month (-10, -$20.00 at $2.00 a credit)"),
        (
            Range(0, 0.0004),
            Range(0, 50),
            "less than 0.001 -> 50 credits a month (+50, +$100.00 at $2.00 a credit)",
        ),
        (Range(1, 60, 5), Range(2, 70, 5), "about 5 -> 5 credits a month (the same)"),
    ],
)
def test_a_change_compares_amounts_of_one_kind(old: Range, new: Range, text: str) -> None:
    change = changed(Priced(estimated(old), (), ()), Priced(estimated(new), (), ()))
    assert wording.change(change) == text
    later = changed(Priced(estimated(old), (), ()), Priced(estimated(new, "g"), (), ()))
    assert wording.change(later) == f"{text}; besides g, whose runs depend on usage"


RUN = CostLine(JOB, "P", POOL, "A", seconds=Range(60, 600, 90), source=FROM_HISTORY, runs_in_history=9)


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (RUN, "1.5 (median of 9 runs)"),
        (replace(RUN, runs_in_history=1), "1.5 (of 1 run only)"),
        (replace(RUN, runs_in_history=4), "1.5 (of 4 runs only)"),
        (replace(RUN, seconds=Range(0, 600)), "at most 10 (time limit)"),
        (replace(RUN, seconds=Range(0, 0.01)), "less than 0.001 (time limit)"),
        (replace(RUN, seconds=None), ""),
        (replace(RUN, kind=WAIT), ""),
    ],
)
def test_minutes_of_a_run_name_their_source(line: CostLine, text: str) -> None:
    assert wording.minutes(line) == text


@pytest.mark.parametrize(
    ("line", "subject", "title"),
    [
        (RUN, "A", "A on P"),
        (CostLine(IDLE, "P", POOL), "idle (minimum of five minutes, idle tail)", None),
        (CostLine(WAIT, "W", WAREHOUSE), "awake while tasks wait", None),
        (CostLine(WAIT, "T", SERVERLESS, "T"), "serverless, while its task waits", None),
        (CostLine(CLOSE, "W", WAREHOUSE), "awake for the finalizer", None),
        (CostLine(STANDING, "P", POOL), "up all the time, as it never suspends", None),
    ],
)
def test_a_line_says_what_is_charged_for_and_its_title_also_where(
    line: CostLine, subject: str, title: str | None
) -> None:
    assert wording.subject(line) == subject
    assert wording.title(line) == (title or f"{line.on} {subject}")


def graph(runs: Range | None, credits_: Range | None) -> GraphCost:
    return GraphCost("g", runs, (), Range(1, 3, 2), credits_, NOTHING)


MONTHLY, UNKNOWN = graph(exactly(20), Range(20, 60, 40)), graph(None, None)


def test_graphs_are_compared_by_the_run_if_any_has_no_known_number_of_runs() -> None:
    assert (
        wording.common_unit(MONTHLY)
        == wording.common_unit(MONTHLY, None)
        == wording.common_unit(None)
        == "credits a month"
    )
    assert (
        wording.common_unit(UNKNOWN)
        == wording.common_unit(MONTHLY, UNKNOWN)
        == wording.common_unit(None, UNKNOWN)
        == "credits a run"
    )


def test_the_cost_of_a_graph_or_line_is_of_a_month_or_of_a_run() -> None:
    line = CostLine(JOB, "P", POOL, credits_a_run=Range(1, 3, 2), credits=Range(20, 60, 40))
    of_month, of_run = "about 40 (20 to 60)", "about 2 (1 to 3)"
    assert (wording.cost(line, wording.A_MONTH), wording.cost(line, wording.A_RUN)) == (of_month, of_run)
    assert (wording.graph_cost(MONTHLY, wording.A_MONTH), wording.graph_cost(MONTHLY, wording.A_RUN)) == (
        of_month,
        of_run,
    )
    assert wording.graph_cost(UNKNOWN, wording.A_MONTH) == wording.graph_cost(None, wording.A_RUN) == "none"
    assert wording.cost(None, wording.A_MONTH) == wording.cost(replace(line, credits=None), wording.A_MONTH) == "none"


def test_how_often_a_graph_runs() -> None:
    assert wording.runs(UNKNOWN) == "depends on usage: it has no schedule"
    assert wording.runs(graph(Range(10, 730.5, 700), NOTHING)) == "730 runs a month"
    assert wording.runs(replace(MONTHLY, is_stated=True)) == "20 runs a month as stated"


@given(st.lists(st.tuples(*[st.text("ab ", max_size=6)] * 3), min_size=1, max_size=5))
def test_columns_of_a_table_begin_at_the_same_place(rows: list[tuple[str, ...]]) -> None:
    lines = wording.table(rows)
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    starts = [2 + sum(widths[:column]) + 2 * column for column in range(3)]
    for row, line in zip(rows, lines, strict=True):
        assert line == line.rstrip()
        padded = line.ljust(starts[-1] + widths[-1])
        assert [padded[start : start + len(cell)] for start, cell in zip(starts, row, strict=True)] == list(row)
        assert not any(padded[start - 2 : start].strip() for start in starts)
    assert all(after - before >= 2 for before, after in pairwise(starts))
