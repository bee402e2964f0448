"""The rules of a job configuration and its graphs: one function each, listed at the end.

Knows the model and Snowflake's limits for task graphs. Must not know YAML or how a value is written in the file.
A rule yields a problem for every place that breaks it, and assumes nothing about the rules before it.
"""

from __future__ import annotations

from collections import Counter
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from jobgraph.config.cron import clock_change_effects, only_in_maintenance
from jobgraph.config.model import MOST_CONDITIONS
from jobgraph.config.rules.job_rules import JOB_RULES, mark_of, path_of, pools_fit
from jobgraph.config.rules.notify_rules import ends_are_seen, lateness_is_known
from jobgraph.config.rules.runner_rules import direct_fits
from jobgraph.config.schedules import Cron
from jobgraph.config.timing import duration_text, longest_chain, rounded_text
from jobgraph.config.topology import MOST_CHILDREN, MOST_PREDECESSORS, MOST_TASKS, ancestors, edges, topological
from jobgraph.errors import WARNING, Mark, Problem, nearest
from jobgraph.names import NAME_REMEDY, is_plain, not_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from jobgraph.config.model import Config, Graph, Job

MOST_CYCLES_SHOWN = 20
MOST_SUGGESTIONS = 50


# procedures/requested/request.py has it too
_RESERVED = "jobgraph"


def broken_rules(config: Config, pools: Collection[str] | None, region_timezone: str | None = None) -> list[Problem]:
    """Return all problems of the configuration.

    Without `pools`, pools are not checked. Without `region_timezone`, a schedule's zone is assumed to be the region's.
    """
    problems = [problem for rule in FILE_RULES.values() for problem in rule(config)]
    problems += [problem for graph in config.graphs for rule in GRAPH_RULES.values() for problem in rule(graph)]
    if pools is not None:
        problems += pools_fit(config, pools)
    return [*problems, *(problem for graph in config.graphs for problem in maintenance(graph, region_timezone))]


def graphs_exist(config: Config) -> Iterator[Problem]:
    """A file deploys at least one graph, a graph at least one job."""
    for graph in config.graphs:
        if not graph.jobs and "jobs" in graph.marks:
            issue = f"graph `{graph.key}` has no jobs"
            remedy = "add a job below `jobs:`, or remove the graph"
            yield Problem(mark_of(graph, "jobs"), "no-jobs", path_of(graph, None, "jobs"), issue, remedy)


def task_names_unique(config: Config) -> Iterator[Problem]:
    """No two tasks may have the same name: all graphs share one schema, and Snowflake stores names in upper case."""
    owners: dict[str, tuple[Graph, Job | str]] = {}
    for graph in config.graphs:
        owned: list[tuple[str, Job | str]] = [(graph.root_task, "root")]
        owned += [(graph.finalizer_task, "finalizer")] if graph.finalizer else []
        owned += [(job.name, job) for job in graph.jobs]
        for name, owner in owned:
            if name not in owners:
                owners[name] = (graph, owner)
                continue
            first = _owner_mark(*owners[name])
            also = f"{_owner(*owners[name])} ({first.file}:{first.line})"
            issue = f"{_owner(graph, owner)} and {also} would both be task {name}"
            remedy = "give one of them another name; upper and lower case make no difference"
            path = path_of(graph, None if isinstance(owner, str) else owner)
            yield Problem(_owner_mark(graph, owner), "task-name-unique", path, issue, remedy, value=name)


def _owner_mark(graph: Graph, owner: Job | str) -> Mark:
    return mark_of(graph, f"{owner}_task") if isinstance(owner, str) else mark_of(owner)


def _owner(graph: Graph, owner: Job | str) -> str:
    if isinstance(owner, str):
        return f"the root of graph `{graph.key}`" if owner == "root" else f"the finalizer of `{graph.key}`"
    return f"job `{owner.key}` of `{graph.key}`"


def names_legal(graph: Graph) -> Iterator[Problem]:
    """Graphs, jobs, tasks, pools and warehouses have plain identifiers, because job services refuse quoted ones."""
    own = [("", graph.key), ("root_task", graph.root_task), ("finalizer_task", graph.finalizer_task)]
    if not is_plain(graph.key):  # names derived from it would only repeat the problem
        own = [entry for entry in own if not entry[1].startswith(f"{graph.key.upper()}_")]
    for key, graph_name in own:
        if not is_plain(graph_name):
            yield _illegal(graph_name, mark_of(graph, key), path_of(graph, None, *filter(None, [key])))
    for job in graph.jobs:
        for key, name in (
            ("", job.key),
            ("compute_pool", job.compute_pool),
            ("warehouse", job.warehouse),
            ("warehouse", job.task_warehouse),
            *(("external_access", name) for name in job.external_access),
        ):
            if (name or not key) and not is_plain(name or ""):
                yield _illegal(name or "", mark_of(job, key), path_of(graph, job, *filter(None, [key])))


