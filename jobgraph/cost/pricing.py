"""A deployment's estimate with its assumptions and warnings, according to the settings of its stack.

Knows the settings that determine cost. Must not know where a deployment comes from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.cost.assumptions import assumptions
from jobgraph.cost.budgeting import budget_excess
from jobgraph.cost.change import Priced
from jobgraph.cost.crowding import crowds
from jobgraph.cost.estimate import estimate
from jobgraph.cost.rates import published

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.cost.deployment import Deployment
    from jobgraph.cost.history import History
    from jobgraph.settings import Settings


def priced(
    deployment: Deployment, settings: Settings, history: History | None, stated: Mapping[str, float] | None = None
) -> Priced:
    """Return the estimate of a deployment.

    `history` is None if it was not read. `stated`: upper-case graph key -> runs a month, in addition to those in the
    settings.
    """
    rates = published().overridden(dict(settings.rates), settings.credit_price)
    runs = {**dict(settings.runs_per_month), **(stated or {})}
    estimated = estimate(deployment, rates, history, runs)
    excess = budget_excess(estimated.credits, settings.budget)
    return Priced(estimated, assumptions(estimated, deployment), crowds(deployment), excess)
