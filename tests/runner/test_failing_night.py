"""A failing night, with real containers: an e-mail and a webhook say what failed, and that the retry was good."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from click.testing import CliRunner
from snowflake_sandbox.errors import SnowflakeError

from jobgraph.account.client import refused
from jobgraph.account.queries import Place
from jobgraph.cli.application import Application
from jobgraph.cli.command_line import cli
from tests import in_process
from tests.runner.deployed import DEFAULTS, Deployed, deployed, write_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from click.testing import Result

    from jobgraph.account.queries import Statement

pytestmark = pytest.mark.sandbox

NOTIFY = [
    {"email": ["ops@example.org", "boss@example.org"]},
    {"webhook": {"type": "slack", "secret": "HOOK"}, "late_after": "1 hour"},
    {"webhook": {"type": "pagerduty", "integration": "NOWHERE"}},
    {"webhook": {"type": "pagerduty", "secret": "HOOK"}},
]
JOBS: dict[str, dict[str, Any]] = {
    "t_load": {"args": ["night"], "runbook": "https://wiki.example.org/load", "retries": 1},
    "t_report": {"args": ["nothing"], "after": ["t_load"]},
}


class Hooks(http.server.HTTPServer):
    """A receiver of webhooks on this machine."""

    def __init__(self) -> None:
        self.received: list[tuple[str, str]] = []
        self.changed = threading.Condition()
        super().__init__(("127.0.0.1", 0), Hook)


class Hook(http.server.BaseHTTPRequestHandler):
    server: Hooks

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.send_response(200)
        self.end_headers()
        with self.server.changed:
            self.server.received.append((self.path, body))
            self.server.changed.notify_all()

    def log_message(self, *_: object) -> None: ...


@contextmanager
def hooks() -> Iterator[Hooks]:
    server = Hooks()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Night:
    """A graph whose first run fails and whose retry is good, and what was told of both."""

    def __init__(self, graph: Deployed, receiver: Hooks) -> None:
        self.graph, self.receiver = graph, receiver
        graph.world.webhook_receiver = f"http://127.0.0.1:{receiver.server_port}"
        for statement in (
            "CREATE USER OPS EMAIL = 'ops@example.org'",
            "CREATE USER BOSS EMAIL = 'boss@example.org'",
            "CREATE SECRET D.S.HOOK TYPE = GENERIC_STRING SECRET_STRING = 'T0/B0/s3cr3t'",
        ):
            graph.rows(statement)
        for integration in graph.planned.notifying.integrations:
            graph.rows(integration.create)
            if integration.settle:
                graph.rows(integration.settle)
        graph.start()
        self.group = graph.finish()
        graph.rows(f"EXECUTE TASK {graph.graph.root.full_name} RETRY LAST")
        graph.finish_all(2)
        with receiver.changed:
            assert receiver.changed.wait_for(lambda: len(receiver.received) >= 4, 20)
        graph.world.parts["notifications"].deliver()

    @property
    def mails(self) -> list[Any]:
        files = sorted((self.graph.world.folder / "mail").glob("*.eml"))
        return [message_from_bytes(file.read_bytes(), policy=default) for file in files]

    def posted(self, host: str) -> list[tuple[str, Any]]:
        """What a service has got: path and JSON."""
        return [(path, json.loads(body)) for path, body in self.receiver.received if path.startswith(f"/{host}/")]

    def rows(self, state: str) -> list[dict[str, Any]]:
        return self.graph.rows(f"SELECT * FROM D.S.NOTIFICATIONS WHERE STATE = '{state}' ORDER BY WRITTEN_TIME")


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Night]:
    folder = tmp_path_factory.mktemp("night")
    write_image(folder / "images")
    graph = {"notify": NOTIFY, "schedule": {"cron": "0 2 * * *", "timezone": "UTC"}, "jobs": JOBS}
    file = folder / "jobs.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "defaults": DEFAULTS, "graphs": {"nightly": graph}}))
    with (
        hooks() as receiver,
        deployed(folder / "sandbox", folder / "images", file, lambda task: task.sql) as deployment,
    ):
        yield Night(deployment, receiver)


def test_an_email_says_what_failed_and_what_to_do(night: Night) -> None:
    failed, _ = night.mails
    assert failed["To"] == "ops@example.org, boss@example.org"
    assert failed["Subject"] == "Graph nightly failed: T_LOAD"
    text = failed.get_content()
    assert "T_LOAD FAILED: app_error, exit code 3, attempt 2 of 2\n" in text
    assert '  first error: ValueError: "no" rows 🚨 \\ $$ here\n' in text
    assert "  runbook: https://wiki.example.org/load\n" in text
    assert f"More: jobgraph logs --failed --run {night.group}\n" in text
    assert "1 job SKIPPED." in text


def test_an_email_says_that_the_retry_was_good(night: Night) -> None:
    _, recovered = night.mails
    assert recovered["Subject"] == "Graph nightly has recovered"
    assert f"Run {night.group} of " in recovered.get_content()
    assert "attempt 2." in recovered.get_content()


def test_a_webhook_gets_the_same_text_in_valid_json(night: Night) -> None:
    paths, bodies = zip(*night.posted("hooks.slack.com"), strict=True)
    assert paths == ("/hooks.slack.com/services/T0/B0/s3cr3t",) * 2
    assert [body["text"] + "\n" for body in bodies] == [mail.get_content() for mail in night.mails]


def test_pagerduty_s_incident_is_opened_and_resolved(night: Night) -> None:
    (_, opened), (_, resolved) = night.posted("events.pagerduty.com")
    assert (opened["event_action"], resolved["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == resolved["dedup_key"] == "D.S.NIGHTLY_ROOT"
    assert opened["payload"]["summary"].startswith("Graph nightly failed.")
    assert resolved["payload"]["summary"].startswith("Graph nightly has recovered.")


def test_what_was_sent_is_in_history_once_with_the_answer(night: Night) -> None:
    sent = [(row["EVENT"], row["CHANNEL"], row["ANSWER"], row["ATTEMPT_NUMBER"]) for row in night.rows("SENT")]
    assert sent == [
        ("failure", "email", "True", 1),
        ("failure", "slack", "Enqueued notifications", 1),
        ("failure", "pagerduty", "Enqueued notifications", 1),
        ("recovered", "email", "True", 2),
        ("recovered", "slack", "Enqueued notifications", 2),
        ("recovered", "pagerduty", "Enqueued notifications", 2),
    ]
    queries = {row["QUERY_ID"] for row in night.rows("SENT")}
    taken = night.graph.rows(
        "SELECT QUERY_ID FROM TABLE(D.INFORMATION_SCHEMA.QUERY_HISTORY()) WHERE QUERY_TYPE = 'CALL'"
    )
    assert queries <= {row["QUERY_ID"] for row in taken}


def test_a_receiver_that_cannot_be_reached_fails_no_run_and_is_in_history(night: Night) -> None:
    (refused,) = night.rows("REFUSED")
    assert (refused["EVENT"], refused["INTEGRATION"]) == ("failure", "NOWHERE")
    assert "NOWHERE" in refused["ANSWER"]
    view = night.graph.rows("SELECT STATE, COUNT(*) AS N FROM D.S.NOTIFICATIONS GROUP BY STATE ORDER BY STATE")
    assert [(row["STATE"], row["N"]) for row in view] == [("REFUSED", 1), ("SENDING", 7), ("SENT", 6)]
    latest = night.graph.rows("SELECT STATE, COUNT(*) AS N FROM D.S.MESSAGES GROUP BY STATE ORDER BY STATE")
    assert [(row["STATE"], row["N"]) for row in latest] == [("REFUSED", 1), ("SENT", 6)]


class InProcess:
    """The command's client, straight into the sandbox of the night."""

    server = "the night"

    def __init__(self, graph: Deployed) -> None:
        self.graph, self.place = graph, Place("D", "S")

    def rows(self, statement: Statement) -> list[dict[str, Any]]:
        binds = {str(place): value for place, value in enumerate(statement.binds, 1)}
        try:
            return in_process.rows(self.graph.world, self.graph.session, statement.text, binds)
        except SnowflakeError as error:
            raise refused(statement, error.errno, error.message) from error

    def close(self) -> None: ...


