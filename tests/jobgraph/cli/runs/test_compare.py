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


def asked(server: Server, **requests: dict[str, object]) -> None:
    """Give the roots of the two runs requests of their own."""
    for row in server.logged:
        name = "old" if row["GRAPH_RUN_GROUP_ID"] == OLD_RUN else "new"
        if row["NAME"] == "ROOT_TASK" and name in requests:
            row["CONFIG"] = json.dumps({"jobgraph": requests[name]})


@pytest.mark.usefixtures("two_runs")
def test_a_part_is_told_once_and_its_jobs_only_if_something_else_differs(invoke: Invoke, server: Server) -> None:
    asked(server, new={"left_out": ["A", "C"]})
    server.attempts = [row for row in server.attempts if row["GRAPH_RUN_ID"] == OLD_RUN or row["TASK_NAME"] == "B"]
    server.attempts += [attempt(name, 0, "LEFT_OUT", IMAGE_DIGEST=None) for name in ("A", "C")]
    done = invoke("compare", OLD_RUN, RUN)
    assert f"run {RUN} (a part: 2 of 3 jobs left out): FAILED" in done.stdout
    told = json.loads(invoke("compare", OLD_RUN, RUN, "--json").stdout)
    facts = {(d["job"], d["fact"]): (d["first"], d["second"]) for d in told["differences"]}
    assert facts[None, "left out"] == (None, ["A", "C"])
    assert not [fact for job, fact in facts if job == "A"]
    assert told["runs"][1]["request"] == {"left_out": ["A", "C"]}
    # a job that failed in the run that had it is told
    server.logged = [row | ({"STATE": "FAILED"} if row["NAME"] == "A" else {}) for row in server.logged]
    server.attempts = [attempt("A", 1, "FAILED", GRAPH_RUN_ID=OLD_RUN), *server.attempts[1:]]
    told = json.loads(invoke("compare", OLD_RUN, RUN, "--json").stdout)["differences"]
    assert [(d["fact"], d["first"], d["second"]) for d in told if d["job"] == "A"] == [("state", "FAILED", "LEFT_OUT")]


@pytest.mark.usefixtures("two_runs")
def test_two_parts_and_two_intervals_are_told_as_such_where_nothing_else_differs(
    invoke: Invoke, server: Server
) -> None:
    interval = {"backfill": "7", "interval": 1, "start": "2026-01-01T00:00:00", "end": "2026-01-02T00:00:00"}
    later = {**interval, "interval": 2, "start": "2026-01-02T00:00:00", "end": "2026-01-03T00:00:00"}
    asked(server, old=interval, new=later)
    done = invoke("compare", OLD_RUN, RUN).stdout
    assert f"run {OLD_RUN} (interval 1 of backfill 7, 2026-01-01T00:00 - 2026-01-02T00:00 UTC): DONE" in done
    assert f"run {RUN} (interval 2 of backfill 7, 2026-01-02T00:00 - 2026-01-03T00:00 UTC): FAILED" in done
    told = json.loads(invoke("compare", OLD_RUN, RUN, "--json").stdout)["differences"]
    (row,) = [d for d in told if d["fact"] == "interval"]
    assert row["first"] == "1 of backfill 7: 2026-01-01T00:00:00 to 2026-01-02T00:00:00"
    asked(server, old={"left_out": ["A"]}, new={"left_out": ["A"]})
    assert invoke("compare", OLD_RUN, RUN).stdout.count("a part: 1 of ") == 2


@pytest.mark.usefixtures("two_runs")
def test_what_differs_in_every_run_or_follows_from_a_state_is_no_difference(invoke: Invoke, server: Server) -> None:
    """A job that never ran has no image and no pool; ids, services and times in an error are of its run only."""
    for row in server.logged:
        skipped = row["GRAPH_RUN_GROUP_ID"] == RUN and row["NAME"] == "B"
        row["STATE"] = "FAILED" if row["NAME"] == "A" else "SKIPPED" if skipped else row["STATE"]
        row["SCHEDULED_FROM"] = "EXECUTE TASK" if row["GRAPH_RUN_GROUP_ID"] == RUN else "EXECUTE_TASK"
    uuids = {OLD_RUN: "01c0ffee-0000-0001-0000-00000000000a", RUN: "01c0ffee-0000-0002-0000-00000000000b"}
    server.attempts = [attempt("B", GRAPH_RUN_ID=OLD_RUN), attempt("C")]
    server.attempts += [
        attempt("A", 1, "FAILED", GRAPH_RUN_ID=run, SERVICE_NAME=f"DB.PUBLIC.A_{run}", ERRORS=f"at {time}: {words}")
        for run, time in ((OLD_RUN, "2026-03-01 10:00:00.123"), (RUN, "2026-03-02T11:30:00Z"))
        for words in [f"run {run}, service A_{run}, query {uuids[run]}, <Frame at 0x7f{run[-1]}a>: no such column"]
    ]
    told = json.loads(invoke("compare", OLD_RUN, RUN, "--json").stdout)["differences"]
    assert {d["fact"] for d in told if d["job"] == "A"} <= {"duration"}, told
    assert [d["fact"] for d in told if d["job"] == "B"] == ["state", "reason"]
    assert not [d for d in told if d["fact"] == "started by"]
    server.attempts[-1]["ERRORS"] = server.attempts[-1]["ERRORS"].replace("no such column", "no such table")
    told = json.loads(invoke("compare", OLD_RUN, RUN, "--json").stdout)["differences"]
    assert "error" in {d["fact"] for d in told if d["job"] == "A"}
    # both cells are cut where they differ, not before
    (line,) = [line for line in invoke("compare", OLD_RUN, RUN).stdout.splitlines() if line.startswith("A    error")]
    before, after = line.split("  ")[-2:]
    assert before.strip() != after.strip()
    server.attempts[-1]["IMAGE_DIGEST"] = None  # not recorded is no other image
    told = json.loads(invoke("compare", OLD_RUN, RUN, "--json").stdout)["differences"]
    assert "image" not in {d["fact"] for d in told if d["job"] == "A"}
