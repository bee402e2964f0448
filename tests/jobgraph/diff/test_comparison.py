"""Differences of two configurations: found, and told as text, JSON and Markdown."""

from __future__ import annotations

import random
from textwrap import dedent, indent
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from jobgraph.config.reading import parse
from jobgraph.diff.comparison import compared, new_warnings
from jobgraph.diff.rendering import as_json, as_markdown, as_text, difference_picture
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
              resources.memory: none -> 1Gi
              timeout: 30 minutes -> 1 hour
              retries: 0 -> 2
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
    assert "| ~ | `LOAD` | env.LEVEL | <code>a</code> | <code>b&#124;&#96;c&#96;</code> |" in told
    assert "| + | `FRESH` | | | <code>b:2 on P, after LOAD</code> |" in told
    assert "| ~ | `REPORT` | after | <code>GONE</code> | |" in told


def test_the_picture_marks_jobs_and_edges() -> None:
    (difference,) = compared(OLD, NEW)
    lines = difference_picture(difference).splitlines()
    assert '  FRESH["+ FRESH"]' in lines
    assert '  GONE["- GONE"]' in lines
    assert "  SAME" in lines
    edges = [line.strip() for line in lines if "--" in line.replace("-.->", "--") and "style" not in line.lower()]
    # the finalizer stands behind the last jobs
    assert edges[-2:] == ["SAME -.-> G_FINALIZER", "REPORT -.-> G_FINALIZER"]
    numbers = {line.split()[1]: line.split()[2] for line in lines if "linkStyle" in line}
    marked = {edges[int(number)] for group in numbers for number in group.split(",")}
    assert marked == {"LOAD --> FRESH", "FRESH --> REPORT", "LOAD -.-> GONE", "GONE -.-> REPORT"}


def test_the_order_in_the_file_makes_no_difference() -> None:
    one = config("a: {}\nb: {}\nc: {after: [a, b]}\n")
    other = config("c: {after: [B, A]}\nb: {}\na: {image: 'a:1'}\n")
    assert compared(one, other) == ()
    assert as_text(()) == as_markdown(()) == "No difference: both configurations are the same.\n"


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
    lines = difference_picture(difference).splitlines()
    assert [line.strip() for line in lines if "-->" in line] == ["J_249 --> J_250", "J_250 --> J_251"]
    told = "499 more tasks are not drawn (499 not changed), nor 499 arrows from or to them"
    assert f'  more_0(["{told}"])' in lines


def test_the_picture_of_three_hundred_new_jobs_counts_what_it_omits() -> None:
    old = "".join(f"j_{n}: {{}}\n" for n in range(10))
    for count in (300, 900):
        new = old + "".join(f"n_{n}: {{after: [j_{n % 10}], args: ['{'x' * 60}']}}\n" for n in range(count))
        (difference,) = differences = compared(config(old), config(new))
        (remark,) = (line for line in difference_picture(difference).splitlines() if "more_" in line)
        drawn = sum(line.startswith("  N_") and '["+' in line for line in difference_picture(difference).splitlines())
        assert f"({count - drawn} added, " in remark
        assert "not changed" in remark
        assert 60 <= drawn <= 120
        told = as_markdown(differences)
        assert len(told) < 65_536
        assert f"| and {count - 150} more rows | | | | |" in told
        assert f": {count} jobs added" in told


def test_what_changes_is_told_in_the_words_of_the_file() -> None:
    old = config(
        """
        a: {}
        b:
          after: [a]
          when: {job: a, output: n, above: 0}
          args: [--one=1, --two=2, --three=3]
          retries: 2
          warehouse: W
          secrets: [{secret: s, env: TOKEN}]
        """
    )
    new = config(
        """
        a: {}
        b:
          after: [a]
          when: {job: a, output: n, above: 5}
          args: [--one=1, --two=22, --three=3, --four]
          retries: {count: 2, backoff: 1 minute, rules: [{exit_codes: [75], count: 5}]}
          warehouse: {query: W, task: T}
          secrets: [{secret: s, env: KEY}]
        """
    )
    assert as_text(compared(old, new)) == dedent("""\
        ~ graph g: 1 job changed
          ~ B
              warehouse.task: none -> T
              when.above: 0 -> 5
              args[1]: --two=2 -> --two=22
              args[3]: none -> --four
              secrets.s.env: TOKEN -> KEY
              retries.backoff: none -> 1 minute
              retries.rules[0].count: none -> 5
              retries.rules[0].exit_codes: none -> ["75"]
        """)
    changed = as_json(compared(old, new))["graphs"][0]["jobs_changed"][0]["fields"]
    assert {"field": "args", "old": ["--one=1", "--two=2", "--three=3"]}.items() <= changed[2].items()


def test_warnings_that_are_new_are_told() -> None:
    old = config("a: {}\nb: {after: [a]}\n", "timeout: 3 hours")
    new = config("a: {}\nb: {after: [a]}\n", "timeout: 1 hour")
    warnings = new_warnings(old, new)
    assert [warning.rule for warning in warnings] == ["critical-path"]
    assert "New warnings:\nx.yaml:5:14: warning: a -> b may take" in as_text(compared(old, new), warnings)
    assert "#### New warnings" in as_markdown(compared(old, new), warnings)
    assert as_json(compared(old, new), warnings)["warnings"][0]["rule"] == "critical-path"
    assert new_warnings(new, new) == ()


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
