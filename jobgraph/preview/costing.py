"""Adds the effect on the monthly cost to a preview's summary.

Knows the deployments before and after the preview. Must not know how cost is estimated, nor how it is written.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobgraph.cost.change import changed
from jobgraph.cost.pricing import priced
from jobgraph.preview.deployments import NEW, OLD, deployed, is_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.cost.history import History
    from jobgraph.preview.changes import Summary
    from jobgraph.settings import Settings

_NOT_WHOLE = "not estimated, because unchanged resources are not listed: pulumi preview --json --show-sames"


def with_cost(summary: Summary, preview: Mapping[str, Any], settings: Settings, history: History | None) -> Summary:
    """Return the summary of a preview with its effect on the cost; unchanged if the preview shows drift or errors.

    `history` is None if it was not read.
    """
    if summary.drift or summary.errors:
        return summary
    if not is_whole(preview):
        return replace(summary, cost_unknown=_NOT_WHOLE)
    old, new = (priced(deployed(preview, side, settings), settings, history) for side in (OLD, NEW))
    return replace(summary, cost=changed(old, new))
