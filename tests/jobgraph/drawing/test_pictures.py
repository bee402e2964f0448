from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # reads only what svg() has just written
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.config.model import Graph, Job
from jobgraph.config.reading import read
from jobgraph.drawing.grouping import AUTO, LAYER, MOST_GROUPS, NONE, POOL, PREFIX, clusters
from jobgraph.drawing.looks import LOOKS
from jobgraph.drawing.pictures import mermaid, svg, text

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

ROOT = Path(__file__).resolve().parents[3]
GRAPH = read(ROOT / "jobconfig.yaml").graphs[0]
SVG = "{http://www.w3.org/2000/svg}"


def boxes(document: str) -> list[tuple[float, float, float, float]]:
    rects = ET.fromstring(document).findall(f"{SVG}rect")[1:]  # noqa: S314  # as above; the first is the background
    return [
        (float(r.get("x", "")), float(r.get("y", "")), float(r.get("width", "")), float(r.get("height", "")))
        for r in rects
    ]


def test_mermaid_has_every_task_and_edge() -> None:
    lines = mermaid(GRAPH).splitlines()
    assert lines[0] == "flowchart LR"
    assert [line.strip() for line in lines if "-->" in line] == [
        "ROOT_TASK --> T_MYJOB_1",
        "ROOT_TASK --> T_MYJOB_2",
        "T_MYJOB_1 --> T_MYJOB_5",
        "T_MYJOB_2 --> T_MYJOB_3",
        "T_MYJOB_2 --> T_MYJOB_4",
        "T_MYJOB_3 --> T_MYJOB_6",
        "T_MYJOB_4 --> T_MYJOB_6",
        "T_MYJOB_5 --> T_MYJOB_6",
    ]
    assert "  T_MYJOB_6 -.-> GET_GRAPH_STATS" in lines


def test_states_colour_the_pictures() -> None:
    states = {"T_MYJOB_3": "FAILED", "T_MYJOB_6": "SKIPPED"}
    assert f"style T_MYJOB_3 fill:{LOOKS['FAILED'].fill}" in mermaid(GRAPH, states)
    assert LOOKS["FAILED"].border in svg(GRAPH, states)
    assert LOOKS["FAILED"].border not in svg(GRAPH)
    assert "FAILED" in text(GRAPH, states)


@pytest.mark.parametrize("draw", [text, mermaid, svg])
def test_what_is_not_known_of_a_run_is_not_drawn(draw: Callable[..., str]) -> None:
    jobs = tuple(replace(job, compute_pool="", retries=0) for job in GRAPH.jobs)
    run = replace(GRAPH, schedule=None, jobs=jobs)
    drawn = draw(run, dict.fromkeys(run.task_names, "LEFT_OUT"))
    assert "on demand" not in drawn
    assert not re.search(r"LEFT_OUT *,|<small>(</small>| ·)|· *<|[ ,]$", drawn, re.MULTILINE)
    assert "on demand" in draw(run)


def test_the_terminals_tree() -> None:
    assert text(GRAPH) == (
        "ROOT_TASK           every 59 minutes\n"
        "├─ T_MYJOB_1        PR_STD_POOL_XS\n"
        "│  └─ T_MYJOB_5     PR_STD_POOL_XS\n"
        "├─ T_MYJOB_2        PR_STD_POOL_S\n"
        "│  ├─ T_MYJOB_3     PR_STD_POOL_S, 2 retries\n"
        "│  └─ T_MYJOB_4     PR_STD_POOL_XS, 1 retry\n"
        "│     └─ T_MYJOB_6  PR_STD_POOL_S, after T_MYJOB_3, T_MYJOB_4, T_MYJOB_5\n"
        "└─ GET_GRAPH_STATS  finalizer, after all\n"
    )


def test_the_svg_is_a_document_with_every_task_once() -> None:
    document = svg(GRAPH, {"T_MYJOB_1": "DONE"})
    names = [element.text for element in ET.fromstring(document).iter(f"{SVG}text")]  # noqa: S314  # as above
    assert all(names.count(name) == 1 for name in GRAPH.task_names)
    assert svg(GRAPH) == svg(GRAPH)


@given(st.data())
def test_no_two_boxes_of_a_picture_overlap_and_arrows_go_right(data: st.DataObject) -> None:
    count = data.draw(st.integers(1, 25))
    jobs = []
    for number in range(count):
        after = (
            data.draw(st.lists(st.sampled_from([f"J{n}" for n in range(number)]), unique=True, max_size=3))
            if number
            else []
        )
        jobs.append(Job(f"j{number}", f"J{number}", "x:1", "P" * (number % 9 + 1), tuple(after)))
    document = svg(Graph("g", "ROOT", "END", tuple(jobs), comment="a < b & c"))
    found = boxes(document)
    assert len(found) == count + 2
    for place, (x1, y1, w1, h1) in enumerate(found):
        for x2, y2, w2, h2 in found[place + 1 :]:
            assert x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1
    for path in re.findall(r'<path d="M([\d.]+) [^"]*?([\d.]+) [\d.]+" fill="none"', document):
        assert float(path[0]) < float(path[1])


def test_text_of_a_graph_of_a_thousand_jobs_in_a_row() -> None:
    jobs = tuple(Job(f"j{n}", f"J{n}", "x:1", "P", (f"J{n - 1}",) if n else ()) for n in range(998))
    assert len(text(Graph("g", "ROOT", "END", jobs), way=NONE).splitlines()) == 1000


