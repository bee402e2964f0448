"""What one does from the page: the statement and the jobs are shown first, and that statement is what is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.account import steering
from jobgraph.errors import RunFailedError
from jobgraph.page import connection
from jobgraph.page.views import ways
from jobgraph.runs.operations import filled
from tests.jobgraph.cli import recorded
from tests.jobgraph.cli.recorded import ManualClock, Server, absent, quickstart
from tests.page.conftest import shown
from tests.page.test_views import KEY, server

if TYPE_CHECKING:
    from streamlit.testing.v1 import AppTest

    from jobgraph.account.queries import Statement
    from tests.page.conftest import Visit

ROOT = '"DB"."PUBLIC"."ROOT_TASK"'


def changing(sent: list[Statement]) -> list[str]:
    """What was sent that changes something."""
    reads = ("SELECT", "SHOW", "INSERT")
    return [
        filled(statement)
        for statement in sent
        if not statement.text.startswith(reads) or "CANCEL_ONGOING" in statement.text
    ]


def asked(app: AppTest, action: str) -> AppTest:
    """The page after a click on the button of an action."""
    app.button(key=f"do-{action}").click().run()
    assert not app.exception, app.exception
    return app


def scheduled(*, started: bool = True) -> Server:
    """A graph with a schedule, its newest run done."""
    rows = quickstart(**({} if started else {"ROOT_TASK": "suspended"}))
    rows[0]["schedule"] = "USING CRON 0 2 * * * UTC"
    rows[0]["config"] = '{"market": "eu", "days": 7}'
    clock = ManualClock()
    clock.seconds = 60.0
    answers: dict[str, Any] = {"TASK_LOGGING_STATS": [], "ALTER TASK": [], "INSERT INTO": []}
    return Server(clock, tasks=rows, began=0.0, answers=answers)


def test_a_run_shows_its_statement_and_jobs_and_is_sent_only_when_it_is_confirmed(visit: Visit) -> None:
    visit.client = server("done")
    app = asked(visit.open(view="grid", graph=KEY), steering.RUN)
    assert app.code[0].value == f"EXECUTE TASK {ROOT};"
    assert "<b>6 jobs</b>" in shown(app)
    assert changing(visit.client.sent) == []
    app.button(key="confirm").click().run()
    assert changing(visit.client.sent) == [f"EXECUTE TASK {ROOT}"]


def test_a_run_with_other_values(visit: Visit) -> None:
    visit.client = scheduled()
    app = asked(visit.open(view="grid", graph=KEY), steering.RUN)
    app.text_input(key="value-market").set_value("us").run()
    assert app.code[0].value == f'EXECUTE TASK {ROOT} USING CONFIG = $${{"market": "us"}}$$;'
    app.button(key="confirm").click().run()
    assert changing(visit.client.sent) == [f'EXECUTE TASK {ROOT} USING CONFIG = $${{"market": "us"}}$$']


def test_a_part_that_cannot_be_left_out_says_why(visit: Visit) -> None:
    visit.client = server("done")
    app = asked(visit.open(view="grid", graph=KEY), steering.RUN)
    app.multiselect(key="only").set_value(["T_MYJOB_3"]).run()
    assert "An earlier version of jobgraph deployed them" in app.error[0].value
    assert changing(visit.client.sent) == []


def test_a_retry_names_the_jobs_that_run_again(visit: Visit) -> None:
    visit.client = server("failing")
    app = asked(visit.open(view="run", graph=KEY), steering.RETRY)
    assert app.code[0].value == f"EXECUTE TASK {ROOT} RETRY LAST;"
    assert "<b>2 jobs</b>: <code>T_MYJOB_3</code>, <code>T_MYJOB_6</code>" in shown(app)
    app.button(key="confirm").click().run()
    assert changing(visit.client.sent) == [f"EXECUTE TASK {ROOT} RETRY LAST"]


def test_a_cancellation_names_every_statement(visit: Visit) -> None:
    client = server("running")
    client.answers |= {
        "SHOW JOB SERVICES LIKE": [recorded.service("T_MYJOB_3", 1)],
        "SYSTEM.USER_TASK_CANCEL": [],
        "SPCS_CANCEL_JOB": [],
    }
    visit.client = client
    app = asked(visit.open(view="grid", graph=KEY), steering.CANCEL)
    texts = app.code[0].value
    app.button(key="confirm").click().run()
    sent = changing(client.sent)
    assert ";\n".join(sent) + ";" == texts
    assert [text for text in sent if "T_MYJOB_3" in text and "CANCEL_ONGOING" in text]
    assert [text for text in sent if text.endswith("!SPCS_CANCEL_JOB()")]
    assert not [button for button in app.button if button.key == "confirm"]  # the dialog is gone


def test_a_dialog_closes_also_when_nothing_is_left_to_be_done(visit: Visit) -> None:
    """After a cancellation nothing runs: the next look at the same dialog would find no statement."""
    client = server("running")
    client.answers |= {"SHOW JOB SERVICES LIKE": [], "SPCS_CANCEL_JOB": []}

    def ends(_statement: Statement) -> list[dict[str, str]]:
        client.clock.seconds = 60.0
        return []

    client.answers["SYSTEM.USER_TASK_CANCEL"] = ends
    visit.client = client
    app = asked(visit.open(view="grid", graph=KEY), steering.CANCEL)
    app.button(key="confirm").click().run()
    assert not [button for button in app.button if button.key == "confirm"]


@pytest.mark.parametrize(("started", "action"), [(True, steering.SUSPEND), (False, steering.RESUME)])
def test_a_schedule_is_stopped_and_let_go_on(visit: Visit, *, started: bool, action: str) -> None:
    visit.client = scheduled(started=started)
    app = asked(visit.open(view="why", graph=KEY), action)
    app.button(key="confirm").click().run()
    assert changing(visit.client.sent) == [f"ALTER TASK {ROOT} {action.upper()}"]


def listening() -> Server:
    """A graph with a schedule whose jobs ask what a run was asked for, so that it can be run for intervals."""
    client = scheduled()
    for row in client.tasks[1:-1]:
        row["definition"] += " 'last_config'"
    client.answers |= {r"FROM .*BACKFILLS": []}
    return client


def test_a_backfill_is_shown_with_its_intervals_and_sent_as_shown(visit: Visit) -> None:
    client = listening()
    visit.client = client
    app = asked(visit.open(view="grid", graph=KEY), steering.BACKFILL)
    assert not app.error, app.error[0].value
    # a week by the schedule, at two each night: six whole intervals
    words = "6 intervals, one run each: 2026-02-22 02:00 - 2026-02-23 02:00 to 2026-02-27 02:00 - 2026-02-28"
    assert words in shown(app)
    texts = app.code[0].value
    app.button(key="confirm").click().run()
    assert not app.error, app.error[0].value
    sent = [filled(one) for one in client.sent if one.text.startswith(("INSERT", "EXECUTE"))]
    assert ";\n".join(sent[:-1]) + ";" == texts
    assert [text.split()[2].rpartition(".")[2] for text in sent] == [
        *('"BACKFILL_INTERVALS"', '"BACKFILLS"', '"ROOT_TASK"', '"OPERATIONS"')
    ]


def test_a_backfill_that_a_graph_cannot_have_says_why(visit: Visit) -> None:
    visit.client = server("done")
    app = asked(visit.open(view="grid", graph=KEY), steering.BACKFILL)
    assert "do not ask for which interval they run" in app.error[0].value


def test_only_what_makes_sense_is_offered(visit: Visit) -> None:
    visit.client = server("done")
    keys = {button.key for button in visit.open(view="grid", graph=KEY).button}
    assert keys == {"do-run", "do-backfill"}
    visit.client = server("running")
    keys = {button.key for button in visit.open(view="grid", graph=KEY).button}
    assert keys == {"do-run", "do-cancel", "do-backfill"}


@pytest.mark.parametrize("grants", [[], [{"privilege": "OPERATE", "grantee_name": "OPS"}]])
def test_who_may_do_nothing_is_told_why(visit: Visit, grants: list[dict[str, str]]) -> None:
    client = server("failing")
    client.answers["SHOW GRANTS ON TASK"] = grants
    client.answers["IS_ROLE_IN_SESSION"] = [{"HAS_ONE": False}]
    visit.client = client
    buttons = [b for b in visit.open(view="grid", graph=KEY).button if str(b.key).startswith("do-")]
    assert buttons
    assert all(button.disabled and "it lacks OPERATE on the task" in button.help for button in buttons)
    assert [s.text for s in client.sent if "IN_SESSION" in s.text] == (
        ["SELECT IS_ROLE_IN_SESSION('OPS') AS HAS_ONE"] if grants else []
    )


def test_what_snowflake_does_not_say_hides_no_button(visit: Visit) -> None:
    client = server("failing")
    client.answers["SHOW GRANTS ON TASK"] = absent()
    visit.client = client
    buttons = [b for b in visit.open(view="grid", graph=KEY).button if str(b.key).startswith("do-")]
    assert buttons
    assert not any(button.disabled for button in buttons)


def test_the_note_is_kept_with_what_was_sent(visit: Visit) -> None:
    client = server("failing")
    client.answers["INSERT INTO"] = []
    visit.client = client
    app = asked(visit.open(view="run", graph=KEY), steering.RETRY)
    app.text_input(key="note").set_value("the nulls are gone").run()
    app.button(key="confirm").click().run()
    (kept,) = [statement for statement in client.sent if statement.text.startswith("INSERT")]
    assert "the nulls are gone" in kept.binds
    assert "retry" in kept.binds
    assert any("RETRY LAST" in str(bind) for bind in kept.binds)


def test_a_stack_without_a_table_for_notes_still_runs(visit: Visit) -> None:
    client = server("done")
    client.answers["INSERT INTO"] = absent()
    visit.client = client
    app = asked(visit.open(view="grid", graph=KEY), steering.RUN)
    app.button(key="confirm").click().run()
    assert changing(client.sent) == [f"EXECUTE TASK {ROOT}"]
    assert "The note could not be recorded" in app.toast[0].value


@pytest.mark.parametrize("action", [steering.RUN, steering.RETRY])
def test_what_is_gone_or_hidden_is_not_said_to_be_asked_for(visit: Visit, action: str) -> None:
    """Snowflake says of a task that it does not exist also if the role may not see it."""
    client = server("failing")
    client.answers["EXECUTE TASK"] = absent()
    visit.client = client
    app = asked(visit.open(view="run", graph=KEY), action)
    app.button(key="confirm").click().run()
    assert not app.toast
    assert "does not exist or not authorized" in app.error[0].value
    assert not [statement for statement in client.sent if statement.text.startswith("INSERT")]


def test_an_action_whose_note_is_refused_was_still_asked_for(visit: Visit) -> None:
    client = server("done")
    client.answers["INSERT INTO"] = RunFailedError("Snowflake refused a statement (003001): Insufficient privileges")
    visit.client = client
    app = asked(visit.open(view="grid", graph=KEY), steering.RUN)
    app.button(key="confirm").click().run()
    assert changing(client.sent) == [f"EXECUTE TASK {ROOT}"]
    assert "Run of container_jobs was asked for. The note could not be recorded: " in app.toast[0].value
    assert "Insufficient privileges" in app.toast[0].value
    assert not app.error


def test_in_snowflake_the_page_only_looks(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    """There it has its owner's privileges, whoever looks at it."""
    monkeypatch.setattr(connection, "is_in_snowflake", lambda: True)
    visit.client = server("failing")
    app = asked(visit.open(view="run", graph=KEY), steering.RETRY)
    assert app.code[0].value == f"EXECUTE TASK {ROOT} RETRY LAST;"
    assert "jobgraph retry container_jobs" in app.info[0].value
    assert not [button for button in app.button if button.key == "confirm"]


def test_what_cannot_be_read_is_told_once_and_leaves_the_tabs_their_place(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ways, "is_alive", lambda: True)  # no control above the view asks for its runs
    client = server("done")
    client.answers["TASK_HISTORY"] = RunFailedError("Snowflake is busy")
    visit.client = client
    app = visit.open(view="run", graph=KEY)
    assert [error.value.strip("`\n") for error in app.error] == ["Snowflake is busy"]
    assert "No actions now" in [caption.value for caption in app.caption]
    assert not app.button


def test_a_refusal_is_shown_as_snowflake_says_it(visit: Visit) -> None:
    client = server("done")
    client.answers["EXECUTE TASK"] = RunFailedError("Snowflake refused a statement (003001): Insufficient privileges")
    visit.client = client
    app = asked(visit.open(view="grid", graph=KEY), steering.RUN)
    app.button(key="confirm").click().run()
    assert "Insufficient privileges" in app.error[0].value
