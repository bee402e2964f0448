"""Every command that changes something: what it sends is shown first, with the jobs, whatever it writes in the end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jobgraph.account.client import NotAllowedError
from tests.jobgraph.cli.recorded import (
    PREDECESSORS,
    RUN,
    START,
    Row,
    Server,
    absent,
    history_row,
    logged_row,
    prepare_run,
    recorded_jobs,
    task,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.jobgraph.cli.conftest import Invoke

ID = "1772359200000"
BACKFILL: Row = {
    "BACKFILL_ID": ID,
    "GRAPH_NAME": "container_jobs",
    "STATE": "RUNNING",
    "EVERY": "day",
    "REPROCESS": "missing",
    "START_TIME": START,
    "END_TIME": START,
    "NEWEST_FIRST": False,
    "RUN_CONFIG": None,
    "USER_NAME": "ADA",
    "CREATED_TIME": START,
}
INTERVAL: Row = {
    "BACKFILL_ID": ID,
    "PLACE": 1,
    "START_TIME": START,
    "END_TIME": START,
    "STATE": "PENDING",
    "GRAPH_RUN_ID": None,
}
COMMANDS = {
    "run": (),
    "retry": (),
    "cancel": (),
    "suspend": (),
    "resume": (),
    "backfill start": ("--from", "2026-01-01", "--to", "2026-01-02", "--every", "day"),
    "backfill pause": (ID,),
    "backfill resume": (ID,),
    "backfill cancel": (ID,),
}
_SENT = ("RETRY LAST", "ALTER TASK", "SPCS_CANCEL", "CANCEL_ONGOING", "^INSERT", "^UPDATE", "^BEGIN", "^COMMIT")
AFTER = {name: [job for job in before if job in PREDECESSORS] for name, before in PREDECESSORS.items()}
TAKES_REQUESTS = "(SELECT 'last_config')"


@pytest.fixture
def steered(server: Server) -> Server:
    """A server that takes every statement, and whose graph has a backfill."""
    for row in server.tasks:
        row["definition"] = row["definition"].replace("', $$", f"', {TAKES_REQUESTS}, $$")
    server.answers = {
        **{text: [] for text in _SENT},
        "SHOW JOB SERVICES LIKE": [],
        "FROM .*INTERVALS": [INTERVAL],
        "FROM .*BACKFILLS": [BACKFILL],
    }
    return server


def prepare(server: Server, command: str) -> None:
    prepare_run(server, command)
    if command == "backfill resume":
        server.answers["FROM .*BACKFILLS"] = [{**BACKFILL, "STATE": "PAUSED"}]


@pytest.mark.parametrize("as_json", [False, True], ids=["words", "json"])
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_sent_is_shown_before_it_is_sent(
    invoke: Invoke, steered: Server, command: str, *, as_json: bool
) -> None:
    prepare(steered, command)
    words = (*command.split(), *COMMANDS[command])
    shown = json.loads(invoke(*words, "--dry-run", "--json").stdout)
    assert shown["statements"]
    assert shown["jobs"]
    done = invoke(*words, "--note", "why", *(["--json"] if as_json else []))
    assert done.exit_code == 0, done.output
    ids = shown["backfill"]
    for text in shown["statements"]:
        # a new backfill has an id of its own each time
        assert command == "backfill start" or f"{text};" in done.stderr, ids
    assert f"{len(shown['jobs'])} job" in done.stderr
    if as_json:
        told = json.loads(done.stdout)
        operation = told["operation"] if isinstance(told["operation"], dict) else told
        assert (operation["note"], len(operation["statements"])) == ("why", len(shown["statements"]))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_dry_run_writes_what_it_shows_where_it_can_be_piped(invoke: Invoke, steered: Server, command: str) -> None:
    prepare(steered, command)
    done = invoke(*command.split(), *COMMANDS[command], "--dry-run")
    assert done.exit_code == 0, done.output
    assert ";\n" in done.stdout
    assert " jobs: T_MYJOB_1" in done.stdout or " jobs: T_MYJOB_3" in done.stdout


def test_cancel_tells_which_backfill_goes_on_and_all_pauses_it(invoke: Invoke, steered: Server) -> None:
    prepare(steered, "cancel")
    assert f"Backfill {ID} goes on with its next interval: jobgraph backfill pause {ID}" in invoke("cancel").stderr
    assert not any(one.text.startswith("UPDATE") for one in steered.sent)
    told = json.loads(invoke("cancel", "--all", "--json").stdout)
    assert (told["operation"], [each["operation"] for each in told["also"]]) == ("cancel", ["backfill pause"])
    changes = [one.text for one in steered.sent if one.text.startswith(("UPDATE", "SELECT SYSTEM$USER"))]
    # the backfill first: the finalizer of a cancelled run asks for the next interval
    assert changes[-3].startswith("UPDATE")
    kept = [one.binds[3] for one in steered.sent if "OPERATIONS" in one.text and one.text.startswith("INSERT")]
    assert kept == ["cancel", "backfill pause", "cancel"]


def test_a_waiting_interval_is_named_as_one(invoke: Invoke, steered: Server) -> None:
    prepare(steered, "cancel")
    config = json.dumps({"jobgraph": {"backfill": ID, "interval": 2, "start": "a", "end": "b"}})
    waiting = history_row("ROOT_TASK", "SCHEDULED", GRAPH_RUN_GROUP_ID=None, SCHEDULED_TIME=START, CONFIG=config)
    steered.earlier = [waiting]
    assert f"by interval 2 of backfill {ID} is queued behind it" in invoke("cancel", "--dry-run").stderr


CHANGES = {
    "added": "jobs were added: NEW",
    "again": "jobs were created again: T_MYJOB_6",
    "removed": "jobs were removed: GONE",
    "moved": "jobs follow other jobs now: T_MYJOB_4",
    "root": "its root ROOT_TASK was created again",
    "rewritten": "a deploy changed jobs: T_MYJOB_1",
}


def change_graph(server: Server, changes: Collection[str]) -> None:
    """Make the deployed graph differ from that of the recorded run."""
    by_name = {row["name"]: row for row in server.tasks}
    before = dict(AFTER)
    if "added" in changes:
        server.tasks.append({**task("NEW", ["ROOT_TASK"], graph="container_jobs"), "created_on": START})
    if "again" in changes:
        by_name["T_MYJOB_6"]["created_on"] = START
    if "root" in changes:
        by_name["ROOT_TASK"]["id"] = "another"
    if "rewritten" in changes:
        old, new = (task("T_MYJOB_1", [], graph="container_jobs", hash=digest)["definition"] for digest in "ab")
        by_name["T_MYJOB_1"]["definition"] = new
        server.earlier = [history_row("T_MYJOB_1", "SUCCEEDED", QUERY_TEXT=old)]
    if "removed" in changes:
        before["GONE"] = []
    if "moved" in changes:
        before["T_MYJOB_4"] = ["T_MYJOB_1"]
    server.logged = [logged_row("ROOT_TASK", "SUCCEEDED", jobs=recorded_jobs(before), ROOT_TASK_ID="id-of-ROOT_TASK")]


@pytest.mark.parametrize("change", [*([one] for one in CHANGES), ["removed", "moved"], list(CHANGES)], ids="-".join)
def test_a_retry_that_snowflake_would_refuse_names_every_change(
    invoke: Invoke, steered: Server, change: list[str]
) -> None:
    prepare(steered, "retry")
    change_graph(steered, change)
    done = invoke("retry")
    assert done.exit_code == 1
    assert f"Snowflake does not retry run {RUN}" in done.stderr
    assert {one for one, words in CHANGES.items() if words in done.stderr} == set(change), done.stderr
    assert "`jobgraph run container_jobs --wait`" in done.stderr
    assert not any("RETRY LAST" in one.text for one in steered.sent)


def test_a_root_that_was_only_suspended_and_resumed_may_be_retried(invoke: Invoke, steered: Server) -> None:
    prepare(steered, "retry")
    steered.logged = [logged_row("ROOT_TASK", "SUCCEEDED", jobs=recorded_jobs(AFTER))]
    steered.tasks[0]["last_committed_on"] = START
    assert invoke("retry").exit_code == 0


@pytest.mark.parametrize("refusal", [absent(), NotAllowedError("Insufficient privileges")], ids=["hidden", "refused"])
@pytest.mark.parametrize("command", [("history", "container_jobs"), ("status", "container_jobs")])
def test_a_role_that_may_not_read_what_people_did_is_told_so(
    invoke: Invoke, server: Server, command: tuple[str, ...], refusal: Exception
) -> None:
    server.began = -1000.0
    server.logged = [logged_row("ROOT_TASK", "SUCCEEDED", jobs=[])]
    server.tasks[0] |= {"state": "suspended", "schedule": "59 MINUTES"}
    server.answers["OPERATIONS"] = refusal
    done = invoke(*command)
    assert done.exit_code == 0, done.output
    assert done.stderr.count("What people did to its graphs is not shown") == 1
    told = json.loads(invoke(*command, "--json").stdout)
    run = told[0] if isinstance(told, list) else told
    assert run["operations"] is None
    server.answers["OPERATIONS"] = []
    assert "not shown" not in invoke(*command).stderr
