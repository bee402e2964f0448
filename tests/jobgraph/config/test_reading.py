"""The reader: what it makes of a valid file, what it says of wrong ones. UPDATE_GOLDENS=1 rewrites golden/wrong.txt."""

from __future__ import annotations

import re
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.config.model import Config, Resources
from jobgraph.config.reading import parse, read
from jobgraph.config.schedules import Cron, IntervalSchedule
from jobgraph.errors import EXIT_USAGE, ConfigErrors, Problem, UsageError
from tests.golden import compare

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = Path(__file__).parents[1] / "golden"
POOLS = ("PR_STD_POOL_XS", "PR_STD_POOL_S")


def config(text: str) -> Config:
    return parse(dedent(text).encode(), "jobs.yaml", POOLS)


def problems(text: str | bytes) -> list[str]:
    content = text if isinstance(text, bytes) else dedent(text).encode()
    with pytest.raises(ConfigErrors) as caught:
        parse(content, "jobs.yaml", POOLS)
    return [f"{p.mark.line}:{p.mark.column} {p.rule}" for p in caught.value.problems]


def one_job(job: str) -> str:
    return f"version: 1\ngraphs: {{g: {{jobs: {{a: {{image: 'x:1', compute_pool: PR_STD_POOL_S,\n{job}\n}}}}}}}}\n"


def test_the_quickstarts_six_jobs() -> None:
    (graph,) = read(ROOT / "jobconfig.yaml", POOLS).graphs
    assert graph.root_task == "ROOT_TASK"
    assert graph.finalizer_task == "GET_GRAPH_STATS"
    assert graph.schedule == IntervalSchedule(59, "MINUTES")
    assert [(job.name, job.compute_pool[12:], job.retries, job.after) for job in graph.jobs] == [
        ("T_MYJOB_1", "XS", 0, ()),
        ("T_MYJOB_2", "S", 0, ()),
        ("T_MYJOB_3", "S", 2, ("T_MYJOB_2",)),
        ("T_MYJOB_4", "XS", 1, ("T_MYJOB_2",)),
        ("T_MYJOB_5", "XS", 0, ("T_MYJOB_1",)),
        ("T_MYJOB_6", "S", 0, ("T_MYJOB_3", "T_MYJOB_4", "T_MYJOB_5")),
    ]
    assert graph.jobs[5].args == ("--query=select current_time() as time,'hello'", "--result_table=results_6")


@pytest.mark.parametrize(
    "value",
    ["2001-99-99", "!!int x", "!!float x", "!!bool maybe", "!mine x", "!!binary x", ".nan", "-.inf", "1.0e+999"],
)
def test_what_yaml_or_json_cannot_say(value: str) -> None:
    text = one_job("").replace("{jobs:", f"{{config: {{deep: [{value}]}}, jobs:")
    assert problems(text) == ["2:30 value-form"]


def test_a_tag_that_a_value_does_not_keep() -> None:
    assert problems(one_job("enabled: !!bool maybe")) == ["3:10 value-form"]
    assert "3:20 value-form" in problems(one_job("when: {job: b, is: !!bool maybe}"))


def test_every_mistake_of_a_file_is_told_at_once() -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse((GOLDEN / "wrong.yaml").read_bytes(), "wrong.yaml", POOLS)
    compare(GOLDEN / "wrong.txt", f"{caught.value}\n")
    assert caught.value.exit_code == EXIT_USAGE


def test_defaults_of_job_graph_and_file_in_this_order_and_env_by_name() -> None:
    (graph,) = config("""
        version: 1
        defaults: {image: "file:1", compute_pool: PR_STD_POOL_S, retries: 1, timeout: 1 minute, env: {A: file, B: file}}
        graphs:
          g:
            defaults: {image: "graph:1", retries: 2, env: {B: graph, C: 1.50}}
            jobs:
              a: {}
              b: {image: "job:1", retries: 0, env: {C: job, D: yes}, resources: {cpu: 0.5, memory: 1Gi}}
    """).graphs
    a, b = graph.jobs
    assert (a.image, a.compute_pool, a.retries, a.timeout) == ("graph:1", "PR_STD_POOL_S", 2, 60)
    assert a.env == {"A": "file", "B": "graph", "C": "1.50"}
    assert (b.image, b.retries) == ("job:1", 0)
    assert b.env == {"A": "file", "B": "graph", "C": "job", "D": "yes"}
    assert b.resources == Resources("0.5", "1Gi")
    assert (graph.root_task, graph.finalizer_task) == ("G_ROOT", "G_FINALIZER")


