"""The command `backfill` against recorded rows: what it shows first is what it sends, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.cli import backfill_output
from jobgraph.config.schedules import Cron
from jobgraph.runs.backfills import Backfill, Interval, TimeRange
from jobgraph.runs.operations import filled
from tests.jobgraph.cli.recorded import START, Row, Server, absent, history_row

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.jobgraph.cli.conftest import Invoke

OPTIONS = ("--from", "2026-02-20", "--to", "2026-02-22", "--every", "day")
FIRST = datetime(2026, 2, 20, tzinfo=UTC)
BACKFILL: Row = {
    "BACKFILL_ID": "1772359200000",
    "GRAPH_NAME": "container_jobs",
    "STATE": "RUNNING",
    "START_TIME": FIRST,
    "END_TIME": FIRST + timedelta(days=3),
    "EVERY": "day",
    "REPROCESS": "missing",
    "NEWEST_FIRST": False,
    "USER_NAME": "ADA",
    "CREATED_TIME": START,
    "CHANGED_TIME": START,
}


def interval(place: int, state: str, run: str | None) -> Row:
    ends = {"START_TIME": FIRST + timedelta(days=place - 1), "END_TIME": FIRST + timedelta(days=place)}
    return {"BACKFILL_ID": "1772359200000", "PLACE": place, "STATE": state, "GRAPH_RUN_ID": run, **ends}


INTERVALS = [interval(1, "DONE", "1"), interval(2, "FAILED", "2"), interval(3, "PENDING", None)]


@pytest.fixture(autouse=True)
def _asking_tasks(server: Server) -> None:
    for row in server.tasks:
        row["definition"] = row["definition"].replace("', $$", "', (SELECT 'last_config'), $$")
    server.answers = {
        "^(INSERT|UPDATE|BEGIN|COMMIT)": [],
        "FROM .*BACKFILLS": [],
        "FROM .*BACKFILL_INTERVALS": INTERVALS,
    }


def changes(server: Server) -> list[str]:
    return [
        filled(one) for one in server.sent if one.text.startswith(("INSERT", "UPDATE", "EXECUTE", "BEGIN", "COMMIT"))
    ]


def test_what_is_shown_first_is_what_is_sent(invoke: Invoke, server: Server) -> None:
    shown = json.loads(invoke("backfill", *OPTIONS, "--dry-run", "--json").stdout)
    assert changes(server) == []
    assert [entry["start"][:10] for entry in shown["intervals"]] == ["2026-02-20", "2026-02-21", "2026-02-22"]
    done = invoke("backfill", "container_jobs", *OPTIONS, "--note", "new prices")
    assert done.exit_code == 0, done.output
    *sent, kept = changes(server)
    assert sent == shown["statements"]
    assert "OPERATIONS" in kept
    assert "'new prices'" in kept
    request = json.loads(sent[-1].split("$$")[1])["jobgraph"]
    assert (request["interval"], request["start"]) == (1, "2026-02-20 00:00:00.000 Z")
    assert "3 intervals, one run each: 2026-02-20 00:00 - 2026-02-21 00:00 to 2026-02-22 00:00" in done.stderr
    assert "2026-02-23 00:00 (UTC)." in done.stderr
    assert "then the last statement requests the first run" in done.stderr


def test_what_is_shown_of_many_intervals_can_be_read(invoke: Invoke) -> None:
    options = ("--from", "2025-12-01", "--to", "2026-01-01", "--every", "hour", "--dry-run")
    shown = invoke("backfill", *options)
    assert shown.exit_code == 0, shown.output
    assert max(map(len, shown.stdout.splitlines())) < 2_100
    assert "more characters; --json shows all" in shown.stdout
    assert len(json.loads(invoke("backfill", *options, "--json").stdout)["intervals"]) == 32 * 24


def test_nobody_elses_run_is_replaced(invoke: Invoke, server: Server) -> None:
    server.earlier = [history_row("ROOT_TASK", "SCHEDULED", GRAPH_RUN_GROUP_ID=None)]
    shown = json.loads(invoke("backfill", *OPTIONS, "--dry-run", "--json").stdout)
    assert [text.split(" ")[0] for text in shown["statements"]] == ["INSERT", "INSERT"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"definition": "SELECT 1"}, "do not ask for which interval they run"),
        ({"name": "GET_GRAPH_STATS", "state": "suspended"}, "has no finalizer that runs"),
    ],
)
def test_graphs_that_could_not_go_on_are_refused(
    invoke: Invoke, server: Server, change: dict[str, Any], text: str
) -> None:
    place = -1 if "name" in change else 1
    server.tasks[place] = {**server.tasks[place], **change}
    done = invoke("backfill", *OPTIONS)
    assert done.exit_code == 2
    assert text in done.stderr
    assert changes(server) == []


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--from", "2026-02-20", "--to", "2026-02-19"), "--to 2026-02-19 is before --from 2026-02-20"),
        (("--from", "2026-02-20", "--to", "2026-02-20T06:00"), "No whole interval lies between"),
        (
            ("--from", "2026-03-05", "--to", "2026-03-06"),
            "No interval from --from 2026-03-05 to --to 2026-03-06 is over yet",
        ),
        (("--from", "today", "--to", "2026-03-06"), "--from today: neither a date nor a time"),
        ((*OPTIONS[:4], "--every", "schedule"), "The graph has no schedule"),
        (("--from", "9999-12-30", "--to", "9999-12-31"), "--to 9999-12-31 goes beyond the years 1 to 9999 in UTC"),
        (("--from", "0001-01-01T00:00+14:00", "--to", "2026-01-01"), "--from 0001-01-01T00:00+14:00 goes beyond"),
        (("--from", "2026-01-01", "--to", "9999-12-31T23:59-12:00"), "--to 9999-12-31T23:59-12:00 goes beyond"),
        (("--from", "9999-12-30", "--to", "9999-12-30"), "goes beyond the years 1 to 9999 in UTC"),
        (("--from", "9999-12-30", "--to", "9999-12-31T23:59", "--every", "hour"), "goes beyond the years 1 to 9999"),
    ],
)
def test_times_that_have_no_interval_are_refused(
    invoke: Invoke, server: Server, options: tuple[str, ...], text: str
) -> None:
    done = invoke("backfill", *options)
    assert done.exit_code == 2
    assert text in done.stderr
    assert changes(server) == []


def test_a_stack_of_an_earlier_version_says_what_to_do(invoke: Invoke, server: Server) -> None:
    server.answers["FROM .*BACKFILLS"] = absent()
    done = invoke("backfill", "list")
    assert done.exit_code == 2
    assert "`pulumi up` creates it" in done.stderr


@pytest.mark.usefixtures("far_away")
def test_backfills_are_listed_and_shown(invoke: Invoke, server: Server, golden: Callable[[str, str], None]) -> None:
    server.answers["FROM .*BACKFILLS"] = [BACKFILL]
    listed, shown = invoke("backfill", "list"), invoke("backfill", "show", "1772359200000")
    golden("backfill.txt", f"{listed.stdout}\n{shown.stdout}\n{shown.stderr}")
    as_json = json.loads(invoke("backfill", "show", "1772359200000", "--json").stdout)
    assert as_json["counts"] == {"DONE": 1, "FAILED": 1, "PENDING": 1}
    assert as_json["stalled"] is True


@pytest.mark.parametrize(
    ("command", "state", "after"), [("pause", "RUNNING", "PAUSED"), ("cancel", "PAUSED", "CANCELLED")]
)
def test_a_backfill_is_steered_as_shown(invoke: Invoke, server: Server, command: str, state: str, after: str) -> None:
    server.answers["FROM .*BACKFILLS"] = [{**BACKFILL, "STATE": state}]
    shown = json.loads(invoke("backfill", command, "1772359200000", "--dry-run", "--json").stdout)
    assert changes(server) == []
    assert any(f"SET STATE = '{after}'" in text for text in shown["statements"])
    # the backfill and its intervals, together or not at all
    assert [text for text in shown["statements"] if "UPDATE" not in text] == ["BEGIN TRANSACTION", "COMMIT"] * (
        command == "cancel"
    )
    assert invoke("backfill", command, "1772359200000", "--note", "n").exit_code == 0
    *sent, kept = changes(server)
    assert sent == shown["statements"]
    assert f"'backfill {command}', 'n'" in kept


def test_what_changes_nothing_is_refused(invoke: Invoke, server: Server) -> None:
    server.answers["FROM .*BACKFILLS"] = [{**BACKFILL, "STATE": "DONE"}]
    for command in ("pause", "resume", "cancel"):
        done = invoke("backfill", command, "1772359200000")
        assert done.exit_code == 2
        assert f"is DONE, so there is nothing to {command}" in done.stderr
    assert changes(server) == []
    server.answers["FROM .*BACKFILLS"] = []
    assert "There is no backfill '7'" in invoke("backfill", "show", "7").stderr


def test_a_backfill_that_a_run_drives_is_not_resumed(invoke: Invoke, server: Server) -> None:
    server.answers |= {"FROM .*BACKFILLS": [BACKFILL], "TASK_HISTORY": [history_row("T_MYJOB_1", "EXECUTING")]}
    for options in ((), ("--dry-run",)):
        refused = invoke("backfill", "resume", "1772359200000", *options)
        assert refused.exit_code == 2
        assert "Backfill 1772359200000 is RUNNING already, so there is nothing to resume" in refused.stderr
    assert changes(server) == []
    server.answers["TASK_HISTORY"] = []
    assert invoke("backfill", "resume", "1772359200000").exit_code == 0
    assert any(text.startswith("EXECUTE") for text in changes(server))


def test_a_paused_backfill_is_resumed_while_a_run_is_in_progress(invoke: Invoke, server: Server) -> None:
    server.answers |= {
        "FROM .*BACKFILLS": [{**BACKFILL, "STATE": "PAUSED"}],
        "TASK_HISTORY": [history_row("T_MYJOB_1", "EXECUTING")],
    }
    assert invoke("backfill", "resume", "1772359200000").exit_code == 0
    assert any(text.startswith("EXECUTE") for text in changes(server))


def test_values_of_a_backfill_are_those_of_each_of_its_runs(invoke: Invoke, server: Server) -> None:
    server.tasks[0] = {**server.tasks[0], "config": '{"market": "eu", "days": 7}'}
    shown = json.loads(invoke("backfill", *OPTIONS, "--set", "market=us", "--dry-run", "--json").stdout)
    assert shown["config"] == {"market": "us"}
    assert invoke("backfill", *OPTIONS, "--set", "market=us").exit_code == 0
    *sent, _ = changes(server)
    assert sent == shown["statements"]
    config = json.loads(sent[-1].split("$$")[1])
    assert (config["market"], config["jobgraph"]["interval"]) == ("us", 1)
    assert """'{"market": "us"}'""" in sent[-2]  # the finalizers of its runs read it there
    refused = invoke("backfill", *OPTIONS, "--set", "marked=us")
    assert "has no key 'marked'; perhaps you meant market" in refused.stderr


def test_a_value_with_marks_and_quotes_is_shown_as_it_is_sent(invoke: Invoke, server: Server) -> None:
    server.tasks[0] = {**server.tasks[0], "config": '{"market": "eu"}'}
    value = "us? 'x' $$ \\? \""
    shown = json.loads(invoke("backfill", *OPTIONS, "--set", f"market={value}", "--dry-run", "--json").stdout)
    config = json.loads(shown["statements"][-1].split("$$")[1])
    assert config["market"] == value
    assert invoke("backfill", *OPTIONS, "--set", f"market={value}").exit_code == 0
    (run,) = [sent for sent in server.sent if sent.text.startswith("EXECUTE")]
    assert run.text == shown["statements"][-1]


def test_the_years_of_an_interval_have_four_digits(invoke: Invoke) -> None:
    options = ("--from", "0001-01-01", "--to", "0001-01-01", "--every", "day")
    done = invoke("backfill", *options, "--dry-run", "--json")
    assert done.exit_code == 0, done.output
    shown = json.loads(done.stdout)
    assert shown["intervals"][0]["start"] == "0001-01-01T00:00:00+00:00"
    interval = json.loads(shown["statements"][-1].split("$$")[1])["jobgraph"]
    assert (interval["start"], interval["end"]) == ("0001-01-01 00:00:00.000 Z", "0001-01-02 00:00:00.000 Z")
    told = invoke("backfill", *options, "--dry-run")
    assert "0001-01-01 00:00" in told.output


def test_a_backfill_goes_on_with_its_values(invoke: Invoke, server: Server) -> None:
    server.answers["FROM .*BACKFILLS"] = [{**BACKFILL, "STATE": "PAUSED", "RUN_CONFIG": '{"market": "us"}'}]
    done = invoke("backfill", "resume", "1772359200000")
    assert done.exit_code == 0, done.output
    request = next(text for text in changes(server) if text.startswith("EXECUTE"))
    assert json.loads(request.split("$$")[1])["market"] == "us"
    assert "with market=us" in invoke("backfill", "show", "1772359200000").stdout


@pytest.mark.parametrize(
    ("schedule", "hour", "zone"),
    [
        (Cron("0 2 * * *", "Europe/Berlin"), 23, ", from midnight in Europe/Berlin;"),
        (None, 0, ", from midnight in UTC;"),
        (Cron("0 2 * * *", "Europe/Berlin"), 0, ";"),  # the schedule has changed since
    ],
)
def test_a_backfill_of_days_names_the_zone_in_which_they_begin(schedule: Cron | None, hour: int, zone: str) -> None:
    start = datetime(2026, 2, 19, hour, tzinfo=UTC)
    span = TimeRange(start, start + timedelta(days=1))
    interval = Interval("1", 1, span, "PENDING")
    backfill = Backfill(
        "1", "g", "RUNNING", span, "day", "missing", newest_first=False, intervals=(interval,), values={"a": 1}
    )
    assert f"; every day{zone}" in backfill_output.headline(backfill, schedule).plain
    assert "UTC" not in backfill_output.headline(replace(backfill, step="hour"), schedule).plain
