"""What differs between the graph as it is deployed and the graph that its last runs had.

Pure. Knows shapes of runs and deployed graphs. Must not know the configuration file: what is recorded of a past run is
its jobs, what each came after, and the digests of the images that ran.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from jobgraph.runs.deployed import Deployed
    from jobgraph.runs.graph_run import GraphRun
    from jobgraph.runs.shapes import Shape

ADDED = "added"
REMOVED = "removed"
CHANGED = "changed"


@dataclass(frozen=True)
class DeployedChange:
    """A job that a deploy added, removed or changed; `what` says how, `before` and `now` the values."""

    kind: str
    job: str
    what: str = ""
    before: str = ""
    now: str = ""


@dataclass(frozen=True)
class LastDeploy:
    """When the graph was last deployed, as far as Snowflake tells, and what has changed since the run before."""

    at: datetime | None
    run_before: GraphRun | None
    changes: tuple[DeployedChange, ...]


def last_deploy(graph: Deployed, shape: Shape, history: list[GraphRun]) -> LastDeploy:
    """Return what the last deploy changed.

    Args:
        graph: the graph as it is deployed.
        shape: its shape.
        history: its runs, newest first.
    """
    instants = [graph.committed, *(job.created for job in graph.jobs)]
    at = max((instant for instant in instants if instant is not None), default=None)
    before = next((run for run in history if at is None or (run.started is not None and run.started < at)), None)
    if before is None:
        return LastDeploy(at, None, ())
    after = next((run for run in reversed(history) if at and run.started and run.started >= at), None)
    return LastDeploy(at, before, (*_jobs(before.shape, shape), *(_images(before, after) if after else ())))


def _jobs(old: Shape, new: Shape) -> Iterator[DeployedChange]:
    before, now = _predecessors(old), _predecessors(new)
    yield from (DeployedChange(ADDED, name) for name in now if name not in before)
    yield from (DeployedChange(REMOVED, name) for name in before if name not in now)
    for name in now:
        if name in before and before[name] != now[name]:
            yield DeployedChange(CHANGED, name, "comes after", _listed(before[name]), _listed(now[name]))
    was, is_now = _disabled(old), _disabled(new)
    words = {True: "disabled", False: "enabled"}
    for name in now:
        if name in before and (name in was) != (name in is_now):
            yield DeployedChange(CHANGED, name, "", words[name in was], words[name in is_now])


def _disabled(shape: Shape) -> frozenset[str]:
    """Return the jobs that a run passes over because the configuration says so."""
    return frozenset(task.name for task in shape.jobs if task.disabled)


def _predecessors(shape: Shape) -> Mapping[str, frozenset[str]]:
    return {task.name: frozenset(task.after) - {shape.root_task} for task in shape.jobs}


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _images(before: GraphRun, after: GraphRun) -> Iterator[DeployedChange]:
    """Yield the jobs that ran with another image, pool or instance family since."""
    for job in after.jobs:
        old = before.job(job.name)
        if old is None or old.last is None or job.last is None:
            continue
        facts = {
            "image": (old.last.image_digest, job.last.image_digest),
            "compute pool": (old.last.compute_pool, job.last.compute_pool),
            "instance family": (old.last.node_family, job.last.node_family),
            "replicas": (str(old.last.replicas), str(job.last.replicas)),
        }
        for fact, (first, second) in facts.items():
            if first != second:
                yield DeployedChange(CHANGED, job.name, fact, first or "not recorded", second or "not recorded")
