"""The estimate of a month against what the sandbox meters for that month, for generated graphs.

Knows configurations, settings and what is claimed. Must not know how either side reckons. History is of an earlier
month of the same graphs; the sandbox's own views of ACCOUNT_USAGE tell the bill.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import world
from snowflake_sandbox.clock import ManualClock
from snowflake_sandbox.protocol import logins

from jobgraph.config.reading import parse
from jobgraph.cost.deployment import deployment
from jobgraph.cost.estimate import estimate
from jobgraph.cost.frequency import SECONDS_A_MONTH
from jobgraph.cost.history import history
from jobgraph.cost.rates import published
from jobgraph.cost.usage import POOL, WAREHOUSE
from jobgraph.settings import read_settings
from tests import in_process
from tests.reliability.metered_month import Month, Trial

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jobgraph.cost.deployment import CostedGraph, CostedJob, Deployment
    from jobgraph.cost.estimate import Estimate
    from jobgraph.cost.history import History
    from jobgraph.settings import Settings

GRAPHS = 20
# the usual amount of a whole stack is within this share of its bill
TOLERANCE = 0.2
START = datetime(2026, 3, 1, tzinfo=UTC)
_VIEWS = {
    POOL: ("SNOWPARK_CONTAINER_SERVICES_HISTORY", "COMPUTE_POOL_NAME"),
    WAREHOUSE: ("WAREHOUSE_METERING_HISTORY", "WAREHOUSE_NAME"),
}


@dataclass(frozen=True)
class Stack:
    """A generated stack: a graph of both runners on several pools; `per_node` containers fit on a node."""

    seed: int
    text: str
    settings: Settings
    minutes: int
    per_node: int

    @property
    def deployment(self) -> Deployment:
        """What costs something."""
        return deployment(parse(self.text.encode(), "jobconfig.yaml"), self.settings)


def stack(seed: int) -> Stack:
    """Return a stack: two to eight jobs, of which some are direct, some are tried again, some have replicas."""
    random = Random(seed)  # noqa: S311  # test data, not a secret
    minutes = random.choice((180, 240, 360, 720))
    pools = {
        name: {
            "instance_family": random.choice(("CPU_X64_XS", "CPU_X64_S", "HIGHMEM_X64_S")),
            "min_nodes": random.choice((1, 1, 2)),
            "max_nodes": random.randint(3, 6),
            "auto_suspend_secs": random.choice((60, 300, 900)),
        }
        for name in ("P", "Q", "R")[: random.randint(2, 3)]
    }
    names = [f"j{number}" for number in range(random.randint(2, 8))]
    lines = ["version: 1", "defaults: {image: 'i:1', timeout: 1 hour}", "graphs:", "  g:"]
    lines += [f"    schedule: {minutes} minutes", "    jobs:"]
    for number, name in enumerate(names):
        keys = [f"compute_pool: {random.choice(sorted(pools))}"]
        if number and random.random() < 0.7:
            keys.append(f"after: [{', '.join(random.sample(names[:number], random.randint(1, min(2, number))))}]")
        if number == 0 or (number > 1 and random.random() < 0.4):
            keys.append("runner: direct")
        elif random.random() < 0.6:
            keys.append(f"retries: {random.randint(1, 2)}")
        if random.random() < 0.3:
            keys.append(f"replicas: {random.randint(2, 3)}")
        lines.append(f"      {name}: {{{', '.join(keys)}}}")
    settings = read_settings(
        {
            "pools": pools,
            "warehouse_auto_suspend": random.choice((60, 120, 300)),
            "warehouse_max_concurrency": random.choice((1, 2, 8)),
        },
        "generated",
    )
    return Stack(seed, "\n".join(lines) + "\n", settings, minutes, random.choice((1, 1, 2)))


@dataclass
class Bill:
    """What the sandbox charged by kind and name, and the history that the runs left."""

    credits: dict[tuple[str, str], float]
    history: History


def bill(made: Stack, seconds: float, seed: int) -> Bill:
    """Return what the sandbox charges for so many seconds of a stack's runs."""
    random = Random(seed)  # noqa: S311  # test data, not a secret
    costed = made.deployment
    lengths = Random(made.seed)  # noqa: S311  # test data, not a secret
    usual = {job.name: lengths.uniform(60, 1500) for job in costed.graphs[0].jobs}

    def draw(_graph: CostedGraph, job: CostedJob) -> Trial:
        tries = 1
        while tries < job.attempts and random.random() < 0.15:
            tries += 1
        attempts = [(random.uniform(0.8, 1.25) * usual[job.name], 1.0) for _ in range(tries)]
        return Trial(random.uniform(1, 20), tuple(attempts))

    with tempfile.TemporaryDirectory() as folder:
        clock = ManualClock(START)
        account = world.build(Path(folder), (), clock, address=("127.0.0.1", 0), password="-")
        session = logins.open_session(account, logins.ADMINISTRATOR, "ACCOUNTADMIN")
        for statement in _ddl(made.settings):
            in_process.rows(account, session, statement)
        month = Month(account, clock, costed, draw, made.per_node)
        month.pass_time(seconds, {graph.key: made.minutes * 60.0 for graph in costed.graphs})
        in_process.rows(account, session, "CREATE WAREHOUSE LOOKING")
        names = {POOL: made.settings.pool_names, WAREHOUSE: (made.settings.warehouse,)}
        charged = {
            (kind, name): sum(row["C"] for row in in_process.rows(account, session, _asked(kind, name)))
            for kind, known in names.items()
            for name in known
        }
        account.parts.pop("procedures")
        world.stop(account)
    return Bill(charged, history(_rows(month.containers), _rows(month.tasks)))


