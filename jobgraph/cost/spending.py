"""What runs have cost: each attempt's share of its pool, warehouse and serverless task, and the idle cost.

Knows attempts and metered hours. Must not know where these come from, nor how the result is shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph.cost.allocation import Sharing, UnitUse, allocated
from jobgraph.cost.usage import ALERT, POOL, SERVERLESS, WAREHOUSE
from jobgraph.instance_families import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from jobgraph.cost.allocation import Metered
    from jobgraph.cost.deployment import Deployment
    from jobgraph.cost.rates import Rates

# grouping -> the fields that identify a group
KEYS = {
    "job": ("graph", "job"),
    "graph": ("graph",),
    "run": ("graph", "run"),
    "attempt": ("graph", "run", "job", "attempt"),
    "week": ("week",),
}
GROUPS = tuple(KEYS)
_SHARING = {POOL: Sharing.UNITS, WAREHOUSE: Sharing.ONE_UNIT, SERVERLESS: Sharing.CHARGES, ALERT: Sharing.CHARGES}


@dataclass(frozen=True)
class EndedAttempt:
    """An ended attempt of a job, or an execution of a graph's root task, which is treated like a job.

    `graph` is the graph's key, or the root task's name if the key is not known. `warehouse` is empty if the task waited
    on none; `serverless` is the name of the task if it was serverless; `pool` is empty if the attempt had no node.
    """

    graph: str
    job: str
    run_id: str
    number: int
    pool: str
    family: str
    warehouse: str
    start: datetime
    end: datetime
    replicas: int = 1
    serverless: str = ""

    def resource(self, kind: str) -> str:
        """Return the name of the resource of a kind that it used; empty if it used none."""
        return {POOL: self.pool, WAREHOUSE: self.warehouse, SERVERLESS: self.serverless}.get(kind, "")


@dataclass(frozen=True)
class Spent:
    """The credits of one or several attempts: for nodes, for a warehouse, for serverless tasks.

    `estimated`: credits for time that was not metered. `key`: the values of the fields in KEYS that identify the group.
    `attempts`: the number of attempts of jobs; a root task has none.
    """

    key: tuple[str, ...]
    nodes: float
    waiting: float
    serverless: float
    estimated: float
    attempts: int = 1

    @property
    def name(self) -> str:
        """The group's name, on one line."""
        return " ".join(self.key)

    @property
    def credits(self) -> float:
        """The total credits."""
        return self.nodes + self.waiting + self.serverless + self.estimated


@dataclass(frozen=True)
class ChargedResource:
    """A pool, warehouse, serverless task or alert: the credits charged for it, and how many of them were idle.

    `runs_finalizers`: whether it is a warehouse on which finalizers run. Their seconds count as idle, since no history
    has them: a finalizer records the tasks of its run before it ends itself.
    """

    kind: str
    name: str
    charged: float
    idle: float
    runs_finalizers: bool = False


@dataclass(frozen=True)
class Spending:
    """The credits of each attempt, and the resources that attempts used, the most idle first."""

    attempts: tuple[tuple[EndedAttempt, Spent], ...]
    resources: tuple[ChargedResource, ...]

    @property
    def charged(self) -> float:
        """The credits that Snowflake has charged: for attempts and for idle time."""
        return sum(resource.charged for resource in self.resources)

    @property
    def idle(self) -> float:
        """The credits charged for idle time."""
        return sum(resource.idle for resource in self.resources)

    @property
    def estimated(self) -> float:
        """The credits, at the rates, for time that is not metered."""
        return sum(spent.estimated for _, spent in self.attempts)


def spending(
    attempts: Sequence[EndedAttempt],
    metered: Mapping[tuple[str, str], Sequence[Metered]],
    deployment: Deployment,
    rates: Rates,
) -> Spending:
    """Return what attempts have cost. `metered`: (kind, name) -> charges; a kind is pool, warehouse and so on."""
    shares = {kind: [0.0] * len(attempts) for kind in _SHARING}
    estimated = [0.0] * len(attempts)
    finalizing = {graph.closed_on for graph in deployment.graphs}
    resources = []
    used = [(kind, name) for attempt in attempts for kind in _SHARING if (name := attempt.resource(kind))]
    for kind, name in dict.fromkeys([*metered, *used]):
        places = [place for place, attempt in enumerate(attempts) if name == attempt.resource(kind)]
        users = [attempts[place] for place in places]
        spans = [UnitUse(user.start, user.end, user.replicas if kind == POOL else 1) for user in users]
        rate = _rate(kind, name, users[0].family if users else "", deployment, rates)
        hours = metered.get((kind, name), ())
        result = allocated(hours, spans, rate, _SHARING[kind])
        for place, share, unmetered in zip(places, result.shares, result.unmetered, strict=True):
            shares[kind][place] += share
            estimated[place] += unmetered
        charged = sum(hour.credits for hour in hours)
        resources.append(ChargedResource(kind, name, charged, result.idle, kind == WAREHOUSE and name in finalizing))
    keys = (_key(attempt, "attempt") for attempt in attempts)
    counts = (int(bool(attempt.pool)) for attempt in attempts)
    spent = map(Spent, keys, shares[POOL], shares[WAREHOUSE], shares[SERVERLESS], estimated, counts)
    return Spending(
        tuple(zip(attempts, spent, strict=True)),
        tuple(sorted(resources, key=lambda resource: -resource.idle)),
    )