def _illegal(name: str, mark: Mark, path: str) -> Problem:
    issue = not_plain(name)
    return Problem(mark, "name-legal", path, issue, NAME_REMEDY, value=issue.split("`")[1])


def predecessors_exist(graph: Graph) -> Iterator[Problem]:
    """A job runs after jobs of its own graph."""
    names = {job.name for job in graph.jobs}
    unknown = 0
    for job in graph.jobs:
        for place, name in enumerate(job.after):
            if name not in names:
                written = job.after_as_written[place] if job.after_as_written else name
                mark, path = mark_of(job, f"after.{place}", "after"), path_of(graph, job, f"after[{place}]")
                if name == graph.finalizer_task and graph.finalizer:
                    issue = f"job `{job.key}` follows the finalizer, which runs after everything else"
                    remedy = "let it follow a job; nothing can follow the finalizer"
                    yield Problem(mark, "finalizer-child", path, issue, remedy, value=written)
                    continue
                issue = f"job `{job.key}` follows `{written}`, which is not a job of graph `{graph.key}`"
                remedy = "name a job of this graph; a job that follows only the root has no `after`"
                # the search is by far the slowest part of the check, and nobody reads hundreds of suggestions
                close = nearest(written, _possible_predecessors(graph, job)) if unknown < MOST_SUGGESTIONS else ()
                unknown += 1
                yield Problem(mark, "predecessor-exists", path, issue, remedy, value=written, nearest=close)


def _possible_predecessors(graph: Graph, job: Job) -> set[str]:
    """Return the keys of the jobs that a job can follow without a cycle: not itself, and none that follows it."""
    before = edges(graph)
    return {
        follower.key
        for follower in graph.jobs
        if follower is not job and job.name not in ancestors(before, follower.name)
    }


def predecessors_once(graph: Graph) -> Iterator[Problem]:
    """A predecessor is named once."""
    for job in graph.jobs:
        for place, name in enumerate(job.after):
            if name in job.after[:place]:
                mark, path = mark_of(job, f"after.{place}", "after"), path_of(graph, job, f"after[{place}]")
                issue = f"job `{job.key}` names `{name}` more than once"
                yield Problem(mark, "predecessor-once", path, issue, "name it once", value=name)


def no_self_edges(graph: Graph) -> Iterator[Problem]:
    """A job does not wait for itself."""
    for job in graph.jobs:
        for place, name in enumerate(job.after):
            if name == job.name:
                mark, path = mark_of(job, f"after.{place}", "after"), path_of(graph, job, f"after[{place}]")
                issue = f"job `{job.key}` follows itself"
                yield Problem(mark, "self-edge", path, issue, "remove it from its own `after`", value=name)


def no_cycles(graph: Graph) -> Iterator[Problem]:
    """No job waits for itself through other jobs. Each cycle is cut at one edge, and the search continues.

    The cycle is cut and reported at the edge that leads furthest back in the file. That edge is most likely the wrong
    one, and cutting another would leave more cycles to report.
    """
    open_edges = {name: list(predecessors) for name, predecessors in edges(graph).items()}
    by_name = {job.name: job for job in graph.jobs}
    place = {name: number for number, name in enumerate(by_name)}
    for _ in range(MOST_CYCLES_SHOWN):
        try:
            TopologicalSorter(open_edges).prepare()
        except CycleError as error:
            cycle = error.args[1][:-1]
            back = max(range(len(cycle)), key=lambda n: place[cycle[n]] - place[cycle[(n + 1) % len(cycle)]])
            cycle = [*cycle[back:], *cycle[: back + 1]]
            open_edges[cycle[1]].remove(cycle[0])
            yield _cycle_problem(graph, by_name, cycle)
        else:
            return


def _cycle_problem(graph: Graph, by_name: Mapping[str, Job], cycle: list[str]) -> Problem:
    """Return the problem at the edge that closes the cycle; `cycle` starts and ends with the same task."""
    job, predecessor = by_name[cycle[1]], cycle[0]
    place = job.after.index(predecessor)
    chain = " -> ".join(by_name[name].key for name in cycle)
    issue = f"these jobs wait for one another: {chain}"
    remedy = f"break the cycle, for example: remove `{by_name[predecessor].key}` from the `after` of `{job.key}`"
    mark, path = mark_of(job, f"after.{place}", "after"), path_of(graph, job, f"after[{place}]")
    return Problem(mark, "cycle", path, issue, remedy, value=predecessor)


