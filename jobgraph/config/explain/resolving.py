"""A job configuration written out: overlays merged, defaults filled in, matrices expanded, nothing left to look up.

Knows how each part of the model is said in the file: the way back of `assembly`. Must not know how text is laid out
(see `printing`). What is written reads as the same graphs again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.config.explain.printing import printed
from jobgraph.config.job_values import job_in_file, stated
from jobgraph.config.keys import OVERLAPS
from jobgraph.config.timing import duration_text

if TYPE_CHECKING:
    from jobgraph.config.model import Config, Graph

OVERLAP_WORDS = {policy: word for word, policy in OVERLAPS.items()}


def resolved(config: Config) -> str:
    """Return the text of a file that says the same without defaults, environments and matrices."""
    return printed(resolved_document(config))


def resolved_document(config: Config) -> dict[str, Any]:
    """Return what the resolved file says, as plain values."""
    return {"version": config.version, "graphs": {graph.key: _graph(graph) for graph in config.graphs}}


def _graph(graph: Graph) -> dict[str, Any]:
    values = {
        "schedule": graph.schedule.in_file if graph.schedule else None,
        "root_task": graph.root_task,
        "finalizer": graph.finalizer,
        "finalizer_task": graph.finalizer_task,
        "comment": graph.comment,
        "overlap": OVERLAP_WORDS[graph.overlap] if graph.overlap else None,
        "suspend_after_failures": graph.suspend_after_failures,
        "auto_retry": graph.auto_retry,
        "timeout": duration_text(graph.timeout) if graph.timeout else None,
    }
    # an empty configuration is one, too
    config = {} if graph.config is None else {"config": dict(graph.config)}
    return {**stated(values), **config, "jobs": {job.key: job_in_file(job) for job in graph.jobs}}