def _rate(kind: str, name: str, family: str, deployment: Deployment, rates: Rates) -> float:
    if kind == WAREHOUSE:
        return rates.warehouses[deployment.warehouse(name).size].high
    if kind in (SERVERLESS, ALERT):
        return rates.warehouses["XSMALL"].high * rates.serverless
    return rates.families[family if family in rates.families else deployment.pool(name).instance_family].high


def _key(attempt: EndedAttempt, group: str) -> tuple[str, ...]:
    values = {
        "graph": attempt.graph,
        "job": attempt.job,
        "run": attempt.run_id,
        "attempt": str(attempt.number),
        "week": f"{attempt.end:%G-W%V}",
    }
    return tuple(values[part] for part in KEYS[group])


def grouped(result: Spending, group: str) -> list[Spent]:
    """Return the cost of attempts by group, the most expensive first; `group` is one of GROUPS."""
    by_key: dict[tuple[str, ...], list[Spent]] = {}
    for attempt, spent in result.attempts:
        by_key.setdefault(_key(attempt, group), []).append(spent)
    sums = [
        Spent(
            key,
            sum(part.nodes for part in parts),
            sum(part.waiting for part in parts),
            sum(part.serverless for part in parts),
            sum(part.estimated for part in parts),
            sum(part.attempts for part in parts),
        )
        for key, parts in by_key.items()
    ]
    return sorted(sums, key=lambda spent: (-spent.credits, spent.key))


def savings(result: Spending, rates: Rates) -> list[tuple[float, str]]:
    """Return (credits, proposal) for possible savings, the largest first; the credits are an upper bound."""
    proposals = [
        (resource.idle, _LESS_IDLE[resource.kind].format(resource.name))
        for resource in result.resources
        if resource.idle > 0 and resource.kind in _LESS_IDLE
    ]
    by_pool: dict[tuple[str, str], float] = {}
    waited: dict[str, float] = {}
    for attempt, spent in result.attempts:
        key = attempt.pool, attempt.family
        by_pool[key] = by_pool.get(key, 0.0) + spent.nodes
        waited[attempt.warehouse] = waited.get(attempt.warehouse, 0.0) + spent.waiting
    proposals += [(credits_, _without_waiting(name)) for name, credits_ in waited.items() if credits_ > 0]
    for (pool, family), credits_ in by_pool.items():
        if (smaller := _smaller(family, rates)) and credits_ > 0:
            share = 1 - rates.families[smaller].high / rates.families[family].high
            proposals.append(
                (credits_ * share, f"pool {pool} of {smaller} instead of {family}, if its jobs fit and take no longer")
            )
    return sorted(proposals, key=lambda proposal: -proposal[0])


def _without_waiting(warehouse: str) -> str:
    return f"`runner: direct` for the jobs whose tasks wait on warehouse {warehouse}, if nothing else keeps it awake"


_LESS_IDLE = {
    POOL: "a shorter `auto_suspend_secs` of pool {}, or fewer `min_nodes`",
    WAREHOUSE: "a shorter `warehouse_auto_suspend` for warehouse {}, if nothing else uses it",
    ALERT: "a longer `alert_minutes`, so that alert {} looks for late runs less often",
}


def _smaller(family: str, rates: Rates) -> str:
    """Return the family in the same series with the next smaller nodes; empty if there is none."""
    series = [name for name in FAMILIES if name.rpartition("_")[0] == family.rpartition("_")[0]]
    cheaper = [name for name in series if family in series and rates.families[name].high < rates.families[family].high]
    return max(cheaper, key=lambda name: rates.families[name].high, default="")
