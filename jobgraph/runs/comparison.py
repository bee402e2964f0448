"""The differences between two runs of a graph, usually a good one and a bad one.

Pure. Knows which facts of a run are worth comparing. Must not know how differences are shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.plan.job_definition import Definition, differing_entries
from jobgraph.runs.graph_run import LEFT_OUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.runs.graph_run import GraphRun, JobRun

# Smaller differences between durations are ignored: a fraction of the longer one, and seconds.
_TELLING_PART = 0.1
_TELLING_SECONDS = 1.0


@dataclass(frozen=True)
class Difference:
    """A fact that differs between two runs. `job` is empty for a fact of the whole run; a missing value is None."""

    job: str
    fact: str
    first: Any
    second: Any


Definitions = Mapping[str, Mapping[str, Any]]


def differences(
    first: GraphRun, second: GraphRun, definitions: tuple[Definitions, Definitions] = ({}, {})
) -> list[Difference]:
    """Return the differences: first those of the whole runs, then job by job.

    `definitions` has the job definitions of each run, by job name. They are compared only if both runs have one.
    """
    return [*_of_runs(first, second), *_of_jobs(first, second, definitions)]


def _of_runs(first: GraphRun, second: GraphRun) -> Iterator[Difference]:
    yield from _pair("", "state", first.state, second.state)
    if _is_telling(first.duration, second.duration):
        yield Difference("", "duration", first.duration, second.duration)
    yield from _pair("", "started by", first.scheduled_from, second.scheduled_from)
    before, after = _config(first), _config(second)
    for key in sorted({*before, *after}):
        yield from _pair("", f"config.{key}", before.get(key), after.get(key))


def _of_jobs(first: GraphRun, second: GraphRun, definitions: tuple[Definitions, Definitions]) -> Iterator[Difference]:
    names = [*first.shape.job_names, *(name for name in second.shape.job_names if name not in first.shape.job_names)]
    for name in names:
        before, after = first.job(name), second.job(name)
        if before is None or after is None:
            yield Difference(name, "in the graph", before is not None, after is not None)
            continue
        if LEFT_OUT in {before.state, after.state}:
            # it did not run in one of the two, so its other facts cannot be compared
            yield from _pair(name, "state", before.state, after.state)
            continue
        facts, later = _facts(before), _facts(after)
        for fact, value in facts.items():
            yield from _pair(name, fact, value, later[fact])
        if _is_telling(before.duration, after.duration):
            yield Difference(name, "duration", before.duration, after.duration)
        yield from _of_definitions(name, *(of_run.get(name, {}) for of_run in definitions))


def _of_definitions(name: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> Iterator[Difference]:
    """Yield the differences between two definitions of a job; its container is compared part by part."""
    if not first or not second:
        return
    for entry in differing_entries(first, second):
        if entry == "specification":
            before, after = (Definition.of(entries).container for entries in (first, second))
            for part in sorted({*before, *after}):
                yield from _pair(name, f"definition.{part}", before.get(part), after.get(part))
        else:
            yield from _pair(name, f"definition.{entry}", first.get(entry), second.get(entry))


def _facts(job: JobRun) -> dict[str, Any]:
    last = job.last
    return {
        "state": job.state,
        "attempts": job.attempts,
        "reason": (last.reason_label or None) if last else None,
        "error": (last.error or None) if last else None,
        "image": (last.image_digest or None) if last else None,
        "pool": (last.compute_pool or None) if last else None,
        "instance family": (last.node_family or None) if last else None,
        "replicas": last.replicas if last else None,
        "rows written": job.rows_written,
    }


def _pair(job: str, fact: str, first: Any, second: Any) -> Iterator[Difference]:
    if first != second:
        yield Difference(job, fact, first, second)


def _is_telling(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is not second
    apart = abs(first - second)
    return apart >= _TELLING_SECONDS and apart >= _TELLING_PART * max(first, second)


def _config(run: GraphRun) -> dict[str, Any]:
    try:
        value = json.loads(run.config) if run.config else {}
    except json.JSONDecodeError:
        return {"": run.config}  # the root was not created by jobgraph
    return value if isinstance(value, dict) else {"": value}
