"""Backfills with real containers: the command starts one, Snowflake drives it, each interval has one run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner, Result

from jobgraph.account.queries import Place, Statement
from jobgraph.cli.application import Application
from jobgraph.cli.command_line import cli
from jobgraph.runs.operations import filled
from tests.runner.deployed import DEFAULTS, Deployed, deployed, write_image

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.sandbox

DAYS = ("--from", "2026-11-01", "--every", "day")
FACTS = ("DATA_INTERVAL_START", "DATA_INTERVAL_END", "RUN_CONFIG")
JOBS: dict[str, dict[str, Any]] = {
    "t_first": {"args": ["say", *FACTS]},
    "t_beside": {"args": ["nothing"]},
    "t_second": {"args": ["nothing"], "after": ["t_first", "t_beside"]},
}


class InProcess:
    """A connection to the sandbox of this process. Is a `Client`."""

    place = Place("D", "S")
    server = "here"

    def __init__(self, graph: Deployed) -> None:
        self._graph = graph

    def rows(self, statement: Statement) -> list[dict[str, Any]]:
        rows = self._graph.rows(filled(statement))
        return [{name.strip('"'): value for name, value in row.items()} for row in rows]


def jobgraph(graph: Deployed, *arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, obj=Application(connect=lambda _: InProcess(graph), folder=Path("/")))


@pytest.fixture
def graph(tmp_path: Path) -> Iterator[Deployed]:
    write_image(tmp_path / "images")
    file = tmp_path / "jobs.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "defaults": DEFAULTS, "graphs": {"g": {"jobs": JOBS}}}))
    with deployed(tmp_path / "sandbox", tmp_path / "images", file, lambda task: task.sql) as found:
        yield found


def intervals(graph: Deployed) -> list[tuple[int, str, str]]:
    rows = graph.rows("SELECT PLACE, STATE, GRAPH_RUN_ID FROM D.S.BACKFILL_INTERVALS ORDER BY BACKFILL_ID, PLACE")
    return [(int(row["PLACE"]), row["STATE"], row["GRAPH_RUN_ID"] or "") for row in rows]


def containers(graph: Deployed, task: str) -> dict[str, dict[str, Any]]:
    """What a job's containers saw, by run."""
    rows = graph.rows(
        f"SELECT GRAPH_RUN_ID, OUTPUTS FROM D.S.JOBS_RUN_STATS WHERE TASK_NAME = '{task}' AND JOB_STATUS = 'DONE'"
    )
    return {row["GRAPH_RUN_ID"]: json.loads(row["OUTPUTS"] or "{}") for row in rows}


def test_each_interval_has_one_run_whose_containers_know_it(graph: Deployed) -> None:
    shown = json.loads(jobgraph(graph, "backfill", *DAYS, "--to", "2026-11-03", "--dry-run", "--json").stdout)
    assert [entry["start"][:10] for entry in shown["intervals"]] == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert not graph.rows("SELECT * FROM D.S.BACKFILLS")
    done = jobgraph(graph, "backfill", "g", *DAYS, "--to", "2026-11-03", "--note", "prices were wrong")
    assert done.exit_code == 0, done.output
    runs = graph.finish_all(3)
    assert intervals(graph) == [(place, "DONE", run) for place, run in enumerate(runs, 1)]
    seen = containers(graph, "T_FIRST")
    assert [seen[run] for run in runs] == [
        {
            "DATA_INTERVAL_START": f"2026-11-0{day} 00:00:00.000 Z",
            "DATA_INTERVAL_END": f"2026-11-0{day + 1} 00:00:00.000 Z",
            "RUN_CONFIG": None,
        }
        for day in (1, 2, 3)
    ]
    (row,) = graph.rows("SELECT STATE FROM D.S.BACKFILLS")
    assert row["STATE"] == "DONE"
    again = jobgraph(graph, "backfill", *DAYS, "--to", "2026-11-03")
    assert again.exit_code == 2
    assert "All 3 intervals from 2026-11-01 00:00 to 2026-11-04 00:00 UTC were run already" in again.stderr
    (kept,) = graph.rows("SELECT OPERATION, NOTE, JOBS FROM D.S.OPERATIONS")
    assert (kept["OPERATION"], kept["NOTE"], json.loads(kept["JOBS"])) == (
        "backfill",
        "prices were wrong",
        ["T_BESIDE", "T_FIRST", "T_SECOND"],
    )