def graph_size(graph: Graph) -> Iterator[Problem]:
    """Snowflake allows 1000 tasks in a graph, including the root."""
    count = len(graph.jobs) + 1
    if count > MOST_TASKS:
        issue = f"graph `{graph.key}` has {count} tasks with its root; Snowflake allows {MOST_TASKS}"
        yield Problem(mark_of(graph), "graph-size", path_of(graph), issue, "split it into two graphs")


def predecessor_count(graph: Graph) -> Iterator[Problem]:
    """Snowflake allows 100 predecessors of a task."""
    for job in graph.jobs:
        if len(job.after) > MOST_PREDECESSORS:
            issue = f"job `{job.key}` has {len(job.after)} predecessors; Snowflake allows {MOST_PREDECESSORS}"
            remedy = "let an intermediate job follow some of them"
            yield Problem(mark_of(job, "after"), "predecessor-count", path_of(graph, job, "after"), issue, remedy)


def child_count(graph: Graph) -> Iterator[Problem]:
    """Snowflake allows 100 tasks that follow one task; jobs without `after` follow the root."""
    children = Counter(name for job in graph.jobs for name in job.after or (graph.root_task,))
    places = {job.name: (mark_of(job), path_of(graph, job)) for job in graph.jobs}
    places[graph.root_task] = (mark_of(graph), path_of(graph))
    for name, count in children.items():
        if count > MOST_CHILDREN and name in places:
            mark, path = places[name]
            issue = f"{count} jobs follow {name} at once; Snowflake allows {MOST_CHILDREN}"
            remedy = "let some of them follow an intermediate job"
            yield Problem(mark, "child-count", path, issue, remedy, value=str(count))


def conditions_hold(graph: Graph) -> Iterator[Problem]:
    """A `when` tests `config` or the return value of an enabled ancestor. Snowflake cannot read other tasks' values."""
    conditional = [job for job in graph.jobs if job.when is not None or "when" in job.marks]
    before = edges(graph) if conditional else {}
    by_name = {job.name: job for job in graph.jobs} if conditional else {}
    for job in conditional:
        mark, at = mark_of(job, "when.job", "when"), path_of(graph, job, "when.job")
        if job.when is None:
            issue = "a condition tests one job or one key of `config`, with one of is, is_not, above, below"
            remedy = "write {job: NAME, output: FIELD, above: 0}, or {config: KEY, is: VALUE}"
            yield Problem(mark, "when-complete", at, issue, remedy)
            continue
        if job.when.config is not None:
            yield from _config_has_key(graph, job, job.when.config)
            continue
        earlier = ancestors(before, job.name)
        ancestor = by_name.get(job.when.job)
        if job.when.job not in earlier:
            issue = f"`{job.when.job}` is not {'a job of this graph' if ancestor is None else 'an ancestor'}"
            issue += f", so job `{job.key}` cannot test its return value"
            close = nearest(job.when.job, [by_name[name].key for name in earlier])
            remedy = f"add it to the `after` of `{job.key}`, or name an ancestor"
            yield Problem(mark, "when-ancestor", at, issue, remedy, value=job.when.job, nearest=close)
        elif ancestor is not None and not ancestor.enabled:
            issue = f"job `{ancestor.key}` is not enabled, so it returns no value that `{job.key}` could test"
            yield Problem(mark, "when-enabled", at, issue, "enable it, or remove the condition", value=job.when.job)


def _config_has_key(graph: Graph, job: Job, key: str) -> Iterator[Problem]:
    """Yield the problem of a condition on an impossible value: `run --set` accepts only the keys of `config`."""
    if key in (graph.config or {}):
        return
    at, close = path_of(graph, job, "when.config"), nearest(key, list(graph.config or {}))
    issue = f"the `config` of graph `{graph.key}` has no key `{key}`, so no run has a value that `{job.key}` could test"
    remedy = f"give the graph `config: {{{key}: ...}}`, the default value of its runs"
    yield Problem(mark_of(job, "when.config", "when"), "when-config", at, issue, remedy, value=key, nearest=close)


def conditions_few(graph: Graph) -> Iterator[Problem]:
    """A task's outputs allow only a few conditions: Snowflake needs a word for each combination of their results."""
    jobs_by_condition: dict[str, dict[str, Job]] = {}
    for job in graph.jobs:
        if job.when is not None:
            jobs_by_condition.setdefault(job.when.job, {}).setdefault(repr(job.when), job)
    for ancestor, conditions in jobs_by_condition.items():
        if len(conditions) > MOST_CONDITIONS and any("output=None, config=None" not in text for text in conditions):
            job = list(conditions.values())[MOST_CONDITIONS]
            looked_at = f"`{ancestor}`" if ancestor else "`config`"
            issue = f"{len(conditions)} different conditions test {looked_at}; {MOST_CONDITIONS} are possible"
            remedy = (
                f"let {looked_at} " + ("print one output" if ancestor else "have one key") + " that says which jobs run"
            )
            yield Problem(mark_of(job, "when"), "when-count", path_of(graph, job, "when"), issue, remedy)


