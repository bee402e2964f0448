"""The assumptions of an estimate, in sentences. Each is included only where it matters.

Knows estimates and their parts. Must not know how they are laid out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.cost.concurrency import width
from jobgraph.cost.frequency import HOURS_A_MONTH
from jobgraph.cost.history import FEW_RUNS
from jobgraph.cost.usage import FINALIZER_SECONDS, FROM_HISTORY, FROM_LIMIT, IDLE, JOB, POOL, WAIT, WAREHOUSE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from jobgraph.cost.deployment import CostedJob, Deployment
    from jobgraph.cost.estimate import Estimate

_MOST_NAMED = 5


def assumptions(estimate: Estimate, deployment: Deployment) -> tuple[str, ...]:
    """Return what the estimate of a deployment assumes and leaves out, as sentences."""
    parts = (_rates(estimate, deployment), _runs(estimate, deployment), _times(estimate, deployment))
    return (*(sentence for part in parts for sentence in part), *_compute(estimate, deployment), *_left_out(deployment))


def _rates(estimate: Estimate, deployment: Deployment) -> Iterator[str]:
    rates = estimate.rates
    own = f"; the stack's own for {names(sorted(rates.own))}" if rates.own else ""
    yield f"Rates as of {rates.effective}{own}: {rates.source}."
    whose = "the stack's `credit_price`" if rates.own_price else "list price, Enterprise, US; set `credit_price`"
    yield f"A credit costs ${rates.credit_price:.2f} ({whose})."
    yield f"A month has {HOURS_A_MONTH:g} hours."
    families = {deployment.pool(line.on).instance_family for line in estimate.lines if line.charged == POOL}
    uncertain = sorted(name for name in families if rates.families[name].low != rates.families[name].high)
    if uncertain:
        yield f"Rates of {names(uncertain)} differ between clouds or sources: usual amounts have the highest."


def _runs(estimate: Estimate, deployment: Deployment) -> Iterator[str]:
    for graph, cost in zip(deployment.graphs, estimate.graphs, strict=True):
        if cost.runs is None:
            yield (
                f"Graph {graph.key} has no schedule, so its cost depends on how often it is run: state that in "
                f"`runs_per_month: {{{graph.key}: 20}}` of the stack's settings."
            )
        elif cost.is_stated:
            yield f"Graph {graph.key} is run {cost.runs.high:g} times a month, as `runs_per_month` states."
        elif cost.runs.low < cost.runs.high:
            yield (
                f"Runs of graph {graph.key} do not overlap: if they take longer than its schedule leaves between them, "
                f"there are fewer, down to {cost.runs.low:.0f} a month."
            )
        if graph.may_overlap:
            yield f"Runs of graph {graph.key} may overlap: the lowest amounts are nothing."


def _times(estimate: Estimate, deployment: Deployment) -> Iterator[str]:
    jobs = [line for line in estimate.lines if line.kind == JOB]
    limited = [line.name for line in jobs if line.source == FROM_LIMIT]
    if limited:
        why = "No history of" if estimate.has_read_history else "History was not read (`--history` reads it), so for"
        yield (
            f"{why} {names(limited)}: at most the `timeout` with every attempt that the file allows, without those "
            "after faults of Snowflake's own; at least nothing."
        )
    if any(line.source == FROM_HISTORY for line in jobs):
        yield "Times from history are the median of the runs of 30 days, their range the 10th to the 90th of a hundred."
    thin = [f"{line.name} ({line.runs_in_history})" for line in jobs if line.has_few_runs]
    if thin:
        yield (
            f"Fewer than {FEW_RUNS} runs in history of {names(thin)}: usual amounts rest on these alone, and their "
            "range is that of a job without history."
        )
    conditional = [job.name for job in _jobs(deployment) if job.is_conditional]
    if conditional:
        yield f"{names(conditional)} may be skipped (`when`): the lowest amount is nothing."


def _compute(estimate: Estimate, deployment: Deployment) -> Iterator[str]:
    if any(line.kind == JOB for line in estimate.lines):
        yield "Usual amounts give each replica its own node; the lowest let jobs that run at the same time share one."
    if estimate.capped:
        yield (
            f"Lines on {names(estimate.capped)} add up to more than it can cost with all its nodes or clusters up for "
            "the whole month, as they cannot all be at their highest at once: totals count that month instead, so they "
            "are less than the sum of the lines."
        )
    if any(line.kind == IDLE for line in estimate.lines):
        yield (
            "A pool idles for `auto_suspend_secs` after its last job and is charged for five minutes at least; nodes "
            "above `min_nodes` go as soon. Nothing is charged while nodes start."
        )
    waiting = sorted({line.on for line in estimate.lines if line.kind == WAIT and line.charged == WAREHOUSE})
    if waiting:
        yield (
            f"{names(waiting)} is awake as long as a task waits for its job, which includes the start of the pool, and "
            f"then until it suspends; at most {FINALIZER_SECONDS} seconds of the finalizer."
        )
    crowded = [name for name in waiting if _is_shared_and_full(deployment, name)]
    if crowded:
        yield f"Graphs that share {names(crowded)} are assumed not to wait for each other's slots."
    shared = _shared(estimate, deployment)
    if shared:
        whose = "its" if len(shared) == 1 else "their"
        yield (
            f"Graphs that use {names(shared)} share {whose} idle time: the lowest amounts divide it equally, so a "
            "graph that comes or goes changes the lowest amounts of the others."
        )
    foreign = sorted(
        {line.on for line in estimate.lines if line.charged == POOL and deployment.pool(line.on).existing}
        | {name for name in waiting if not deployment.warehouse(name).is_own}
    )
    if foreign:
        yield (
            f"This stack does not create {names(foreign)}: the lowest amounts assume that others keep "
            f"{'it' if len(foreign) == 1 else 'them'} running, the highest that nobody else does."
        )
    unknown = [name for name in waiting if name not in deployment.warehouses]
    if unknown:
        yield f"{names(unknown)}: taken for XSMALL, one cluster, suspended after 60 seconds."


def _shared(estimate: Estimate, deployment: Deployment) -> list[str]:
    """Return the stack's own pools and warehouses that several graphs are charged for, sorted."""
    own: dict[str, Callable[[str], bool]] = {
        POOL: lambda name: not deployment.pool(name).existing,
        WAREHOUSE: lambda name: deployment.warehouse(name).is_own,
    }
    users: dict[str, set[str]] = {}
    for graph in estimate.graphs:
        for line in graph.lines:
            if line.charged in own and own[line.charged](line.on):
                users.setdefault(line.on, set()).add(graph.key)
    return sorted(name for name, keys in users.items() if len(keys) > 1)


def _is_shared_and_full(deployment: Deployment, warehouse: str) -> bool:
    """Tell whether tasks of several graphs together may need more slots than a warehouse has."""
    widths = [
        width(graph.before, {job.name: int(job.warehouse == warehouse) for job in graph.jobs})
        for graph in deployment.graphs
    ]
    return sum(map(bool, widths)) > 1 and sum(widths) > deployment.warehouse(warehouse).slots


def _left_out(deployment: Deployment) -> Iterator[str]:
    if deployment.graphs:
        yield (
            "Left out, as it depends on what the jobs do: warehouses for the containers' queries, the serverless root "
            "tasks and alert on late runs, cloud services, storage, data transfer, event tables."
        )


def _jobs(deployment: Deployment) -> Iterator[CostedJob]:
    for graph in deployment.graphs:
        yield from graph.jobs


def names(all_names: Sequence[str]) -> str:
    """Return names separated by commas; if there are very many, only the first ones and a count."""
    more = f" and {len(all_names) - _MOST_NAMED} more" if len(all_names) > _MOST_NAMED else ""
    return ", ".join(all_names[:_MOST_NAMED]) + more
