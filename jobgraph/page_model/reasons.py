"""Why a graph or one of its jobs does not run, in sentences that also say what to do.

Pure. Knows deployed graphs, lines of the overview and runs. Must not know how a sentence is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.page_model import looks
from jobgraph.runs import graph_run
from jobgraph.runs.wording import abridged, minute

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from jobgraph.runs.overview import GraphOverview

OK = "ok"
LOOK = "look"


@dataclass(frozen=True)
class Reason:
    """A sentence on why something runs or does not; `kind` is OK if that is as it should be."""

    kind: str
    text: str


def reasons(line: GraphOverview, now: datetime) -> tuple[Reason, ...]:
    """Return the reasons why the graph runs or not, problems first; never empty."""
    return tuple(sorted(_reasons(line, now), key=lambda reason: reason.kind != LOOK))


def _reasons(line: GraphOverview, now: datetime) -> Iterator[Reason]:
    graph, run = line.graph.deployed, line.newest
    if graph is None:
        yield Reason(LOOK, "The graph is no longer deployed: only its history remains. `pulumi up` deploys it.")
        return
    yield from (Reason(LOOK, remark) for remark in line.remarks)
    if graph.schedule is None:
        yield Reason(OK, f"It has no schedule: it runs when somebody asks for it, as `jobgraph run {graph.key}` does.")
    elif graph.started:
        yield _next_start(line, now)
    yield from _newest(line)
    disabled = [task.name for task in graph.jobs if task.disabled]
    if disabled:
        yield Reason(OK, f"Passed over, as the job configuration says `enabled: false`: {', '.join(disabled)}.")
    if run is not None and run.retryable:
        yield Reason(LOOK, f"The newest run can be repeated from where it failed: `jobgraph retry {graph.key}`.")


def _next_start(line: GraphOverview, now: datetime) -> Reason:
    assert line.graph.deployed is not None  # noqa: S101  # so that mypy knows what the caller has seen
    schedule = line.graph.deployed.schedule
    if line.next_start is None:
        return Reason(OK, f"Its schedule is {schedule}; Snowflake has not planned the next start yet.")
    if line.next_start < now and (line.newest is None or line.newest.ended):
        return Reason(LOOK, f"Its start of {_time(line.next_start)} is late. Snowflake may be busy; look again soon.")
    return Reason(OK, f"Its schedule ({schedule}) starts it next at {_time(line.next_start)}.")


def _newest(line: GraphOverview) -> Iterator[Reason]:
    run = line.newest
    if run is None:
        yield Reason(OK, "It has not run yet.")
        return
    if not run.ended:
        yield Reason(OK, f"Run {run.run_id} is under way: the next one starts after it has ended.")
    for job in run.jobs:
        if job.waited is not None:
            yield Reason(LOOK, f"{job.name} {job.cause}, {job.waited:.0f} s so far.")
        elif job.state == graph_run.SKIPPED:
            yield Reason(OK, f"{job.name} was skipped in run {run.run_id}: {abridged(job.cause)}.")
        elif looks.look(job.state).tone in looks.GROUPS[looks.TROUBLE]:
            yield Reason(LOOK, f"{job.name} is {job.state} in run {run.run_id}: {abridged(job.cause)}.")


def _time(instant: datetime) -> str:
    return f"{minute(instant)} UTC"