def test_anchors_and_merge_keys() -> None:
    (graph,) = config("""
        version: 1
        graphs:
          g:
            jobs:
              a: &a {image: "x:1", compute_pool: PR_STD_POOL_S, retries: 3}
              b: {<<: *a, retries: 1, after: [A]}
    """).graphs
    assert (graph.jobs[1].image, graph.jobs[1].retries, graph.jobs[1].after) == ("x:1", 1, ("A",))


def test_a_cron_schedule_and_the_graphs_own_configuration() -> None:
    (graph,) = config("""
        version: 1
        graphs:
          g:
            schedule: {cron: "0  2 * * SUN", timezone: Europe/Berlin}
            config: {n: 1, f: 1.5, on: true, nothing: null, list: [a, {b: 2026-01-01}]}
            jobs: {a: {image: "x:1", compute_pool: PR_STD_POOL_S}}
    """).graphs
    assert graph.schedule == Cron("0 2 * * SUN", "Europe/Berlin")
    assert graph.config == {"n": 1, "f": 1.5, "on": True, "nothing": None, "list": ["a", {"b": "2026-01-01"}]}


def unused(defaults: str) -> str:
    """Defaults whose values the only job has of its own."""
    own = "image: 'x:1', compute_pool: PR_STD_POOL_S, warehouse: W, external_access: []"
    return f"defaults: {{{defaults}}}\nversion: 1\ngraphs: {{g: {{jobs: {{a: {{{own}}}}}}}}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["1:1 yaml"]),
        ("# nothing\n", ["1:1 yaml"]),
        ("version: 1\ngraphs: [\n", ["3:1 yaml"]),
        ("version: 1\n\tgraphs: {}\n", ["2:1 yaml"]),
        ("version: *nowhere\n", ["1:10 yaml"]),
        ("version: 1\n---\nversion: 1\n", ["2:1 yaml"]),
        (b"version: 1\n# \xff\n", ["2:3 yaml"]),
        (b"version: 1\n# \x07\n", ["2:3 yaml"]),
        ("just a text\n", ["1:1 value-type"]),
        ("[1, 2]\n", ["1:1 value-type"]),
        ("version: 1\n", ["1:1 missing-key"]),
        ("version: 1\ngraphs:\n", ["2:8 value-type"]),
        ("version: 1\ngraphs: {g: }\n", ["2:13 missing-key"]),
        ("version: true\ngraphs: {}\n", ["1:10 value-type"]),
        ("version: 1\ngraphs: {? [a] : {jobs: {}}}\n", ["2:12 value-type"]),
        (one_job("after: [a]"), ["3:9 self-edge"]),
        (one_job("after: [b]"), ["3:9 predecessor-exists"]),
        (one_job("retries: -1"), ["3:10 value-range"]),
        (one_job("retries: 31"), ["3:10 value-range"]),
        (one_job("retries: '1'"), ["3:10 value-type"]),
        (one_job("retries: 1.0"), ["3:10 value-type"]),
        (one_job("timeout: 30"), ["3:10 value-type"]),
        (one_job("timeout: 8 days"), ["3:10 value-range"]),
        (one_job("timeout: 0 seconds"), ["3:10 value-range"]),
        (one_job("on_failure: ignore"), ["3:13 value-choice"]),
        (one_job("args: [a, null, {b: c}]"), ["3:11 value-type", "3:17 value-type"]),
        (one_job("env: {A-B: 1}"), ["3:7 entry-name"]),
        (one_job("resources: {memory: 5}"), ["3:21 value-type"]),
        (one_job("warehouse: 'my wh'"), ["3:12 name-legal"]),
        (unused("compute_pool: a b"), ["1:26 name-legal"]),
        (unused("warehouse: {query: w, task: 1w}"), ["1:40 name-legal"]),
        (unused("external_access: [ok, x-y]"), ["1:34 name-legal"]),
        (one_job("<<: 5"), ["3:5 value-type"]),
        (one_job("comment: " + "x" * 1001), ["3:10 value-length"]),
    ],
)
def test_what_is_wrong_and_where(text: str | bytes, expected: list[str]) -> None:
    assert problems(text) == expected


@pytest.mark.parametrize(
    "image",
    ["x:1", "my_job_image:latest", "/db/schema/repo/img:v1.2", "org-acct.registry.snowflakecomputing.com/d/s/r/i:1"],
)
def test_images(image: str) -> None:
    (graph,) = config(
        f"version: 1\ngraphs: {{g: {{jobs: {{a: {{image: '{image}', compute_pool: PR_STD_POOL_S}}}}}}}}"
    ).graphs
    assert graph.jobs[0].image == image


@pytest.mark.parametrize("image", ["x", "X:1", "x:", ":1", "a/b:1", "/a/b/c:1", "x:1 ", "x:$$", "a b:1", "-x:1"])
def test_images_without_version_or_with_half_a_path_are_refused(image: str) -> None:
    text = f"version: 1\ngraphs: {{g: {{jobs: {{a: {{compute_pool: PR_STD_POOL_S, image: '{image}'}}}}}}}}"
    assert [line.split()[1] for line in problems(text)] == ["value-form"]