def longest_chain_fits(graph: Graph) -> Iterator[Problem]:
    """The chain of jobs that may take longest fits into the graph's time. Only a warning, as jobs mostly take less."""
    if graph.timeout is None:
        return
    try:
        seconds, chain = longest_chain(topological(graph), edges(graph))
    except CycleError:
        return  # reported by its own rule
    if seconds > graph.timeout and len(chain) > 1:
        by_name = {job.name: job for job in graph.jobs}
        path = " -> ".join(by_name[name].key for name in chain)
        whole = duration_text(graph.timeout)
        issue = f"{path} may take {rounded_text(seconds)} with all attempts, but the graph ends after {whole}"
        remedy = "give the graph a longer `timeout`, or the jobs shorter ones"
        mark = mark_of(graph, "timeout")
        yield Problem(mark, "critical-path", path_of(graph, None, "timeout"), issue, remedy, whole, severity=WARNING)


def maintenance(graph: Graph, region_timezone: str | None) -> Iterator[Problem]:
    """A graph should not run only during the weekly maintenance of compute pools, which interrupts its jobs."""
    schedule = graph.schedule
    if not isinstance(schedule, Cron) or not only_in_maintenance(schedule, region_timezone):
        return
    zone = region_timezone or f"{schedule.timezone}, if the account's region has that time"
    issue = (
        "this always falls into the weekly maintenance of compute pools, which interrupts jobs: Saturday 20:00 to "
        f"Sunday 08:00 and Sunday 20:00 to Monday 08:00 in the region's time ({zone})"
    )
    remedy = "choose another hour, or give the jobs `retries`"
    if region_timezone is None:
        remedy += "; set `region_timezone` in the stack's settings if the region has another time zone"
    mark, at = mark_of(graph, "schedule"), path_of(graph, None, "schedule")
    yield Problem(mark, "maintenance", at, issue, remedy, value=schedule.expression, severity=WARNING)


def clock_changes(graph: Graph) -> Iterator[Problem]:
    """A schedule should not be in an hour that a clock change repeats or skips: it would run twice or not at all."""
    schedule = graph.schedule
    if not isinstance(schedule, Cron):
        return
    twice, skipped = clock_change_effects(schedule)
    if not twice and not skipped:
        return
    effects = [text for text, holds in (("runs this twice", twice), ("skips a run", skipped)) if holds]
    issue = f"on days when the clocks of {schedule.timezone} change, Snowflake {' or '.join(effects)}"
    remedy = "choose an hour outside the change, such as 4, or `timezone: UTC`, which never changes"
    mark, at = mark_of(graph, "schedule"), path_of(graph, None, "schedule")
    yield Problem(mark, "clock-change", at, issue, remedy, value=schedule.expression, severity=WARNING)


def config_is_not_reserved(graph: Graph) -> Iterator[Problem]:
    """One key of a run's configuration is reserved for jobgraph, which stores other options of the run in it."""
    if graph.config and _RESERVED in graph.config:
        mark, at = mark_of(graph, f"config.{_RESERVED}", "config"), path_of(graph, None, "config")
        issue = f"the key `{_RESERVED}` is reserved: jobgraph uses it to request partial runs and backfills"
        yield Problem(mark, "config-reserved", at, issue, "give the value another name", value=_RESERVED)


FILE_RULES: dict[str, Callable[[Config], Iterator[Problem]]] = {
    "no-jobs": graphs_exist,
    "task-name-unique": task_names_unique,
}
GRAPH_RULES: dict[str, Callable[[Graph], Iterator[Problem]]] = {
    "notify-late": lateness_is_known,
    "notify-finalizer": ends_are_seen,
    "name-legal": names_legal,
    "predecessor-exists": predecessors_exist,
    "predecessor-once": predecessors_once,
    "self-edge": no_self_edges,
    "cycle": no_cycles,
    "graph-size": graph_size,
    "predecessor-count": predecessor_count,
    "child-count": child_count,
    "when-ancestor": conditions_hold,
    "when-count": conditions_few,
    "critical-path": longest_chain_fits,
    "clock-change": clock_changes,
    "config-reserved": config_is_not_reserved,
    **JOB_RULES,
    "runner-direct": direct_fits,
}