def _asked(kind: str, name: str) -> str:
    view, column = _VIEWS[kind]
    return f"SELECT CREDITS_USED AS C FROM SNOWFLAKE.ACCOUNT_USAGE.{view} WHERE {column} = '{name}'"


def _ddl(settings: Settings) -> Iterator[str]:
    concurrency = settings.warehouse_max_concurrency
    yield (
        f"CREATE WAREHOUSE {settings.warehouse} AUTO_SUSPEND = {settings.warehouse_auto_suspend}"
        f" MAX_CONCURRENCY_LEVEL = {concurrency} INITIALLY_SUSPENDED = TRUE"
    )
    for pool in settings.pools:
        yield (
            f"CREATE COMPUTE POOL {pool.name} MIN_NODES = {pool.min_nodes} MAX_NODES = {pool.max_nodes} INSTANCE_FAMILY"
            f" = {pool.instance_family} AUTO_SUSPEND_SECS = {pool.auto_suspend_secs} INITIALLY_SUSPENDED = TRUE"
        )


def _rows(seconds: Mapping[tuple[str, str], list[float]]) -> list[dict[str, Any]]:
    """History rows by root task and job, as the command's statements give them."""
    rows = []
    for (root, name), values in seconds.items():
        tenths = statistics.quantiles(values, n=10, method="inclusive")
        shares = {"LOW": tenths[0], "USUAL": statistics.median(values), "HIGH": tenths[-1]}
        rows.append({"ROOT_TASK_NAME": root, "TASK_NAME": name, "RUNS": len(values), **shares})
    return rows


def wrong(made: Stack, told: Estimate, charged: Bill, seconds: float) -> tuple[list[str], float]:
    """Return what does not hold of an estimate, and the share by which the usual amount differs from the bill."""
    months = seconds / SECONDS_A_MONTH
    problems = []
    for (kind, name), credits_ in charged.credits.items():
        lines = [line for line in told.lines if (line.charged, line.on) == (kind, name) and line.credits is not None]
        low, high = (sum(getattr(line.credits, side) for line in lines) * months for side in ("low", "high"))
        # the last run of the month ends after it
        edge = sum(line.credits_a_run.high for line in lines if line.credits_a_run is not None)
        if not low - edge <= credits_ <= high + edge:
            problems.append(f"seed {made.seed}: {kind} {name} was charged {credits_:.3f}, not {low:.3f} to {high:.3f}")
    whole, usual = sum(charged.credits.values()), (told.credits.usual or 0.0) * months
    difference = usual / whole - 1
    if abs(difference) > TOLERANCE:
        problems.append(f"seed {made.seed}: about {usual:.3f}, the bill {whole:.3f} ({difference:+.1%})")
    return problems, difference


def compared(seed: int, seconds: float) -> tuple[list[str], float]:
    """Compare the estimate of a generated stack, with history of an earlier time as long, with the bill of a time."""
    made = stack(seed)
    past, present = bill(made, seconds, seed), bill(made, seconds, seed + 1000)
    return wrong(made, estimate(made.deployment, published(), past.history), present, seconds)


def run(seed: int, _count: int) -> tuple[list[str], list[str]]:
    """Compare a month of 20 generated stacks; returns figures and what is wrong."""
    problems, differences = [], []
    for number in range(seed, seed + GRAPHS):
        told, difference = compared(number, SECONDS_A_MONTH)
        problems += told
        differences.append(difference)
    middle = statistics.median(map(abs, differences))
    figures = (
        f"{GRAPHS} stacks, a month each: usual amount {min(differences):+.1%} to {max(differences):+.1%} of the bill,"
        f" {middle:.1%} in the middle; {len(problems)} outside their range"
    )
    return [figures], problems
