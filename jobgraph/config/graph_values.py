"""The values of a graph as they are written in the file, from the model: the inverse of `assembly`.

Knows the model. Must not know how the text is laid out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.config.job_values import job_in_file, stated
from jobgraph.config.keys import OVERLAPS
from jobgraph.config.receivers import receiver_in_file
from jobgraph.config.timing import duration_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.config.model import Graph

OVERLAP_WORDS = {policy: word for word, policy in OVERLAPS.items()}


def options_in_file(graph: Graph) -> dict[str, Any]:
    """Return the values of a graph in the file, without its jobs."""
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
        "notify": [receiver_in_file(receiver) for receiver in graph.notify],
    }
    # an empty configuration is written too
    config = {} if graph.config is None else {"config": dict(graph.config)}
    return {**stated(values), **config}


def graph_in_file(graph: Graph) -> dict[str, Any]:
    """Return the values of a graph in the file, with its jobs and with defaults; jobs are spelled as their keys."""
    keys = {job.name: job.key for job in graph.jobs}
    return {**options_in_file(graph), "jobs": {job.key: _with_keys(job_in_file(job), keys) for job in graph.jobs}}


def _with_keys(values: dict[str, Any], keys: Mapping[str, str]) -> dict[str, Any]:
    after = {"after": [keys.get(name, name) for name in values["after"]]} if "after" in values else {}
    when = values.get("when") or {}
    condition = {"when": {**when, "job": keys.get(when["job"], when["job"])}} if "job" in when else {}
    return {**values, **after, **condition}
