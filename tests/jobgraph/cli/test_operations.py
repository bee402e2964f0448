"""Whatever changes something is shown first, done as shown, and kept with its note."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from jobgraph.procedures import outcome, retries
from jobgraph.runs.advice import ADVICE
from jobgraph.runs.operations import filled
from tests.jobgraph.cli.recorded import (
    FAILED_ATTEMPTS,
    FAILING,
    PREDECESSORS,
    RUN,
    START,
    Row,
    Server,
    absent,
    attempt,
    history_row,
    logged_row,
    recorded_jobs,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.jobgraph.cli.conftest import Invoke

CHANGING = ("EXECUTE", "ALTER", "INSERT", "UPDATE", "SELECT SYSTEM$USER_TASK_CANCEL", "CALL")
COMMANDS = ("run", "retry", "cancel", "suspend", "resume")


def changes(server: Server) -> list[str]:
    return [filled(one) for one in server.sent if one.text.startswith(CHANGING)]


@pytest.fixture
def steered(server: Server) -> Server:
    """A server that takes every statement, whose run goes on."""
    server.answers = {
        **{text: [] for text in ("RETRY LAST", "ALTER TASK", "SPCS_CANCEL_JOB", "CANCEL_ONGOING", "^INSERT")},
        "SHOW JOB SERVICES LIKE": [{"name": "NEW", "status": "RUNNING"}],
    }
    return server


def prepare(server: Server, command: str) -> None:
    if command == "retry":
        server.steps, server.began = FAILING, -20.0
        server.attempts = [attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)] + FAILED_ATTEMPTS
    elif command == "cancel":
        server.began = -1.0


@pytest.mark.parametrize("command", COMMANDS)
def test_a_dry_run_sends_nothing_and_shows_what_is_sent_then(invoke: Invoke, steered: Server, command: str) -> None:
    prepare(steered, command)
    shown = json.loads(invoke(command, "--dry-run", "--json").stdout)
    assert changes(steered) == []
    assert (shown["operation"], shown["graph"]) == (command, "container_jobs")
    done = invoke(command, "--note", "because")
    assert done.exit_code == 0, done.output
    *sent, kept = changes(steered)
    assert sent == shown["statements"]
    assert "INSERT INTO" in kept
    assert "OPERATIONS" in kept
    assert f"'{command}', 'because'" in kept
    assert json.dumps(shown["jobs"]) in kept


def test_a_retry_names_the_jobs_that_run_again(invoke: Invoke, steered: Server) -> None:
    prepare(steered, "retry")
    assert json.loads(invoke("retry", "--dry-run", "--json").stdout)["jobs"] == ["T_MYJOB_3", "T_MYJOB_6"]


def test_a_good_run_is_not_retried(invoke: Invoke, steered: Server) -> None:
    steered.began = -20.0
    done = invoke("retry")
    assert done.exit_code == 1
    assert "there is nothing to retry" in done.stderr
    assert "`jobgraph run container_jobs --wait` runs all of it" in done.stderr
    steered.began = -2.0
    assert "is still under way" in invoke("retry").stderr
    assert changes(steered) == []


@pytest.mark.usefixtures("utc")
def test_notes_are_shown_with_their_run(invoke: Invoke, server: Server) -> None:
    server.logged = [logged_row(name, "SUCCEEDED", jobs=[]) for name in ("ROOT_TASK",)]
    server.attempts = []
    kept: Row = {
        "GRAPH_NAME": "container_jobs",
        "GRAPH_RUN_ID": RUN,
        "OPERATION": "retry",
        "NOTE": "the source is back",
        "USER_NAME": "ADA",
        "CREATED_TIME": START,
        "BACKFILL_ID": None,
    }
    asked = {**kept, "GRAPH_RUN_ID": None, "OPERATION": "run", "NOTE": "", "CREATED_TIME": START + timedelta(seconds=3)}
    server.operations = [kept, {**kept, "GRAPH_RUN_ID": "another", "NOTE": "of another"}, asked]
    text = invoke("history", "container_jobs").stdout
    assert f"{RUN}: retry by ADA, 2026-03-01 10:00:00: the source is back" in text
    assert "of another" not in text
    (run,) = json.loads(invoke("history", "container_jobs", "--json").stdout)
    assert [entry["operation"] for entry in run["operations"]] == ["retry", "run"]
    shown = invoke("status", "container_jobs", "--run", RUN).stdout
    assert "retry by ADA, 2026-03-01 10:00:00: the source is back" in shown


def test_a_stack_of_an_earlier_version_keeps_no_note_and_says_so(invoke: Invoke, steered: Server) -> None:
    steered.answers["^INSERT"] = absent()
    assert invoke("suspend").stderr.count("not kept") == 0
    done = invoke("suspend", "--note", "n")
    assert done.exit_code == 0
    assert "The note was not kept" in done.stderr


def test_all_also_cancels_the_run_that_waits(invoke: Invoke, steered: Server) -> None:
    steered.began = -1.0
    steered.earlier = [history_row("ROOT_TASK", "SCHEDULED", GRAPH_RUN_GROUP_ID=None, SCHEDULED_TIME=START)]
    begun = [
        history_row("ROOT_TASK", "SUCCEEDED", GRAPH_RUN_GROUP_ID="2", SCHEDULED_TIME=START + timedelta(minutes=1)),
        history_row("T_MYJOB_1", "EXECUTING", GRAPH_RUN_GROUP_ID="2", SCHEDULED_TIME=START + timedelta(minutes=1)),
    ]

    def begins(seconds: float) -> None:
        if seconds > 2:
            steered.earlier = begun

    steered.clock.at = begins
    done = invoke("cancel", "--all", "--note", "wrong data")
    assert "Run 2, which waited: T_MYJOB_1 cancelled" in done.stderr, done.output
    kept = [text for text in changes(steered) if "OPERATIONS" in text]
    assert len(kept) == 2


def test_every_reason_class_has_advice_in_the_program_and_in_the_document() -> None:
    classes = {*retries.CAUSES, *(name for name, _ in (*outcome.OF_MESSAGE, *outcome.OF_ERROR)), "cancelled"}
    assert ADVICE.keys() == classes
    assert "`jobgraph" not in "".join(ADVICE.values())


WIDTHS = {"80 columns": "80", "120 columns": "120", "no terminal": ""}


@pytest.mark.parametrize("name", WIDTHS)
@pytest.mark.usefixtures("utc")
def test_tables_fit_the_terminal_and_lose_nothing_without_one(
    invoke: Invoke,
    server: Server,
    golden: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    if WIDTHS[name]:
        monkeypatch.setenv("COLUMNS", WIDTHS[name])
        monkeypatch.setenv("LINES", "40")  # without it, a dumb terminal has 80 columns
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    server.steps, server.began = FAILING, -20.0
    server.attempts = [attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)] + FAILED_ATTEMPTS
    jobs, run = recorded_jobs({name: [] for name in PREDECESSORS}), {"GRAPH_RUN_GROUP_ID": "1772359200000"}
    failed = [logged_row(name, "FAILED", ERROR_MESSAGE="no", **run) for name in ("T_MYJOB_1", "T_MYJOB_2")]
    server.logged = [logged_row("ROOT_TASK", "SUCCEEDED", jobs=jobs, **run), *failed]
    texts = [invoke(*words).stdout for words in (("status",), ("history", "container_jobs"))]
    golden(f"width-{name.replace(' ', '-')}.txt", "\n".join(texts))
    if WIDTHS[name]:
        tables = [
            line for line in "\n".join(texts).splitlines() if line.startswith((" j", " T", " g", " c", " r", " ─"))
        ]
        assert max(map(len, tables)) <= int(WIDTHS[name])
