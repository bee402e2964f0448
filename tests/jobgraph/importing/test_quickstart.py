"""The quickstart's JSON list as a configuration file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobgraph.config.reading import parse, read
from jobgraph.errors import ConfigErrors
from jobgraph.importing.quickstart import Imported, from_quickstart

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.errors import Problem

ROOT = Path(__file__).resolve().parents[3]
IMAGE = "my_job_image:1.1.0"
AFTER = ["root_task", "root_task", "t_myjob_2", "t_myjob_2", "t_myjob_1", "t_myjob_3,t_myjob_4,t_myjob_5"]


def job(number: int, **values: Any) -> dict[str, Any]:
    return {
        "task_name": f"t_myjob_{number}",
        "image_name": IMAGE,
        "compute_pool_name": "PR_STD_POOL_S" if number in (2, 3, 6) else "PR_STD_POOL_XS",
        "job_name": f"myjob_{number}",
        "table_name": f"results_{number}",
        "retry_count": {3: 2, 4: 1}.get(number, 0),
        "after_task_name": AFTER[number - 1],
    } | values


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigErrors) as caught:
        from_quickstart(text.encode(), "jobconfig.json")
    assert {p.mark.file for p in caught.value.problems} == {"jobconfig.json"}
    return [f"{p.mark.line}:{p.mark.column} {p.rule}" for p in caught.value.problems]


def test_the_six_jobs_become_our_own_file() -> None:
    imported = from_quickstart(json.dumps([job(n) for n in range(1, 7)], indent="\t").encode(), "jobconfig.json")
    (graph,) = parse(imported.text.encode(), "jobconfig.yaml").graphs
    (ours,) = read(ROOT / "jobconfig.yaml").graphs
    assert replace(graph, comment=ours.comment) == ours
    assert imported.notes == []


def test_choices_are_told_in_comments_and_notes() -> None:
    jobs = [
        job(1, retry_count="2", owner_mail="x"),
        job(2, after_task_name="ROOT_TASK, t_myjob_1,"),
        {key: value for key, value in job(3).items() if key != "after_task_name"},
        job(4, after_task_name="root_task,t_myjob_1"),
    ]
    imported = from_quickstart(json.dumps(jobs).encode(), "jobconfig.json")
    (graph,) = parse(imported.text.encode(), "jobconfig.yaml").graphs
    assert [(job.after, job.retries) for job in graph.jobs] == [
        ((), 2),
        (("T_MYJOB_1",), 0),
        ((), 2),
        (("T_MYJOB_1",), 1),
    ]
    assert imported.notes == [
        "t_myjob_1: owner_mail of the JSON file was left out: the quickstart does not use it",
        't_myjob_1: retry_count was in quotes: "2"',
        't_myjob_2: after_task_name had an empty entry: "ROOT_TASK, t_myjob_1,"',
        "t_myjob_3: after_task_name was missing: the job follows root_task",
        "t_myjob_4: root_task was left out of after_task_name: the other predecessors follow it anyway",
    ]
    for note in imported.notes:
        assert f"# {note.split(': ', 1)[1]}" in imported.text


def test_every_problem_of_the_json_is_told_at_once_at_its_place() -> None:
    text = """[
 {"task_name": "t_1", "image_name": "my_job", "compute_pool_name": "P", "table_name": 7, "retry_count": 99},
\t{"task_name": "t 2", "compute_pool_name": "P", "retry_cnt": 2, "after_task_name": ["root_task"]},
 {"task_name": "t_3", "image_name": "a:1", "compute_pool_name": "P", "after_task_name": "t_3,t_9"},
 {"task_name": "t_1", "image_name": "a:1", "compute_pool_name": "P", "compute_pool_name": "Q"},
 {"task_name": null, "image_name": "\\ud83d\\ude00", "compute_pool_name": "P"},
 7
]"""
    assert problems(text) == [
        "2:37 value-form",
        "2:87 value-type",
        "2:105 value-range",
        "3:2 missing-key",
        "3:16 name-legal",
        "3:49 unknown-key",
        "3:84 value-type",
        "4:89 predecessor-exists",
        "4:89 self-edge",
        "5:16 duplicate-key",
        "5:70 duplicate-key",
        "6:16 value-type",
        "7:2 value-type",
    ]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "1:1 json"),
        ("[", "1:2 json"),
        ('[{"a" 1}]', "1:7 json"),
        ("[]", "1:1 quickstart-list"),
        ("7", "1:1 quickstart-list"),
        ("[" * 200_000, "1:100 yaml"),
        ('[{"task_name": "a"}]', "1:2 missing-key"),
    ],
)
def test_what_is_no_list_of_jobs(text: str, found: str) -> None:
    assert found in problems(text)


def test_a_cycle_is_told_as_in_our_own_file() -> None:
    jobs = [job(1, after_task_name="t_myjob_2"), job(2, after_task_name="t_myjob_1")]
    with pytest.raises(ConfigErrors, match="wait for one another: t_myjob"):
        from_quickstart(json.dumps(jobs).encode(), "jobconfig.json")


def attempted(content: bytes) -> Imported | Sequence[Problem]:
    try:
        return from_quickstart(content, "any.json")
    except ConfigErrors as error:
        return error.problems


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@example(b'[{"task_name": "\\ud800"}]')
@example(b"\xff")
@example(b'[{"task_name": "a\\u0000", "image_name": "a:1", "compute_pool_name": "P"}]')
@example(b"[NaN]")
def test_any_bytes_are_imported_or_refused_with_problems(content: bytes) -> None:
    found = attempted(content)
    assert parse(found.text.encode(), "any.yaml").graphs if isinstance(found, Imported) else found


@given(st.lists(st.tuples(st.text(), st.text(), st.integers() | st.text() | st.none()), min_size=1, max_size=4))
@example([("a", "\x1f", 0)])  # white space that YAML refuses, told in a comment
@example([("a", "\u2028", 0)])
def test_any_values_are_imported_or_refused_with_problems(values: list[tuple[str, str, Any]]) -> None:
    jobs = [
        job(1, task_name=f"t{n}", table_name=a, after_task_name=b, retry_count=c) for n, (a, b, c) in enumerate(values)
    ]
    found = attempted(json.dumps(jobs).encode())
    if isinstance(found, Imported):
        (graph,) = parse(found.text.encode(), "any.yaml").graphs
        assert [job.args[1] for job in graph.jobs] == [f"--result_table={value[0]}" for value in values]
    else:
        assert found