@pytest.fixture
def jobgraph(night: Night, tmp_path: Path) -> Callable[..., Result]:
    client: Any = InProcess(night.graph)
    application = Application(connect=lambda _: client, folder=tmp_path)
    return lambda *words: CliRunner().invoke(cli, words, obj=application)


def test_status_says_whom_the_run_s_messages_did_not_reach(jobgraph: Callable[..., Result]) -> None:
    done = jobgraph("status", "nightly")
    assert done.exit_code == 0, done.output
    assert "Not notified of failure: pagerduty to NOWHERE, REFUSED: " in done.stderr


def test_a_test_message_is_marked_sent_and_written_down(night: Night, jobgraph: Callable[..., Result]) -> None:
    done = jobgraph("notify", "test", "nightly")
    assert done.exit_code == 1, done.output
    assert "email to ops@example.org, boss@example.org: sent" in done.stdout
    assert "slack to D_S_JOBGRAPH_SLACK_" in done.stdout
    assert "Snowflake refused 1 of 4 messages" in done.stderr
    night.graph.world.parts["notifications"].deliver()
    assert night.mails[-1]["Subject"] == "TEST of graph nightly: failure"
    listed = jobgraph("notify", "history", "nightly")
    assert listed.exit_code == 0, listed.output
    assert listed.stdout.count(" test ") == 4
    again = jobgraph("notify", "test", "nightly", "--event", "success")
    assert again.exit_code == 2
    assert "takes the event success" in again.stderr


