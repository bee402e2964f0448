"""Whatever changes something is shown first, done as shown, and kept with its note."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from jobgraph.account import steering
from jobgraph.errors import RunFailedError
from jobgraph.procedures import outcome, retries
from jobgraph.runs.advice import ADVICE, advice, reason_class
from jobgraph.runs.attempts import Attempt
from jobgraph.runs.graph_run import JobRun
from jobgraph.runs.operations import filled
from tests.jobgraph.cli.recorded import (
    FAILED_ATTEMPTS,
    FAILING,
    OLD_RUN,
    PREDECESSORS,
    RUN,
    START,
    ManualClock,
    Row,
    Server,
    Step,
    absent,
    attempt,
    history_row,
    logged_row,
    prepare_run,
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


@pytest.mark.parametrize("command", COMMANDS)
def test_a_dry_run_sends_nothing_and_shows_what_is_sent_then(invoke: Invoke, steered: Server, command: str) -> None:
    prepare_run(steered, command)
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
    prepare_run(steered, "retry")
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


def test_failed_jobs_that_let_the_graph_go_on_are_run_not_retried(invoke: Invoke, steered: Server) -> None:
    steered.began = -20.0
    steered.attempts = [attempt(f"T_MYJOB_{number}") for number in range(1, 6)] + [attempt("T_MYJOB_6", 1, "FAILED")]
    done = invoke("retry")
    assert done.exit_code == 1
    assert "T_MYJOB_6 failed, but with `on_failure: continue` no task does" in done.stderr
    assert "`jobgraph run container_jobs --only T_MYJOB_6 --wait` runs T_MYJOB_6 again" in done.stderr
    assert changes(steered) == []


def test_a_retry_names_the_failed_jobs_that_it_leaves_out(invoke: Invoke, steered: Server) -> None:
    prepare_run(steered, "retry")
    steered.attempts = [each for each in steered.attempts if each["TASK_NAME"] != "T_MYJOB_1"]
    steered.attempts.append(attempt("T_MYJOB_1", 1, "FAILED"))
    text = invoke("retry").stderr
    assert "Run " in text
    assert "continues under the same id" in text
    assert "`jobgraph run container_jobs --only T_MYJOB_1 --wait`" in text


@pytest.mark.usefixtures("far_away")
def test_history_shows_what_people_did_with_and_without_a_run_or_a_note(invoke: Invoke, server: Server) -> None:
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
    stopped = {**asked, "OPERATION": "suspend", "NOTE": None, "CREATED_TIME": START + timedelta(days=1)}
    earlier = {**stopped, "OPERATION": "resume", "CREATED_TIME": START - timedelta(days=1)}
    server.operations = [stopped, *server.operations, earlier]
    lines = [line.split("  ") for line in invoke("history", "container_jobs").stdout.splitlines()]
    done = [[word.strip() for word in line if word] for line in lines[4:]]
    assert done == [
        ["2026-03-02 10:00:00", "suspend", "ADA"],
        ["2026-03-01 10:00:00", "retry", RUN, "ADA", "the source is back"],
        ["2026-03-01 10:00:00", "retry", "another", "ADA", "of another"],
        ["2026-03-01 10:00:03", "run", RUN, "ADA"],
        ["2026-02-28 10:00:00", "resume", "ADA"],
    ]
    assert "resume" not in invoke("history", "container_jobs", "--limit", "1").stdout
    alone = json.loads(invoke("history", "container_jobs", "--operations", "--json").stdout)
    assert [(entry["operation"], entry["run_id"]) for entry in alone] == [
        ("suspend", None),
        ("retry", RUN),
        ("retry", "another"),
        ("run", RUN),
        ("resume", None),
    ]
    (run,) = json.loads(invoke("history", "container_jobs", "--json").stdout)
    assert [entry["operation"] for entry in run["operations"]] == ["retry", "run"]
    shown = invoke("status", "container_jobs", "--run", RUN).stdout
    assert "retried by ADA, 2026-03-01 10:00:00 UTC; note: the source is back" in shown


def test_a_stack_of_an_earlier_version_keeps_no_note_and_says_so(invoke: Invoke, steered: Server) -> None:
    steered.answers["^INSERT"] = absent()
    assert invoke("suspend").stderr.count("not recorded") == 0
    done = invoke("suspend", "--note", "n")
    assert done.exit_code == 0
    assert "The note was not recorded" in done.stderr


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
    assert "Run 2, which was queued: T_MYJOB_1 cancelled" in done.stderr, done.output
    kept = [text for text in changes(steered) if "OPERATIONS" in text]
    assert len(kept) == 2


def test_every_reason_class_has_advice_in_the_program_and_in_the_document() -> None:
    classes = {*retries.CAUSES, *(name for name, _ in (*outcome.OF_MESSAGE, *outcome.OF_ERROR)), "cancelled"}
    assert ADVICE.keys() == classes
    assert "`jobgraph" not in "".join(ADVICE.values())


@pytest.mark.parametrize(
    ("error", "grant"),
    [
        ("002003 (42S02): Object 'T' does not exist or not authorized.", True),
        ("002020: Insert value list does not match column list", False),
        ("", False),
    ],
)
def test_only_what_a_role_may_not_see_is_to_be_granted(error: str, *, grant: bool) -> None:
    job = JobRun("A", "FAILED", 1, tries=(Attempt(1, "FAILED", "app_error", error=error, exit_code=1),))
    assert ("grant" in advice(job)) is grant
    assert advice(job)


def test_a_job_cancelled_before_its_first_attempt_is_told_of_like_the_others() -> None:
    tried = JobRun("A", "CANCELLED", 1, tries=(Attempt(1, "CANCELLED", "cancelled"),))
    untried = JobRun("B", "CANCELLED", cause="SQL execution canceled")
    assert advice(untried) == advice(tried) == ADVICE["cancelled"]
    assert reason_class(untried) == reason_class(tried) == "cancelled"


WIDTHS = {"80 columns": "80", "120 columns": "120", "no terminal": ""}


@pytest.mark.parametrize("name", WIDTHS)
@pytest.mark.usefixtures("far_away")
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
    server.answers = {"AS H WHERE|QUALIFY DENSE_RANK": []}  # the finalizer of the newest run has yet to close it
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


def test_a_retry_of_a_run_that_only_history_knows_is_followed_to_its_end(
    invoke: Invoke, server: Server, clock: ManualClock
) -> None:
    """TASK_HISTORY goes back seven days, a retry fourteen."""
    states = dict.fromkeys(PREDECESSORS, "SUCCEEDED") | {"T_MYJOB_3": "FAILED", "T_MYJOB_6": "SKIPPED"}
    after = {name: [before for before in given if before in PREDECESSORS] for name, given in PREDECESSORS.items()}
    jobs = recorded_jobs(after)
    server.steps, server.attempts = (), [attempt("T_MYJOB_3", status="FAILED")]
    server.logged = [
        logged_row("ROOT_TASK", "SUCCEEDED", jobs=jobs),
        *(logged_row(name, state) for name, state in states.items()),
        logged_row("GET_GRAPH_STATS", "SUCCEEDED"),
    ]
    closing = [
        logged_row(name, "SUCCEEDED", ATTEMPT_NUMBER=2) for name in ("T_MYJOB_3", "T_MYJOB_6", "GET_GRAPH_STATS")
    ]
    sleep = clock.sleep

    def retry(_: object) -> list[Row]:
        server.attempts += [attempt(name, 2) for name in PREDECESSORS]
        return []

    def later(seconds: float) -> None:
        sleep(seconds)
        if clock.seconds > 3 and closing:
            server.logged += closing
            closing.clear()

    clock.sleep = later  # type: ignore[method-assign]  # time passes, and the finalizer closes the run
    server.answers = {"RETRY LAST": retry}
    done = invoke("retry", "--wait", "--timeout", "60", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["state"] == "DONE"
    assert clock.seconds > 3


def test_waiting_after_a_retry_is_for_the_new_attempt(invoke: Invoke, steered: Server, clock: ManualClock) -> None:
    """Snowflake shows the tasks of a retry some moments after the statement."""
    prepare_run(steered, "retry")
    asked = START + timedelta(seconds=clock.seconds)
    steered.operations = [
        {
            **dict.fromkeys(("NOTE", "BACKFILL_ID", "USER_NAME"), ""),
            "OPERATION": "retry",
            "GRAPH_NAME": "container_jobs",
            "GRAPH_RUN_ID": RUN,
            "CREATED_TIME": asked,
        }
    ]
    began = clock.seconds + 20 + 3
    again = (Step("T_MYJOB_3", began, began + 1, attempt=2), Step("T_MYJOB_6", began + 1, began + 2, attempt=2))
    steered.steps = (*FAILING, *again, Step("GET_GRAPH_STATS", began + 2, began + 3, attempt=2))
    steered.attempts += [attempt("T_MYJOB_3", 4), attempt("T_MYJOB_6")]
    done = invoke("wait", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["state"] == "DONE"
    clock.seconds += 600
    steered.steps = FAILING
    assert invoke("wait").exit_code == 1  # a retry that never came


def test_what_a_task_starts_while_it_is_cancelled_is_stopped_too(invoke: Invoke, steered: Server) -> None:
    """Between the look at its services and its cancellation, a task may have begun its next attempt."""
    prepare_run(steered, "cancel")
    looks: list[int] = []

    def services(_: object) -> list[Row]:
        looks.append(len(changes(steered)))
        names = ["OLD"] if not looks[-1] else ["OLD", "NEXT"]
        return [{"name": name, "status": "RUNNING" if name == "NEXT" or not looks[-1] else "DONE"} for name in names]

    steered.answers["SHOW JOB SERVICES LIKE"] = services
    done = invoke("cancel")
    assert done.exit_code == 0, done.output
    stopped = [text for text in changes(steered) if "SPCS_CANCEL_JOB" in text]
    assert [text for text in stopped if "NEXT" in text]
    assert "service OLD, NEXT stopped" in done.stdout


@pytest.mark.parametrize("closed", [True, False])
def test_a_note_without_a_run_id_is_shown_on_the_first_run_after_it(
    invoke: Invoke, server: Server, *, closed: bool
) -> None:
    """The request was recorded during a run that nobody recorded; its own run followed, and later another outside."""
    server.began, server.scheduled_from = -1000.0, "EXECUTE_TASK"
    between = START - timedelta(seconds=1030)
    times = {"SCHEDULED_TIME": between, "QUERY_START_TIME": between, "COMPLETED_TIME": between}
    row = {"GRAPH_RUN_GROUP_ID": OLD_RUN, **times}
    if closed:
        server.logged = [logged_row("ROOT_TASK", "SUCCEEDED", jobs=[], **row)]
    else:
        server.earlier = [history_row("ROOT_TASK", "SUCCEEDED", **row)]
    noted: Row = {"OPERATION": "run", "GRAPH_NAME": "container_jobs", "NOTE": "N1", "GRAPH_RUN_ID": None}
    noted |= {"BACKFILL_ID": None, "USER_NAME": "ANNA", "CREATED_TIME": between - timedelta(seconds=5)}
    server.operations = [{**noted, "REQUESTED_TIME": between - timedelta(seconds=7)}]
    for command in (("status", "container_jobs", "--run"), ("status", "--json", "container_jobs", "--run")):
        assert "N1" in invoke(*command, OLD_RUN).stdout
        assert "N1" not in invoke(*command, RUN).stdout
    listed = json.loads(invoke("history", "--json").stdout)
    told = {run["run_id"]: [one["note"] for one in run["operations"]] for run in listed}
    assert told == {RUN: [], OLD_RUN: ["N1"]}


@pytest.mark.parametrize(("names", "told"), [(["suspend"], True), (["resume", "suspend"], False), ([], False)])
@pytest.mark.parametrize("command", [["status"], ["status", "container_jobs"]])
def test_status_tells_who_suspended_a_graph_and_why(
    invoke: Invoke, server: Server, names: list[str], command: list[str], *, told: bool
) -> None:
    server.began = -1000.0
    root = next(row for row in server.tasks if row["name"] == "ROOT_TASK")
    root.update(state="suspended", schedule="59 MINUTES")
    server.operations = [
        {
            "OPERATION": name,
            "GRAPH_NAME": "container_jobs",
            "NOTE": "holiday",
            "GRAPH_RUN_ID": None,
            "BACKFILL_ID": None,
            "USER_NAME": "ANNA",
            "CREATED_TIME": START,
        }
        for name in names
    ]
    done = invoke(*command)
    text = done.stderr
    assert ("suspended by ANNA" in done.stdout) is (told and command == ["status"])
    assert ("suspended by an operator or a deploy" in done.stdout) is (not told and command == ["status"])
    assert ("container_jobs: suspended by ANNA" in text and ": holiday" in text) is told
    assert ("by an operator or a deploy" in text) is not told
    assert ("If a deploy was interrupted" in text) is not told
    assert "`jobgraph resume container_jobs`" in text


def test_a_retry_that_snowflake_refuses_says_what_to_do_instead(
    invoke: Invoke, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise RunFailedError("Snowflake refused a statement (091088): the graph has changed")

    server.began, server.steps = -1000.0, FAILING
    server.attempts = list(FAILED_ATTEMPTS)
    monkeypatch.setattr(steering, "perform", refuse)
    done = invoke("retry")
    assert done.exit_code == 1
    assert "091088" in done.stderr
    assert "`jobgraph run container_jobs --wait`" in done.stderr
    assert "2 jobs: T_MYJOB_3, T_MYJOB_6" in done.stderr
    assert "continues" not in done.stderr
