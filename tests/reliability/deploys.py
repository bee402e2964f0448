"""Deploys from one generated graph to another: as a fresh deploy, one change of the root, healed after kills, refusals.

Knows the claims. Must not know how the engine orders steps (tests.deploys.model).
"""

from __future__ import annotations

import json
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import world
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.clock import ManualClock
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.statements.reader import ObjectName
from snowflake_sandbox.tasks import graph as sandbox_graph

from jobgraph.config.reading import read
from jobgraph.plan.planning import Procedures, plan
from jobgraph.plan.sql import ROOT_BODY
from jobgraph.settings import read_settings
from jobgraph.toolchain.standins.provider.errors import ProviderError
from tests.deploys.driver import COLUMNS, document, root_changes
from tests.deploys.model import Deployer
from tests.deploys.turns import Disturbance, Trouble
from tests.sandbox.conftest import START

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.plan.planning import GraphPlan
    from jobgraph.settings import Settings

# A case takes a second or two, so the common count of generated cases is divided.
CASES_PER_COUNT = 12
MOST_JOBS = 60
# Pairs of graphs that are all as large as these; Snowflake takes 1,000 tasks in a graph, root and finalizer among them.
LARGE_PAIRS, LARGEST_JOBS = 20, 998
# Many small pairs: names, roots, finalizers and edges meet in more ways than in a few large ones, in a second each.
SMALL_PAIRS, SMALL_JOBS = 2000, 14
PROGRESS_EVERY = 50
# At most 100 tasks follow one, and during a deploy those of both graphs may.
MOST_BELOW_ROOT = 45
# A pair of graphs that is disturbed everywhere takes six deploys for each of its writes.
FEW_JOBS = 7
Graphs = dict[str, dict[str, Any]]
Planned = tuple["tuple[GraphPlan, ...]", "Settings"]
# Which graphs a configuration has: so one is renamed, split, or joined with another.
KEYS = (["one"], ["one"], ["one", "two"], ["one", "two"], ["two"], ["one", "three"], ["one", "two", "three"])
# Names of roots and finalizers do not follow the keys: a graph keeps its root under another key, two graphs exchange
# their finalizers, a finalizer's name becomes a job's.
ROOTS = ("start_a", "start_b", "start_c", "start_d")
FINALIZERS = ("end_a", "end_b", "end_c", "end_d", "j1", "j2")


