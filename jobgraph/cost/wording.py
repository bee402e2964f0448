"""Texts for amounts, lines and changes of cost.

Knows how people read them. Must not know where they are shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.cost.ranges import comparable
from jobgraph.cost.usage import CLOSE, IDLE, JOB, WAIT, WAREHOUSE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.cost.change import CostChange
    from jobgraph.cost.estimate import CostLine, Estimate, GraphCost
    from jobgraph.cost.ranges import Range

UNSEEN_CHARGES = (
    "as the role does not see SNOWFLAKE.ACCOUNT_USAGE: GRANT DATABASE ROLE SNOWFLAKE.USAGE_VIEWER TO ROLE ..."
)
A_MONTH, A_RUN = "credits a month", "credits a run"
_SAME = "the same"
_SMALLEST = 0.001
_WHOLE = 100


def number(value: float) -> str:
    """Return a number with three significant digits; for a very small one, `less than …`."""
    if _is_very_small(value):
        return f"less than {_SMALLEST}"
    return f"{value:,.0f}" if value >= _WHOLE else f"{value:.3g}"


def _is_very_small(value: float) -> bool:
    return 0 < value < _SMALLEST


def at_most(value: float) -> str:
    """Return a number as the highest, such as `at most 43.8`; for a very small one, `less than …`."""
    return number(value) if _is_very_small(value) else f"at most {number(value)}"


def _about(value: float) -> str:
    return number(value) if _is_very_small(value) else f"about {number(value)}"


def amount(credits_: Range) -> str:
    """Return a range, such as `about 54.6 (43.2 to 104)`, `2.08 to 935` or `at most 43.8`."""
    low, high = number(credits_.low), number(credits_.high)
    if low == high or _is_very_small(credits_.high):
        return high
    # a very small lower bound says no more than zero
    bounds = at_most(credits_.high) if credits_.low < _SMALLEST else f"{low} to {high}"
    return bounds if credits_.usual is None else f"{_about(credits_.usual)} ({bounds})"


def money(credits_: float, price: float) -> str:
    """Return the price of credits."""
    dollars = credits_ * price
    return f"${dollars:,.0f}" if dollars >= _WHOLE else f"${dollars:,.2f}"


def monthly(estimate: Estimate) -> str:
    """Return what a deployment costs in a month."""
    price, credits_ = estimate.rates.credit_price, estimate.credits
    prefix = "" if credits_.usual is not None or credits_.low == credits_.high else "at most "
    text = f"{amount(credits_)} credits a month ({prefix}{money(credits_.expected, price)} at ${price:.2f} a credit)"
    return text + uncounted(estimate)


def uncounted(estimate: Estimate) -> str:
    """Return which graphs an estimate does not include, as the end of a sentence."""
    graphs = ", ".join(estimate.uncounted)
    return f"; besides {graphs}, whose runs depend on usage" if graphs else ""


def change(changes: CostChange) -> str:
    """Return a change, such as `about 41.0 -> 58.0 credits a month (+17.0, +$51.00 at $3.00 a credit)`.

    If a usual amount is not known, the highest amounts are compared: `at most 158 -> 891 credits a month (…)`.
    """
    old, new = changes.old.estimate, changes.new.estimate
    before, after = comparable(old.credits, new.credits)
    price = new.rates.credit_price
    difference = sign(after - before)
    if difference != _SAME:
        difference += f", {sign_of_money(after - before, price)} at ${price:.2f} a credit"
    kind = at_most if None in (old.credits.usual, new.credits.usual) else _about
    return f"{kind(before)} -> {number(after)} credits a month ({difference}){uncounted(new)}"


def sign(difference: float) -> str:
    """Return a difference with its sign; `the same` if it is negligible."""
    if abs(difference) < _SMALLEST:
        return _SAME
    return f"{'+' if difference > 0 else '-'}{number(abs(difference))}"


def sign_of_money(difference: float, price: float) -> str:
    """Return a difference in money with its sign."""
    return f"{'-' if difference < 0 else '+'}{money(abs(difference), price)}"


def minutes(line: CostLine) -> str:
    """Return how long a job's containers run in one run, and the source of that time."""
    if line.seconds is None or line.kind != JOB:
        return ""
    if line.seconds.usual is not None:
        runs = f"{line.runs_in_history} run{'' if line.runs_in_history == 1 else 's'}"
        basis = f"of {runs} only" if line.has_few_runs else f"median of {runs}"
        return f"{number(line.seconds.usual / 60)} ({basis})"
    return f"{at_most(line.seconds.high / 60)} (time limit)"


def subject(line: CostLine) -> str:
    """Return the subject of a line, for use next to the charged resource."""
    if line.kind == JOB:
        return line.name
    if line.kind == IDLE:
        return "idle (minimum of five minutes, idle tail)"
    if line.kind == WAIT:
        return "awake while tasks wait" if line.charged == WAREHOUSE else "serverless, while its task waits"
    if line.kind == CLOSE:
        return "awake for the finalizer"
    return "up all the time, as it never suspends"


def title(line: CostLine) -> str:
    """Return the subject of a line together with the charged resource."""
    return f"{line.name} on {line.on}" if line.kind == JOB else f"{line.on} {subject(line)}"


def common_unit(*graphs: GraphCost | None) -> str:
    """Return the unit for comparing costs of graphs: a run if the frequency of any graph is unknown, else a month.

    None stands for a graph that does not exist.
    """
    return A_RUN if any(graph is not None and graph.credits is None for graph in graphs) else A_MONTH


def cost(line: CostLine | None, unit: str) -> str:
    """Return the cost of a line in a month or in a run."""
    credits_ = None if line is None else line.credits if unit == A_MONTH else line.credits_a_run
    return "none" if credits_ is None else amount(credits_)


def graph_cost(graph: GraphCost | None, unit: str) -> str:
    """Return the cost of a graph in a month or in a run."""
    credits_ = None if graph is None else graph.credits if unit == A_MONTH else graph.credits_a_run
    return "none" if credits_ is None else amount(credits_)


def runs(graph: GraphCost) -> str:
    """Return how often a graph runs."""
    if graph.runs is None:
        return "depends on usage: it has no schedule"
    stated = " as stated" if graph.is_stated else ""
    return f"{number(graph.runs.high)} runs a month{stated}"


def table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Return rows as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return [f"  {line}".rstrip() for line in padded]
