"""Where a graph is wider than its warehouse."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from jobgraph.config.reading import read
from jobgraph.cost.crowding import crowd_problems, crowds
from jobgraph.cost.deployment import deployment
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from jobgraph.config.model import Config


def config(folder: Path, count: int, more: str = "") -> Config:
    """A root job, and some that follow it."""
    jobs = "".join(f"      j{number}: {{after: [first]{more}}}\n" for number in range(count))
    start = "version: 1\ndefaults: {image: 'a:1', compute_pool: P}\ngraphs:\n  wide:\n    jobs:\n      first: {}\n"
    file = folder / "jobconfig.yaml"
    file.write_text(f"{start}{jobs}")
    return read(file)


@pytest.mark.parametrize(
    ("settings", "rounds"),
    [
        (Settings(), 14),  # the first, then 100 on 8 slots
        (Settings(warehouse_max_concurrency=50), 3),
        (Settings(warehouse_max_clusters=5), 4),
        (Settings(warehouse_max_concurrency=100), 2),  # room for the tasks, and none for the containers' queries
        (Settings(warehouse_max_concurrency=101), None),
        (Settings(warehouse_max_concurrency=10, warehouse_max_clusters=11), None),
    ],
)
def test_how_many_rounds_a_run_takes(tmp_path: Path, settings: Settings, rounds: int | None) -> None:
    told = crowds(deployment(config(tmp_path, 100), settings))
    assert [(len(crowd.jobs), crowd.rounds, crowd.fewest_rounds) for crowd in told] == (
        [] if rounds is None else [(100, rounds, 2)]
    )


def test_it_is_a_warning_at_the_jobs_with_what_to_do(tmp_path: Path) -> None:
    (problem,) = crowd_problems(config(tmp_path, 9), Settings())
    assert (problem.severity, problem.rule, problem.path, problem.mark.line) == (
        "warning",
        "warehouse-slots",
        "graphs.wide.jobs",
        6,
    )
    assert "9 jobs of graph wide" in problem.issue
    assert "8 statements at a time" in problem.issue
    assert "as long as 3 of them instead of 2" in problem.issue
    assert "`warehouse_max_concurrency: 10`" in problem.remedy
    assert crowd_problems(config(tmp_path, 7), Settings()) == ()


def test_tasks_that_take_every_slot_keep_their_containers_queries_from_running(tmp_path: Path) -> None:
    (crowd,) = crowds(deployment(config(tmp_path, 8), Settings()))
    assert "take all 8 slots" in crowd.sentence
    assert "stands still until they time out" in crowd.sentence
    assert "as long as" not in crowd.sentence
    assert "`warehouse: {query: NAME}`" in crowd.remedy


def test_queries_on_another_warehouse_are_not_kept_from_running(tmp_path: Path) -> None:
    assert crowds(deployment(config(tmp_path, 8, ", warehouse: {query: THEIRS}"), Settings())) == ()
    (crowd,) = crowds(deployment(config(tmp_path, 9, ", warehouse: {query: THEIRS}"), Settings()))
    assert "stands still" not in crowd.sentence
    assert "`warehouse_max_concurrency: 9`" in crowd.remedy


def test_slots_of_all_clusters_are_told_and_those_of_one_are_set(tmp_path: Path) -> None:
    (crowd,) = crowds(deployment(config(tmp_path, 99), Settings(warehouse_max_clusters=2)))
    assert "16 statements at a time on 2 clusters" in crowd.sentence
    assert "`warehouse_max_concurrency: 50`" in crowd.remedy


def test_a_warehouse_of_others_is_taken_for_one_of_eight_slots(tmp_path: Path) -> None:
    wide = config(tmp_path, 9, ", warehouse: {task: THEIRS}")
    (crowd,) = crowds(deployment(wide, Settings(warehouse_max_concurrency=100)))
    assert (crowd.warehouse.name, len(crowd.jobs)) == ("THEIRS", 9)
    assert "MAX_CONCURRENCY_LEVEL" in crowd.remedy


def test_jobs_that_runs_pass_over_wait_for_nothing(tmp_path: Path) -> None:
    assert crowds(deployment(config(tmp_path, 100, ", enabled: false"), Settings())) == ()


def test_the_order_of_a_file_makes_no_difference(tmp_path: Path) -> None:
    wide = config(tmp_path, 20)
    (graph,) = wide.graphs
    other = replace(wide, graphs=(replace(graph, jobs=graph.jobs[::-1]),))
    assert deployment(other, Settings()) == deployment(wide, Settings())
    assert crowds(deployment(other, Settings())) == crowds(deployment(wide, Settings()))


def test_direct_jobs_take_no_slots_and_are_the_remedy(tmp_path: Path) -> None:
    (crowd,) = crowds(deployment(config(tmp_path, 100), Settings()))
    assert crowd.remedy.startswith("give jobs `runner: direct`")
    assert crowds(deployment(config(tmp_path, 100, ", runner: direct"), Settings())) == ()
