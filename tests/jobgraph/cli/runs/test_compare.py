"""What differs between a good run and a bad one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.jobgraph.cli.recorded import OLD_RUN, RUN, Server, attempt, history_row, logged_row, recorded_jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.jobgraph.cli.conftest import Invoke


@pytest.fixture
def two_runs(server: Server) -> None:
    """In the second run a job was added, another failed with another image, and it was asked for with other values."""
    old = {"GRAPH_RUN_GROUP_ID": OLD_RUN, "RUN_CONFIG": '{"market": "eu", "days": 7}'}
    new = {"RUN_CONFIG": '{"market": "us", "days": 7}', "COMPLETED_TIME": "2026-03-01 10:00:40.000 +0000"}
    before, after = recorded_jobs({"A": [], "B": ["A"]}), recorded_jobs({"A": [], "B": ["A"], "C": []})
    server.logged = [logged_row(name, "SUCCEEDED", jobs=before, **old) for name in ("ROOT_TASK", "A", "B")]
    states = {"ROOT_TASK": "SUCCEEDED", "A": "SUCCEEDED", "B": "FAILED", "C": "SUCCEEDED"}
    server.logged += [logged_row(name, state, jobs=after, **new) for name, state in states.items()]
    server.attempts = [attempt(name, GRAPH_RUN_ID=OLD_RUN) for name in ("A", "B")]
    server.attempts += [attempt("A"), attempt("C"), attempt("B", 1, "FAILED", IMAGE_DIGEST="sha256:other")]
    server.began, server.steps = -1000.0, ()


@pytest.mark.usefixtures("two_runs")
def test_what_differs_is_told_fact_by_fact(invoke: Invoke, golden: Callable[[str, str], None]) -> None:
    golden("compare.txt", invoke("compare", OLD_RUN, "last").stdout)
    listed = json.loads(invoke("compare", OLD_RUN, RUN, "--json").stdout)["differences"]
    facts = {(difference["job"], difference["fact"]): difference["second"] for difference in listed}
    assert facts[None, "config.market"] == "us"
    assert facts["B", "image"] == "sha256:other"
    assert facts["C", "in the graph"] is True
    assert (None, "config.days") not in facts
    assert not [fact for job, fact in facts if job == "A" and fact != "duration"]


@pytest.mark.usefixtures("two_runs")
def test_a_run_that_is_the_last_one_is_not_compared_with_itself(invoke: Invoke) -> None:
    done = invoke("compare", RUN, "last")
    assert (done.exit_code, done.stdout) == (0, "")
    assert f"Both are run {RUN}" in done.stderr
    assert "No difference" not in done.stderr


def body(image: str, retries: int) -> str:
    container = {"name": "main", "image": image, "args": ["a"]}
    definition = {"graph": "container_jobs", "retries": retries, "specification": {"spec": {"containers": [container]}}}
    return f"CALL RUN_JOB_0('A', (SELECT 1), $${json.dumps(definition)}$$)"


@pytest.mark.usefixtures("two_runs")
def test_what_jobs_were_told_to_do_is_compared_part_by_part(invoke: Invoke, server: Server) -> None:
    server.earlier = [
        history_row("A", "SUCCEEDED", GRAPH_RUN_GROUP_ID=OLD_RUN, QUERY_TEXT=body("/d/s/i/a:1", 0)),
        history_row("A", "SUCCEEDED", GRAPH_RUN_GROUP_ID=RUN, QUERY_TEXT=body("/d/s/i/a:2", 2)),
        history_row("B", "SUCCEEDED", GRAPH_RUN_GROUP_ID=RUN, QUERY_TEXT=body("/d/s/i/b:2", 2)),
    ]
    listed = json.loads(invoke("compare", OLD_RUN, RUN, "--json").stdout)["differences"]
    told = {(d["job"], d["fact"]): (d["first"], d["second"]) for d in listed if d["fact"].startswith("definition")}
    assert told == {
        ("A", "definition.image"): ("/d/s/i/a:1", "/d/s/i/a:2"),
        ("A", "definition.retries"): (0, 2),
    }


@pytest.mark.usefixtures("two_runs")
def test_a_job_that_was_left_out_differs_in_nothing_else(invoke: Invoke, server: Server) -> None:
    server.attempts = [row for row in server.attempts if (row["TASK_NAME"], row["GRAPH_RUN_ID"]) != ("A", RUN)]
    server.attempts.append(attempt("A", 0, "LEFT_OUT", IMAGE_DIGEST=None))
    listed = json.loads(invoke("compare", OLD_RUN, RUN, "--json").stdout)["differences"]
    assert [(d["fact"], d["second"]) for d in listed if d["job"] == "A"] == [("state", "LEFT_OUT")]