def layered(count: int, width: int) -> Graph:
    """`width` jobs side by side, each layer of another prefix; each job follows the one above it and its neighbour."""
    jobs = []
    for number in range(count):
        before = (number - width, number - width + 1) if number >= width else ()
        name = f"{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[number // width]}_{number}"
        after = tuple(f"{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[n // width]}_{n}" for n in before if n // width < number // width)
        jobs.append(Job(name.lower(), name, "x:1", f"POOL_{number % 3}", after))
    return Graph("g", "ROOT", "END", tuple(jobs))


def size(document: str) -> tuple[float, float]:
    root = ET.fromstring(document)  # noqa: S314  # as above
    return float(root.get("width", "")), float(root.get("height", ""))


def test_a_picture_of_sixty_jobs_is_no_higher_than_its_fullest_layer_needs() -> None:
    width, height = size(svg(layered(60, 10)))
    assert width < 2000
    assert height < 10 * 80 + 200


def test_a_finalizer_of_many_ends_has_no_arrow_from_each() -> None:
    assert svg(layered(60, 10)).count("marker-end") == sum(max(len(job.after), 1) for job in layered(60, 10).jobs) + 1


@pytest.mark.parametrize("way", [AUTO, PREFIX, LAYER, POOL])
def test_a_thousand_jobs_are_drawn_in_groups(way: str) -> None:
    graph = layered(998, 40)
    for picture in (svg(graph, way=way), mermaid(graph, way=way), text(graph, way=way)):
        assert len(picture) < 40_000
    assert len(boxes(svg(graph, way=way))) <= MOST_GROUPS + 2
    groups = clusters(graph, way) or ()
    assert sorted(job.name for group in groups for job in group.jobs) == sorted(job.name for job in graph.jobs)


def test_groups_by_prefix_follow_one_another_as_their_jobs_do() -> None:
    assert [(group.name, group.after, len(group.jobs)) for group in clusters(layered(120, 60)) or ()] == [
        ("on POOL_0, layer 1", (), 20),
        ("on POOL_1, layer 1", (), 20),
        ("on POOL_2, layer 1", (), 20),
        ("on POOL_0, layer 2", ("on POOL_0, layer 1", "on POOL_1, layer 1"), 20),
        ("on POOL_1, layer 2", ("on POOL_1, layer 1", "on POOL_2, layer 1"), 20),
        ("on POOL_2, layer 2", ("on POOL_2, layer 1", "on POOL_0, layer 1"), 20),
    ]
    assert [(group.name, group.after) for group in clusters(layered(160, 40)) or ()] == [
        ("A_*", ()),
        ("B_*", ("A_*",)),
        ("C_*", ("B_*",)),
        ("D_*", ("C_*",)),
    ]


def test_groups_that_wait_for_one_another_become_one() -> None:
    jobs = (
        Job("a_1", "A_1", "x:1", "P"),
        Job("b_1", "B_1", "x:1", "P", ("A_1",)),
        Job("a_2", "A_2", "x:1", "P", ("B_1",)),
    )
    (group,) = clusters(Graph("g", "ROOT", "END", jobs), PREFIX) or ()
    assert (group.name, [job.name for job in group.jobs]) == ("A_* and 1 more", ["A_1", "B_1", "A_2"])


@given(st.integers(1, 40), st.randoms(use_true_random=False), st.sampled_from([PREFIX, LAYER, POOL]))
def test_groups_never_form_a_cycle_and_lose_no_job(count: int, random: Random, way: str) -> None:
    jobs: list[Job] = []
    for number in range(count):
        after = tuple(jobs[n].name for n in sorted(random.sample(range(number), min(number, random.randint(0, 3)))))
        name = f"{random.choice('ABC')}_{random.choice('ABC')}_{number}"
        jobs.append(Job(name.lower(), name, "x:1", random.choice("PQ"), after))
    seen: set[str] = set()
    for group in clusters(Graph("g", "ROOT", "END", tuple(jobs)), way) or ():
        assert set(group.after) <= seen
        assert group.name not in seen
        seen.add(group.name)


def test_a_group_shows_the_states_of_its_jobs_the_worst_first() -> None:
    graph = layered(160, 40)
    states = dict.fromkeys((job.name for job in graph.jobs[:50]), "SUCCEEDED") | {"B_55": "FAILED", "B_56": "EXECUTING"}
    lines = text(graph, states).splitlines()
    assert lines[1] == "✓ ├─ A_*           40 SUCCEEDED                        40 jobs on POOL_0 and 2 more"
    assert lines[2] == "✗ │  └─ B_*        1 FAILED, 1 EXECUTING, 10 SUCCEEDED 40 jobs on POOL_1 and 2 more"
    assert lines[-2:] == ["✗ failed: B_55", "▶ running: B_56"]
    assert "1 FAILED, 1 EXECUTING, 10 SUCCEEDED" in mermaid(graph, states)
    assert "40 jobs: 1 ✗ · 1 ▶ · 10 ✓" in svg(graph, states)


def test_each_state_is_told_by_its_own_sign_and_the_legend_has_its_word() -> None:
    names = GRAPH.task_names
    states = {names[0]: "SUCCEEDED"} | dict(zip(names[1:], ["DONE", "CANCELLED", "SKIPPED"], strict=False))
    drawn = text(GRAPH, states)
    signs = {line[0] for line in drawn.splitlines() if "CANCELLED" in line}
    assert signs == {"■"}
    assert not signs & {line[0] for line in drawn.splitlines() if "SKIPPED" in line}
    assert ">DONE, SUCCEEDED<" in svg(GRAPH, states)
    assert ">CANCELLED<" in svg(GRAPH, states)


def test_a_graph_without_finalizer_is_drawn_without_one() -> None:
    graph = replace(GRAPH, finalizer=False)
    for picture in (svg(graph), mermaid(graph), text(graph)):
        assert graph.finalizer_task not in picture
    assert "└─ T_MYJOB_2" in text(graph)