def test_a_run_that_somebody_asks_for_meanwhile_is_not_lost_and_the_backfill_goes_on(graph: Deployed) -> None:
    assert jobgraph(graph, "backfill", *DAYS, "--to", "2026-11-02").exit_code == 0
    graph.start({"market": "eu"})  # waits behind the first interval's run
    runs = graph.finish_all(3)
    assert intervals(graph) == [(1, "DONE", runs[0]), (2, "DONE", runs[2])]
    assert containers(graph, "T_FIRST")[runs[1]]["RUN_CONFIG"] == '{"market": "eu"}'


def test_a_backfill_is_paused_resumed_and_cancelled_and_runs_stay_usable(graph: Deployed) -> None:
    assert jobgraph(graph, "backfill", *DAYS, "--to", "2026-11-04", "--newest-first").exit_code == 0
    (backfill,) = [row["BACKFILL_ID"] for row in graph.rows("SELECT BACKFILL_ID FROM D.S.BACKFILLS")]
    paused = jobgraph(graph, "backfill", "pause", backfill)
    assert "is PAUSED" in paused.stdout
    graph.finish_all(1)
    shown = json.loads(jobgraph(graph, "backfill", "show", backfill, "--json").stdout)
    assert shown["state"] == "PAUSED"
    ended = sum(entry["state"] != "PENDING" for entry in shown["intervals"])
    assert next(entry["start"][:10] for entry in shown["intervals"]) == "2026-11-04"
    texts = json.loads(jobgraph(graph, "backfill", "resume", backfill, "--dry-run", "--json").stdout)["statements"]
    assert any("EXECUTE TASK" in text for text in texts)
    assert jobgraph(graph, "backfill", "resume", backfill).exit_code == 0
    graph.finish_all(2)
    cancelled = jobgraph(graph, "backfill", "cancel", backfill, "--note", "enough")
    assert "is CANCELLED" in cancelled.stdout, cancelled.output
    graph.start()
    graph.quiet()
    states = [state for _, state, _ in intervals(graph)]
    assert set(states) <= {"DONE", "CANCELLED"}
    assert states.count("DONE") >= ended
    listed = json.loads(jobgraph(graph, "backfill", "list", "--json").stdout)
    assert [entry["state"] for entry in listed] == ["CANCELLED"]
    # what was cancelled can be asked for anew
    assert jobgraph(graph, "backfill", *DAYS, "--to", "2026-11-04").exit_code == 0
    graph.quiet()
    assert {state for _, state, _ in intervals(graph)} == {"DONE", "CANCELLED"}
    claimed = [run for _, state, run in intervals(graph) if state == "DONE"]
    assert len(claimed) == len(set(claimed)) == 4


def test_a_part_of_the_graph_runs_as_its_dry_run_says_and_its_note_is_kept(graph: Deployed) -> None:
    shown = json.loads(jobgraph(graph, "run", "--from", "t_beside", "--dry-run", "--json").stdout)
    assert shown["jobs"] == ["T_BESIDE", "T_SECOND"]
    done = jobgraph(graph, "run", "--from", "t_beside", "--note", "only this")
    assert done.exit_code == 0, done.output
    (run,) = graph.finish_all(1)
    rows = graph.rows(f"SELECT TASK_NAME, JOB_STATUS FROM D.S.JOBS_RUN_STATS WHERE GRAPH_RUN_ID = '{run}'")
    assert sorted(row["TASK_NAME"] for row in rows if row["JOB_STATUS"] == "DONE") == shown["jobs"]
    (kept,) = graph.rows("SELECT GRAPH_RUN_ID, NOTE, STATEMENTS FROM D.S.OPERATIONS")
    assert (kept["GRAPH_RUN_ID"], kept["NOTE"], json.loads(kept["STATEMENTS"])) == (
        run,
        "only this",
        shown["statements"],
    )
    told = json.loads(jobgraph(graph, "status", "g", "--run", run, "--json").stdout)
    assert [(entry["operation"], entry["note"]) for entry in told["operations"]] == [("run", "only this")]
    refused = jobgraph(graph, "retry")
    assert "there is nothing to retry" in refused.stderr