def test_history_says_what_snowflake_could_not_deliver(night: Night, jobgraph: Callable[..., Result]) -> None:
    (query, *_) = (row["QUERY_ID"] for row in night.rows("SENT") if row["CHANNEL"] == "slack")
    with night.graph.world.store.transaction() as tx:
        tx.run(
            "UPDATE notification_attempt SET status = 'FAILURE', error = 'HTTP 403 invalid_token' WHERE id ="
            " (SELECT id FROM notification WHERE query_id = ?)",
            query,
        )
    messages = json.loads(jobgraph("notify", "history", "--json").stdout)
    assert [(m["event"], m["answer"]) for m in messages if m["state"] == "FAILED"] == [
        ("failure", "HTTP 403 invalid_token")
    ]


def test_a_message_that_arrived_at_the_second_attempt_is_sent(night: Night, jobgraph: Callable[..., Result]) -> None:
    """NOTIFICATION_HISTORY keeps the attempt that failed."""
    (query, *_) = (row["QUERY_ID"] for row in night.rows("SENT") if row["CHANNEL"] == "email")
    attempt = "id = (SELECT id FROM notification WHERE query_id = ?)"

    def listed() -> list[tuple[str, str]]:
        messages = json.loads(jobgraph("notify", "history", "--json").stdout)
        (message,) = (m for m in messages if (m["event"], m["channel"]) == ("failure", "email"))
        return [(message["state"], message["answer"])]

    with night.graph.world.store.transaction() as tx:
        tx.run(
            f"UPDATE notification_attempt SET status = 'RETRIABLE_FAILURE', error = 'HTTP 500' WHERE {attempt}", query
        )
        tx.run(
            "INSERT INTO notification_attempt SELECT id, 2, 'QUEUED', NULL, NULL FROM notification WHERE query_id = ?",
            query,
        )
    assert listed() == [("FAILED", "HTTP 500 (it tries again)")]
    with night.graph.world.store.transaction() as tx:
        tx.run(f"UPDATE notification_attempt SET status = 'SUCCESS' WHERE attempt = 2 AND {attempt}", query)
    assert listed() == [("SENT", "True")]
