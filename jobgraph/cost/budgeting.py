"""Comparison of an estimate, and of the cost of the current month so far, with the stack's budget.

Knows amounts and limits. Must not know how the stack responds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.cost import wording

if TYPE_CHECKING:
    from jobgraph.cost.ranges import Range
    from jobgraph.settings import Budget


@dataclass(frozen=True)
class BudgetExcess:
    """An estimate above its budget, in credits a month. `is_usual`: even the usual amount is above the budget."""

    limit: float
    amount: float
    is_usual: bool

    @property
    def sentence(self) -> str:
        """The problem, as a sentence."""
        kind = "usual" if self.is_usual else "highest"
        return (
            f"The {kind} amount, {wording.number(self.amount)} credits a month, is above the stack's budget of"
            f" {wording.number(self.limit)} (`budget`)"
        )

    @property
    def remedy(self) -> str:
        """What to do about it."""
        if self.is_usual:
            return "make it cost less (jobgraph cost --since 7d says what would save most), or raise the budget"
        return "ask with what runs took (--history): the highest amount has every job take its time limit each time"


def budget_excess(credits_: Range, budget: Budget | None) -> BudgetExcess | None:
    """Return how an estimate exceeds a budget; None if it does not, or if there is no budget."""
    if budget is None or credits_.expected <= budget.credits_per_month:
        return None
    return BudgetExcess(budget.credits_per_month, credits_.expected, credits_.usual is not None)


@dataclass(frozen=True)
class BudgetUse:
    """How much of a budget has been used in the current month, in credits.

    `used` is None if the role may not see the charges; `suspended` is the warehouse that the budget's monitor has
    suspended, empty if none.
    """

    limit: float
    used: float | None
    suspended: str = ""

    @property
    def is_exceeded(self) -> bool:
        """Whether more than the budget has been used."""
        return self.used is not None and self.used > self.limit

    @property
    def sentence(self) -> str:
        """The state and its consequence, as a sentence."""
        return f"Budget: {self.state}{self.consequence}"

    @property
    def state(self) -> str:
        """How much has been used, and whether the budget is exceeded."""
        limit = wording.number(self.limit)
        if self.used is None:
            return f"{limit} credits a month; how much is used is not known, {wording.UNSEEN_CHARGES}"
        share = (
            f"{wording.number(self.used)} of {limit} credits used since the month began ({self.used / self.limit:.0%})"
        )
        return f"{share}; it is exceeded" if self.is_exceeded else share

    @property
    def consequence(self) -> str:
        """What does not run as a consequence, as the end of a sentence; empty if nothing is suspended."""
        if not self.suspended:
            return ""
        return (
            f"; warehouse {self.suspended} is suspended until the month ends, so jobs that wait on it fail: raise"
            " `credits_per_month`, then `pulumi up`"
        )
