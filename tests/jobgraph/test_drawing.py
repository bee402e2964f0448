from __future__ import annotations

import re
import xml.etree.ElementTree as ET  # reads only what svg() has just written
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from jobgraph import read
from jobgraph.drawing import LOOKS, mermaid, svg, text
from jobgraph.model import Graph, Job

ROOT = Path(__file__).resolve().parents[2]
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


@settings(deadline=None, max_examples=30)
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
    assert len(text(Graph("g", "ROOT", "END", jobs)).splitlines()) == 1000
