"""The differences between two runs of a graph, usually a good one and a bad one.

Pure. Knows which facts of a run are worth comparing, and what differs in every run anyway: ids, services, times in
errors. Must not know how differences are shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.plan.job_definition import Definition, differing_entries
from jobgraph.procedures.requested.json_texts import read_json
from jobgraph.runs.graph_run import DONE, LEFT_OUT, SKIPPED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jobgraph.runs.attempts import Attempt
    from jobgraph.runs.graph_run import GraphRun, JobRun

# What differs between any two runs: ids of queries and of this kind, times, and addresses in tracebacks.
_OF_ITS_OWN = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z| ?[+-]\d\d:?\d\d)?"
    r"|\b0x[0-9a-f]+\b",
    re.IGNORECASE,
)
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
    yield from _pair("", "started by", _starter(first), _starter(second))
    yield from _pair("", "left out", *(list(run.request.left_out) or None for run in (first, second)))
    yield from _pair("", "interval", _interval(first), _interval(second))
    before, after = _config(first), _config(second)
    for key in sorted({*before, *after}):
        yield from _pair("", f"config.{key}", before.get(key), after.get(key))


def _interval(run: GraphRun) -> str | None:
    """Return the interval of a backfill that a run covers; None for any other run."""
    asked = run.request
    return f"{asked.interval} of backfill {asked.backfill}: {asked.start} to {asked.end}" if asked.backfill else None


def _starter(run: GraphRun) -> str:
    """Return what started a run. Snowflake writes EXECUTE TASK in two ways."""
    return run.scheduled_from.replace("_", " ")


def _of_jobs(first: GraphRun, second: GraphRun, definitions: tuple[Definitions, Definitions]) -> Iterator[Difference]:
    names = [*first.shape.job_names, *(name for name in second.shape.job_names if name not in first.shape.job_names)]
    for name in names:
        before, after = first.job(name), second.job(name)
        if before is None or after is None:
            yield Difference(name, "in the graph", before is not None, after is not None)
            continue
        if _is_only_left_out((before, first), (after, second)):
            continue
        yield from _of_states(before, after)
        if LEFT_OUT in {before.state, after.state}:
            continue
        if before.tries and after.tries:
            yield from _of_attempts((before, first), (after, second))
        yield from _of_definitions(name, *(of_run.get(name, {}) for of_run in definitions))


def _is_only_left_out(*pairs: tuple[JobRun, GraphRun]) -> bool:
    """Return whether a job differs only because the request of a run, which is told already, left it out."""
    others = [job.state for job, run in pairs if job.name not in run.request.left_out]
    return len(others) < len(pairs) and set(others) <= {DONE}


def _of_states(before: JobRun, after: JobRun) -> Iterator[Difference]:
    yield from _pair(before.name, "state", before.state, after.state)
    if LEFT_OUT not in {before.state, after.state}:
        yield from _pair(before.name, "reason", _reason(before), _reason(after))


def _reason(job: JobRun) -> str | None:
    """Return why a job is not DONE, in a few words."""
    label = job.last.reason_label if job.last else ""
    return label or (job.cause if job.state == SKIPPED else "") or None


def _of_attempts(first: tuple[JobRun, GraphRun], second: tuple[JobRun, GraphRun]) -> Iterator[Difference]:
    """Yield the differences of a job that ran in both runs. What history does not know of one of them is left out."""
    before, after = first[0], second[0]
    yield from _pair(before.name, "attempts", before.attempts, after.attempts)
    facts, later = _facts(before.tries[-1]), _facts(after.tries[-1])
    for fact, value in facts.items():
        if value and later[fact]:
            yield from _pair(before.name, fact, value, later[fact])
    if _comparable(*first) != _comparable(*second):
        yield Difference(before.name, "error", *(job.tries[-1].error or None for job in (before, after)))
    if before.state == after.state:
        yield from _pair(before.name, "rows written", before.rows_written, after.rows_written)
    if _is_telling(before.duration, after.duration):
        yield Difference(before.name, "duration", before.duration, after.duration)


def _facts(attempt: Attempt) -> dict[str, Any]:
    return {
        "image": attempt.image_digest,
        "pool": attempt.compute_pool,
        "instance family": attempt.node_family,
        "replicas": attempt.replicas,
    }


def _comparable(job: JobRun, run: GraphRun) -> str:
    """Return a job's last error without what it has of this run only."""
    error, services = job.tries[-1].error, {attempt.service.rpartition(".")[2] for attempt in job.tries}
    for own in sorted({run.run_id, *services} - {""}, key=len, reverse=True):
        error = error.replace(own, "")
    return _OF_ITS_OWN.sub("", error)


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


def _pair(job: str, fact: str, first: Any, second: Any) -> Iterator[Difference]:
    if first != second:
        yield Difference(job, fact, first, second)


def _is_telling(first: float | None, second: float | None) -> bool:
    if first is None or second is None:
        return first is not second
    apart = abs(first - second)
    return apart >= _TELLING_SECONDS and apart >= _TELLING_PART * max(first, second)


def _config(run: GraphRun) -> dict[str, Any]:
    # a root that jobgraph did not create may have any text
    value = read_json(run.config, run.config) if run.config else {}
    return value if isinstance(value, dict) else {"": value}