def graphs_at_random(random: Random, most: int = MOST_JOBS, least: int = 5) -> Graphs:
    """One graph, or more that share the names of their jobs between them: `least` to `most` jobs in all."""
    keys = random.choice(KEYS)
    roots, finalizers = random.sample(ROOTS, len(keys)), random.sample(FINALIZERS, len(keys))
    names = [name for number in range(most + most // 3) if (name := f"j{number}") not in finalizers]
    random.shuffle(names)
    jobs = {
        key: names[number :: len(keys)][: random.randint(least, most) // len(keys) or 1]
        for number, key in enumerate(keys)
    }
    return {
        key: _graph(random, jobs[key]) | {"root_task": root} | _finalizer(random, finalizer)
        for key, root, finalizer in zip(keys, roots, finalizers, strict=True)
    }


def _finalizer(random: Random, name: str) -> dict[str, Any]:
    return {"finalizer_task": name} if random.random() < 0.8 else {"finalizer": False}


def _graph(random: Random, names: list[str]) -> dict[str, Any]:
    jobs: dict[str, Any] = {}
    for name in names:
        below_root = sum(not job["after"] for job in jobs.values())
        numbers = (0, 1, 1, 2, 3) if below_root < MOST_BELOW_ROOT else (1, 1, 2, 3)
        after = sorted(random.sample(sorted(jobs), min(len(jobs), random.choice(numbers))))
        jobs[name] = {"after": after, "retries": random.choice((0, 0, 1)), "enabled": random.random() < 0.9}
    return {"jobs": jobs, "schedule": random.choice(("59 minutes", "59 minutes", "2 hours", None))}


def edited(random: Random, graphs: Graphs) -> Graphs:
    """A few jobs re-wired, removed, added; or nothing at all."""
    found: Graphs = json.loads(json.dumps(graphs))
    if random.random() < 0.3:
        (key, *_) = found
        found["renamed"] = found.pop(key)
    if random.random() < 0.3:
        graph = random.choice([*found.values()])
        graph["root_task"] = next(root for root in ROOTS if root not in {one["root_task"] for one in found.values()})
    for graph in found.values():
        for name in random.sample(sorted(graph["jobs"]), min(len(graph["jobs"]) - 1, random.randint(0, 5))):
            earlier = [*graph["jobs"]][: [*graph["jobs"]].index(name)]
            graph["jobs"][name]["after"] = sorted(random.sample(earlier, min(len(earlier), random.randint(0, 3))))
    return found


class Case:
    """A sandbox in process with a schema for a stack and one for a fresh deploy."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.random = Random(seed)  # noqa: S311  # a repeatable case
        self.folder = folder
        self.disturbed = 0
        self.world = world.build(folder / "sandbox", (), ManualClock(START), password="-")
        self.session = logins.open_session(self.world, logins.ADMINISTRATOR, "ACCOUNTADMIN")
        self.stack = Deployer(self.world, self.session, self.random)
        for sql in (
            "CREATE DATABASE D",
            "CREATE SCHEMA D.STACK",
            "CREATE SCHEMA D.FRESH",
            "CREATE WAREHOUSE SMALL_WAREHOUSE",
        ):
            self.stack.rows(sql)

    def close(self) -> None:
        world.stop(self.world)

    def planned(self, graphs: Graphs, schema: str) -> Planned:
        """The plan of a configuration in one of the schemas."""
        file = self.folder / "jobs.json"
        file.write_text(document(graphs))
        settings = read_settings({"database": "D", "schema": schema}, "case")
        return plan(read(str(file), settings.pool_families), settings, Procedures("a", "b")).graphs, settings

    def shown(self, schema: str) -> dict[str, str]:
        """The tasks of a schema, without its name and the hashes that it is part of."""
        rows = self.stack.rows(f"SHOW TASKS IN SCHEMA D.{schema}")
        return {row["name"]: _normal({name: row[name] for name in COLUMNS}, schema) for row in rows}

    def version(self, root: str) -> str:
        """What RETRY LAST compares: the graph's definitions."""
        with self.world.store.transaction() as tx:
            found = catalog.find(tx, "TASK", ObjectName(root, "STACK", "D"))
            return json.dumps(sandbox_graph.freeze(tx, found)) if found else ""


def _normal(row: dict[str, Any], schema: str) -> str:
    for name in ("predecessors", "task_relations"):
        read_back = json.loads(row[name])
        row[name] = sorted(read_back) if isinstance(read_back, list) else {**read_back, "Predecessors": None}
    text = json.dumps({**row, "definition": "" if not row["definition"] else row["definition"].split("$$")[0]})
    return text.replace(schema, "SCHEMA")


def claims(seed: int, most: int = MOST_JOBS, least: int = 5) -> list[str]:
    """Deploy A, then B; then A again, killed on the way, and once more. What did not hold."""
    with tempfile.TemporaryDirectory() as folder:
        case = Case(seed, Path(folder))
        try:
            return [f"deploys, seed {seed}: {one}" for one in _claims(case, most, least)]
        except ProviderError as error:
            return [f"deploys, seed {seed}: a deploy failed: {error}"]
        finally:
            case.close()


def _claims(case: Case, most: int, least: int) -> list[str]:
    before = graphs_at_random(case.random, most, least)
    after = case.random.choice((edited(case.random, before), graphs_at_random(case.random, most, least), before))
    failures: list[str] = []
    case.stack.up(*case.planned(before, "STACK"))
    first = case.shown("STACK")
    versions = {graph["root_task"].upper(): case.version(graph["root_task"].upper()) for graph in before.values()}
    writes = case.stack.up(*case.planned(after, "STACK"))
    fresh = Deployer(case.world, case.session, case.random)
    fresh.up(*case.planned(after, "FRESH"))
    failures += _differences("after a change", case.shown("STACK"), case.shown("FRESH"))
    failures += [
        failure for root in versions for failure in _root_failures(case, root, (before, after), versions, writes)
    ]
    if before == after and writes:
        failures.append(f"nothing changed, yet {len(writes)} writes: {writes[:3]}")
    case.stack.up(*case.planned(before, "STACK"), _killed_after(case.random.randint(0, 3 * most)))
    case.stack.up(*case.planned(before, "STACK"))
    failures += _differences("after a kill", case.shown("STACK"), first)
    return failures


def _root_failures(
    case: Case, root: str, graphs: tuple[Graphs, Graphs], versions: dict[str, str], writes: list[str]
) -> list[str]:
    """What did not hold of a root that is in both configurations."""
    before, after = ({one["root_task"].upper(): (key, one) for key, one in side.items()} for side in graphs)
    if root not in after:
        return []
    failures = []
    same = before[root] == after[root]
    if (case.version(root) == versions[root]) != same:
        failures.append(f"RETRY LAST of {root} is {'lost' if same else 'possible'} though the graph is the {same=}")
    changes = [one.rstrip("!") for one in root_changes(writes, root)]
    was_started, starts = (side[root][1]["schedule"] is not None for side in (before, after))
    if not was_started and changes[:1] == ["SUSPEND"]:
        changes = changes[1:]  # of a root that is suspended: no change of it
    expected = [] if same else ["SUSPEND"] * was_started + ["RESUME"] * starts
    if changes != expected:
        failures.append(f"{root} was changed thus: {changes}, not {expected}")
    return failures


def _killed_after(writes: int) -> Disturbance:
    """The engine is killed when so many writes are done and noted."""
    return Disturbance(writes + 1, Trouble.KILLED)


def _refused(case: Case, planned: Planned, number: int) -> None:
    """Deploy, Snowflake refusing the write of that number, if there are so many."""
    try:
        case.stack.up(*planned, Disturbance(number, Trouble.REFUSED))
    except ProviderError as error:
        if "Insufficient privileges" not in str(error):
            raise


def _differences(when: str, found: dict[str, str], expected: dict[str, str]) -> list[str]:
    names = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
    return [f"{when}, {name}: {found.get(name)} instead of {expected.get(name)}" for name in names[:3]]


def disturbed_everywhere(seed: int, most: int = FEW_JOBS, writes: Sequence[int] | None = None) -> list[str]:
    """Deploy B over A, killed after each of its writes in turn, and each refused in turn; once more each time.

    `writes`: only those of these numbers, from 0.
    """
    with tempfile.TemporaryDirectory() as folder:
        case = Case(seed, Path(folder))
        try:
            return [f"deploys, seed {seed}, {one}" for one in _disturbed_everywhere(case, most, writes)]
        except ProviderError as error:
            return [f"deploys, seed {seed}, disturbed {case.disturbed} times: a deploy failed: {error}"]
        finally:
            case.close()


def _disturbed_everywhere(case: Case, most: int, chosen: Sequence[int] | None = None) -> list[str]:
    before, after = (
        case.planned(graphs, "STACK")
        for graphs in (graphs_at_random(case.random, most), graphs_at_random(case.random, most))
    )
    failures: list[str] = []
    case.stack.up(*before)
    writes = len(case.stack.up(*after))
    goal = case.shown("STACK")
    for number in range(writes) if chosen is None else chosen:
        for how in ("killed", "refused"):
            case.stack.up(*before)
            case.disturbed += 1
            if how == "killed":
                case.stack.up(*after, _killed_after(number))
            else:
                _refused(case, after, number + 1)
            case.stack.up(*after)
            failures += _differences(f"{how} at write {number}", case.shown("STACK"), goal)
            again = case.stack.up(*after)
            failures += [f"{how} at write {number}, and mended: {again[:2]}"] if again else []
    return failures


def put_back(seed: int, most: int = FEW_JOBS, writes: Sequence[int] | None = None) -> list[str]:
    """Deploy B over A, killed at each of its writes in turn; A again, which has to leave everything as it was.

    A is refreshed if the write took effect and the engine did not record it: it may have been a DROP. `writes`: only
    those of these numbers, from 1.
    """
    with tempfile.TemporaryDirectory() as folder:
        case = Case(seed, Path(folder))
        try:
            return [f"deploys, seed {seed}, {one}" for one in _put_back(case, most, writes)]
        except ProviderError as error:
            return [f"deploys, seed {seed}, put back {case.disturbed} times: a deploy failed: {error}"]
        finally:
            case.close()


def _put_back(case: Case, most: int, chosen: Sequence[int] | None = None) -> list[str]:
    first = graphs_at_random(case.random, most)
    second = case.random.choice((edited(case.random, first), graphs_at_random(case.random, most)))
    before, after = (case.planned(graphs, "STACK") for graphs in (first, second))
    failures: list[str] = []
    case.stack.up(*before)
    goal = _with_manual_roots_alike(case.shown("STACK"))
    writes = len(case.stack.up(*after))
    case.stack.up(*before)
    for number in range(1, writes + 1) if chosen is None else chosen:
        for trouble in (Trouble.KILLED, Trouble.KILLED_AFTER):
            case.disturbed += 1
            case.stack.up(*after, Disturbance(number, trouble))
            if trouble is Trouble.KILLED_AFTER:
                case.stack.refresh()
            case.stack.up(*before)
            when = f"{trouble.value} at write {number} and put back"
            failures += _differences(when, _with_manual_roots_alike(case.shown("STACK")), goal)
            again = case.stack.up(*before)
            failures += [f"{when}: {again[:2]}"] if again else []
            if failures:
                return failures  # the next deploys would begin with what this one left
    return failures


def _with_manual_roots_alike(shown: dict[str, str]) -> dict[str, str]:
    """The tasks, roots without a schedule as suspended: nothing starts such a root, whatever its state."""
    rows = {name: json.loads(text) for name, text in shown.items()}
    manual = {name for name, row in rows.items() if row["definition"] == ROOT_BODY and not row["schedule"]}
    return {
        name: json.dumps(row | {"state": "suspended"}) if name in manual else shown[name] for name, row in rows.items()
    }


def _taken(seed: int) -> tuple[list[str], int]:
    """The claims of one seed; every tenth is disturbed everywhere as well. Failures, and pairs disturbed everywhere."""
    if seed % 10:
        return claims(seed), 0
    return claims(seed) + disturbed_everywhere(seed), 1


def run(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Figures and failures of `count` / `CASES_PER_COUNT` cases, on all cores."""
    cases = max(1, count // CASES_PER_COUNT)
    with ProcessPoolExecutor() as pool:
        taken = list(pool.map(_taken, range(seed, seed + cases)))
    failures = [failure for failed, _ in taken for failure in failed]
    everywhere = sum(number for _, number in taken)
    pairs = f"{cases} pairs of graphs (seed {seed}), {everywhere} pairs disturbed at each write in turn"
    return [f"deploys: {pairs}, {len(failures)} claims did not hold"], failures


def run_put_back(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Figures and failures of `count` / 100 pairs of files, the second killed at each write, the first put back."""
    pairs = max(1, count // 100)
    failures: list[str] = []
    with ProcessPoolExecutor() as pool:
        for number, failed in enumerate(pool.map(put_back, range(seed, seed + pairs)), start=1):
            failures += failed
            sys.stderr.writelines(f"{failure[:600]}\n" for failure in failed)
            sys.stderr.write(f"{number} of {pairs} pairs, {len(failures)} claims did not hold\n")
    return [f"deploys-put-back: {pairs} pairs of files (seed {seed}), {len(failures)} claims did not hold"], failures


def run_large(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Figures and failures of 20 pairs with 60 jobs each and of one with 998, or of `count` of them if that is less."""
    sizes = ([MOST_JOBS] * LARGE_PAIRS + [LARGEST_JOBS])[:count]
    with ProcessPoolExecutor() as pool:
        taken = list(pool.map(claims, range(seed, seed + len(sizes)), sizes, sizes))
    failures = [failure for failed in taken for failure in failed]
    sizes_text = ", ".join(f"{sizes.count(size)} of {size} jobs" for size in dict.fromkeys(sizes))
    return [
        f"deploys-large: pairs of graphs (seed {seed}): {sizes_text}; {len(failures)} claims did not hold"
    ], failures


def run_small(seed: int, count: int) -> tuple[list[str], list[str]]:
    """Figures and failures of 2,000 pairs of up to 14 jobs, or of `count` of them if that is less, on all cores."""
    seeds = range(seed, seed + min(count, SMALL_PAIRS))
    failures: list[str] = []
    with ProcessPoolExecutor() as pool:
        for number, failed in enumerate(pool.map(small_claims, seeds), start=1):
            failures += failed
            sys.stderr.writelines(f"{failure}\n" for failure in failed)
            if number % PROGRESS_EVERY == 0:
                sys.stderr.write(f"{number} of {len(seeds)} pairs, {len(failures)} claims did not hold\n")
    pairs = f"{len(seeds)} pairs of up to {SMALL_JOBS} jobs (seeds {seeds[0]} to {seeds[-1]})"
    return [f"deploys-small: {pairs}, {len(failures)} claims did not hold"], failures


def small_claims(seed: int) -> list[str]:
    """What did not hold of a small pair."""
    return claims(seed, SMALL_JOBS)
