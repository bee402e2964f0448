"""What receivers want and their graph cannot give. Only warnings: an environment may take a schedule away on purpose.

Knows the model. Must not know rules within one receiver (`jobgraph.config.receivers`), nor how a message is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.config.rules.job_rules import mark_of, path_of
from jobgraph.errors import WARNING, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.config.model import Graph

_LATE = "late"


def lateness_is_known(graph: Graph) -> Iterator[Problem]:
    """Without a schedule, no run is expected, and so none is late."""
    late = [receiver.late_after for receiver in graph.notify if receiver.late_after is not None]
    if late and graph.schedule is None and "notify" in graph.marks:
        issue = "`late_after` says nothing: the graph has no schedule, so no run of it can be late"
        remedy = "give the graph a `schedule`, or remove `late_after`"
        mark, at = mark_of(graph, "notify"), path_of(graph, None, "notify")
        yield Problem(mark, "notify-late", at, issue, remedy, severity=WARNING)


def ends_are_seen(graph: Graph) -> Iterator[Problem]:
    """What a run ended with is told by the graph's finalizer."""
    events = dict.fromkeys(event for receiver in graph.notify for event in receiver.events if event != _LATE)
    if events and not graph.finalizer and "notify" in graph.marks:
        issue = f"the graph has no finalizer, which would tell of {', '.join(events)}: nobody is told"
        remedy = "remove `finalizer: false`, or write `events: [late]`"
        mark, at = mark_of(graph, "notify"), path_of(graph, None, "notify")
        yield Problem(mark, "notify-finalizer", at, issue, remedy, severity=WARNING)
