"""What of a configuration costs something, with values worked out by hand."""

from __future__ import annotations

from jobgraph.config.reading import parse
from jobgraph.cost.deployment import CostedGraph, CostedJob, Deployment, deployment
from jobgraph.settings import Pool, Settings

FILE = """\
version: 1
defaults: {{image: "i:1", compute_pool: P, timeout: 10 minutes}}
graphs:
  g:
    {graph}
    jobs:
      a: {{{a}}}
      b: {{after: [a], {b}}}
      c: {{after: [b]}}
"""


def costed(graph: str = "comment: x", a: str = "", b: str = "replicas: 1") -> dict[str, CostedJob]:
    return {job.name: job for job in costed_graph(graph, a, b).jobs}


def costed_graph(graph: str = "comment: x", a: str = "", b: str = "replicas: 1") -> CostedGraph:
    config = parse(FILE.format(graph=graph, a=a, b=b).encode(), "x.yaml")
    return deployment(config, Settings()).graphs[0]


def test_one_attempt_takes_its_time_limit_and_the_task_what_the_runner_needs_besides() -> None:
    job = costed()["A"]
    assert (job.longest_seconds, job.longest_wait, job.attempts, job.replicas) == (600, 900, 1, 1)
    assert (job.pool, job.warehouse, job.after) == ("P", "SMALL_WAREHOUSE", ())


def test_a_direct_job_waits_on_no_warehouse_and_takes_its_time_limit() -> None:
    job = costed(a="runner: direct")["A"]
    assert (job.longest_seconds, job.longest_wait, job.attempts) == (600, 600, 1)
    assert (job.warehouse, job.is_direct) == (None, True)
    assert costed("auto_retry: 2", a="runner: direct")["A"].longest_seconds == 1800
    assert (costed_graph().closed_on, costed_graph("finalizer: false").closed_on) == ("SMALL_WAREHOUSE", None)


def test_every_attempt_that_the_file_allows_counts() -> None:
    assert costed(a="retries: 2")["A"].longest_seconds == 1800
    rules = "retries: {count: 1, causes: {image: 2}, rules: [{count: 3, exit_codes: [7]}]}"
    job = costed(a=rules)["A"]
    assert (job.attempts, job.longest_seconds) == (7, 4200)
    assert job.longest_wait >= 7 * 900


def test_a_graph_that_is_tried_again_tries_its_jobs_again() -> None:
    job = costed("auto_retry: 2", a="retries: 1")["A"]
    assert (job.attempts, job.longest_seconds, job.longest_wait) == (6, 3600, 5400)


def test_a_job_after_one_that_may_be_passed_over_may_be_so_too() -> None:
    jobs = costed(b="when: {job: a, is: 'yes'}")
    assert {name: job.is_conditional for name, job in jobs.items()} == {"A": False, "B": True, "C": True}


def test_a_job_that_is_passed_over_costs_nothing_and_what_follows_it_follows_its_predecessors() -> None:
    jobs = costed(b="enabled: false")
    assert {name: job.after for name, job in jobs.items()} == {"A": (), "C": ("A",)}


def test_whether_runs_may_overlap() -> None:
    words = {"none": False, "children": True, "all": True}
    assert {word: costed_graph(f"overlap: {word}").may_overlap for word in words} == words
    assert not costed_graph().may_overlap


def test_what_the_stack_does_not_make_is_taken_for_what_snowflake_sets() -> None:
    empty = Deployment()
    assert empty.pool("X") == Pool("X", "CPU_X64_XS", 1, 1, 3600, existing=True)
    warehouse = empty.warehouse("Y")
    assert (warehouse.size, warehouse.auto_suspend, warehouse.slots, warehouse.is_own) == ("XSMALL", 60, 8, False)


def test_the_stacks_own_warehouse_is_as_its_settings_say() -> None:
    settings = Settings(
        warehouse_size="LARGE", warehouse_auto_suspend=0, warehouse_max_concurrency=5, warehouse_max_clusters=3
    )
    warehouse = deployment(
        parse(FILE.format(graph="comment: x", a="", b="replicas: 1").encode(), "x"), settings
    ).warehouse("SMALL_WAREHOUSE")
    assert (warehouse.size, warehouse.auto_suspend, warehouse.slots, warehouse.is_own) == ("LARGE", 0, 15, True)
    theirs = Settings(existing=("warehouse",))
    assert not deployment(parse(b"version: 1\ngraphs: {}\n", "x"), theirs).warehouse("SMALL_WAREHOUSE").is_own


def test_replicas_count_and_the_order_of_predecessors_does_not() -> None:
    assert costed(b="replicas: 3")["B"].replicas == 3
    text = FILE.format(graph="comment: x", a="", b="replicas: 1")
    files = [text.replace("[b]", after).encode() for after in ("[a, b]", "[b, a]")]
    one, other = (deployment(parse(file, "x"), Settings()) for file in files)
    assert one == other
    assert {job.name: job.after for job in one.graphs[0].jobs}["C"] == ("A", "B")
