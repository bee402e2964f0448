"""Differences of two configurations: found, and told as text, JSON and Markdown."""

from __future__ import annotations

import random
from textwrap import dedent, indent
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from jobgraph.config.reading import parse
from jobgraph.diff.comparison import compared
from jobgraph.diff.rendering import as_json, as_markdown, as_text, picture
from tests.reliability.configurations import configuration, text

if TYPE_CHECKING:
    from jobgraph.config.model import Config
    from jobgraph.diff.comparison import GraphDifference


def config(jobs: str, more: str = "") -> Config:
    content = f"version: 1\ndefaults: {{image: 'a:1', compute_pool: P}}\ngraphs:\n  g:\n    {more}\n    jobs:\n"
    return parse((content + indent(dedent(jobs), "      ")).encode(), "x.yaml")


OLD = config(
    """
    load: {env: {LEVEL: a, OLD: 1}}
    gone: {after: [load]}
    report: {after: [gone, load], timeout: 30 minutes, resources: {cpu: 1}}
    same: {}
    """,
    "schedule: 59 minutes",
)
NEW = config(
    """
    same: {}
    fresh: {after: [load], image: "b:2"}
    report: {after: [load, fresh], retries: 2, resources: {cpu: 1, memory: 1Gi}}
    load: {env: {LEVEL: "b|`c`"}}
    """,
    "schedule: {cron: '0 2 * * *', timezone: UTC}",
)


def test_as_text() -> None:
    assert as_text(compared(OLD, NEW)) == dedent("""\
        ~ graph g: 1 job added, 1 job removed, 2 jobs changed
            schedule: every 59 minutes -> cron 0 2 * * * (UTC)
          + FRESH  b:2 on P, after LOAD
          - GONE  a:1 on P, after LOAD
          ~ REPORT
              retries: 0 -> 2
              timeout: 30 minutes -> 1 hour
              resources.memory: none -> 1Gi
              + after FRESH
              - after GONE
          ~ LOAD
              env.LEVEL: a -> b|`c`
              env.OLD: 1 -> none
        """)


def test_as_json() -> None:
    found = as_json(compared(OLD, NEW))
    (graph,) = found["graphs"]
    assert found["different"]
    assert (graph["status"], graph["jobs_added"], graph["jobs_removed"]) == ("changed", ["FRESH"], ["GONE"])
    assert graph["edges_added"] == [["LOAD", "FRESH"], ["FRESH", "REPORT"]]
    assert graph["edges_removed"] == [["LOAD", "GONE"], ["GONE", "REPORT"]]
    assert {"field": "retries", "old": 0, "new": 2} in graph["jobs_changed"][0]["fields"]


def test_as_markdown_with_a_picture() -> None:
    told = as_markdown(compared(OLD, NEW))
    assert told.startswith(
        "### Graph `g` changed: 1 job added, 1 job removed, 2 jobs changed\n\n```mermaid\nflowchart LR\n"
    )
    assert "| ~ | `LOAD` | env.LEVEL | `a` | `` b\\|`c` `` |" in told
    assert "| + | `FRESH` | | | `b:2 on P, after LOAD` |" in told
    assert "| ~ | `REPORT` | after | `GONE` | |" in told


def test_the_picture_marks_jobs_and_edges() -> None:
    (difference,) = compared(OLD, NEW)
    lines = picture(difference).splitlines()
    assert '  FRESH["+ FRESH"]' in lines
    assert '  GONE["- GONE"]' in lines
    assert "  SAME" in lines
    edges = [line.strip() for line in lines if "--" in line.replace("-.->", "--") and "style" not in line.lower()]
    assert edges[-1] == "GONE -.-> REPORT"
    numbers = {line.split()[1]: line.split()[2] for line in lines if "linkStyle" in line}
    marked = {edges[int(number)] for group in numbers for number in group.split(",")}
    assert marked == {"LOAD --> FRESH", "FRESH --> REPORT", "LOAD -.-> GONE", "GONE -.-> REPORT"}


def test_the_order_in_the_file_makes_no_difference() -> None:
    one = config("a: {}\nb: {}\nc: {after: [a, b]}\n")
    other = config("c: {after: [B, A]}\nb: {}\na: {image: 'a:1'}\n")
    assert compared(one, other) == ()
    assert as_text(()) == as_markdown(()) == "No difference: both say the same.\n"


def test_graphs_that_came_and_went() -> None:
    other = parse(b"version: 1\ngraphs: {h: {jobs: {x: {image: 'a:1', compute_pool: P}}}}", "x.yaml")
    assert [(one.key, one.status) for one in compared(OLD, other)] == [("h", "added"), ("g", "removed")]
    assert as_text(compared(OLD, other)).startswith(
        "+ graph h: 1 job added\n  + X  a:1 on P\n\n- graph g: 4 jobs removed\n"
    )
    assert "GONE" in as_markdown(compared(OLD, other))


def test_of_a_large_graph_only_what_changed_is_drawn() -> None:
    jobs = "".join(f"j_{n}: {{after: [{f'j_{n - 1}' if n else ''}]}}\n" for n in range(500))
    (difference,) = compared(config(jobs), config(jobs.replace("j_250: {", "j_250: {retries: 1, ")))
    lines = picture(difference).splitlines()
    assert [line.strip() for line in lines if "-->" in line] == ["J_249 --> J_250", "J_250 --> J_251"]
    assert '  more(["498 more, not changed"])' in lines


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_any_two_configurations_are_compared(one: int, other: int) -> None:
    configs = []
    for seed in (one, other):
        source = random.Random(seed)  # noqa: S311  # makes test data
        configs.append(parse(text(source, configuration(source)).encode(), "x.yaml"))
    found = compared(configs[0], configs[1])
    assert compared(configs[0], configs[0]) == ()
    assert bool(found) == (configs[0].graphs != configs[1].graphs) or not found
    back = {difference.key.upper(): difference for difference in compared(configs[1], configs[0])}
    for difference in found:
        assert _jobs(difference)[::-1] == _jobs(back[difference.key.upper()])
    assert as_text(found)
    assert as_markdown(found)
    assert as_json(found)["different"] == bool(found)


def _jobs(difference: GraphDifference) -> tuple[list[str], list[str]]:
    return [job.name for job in difference.added], [job.name for job in difference.removed]
