from __future__ import annotations

import itertools
import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.config.model import MOST_CONDITIONS, Condition, Config, Graph, Job
from jobgraph.config.reading import read
from jobgraph.config.rules.graph_rules import broken_rules
from jobgraph.config.topology import topological
from jobgraph.errors import ConfigErrors
from jobgraph.plan.planning import Procedures, plan
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def graph_of(after: dict[str, list[str]]) -> Graph:
    jobs = tuple(Job(name.lower(), name, "x:1", "POOL", tuple(names)) for name, names in after.items())
    return Graph("g", "G_ROOT", "G_FINALIZER", jobs)


def rules_broken(*graphs: Graph, pools: list[str] | None = None) -> list[str]:
    return [problem.rule for problem in broken_rules(Config("f", 1, graphs), pools)]


@st.composite
def acyclic(draw: st.DrawFn) -> dict[str, list[str]]:
    """Jobs in any order, each after some that come before it in a hidden order."""
    count = draw(st.integers(1, 40))
    names = [f"J{number}" for number in range(count)]
    after = {
        name: draw(st.lists(st.sampled_from(names[:place]), unique=True, max_size=6)) if place else []
        for place, name in enumerate(names)
    }
    return {name: after[name] for name in draw(st.permutations(names))}


@given(acyclic())
def test_a_graph_without_cycles_is_valid_and_is_planned_in_topological_order(after: dict[str, list[str]]) -> None:
    graph = graph_of(after)
    assert rules_broken(graph) == []
    (planned,) = plan(Config("f", 1, (graph,)), Settings(), Procedures("", "")).graphs
    place = {task.name: number for number, task in enumerate(planned.tasks)} | {"G_ROOT": -1}
    assert len(place) == len(after) + 1
    assert all(place[name] < place[task.name] for task in planned.tasks for name in task.predecessors)
    assert {task.name for task in planned.tasks if task.predecessors == ("G_ROOT",)} == {
        n for n, a in after.items() if not a
    }


@given(acyclic(), st.data())
def test_an_edge_back_is_found_as_a_cycle_that_is_one(after: dict[str, list[str]], data: st.DataObject) -> None:
    graph = graph_of(after)
    order = [job.name for job in topological(graph)]
    later = data.draw(st.sampled_from(order))
    earlier = sorted(_ancestors(after, later))
    if not earlier:
        return
    first = data.draw(st.sampled_from(earlier))
    broken = graph_of(after | {first: [*after[first], later]})
    found = [problem for problem in broken_rules(Config("f", 1, (broken,)), None) if problem.rule == "cycle"]
    assert found
    for problem in found:
        path = problem.issue.partition(": ")[2].upper().split(" -> ")
        assert path[0] == path[-1]
        edges = {job.name: job.after for job in broken.jobs}
        assert all(before in edges[name] for before, name in itertools.pairwise(path)), problem.issue


def _ancestors(after: dict[str, list[str]], name: str) -> set[str]:
    found: set[str] = set()
    todo = list(after[name])
    while todo:
        if (one := todo.pop()) not in found:
            found.add(one)
            todo += after[one]
    return found


def test_separate_cycles_are_all_found() -> None:
    rules = rules_broken(graph_of({"A": ["B"], "B": ["A"], "C": ["D"], "D": ["E"], "E": ["C"], "F": ["F"]}))
    assert sorted(rules) == ["cycle", "cycle", "self-edge"]


def test_one_edge_too_many_is_one_cycle_however_many_ways_lead_back() -> None:
    after = {f"j{n:02}": [f"j{before:02}" for before in range(max(0, n - 3), n)] for n in range(30)}
    assert rules_broken(graph_of(after | {"j00": ["j29"]})).count("cycle") == 1


def test_snowflakes_limits() -> None:
    chain = {f"J{n}": [f"J{n - 1}"] if n else [] for n in range(999)}
    assert rules_broken(graph_of(chain)) == []
    assert rules_broken(graph_of(chain | {"ONE_MORE": ["J0"]})) == ["graph-size"]
    fan: dict[str, list[str]] = {f"J{n}": [] for n in range(100)}
    assert rules_broken(graph_of(fan | {"END": [*fan]})) == []
    fan |= {"J100": []}
    assert rules_broken(graph_of(fan)) == ["child-count"]
    assert rules_broken(graph_of(fan | {"END": [*fan]})) == ["predecessor-count", "child-count"]


