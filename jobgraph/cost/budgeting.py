"""An estimate, and what a month did cost so far, held against the budget of the stack.

Knows amounts and limits. Must not know what the stack does about it.
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
    """An estimate above its budget, in credits a month; `is_usual`: by the usual amount, else only by the highest."""

    limit: float
    amount: float
    is_usual: bool

    @property
    def sentence(self) -> str:
        """What is the matter."""
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
    """Return by what an estimate exceeds a budget; None if it does not, or if there is none."""
    if budget is None or credits_.expected <= budget.credits_per_month:
        return None
    return BudgetExcess(budget.credits_per_month, credits_.expected, credits_.usual is not None)


@dataclass(frozen=True)
class BudgetUse:
    """How much of a budget is used in the month under way, in credits.

    `used` is None if the role may not see what was charged; `suspended` is the warehouse that the budget's monitor has
    suspended, empty if none.
    """

    limit: float
    used: float | None
    suspended: str = ""

    @property
    def is_exceeded(self) -> bool:
        """Whether more is used than there is."""
        return self.used is not None and self.used > self.limit

    @property
    def sentence(self) -> str:
        """How much that is, whether it is more than there is, and what that does."""
        return f"Budget: {self.state}{self.consequence}"

    @property
    def state(self) -> str:
        """How much that is, and whether it is more than there is."""
        limit = wording.number(self.limit)
        if self.used is None:
            return f"{limit} credits a month; how much is used is not known, {wording.UNSEEN_CHARGES}"
        share = (
            f"{wording.number(self.used)} of {limit} credits used since the month began ({self.used / self.limit:.0%})"
        )
        return f"{share}; it is exceeded" if self.is_exceeded else share

    @property
    def consequence(self) -> str:
        """What stands still because of it, as the end of a sentence; empty if nothing does."""
        if not self.suspended:
            return ""
        return (
            f"; warehouse {self.suspended} is suspended until the month ends, so jobs that wait on it fail: raise"
            " `credits_per_month`, then `pulumi up`"
        )