def test_an_anchor_inside_itself_ends_with_an_error() -> None:
    loop = "version: 1\ngraphs: {g: {config: &c {x: *c}, jobs: {a: {image: 'x:1', compute_pool: PR_STD_POOL_S}}}}\n"
    assert problems(loop) == ["2:22 value-depth"]
    loop = "version: 1\ngraphs: {g: &g {<<: *g, jobs: {a: {image: 'x:1', compute_pool: PR_STD_POOL_S}}}}\n"
    assert len(config(loop).graphs) == 1


def test_a_file_nested_without_end_is_an_error_and_no_traceback() -> None:
    assert [line.split()[1] for line in problems("a: " + "[" * 100_000)] == ["yaml"]


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing\.yaml: cannot be read: No such file"):
        read(tmp_path / "missing.yaml")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read(tmp_path)


def test_pools_are_not_looked_up_without_a_stack() -> None:
    assert read(ROOT / "jobconfig.yaml").graphs


LINES = (ROOT / "jobconfig.yaml").read_text().splitlines()
# line number -> changed line, and the rule that it breaks
MUTATIONS = [
    *(
        (n, re.sub(r"after: \[t_myjob_(\d)", r"after: [t_myjop_\1", line), "predecessor-exists")
        for n, line in enumerate(LINES, 1)
    ),
    *((n, re.sub(r"retries: (\d)$", r"retries: -\1", line), "value-range") for n, line in enumerate(LINES, 1)),
    *(
        (n, line.replace("compute_pool: PR_STD_POOL_S", "compute_pool: POOL_S"), "pool-exists")
        for n, line in enumerate(LINES, 1)
    ),
    *(
        (n, re.sub(r"^(\s+)(\w+):", r"\1\2_x:", line), "unknown-key")
        for n, line in enumerate(LINES, 1)
        if "_" not in line.split(":")[0]
    ),
    *((n, re.sub(r"args: \[", "args: [[", line), "yaml") for n, line in enumerate(LINES, 1)),
    *((n, re.sub(r"t_myjob_2:", "t_myjob_1:", line), "duplicate-key") for n, line in enumerate(LINES, 1)),
    *((n, re.sub(r"t_myjob_2:", "T_MYJOB_1:", line), "task-name-unique") for n, line in enumerate(LINES, 1)),
    *((n, re.sub(r"t_myjob_4:$", "GET_GRAPH_STATS:", line), "task-name-unique") for n, line in enumerate(LINES, 1)),
    *((n, re.sub(r"after: \[t_myjob_1\]", "after: [t_myjob_6]", line), "cycle") for n, line in enumerate(LINES, 1)),
]


@pytest.mark.parametrize(
    ("number", "line", "rule"),
    [m for m in MUTATIONS if m[1] != LINES[m[0] - 1]],
)
def test_every_mutation_of_the_valid_file_is_found_at_its_line(number: int, line: str, rule: str) -> None:
    lines = [*LINES]
    lines[number - 1] = line
    with pytest.raises(ConfigErrors) as caught:
        parse("\n".join(lines).encode(), "jobconfig.yaml", POOLS)
    found = [problem for problem in caught.value.problems if problem.rule == rule]
    assert found, str(caught.value)
    # a cycle is shown at one of its edges; libyaml notices a missing bracket a line later
    slack = {"cycle": 3, "yaml": 1}.get(rule, 0)
    assert any(abs(problem.mark.line - number) <= slack for problem in found), str(caught.value)


@given(st.data())
def test_no_damage_to_the_file_gives_a_traceback(data: st.DataObject) -> None:
    text = "\n".join(LINES)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 40)))
    junk = data.draw(st.text(alphabet="abAB_019 :-[]{},'\"#&*!|>%@`\n\t$\\<?~.", max_size=12))
    damaged = text[:start] + junk + text[end:]
    found = problems_of(damaged.encode())
    last = damaged.count("\n") + 2
    assert all(1 <= p.mark.line <= last and p.mark.column >= 1 and p.remedy and p.issue for p in found)


def problems_of(content: bytes) -> Sequence[Problem]:
    """What is wrong with a file; nothing if it is valid."""
    try:
        parse(content, "jobs.yaml", POOLS)
    except ConfigErrors as errors:
        return errors.problems
    return ()


@given(st.binary(max_size=200))
def test_no_bytes_give_a_traceback(content: bytes) -> None:
    with pytest.raises(ConfigErrors):
        parse(content, "jobs.yaml", POOLS)
