"""The rules on receivers of messages and their graph. Only warnings: an environment may remove a schedule on purpose.

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
    """Without a schedule, no run is expected, so none can be late."""
    late = [receiver.late_after for receiver in graph.notify if receiver.late_after is not None]
    if late and graph.schedule is None and "notify" in graph.marks:
        issue = "`late_after` has no effect: the graph has no schedule, so none of its runs can be late"
        remedy = "give the graph a `schedule`, or remove `late_after`"
        mark, at = mark_of(graph, "notify"), path_of(graph, None, "notify")
        yield Problem(mark, "notify-late", at, issue, remedy, severity=WARNING)


def ends_are_seen(graph: Graph) -> Iterator[Problem]:
    """The graph's finalizer sends the messages on how a run ended."""
    events = dict.fromkeys(event for receiver in graph.notify for event in receiver.events if event != _LATE)
    if events and not graph.finalizer and "notify" in graph.marks:
        issue = f"the graph has no finalizer to send messages about {', '.join(events)}, so none are sent"
        remedy = "remove `finalizer: false`, or write `events: [late]`"
        mark, at = mark_of(graph, "notify"), path_of(graph, None, "notify")
        yield Problem(mark, "notify-finalizer", at, issue, remedy, severity=WARNING)