def test_hundreds_of_unknown_predecessors_are_all_told_and_the_first_with_suggestions() -> None:
    after: dict[str, list[str]] = {"START": []} | {f"J{n}": [f"STRAT{n}"] for n in range(200)}
    problems = broken_rules(Config("f", 1, (graph_of(after),)), None)
    assert [problem.rule for problem in problems] == ["predecessor-exists"] * 200
    assert [bool(problem.nearest) for problem in problems] == [True] * 50 + [False] * 150


def test_task_names_are_unique_over_all_graphs() -> None:
    one = graph_of({"A": []})
    other = replace(graph_of({"B": []}), key="h", root_task="A", finalizer_task="G_FINALIZER")
    assert rules_broken(one, other) == ["task-name-unique", "task-name-unique"]


@pytest.mark.parametrize("name", ["A B", "1A", "A-B", "A$B", 'A"B', "Ä", "A" * 256, "A;B"])
def test_illegal_names(name: str) -> None:
    graph = graph_of({"OK": []})
    job = graph.jobs[0]
    assert rules_broken(replace(graph, root_task=name)) == ["name-legal"]
    assert rules_broken(replace(graph, jobs=(replace(job, key=name, name=name.upper()),))) == ["name-legal"]
    assert rules_broken(replace(graph, jobs=(replace(job, compute_pool=name),))) == ["name-legal"]


def test_pools_are_looked_up_in_any_case() -> None:
    assert rules_broken(graph_of({"A": []}), pools=["pool"]) == []
    assert rules_broken(graph_of({"A": []}), pools=["POOLS"]) == ["pool-exists"]


def test_rules_for_retries_are_checked(tmp_path: Path) -> None:
    file = tmp_path / "jobs.yaml"
    rules = [
        "{count: 1}",
        "{count: 1, exit_codes: [1, 256]}",
        "{count: 1, exit_codes: [9-3]}",
        "{count: 1, message: '(['}",
        "{count: 1, message: 'ok', reasons: [preempted], exit_codes: [0-255]}",
        "{reasons: [permission], count: 2}",
    ]
    text = "{version: 1, graphs: {g: {jobs: {a: {image: i:1, compute_pool: P, retries: {count: 0, rules: [%s]}}}}}}"
    told = []
    for rule in rules:
        file.write_text(text % rule)
        try:
            read(file)
        except ConfigErrors as error:
            told += [(problem.rule, problem.value) for problem in error.problems]
        else:
            told.append(("fine", rule))
    assert told == [
        ("retry-rule", ""),
        ("retry-rule", "256"),
        ("retry-rule", "9-3"),
        ("retry-rule", "(["),
        ("fine", rules[4]),
        ("retry-rule", ""),
        ("value-choice", "permission"),
    ]


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_of_a_job_can_leave_its_quotes(argument: str, value: str) -> None:
    job = Job("a", "A", "x:1", "POOL", args=(argument,), env={"V": value})
    graph = Graph("g", "G_ROOT", "G_FINALIZER", (job,))
    planned = plan(Config("f", 1, (graph,)), Settings(), Procedures("", ""))
    (task,) = planned.graphs[0].tasks
    before, text, after = task.sql.split("$$")
    assert "('A', (SELECT " in before
    assert before.endswith("H.TASK_NAME IN ('A')), ")
    assert after == ")"
    container = json.loads(text)["specification"]["spec"]["containers"][0]
    assert container["args"] == [argument]
    assert container["env"]["V"] == value
    assert planned.configuration.write.count("$") == 4


def test_a_condition_on_a_value_that_no_run_has_is_refused_by_name() -> None:
    """`run --set` takes the keys of `config` only."""
    jobs = (Job("a", "A", "x:1", "POOL", when=Condition("", "is", "eu", config="marked")),)
    graph = Graph("g", "G_ROOT", "G_FINALIZER", jobs, config={"market": "eu"})
    (problem,) = broken_rules(Config("f", 1, (graph,)), None)
    assert (problem.rule, problem.value, problem.nearest) == ("when-config", "marked", ("market",))
    assert rules_broken(replace(graph, config=None)) == ["when-config"]
    assert rules_broken(replace(graph, config={"marked": 1})) == []


def test_so_many_conditions_look_at_values() -> None:
    jobs = tuple(
        Job(f"j{n}", f"J{n}", "x:1", "POOL", when=Condition("", "above", n, config="n")) for n in range(MOST_CONDITIONS)
    )
    graph = Graph("g", "G_ROOT", "G_FINALIZER", jobs, config={"n": 1})
    assert rules_broken(graph) == []
    more = Job("more", "MORE", "x:1", "POOL", when=Condition("", "is", 99, config="n"))
    assert rules_broken(replace(graph, jobs=(*jobs, more))) == ["when-count"]
