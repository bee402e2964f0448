"""Messages are sent once: what a kill at each statement leaves, and what a channel is handed."""

from __future__ import annotations

import html
import json
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from snowflake.snowpark import Row
from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.plan.notifying import _TEMPLATES
from jobgraph.procedures.notifying import outbox
from jobgraph.procedures.notifying.messages import (
    MOST_CHARACTERS,
    FailedJob,
    Message,
    RunEnd,
    in_words,
    message_content,
    of_run_end,
)
from jobgraph.procedures.notifying.run_ends import (
    FEWEST_USUAL,
    News,
    PastRun,
    end_messages,
    ends_trouble,
    usual_seconds,
)
from jobgraph.procedures.sending import Tagged
from jobgraph.runs import overview

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLACE = {"database": "DB", "schema": "SC", "notifications_table": "NOTIFICATIONS"}
RECEIVERS: list[dict[str, Any]] = [
    {"channel": "email", "integration": "MAIL", "to": ["a@example.org"], "events": ["failure", "recovered"]},
    {"channel": "slack", "integration": "SLACK", "events": ["failure", "success"]},
]
END = RunEnd("nightly", "run-1", "2026-11-29 02:00:00", 1, (FailedJob("LOAD", "FAILED", "app_error", 3),))


class Killed(BaseException):
    """The procedure's process is gone."""


class Account:
    """The table of messages, what was handed over, and the history of queries, behind the procedures' session."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.taken: list[tuple[str, list[Any]]] = []
        # By the number of the statement: the tags of all that began to hand a message over.
        self.tags: dict[int, str] = {}
        self.queued: list[int] = []
        self.ended: list[int] = []
        self.count = 0
        self.meet: Callable[[str, int, str], None] = lambda _moment, _number, _text: None
        self.refuse: str = ""

    def sql(self, text: str, params: list[Any]) -> Any:
        return SimpleNamespace(
            collect=lambda *, statement_params: self._run(text, params, statement_params["QUERY_TAG"])
        )

    @contextmanager
    def query_history(self) -> Iterator[Any]:
        history = SimpleNamespace(queries=[])
        yield history
        history.queries.append(SimpleNamespace(query_id=f"query-{self.count}"))

    def _run(self, text: str, params: list[Any], tag: str) -> list[Row]:
        self.count += 1
        number = self.count
        self.meet("before", number, text)
        rows = self._answer(text, params, tag)
        self.meet("after", number, text)
        return rows

    def _answer(self, text: str, params: list[Any], tag: str) -> list[Row]:
        if text.startswith("INSERT"):
            row = dict(zip(outbox.MESSAGE_COLUMNS, params, strict=False))
            key = [row[name] for name in outbox.MESSAGE_KEY]
            if key not in [[other[name] for name in outbox.MESSAGE_KEY] for other in self.rows]:
                self.rows.append(row)
            return []
        if text.startswith("SELECT MESSAGE_ID"):
            states: dict[str, str] = {}
            for row in self.rows:
                states[row["MESSAGE_ID"]] = max(states.get(row["MESSAGE_ID"], ""), row["STATE"].replace("SENDING", ""))
            return [Row(MESSAGE_ID=name, STATE=state) for name, state in states.items() if name in params]
        if text.startswith("SELECT QUERY_ID"):
            return [
                Row(QUERY_ID=f"query {number}", EXECUTION_STATUS="SUCCESS" if number in self.ended else "FAIL")
                for number, begun in self.tags.items()
                if begun == params[0]
            ]
        if "NOTIFICATION_HISTORY" in text:
            return [Row(QUERY_ID=f"query {number}") for number in self.queued if f"query {number}" in params]
        assert text.startswith("CALL SYSTEM$SEND")
        if self.refuse and self.refuse in params:
            raise SnowparkSQLException("Integration does not exist or not authorized.", sql_error_code=2003)
        self.tags[self.count] = tag
        self.meet("early", self.count, text)
        self.taken.append((text, params))
        self.queued.append(self.count)
        self.meet("within", self.count, text)
        self.ended.append(self.count)
        return [Row(ANSWER="Enqueued notifications")]


def deliver(account: Account) -> list[str]:
    messages = end_messages(RECEIVERS, END, "ROOT", News(bad=True, was_bad=False))
    return outbox.deliver(Tagged(account, "jobgraph nightly"), PLACE, messages)  # type: ignore[arg-type]  # a stand-in


def test_what_was_sent_is_written_before_and_after() -> None:
    account = Account()
    assert deliver(account) == []
    assert [row["STATE"] for row in account.rows] == ["SENDING", "SENT"] * 2
    assert deliver(account) == []
    assert len(account.taken) == 2


def statements() -> int:
    account = Account()
    deliver(account)
    return account.count


@pytest.mark.parametrize("moment", ["before", "early", "within", "after"])
@pytest.mark.parametrize("number", range(1, statements() + 1))
def test_a_kill_at_any_statement_loses_and_doubles_nothing(number: int, moment: str) -> None:
    account = Account()

    def meet(at: str, count: int, _: str) -> None:
        if (at, count) == (moment, number):
            raise Killed

    account.meet = meet
    if moment in {"early", "within"}:  # of the statements that send alone
        with suppress(Killed):
            deliver(account)
    else:
        with pytest.raises(Killed):
            deliver(account)
    assert deliver(account) == []
    assert [params[0] for _, params in account.taken] == ["MAIL", account.taken[1][1][0]]
    assert len(account.taken) == 2
    assert sorted(row["STATE"] for row in account.rows) == ["SENDING", "SENDING", "SENT", "SENT"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(1, statements() + 1))
def test_a_fault_that_passes_loses_and_doubles_nothing(number: int, moment: str) -> None:
    account = Account()

    def meet(at: str, count: int, _: str) -> None:
        if (at, count) == (moment, number):
            raise SnowparkSQLException("Connection reset by peer", sql_error_code=250_001)

    account.meet = meet
    assert deliver(account) == []
    assert len(account.taken) == 2
    assert sorted(row["STATE"] for row in account.rows) == ["SENDING", "SENDING", "SENT", "SENT"]


def test_a_receiver_that_snowflake_refuses_keeps_no_other_from_being_told() -> None:
    account = Account()
    account.refuse = "MAIL"
    (problem,) = deliver(account)
    assert "a@example.org" in problem
    assert {row["STATE"] for row in account.rows if row["CHANNEL"] == "email"} == {"SENDING", "REFUSED"}
    assert {row["STATE"] for row in account.rows if row["CHANNEL"] == "slack"} == {"SENDING", "SENT"}
    assert deliver(account) == []


@pytest.mark.parametrize(
    ("bad", "was_bad", "told"),
    [
        (True, False, ["email failure", "slack failure"]),
        (True, True, ["email failure", "slack failure"]),
        (False, True, ["email recovered", "slack success"]),
        (False, False, ["slack success"]),
    ],
)
def test_each_receiver_is_told_of_the_event_that_says_most(*, bad: bool, was_bad: bool, told: list[str]) -> None:
    messages = end_messages(RECEIVERS, END, "ROOT", News(bad=bad, was_bad=was_bad))
    assert [f"{message.receiver['channel']} {message.event}" for message in messages] == told


GOOD = PastRun(frozenset(), seconds=10.0)
BAD = PastRun(frozenset({"LOAD"}), seconds=3.0)
# `jobgraph run --only REPORT`, and `--only LOAD`
WITHOUT_LOAD = PastRun(frozenset(), frozenset({"LOAD"}), seconds=1.0)
LOAD_ALONE = PastRun(frozenset(), frozenset({"REPORT"}), seconds=2.0)


@pytest.mark.parametrize(
    ("past", "left_out", "ends"),
    [
        ([GOOD, BAD], (), False),
        ([BAD, GOOD], (), True),
        ([BAD], ("LOAD",), False),
        ([BAD], ("REPORT",), True),
        ([WITHOUT_LOAD, BAD], (), True),
        ([WITHOUT_LOAD, BAD], ("LOAD",), False),
        ([LOAD_ALONE, BAD], (), False),
        ([PastRun(frozenset({"REPORT"}), frozenset({"LOAD"})), BAD], ("LOAD",), False),
        ([PastRun(frozenset({"REPORT"}), frozenset({"LOAD"})), BAD], (), True),
    ],
)
def test_a_graph_has_recovered_when_a_good_run_had_all_that_failed(
    past: list[PastRun], left_out: tuple[str, ...], *, ends: bool
) -> None:
    assert ends_trouble(past, left_out, retried=False) is ends


def test_a_retry_ends_what_its_run_began_unless_more_failed_before() -> None:
    assert ends_trouble([GOOD], ("LOAD",), retried=True)
    assert not ends_trouble([BAD], ("LOAD",), retried=True)


def test_only_good_runs_of_the_whole_graph_say_how_long_one_usually_takes() -> None:
    assert usual_seconds([WITHOUT_LOAD, LOAD_ALONE, BAD, GOOD, GOOD, GOOD]) == 10.0
    assert usual_seconds([WITHOUT_LOAD, LOAD_ALONE, BAD, GOOD, GOOD]) is None


def test_messages_and_status_say_what_is_usual_from_the_same_number_of_runs_on() -> None:
    assert overview.FEWEST_USUAL == FEWEST_USUAL
    for count in (FEWEST_USUAL - 1, FEWEST_USUAL):
        assert (usual_seconds([GOOD] * count) is None) is (overview.usual([10.0] * count) is None)


def test_a_message_tells_that_its_run_was_of_a_part() -> None:
    end = END._replace(failed=(), left_out=("LOAD", "REPORT"), jobs=3)
    subject, body = of_run_end("success", end)
    assert subject == "Graph nightly (a part: 2 of 3 jobs left out) succeeded"
    assert body.startswith("Graph nightly (a part: 2 of 3 jobs left out) succeeded.\n")
    assert "It ran a part of the graph, without LOAD, REPORT." in body


def test_a_message_names_the_interval_of_a_backfill_by_its_own_dates() -> None:
    subject, body = of_run_end("failure", END._replace(backfill="17", interval="2026-01-01 - 2026-01-02 UTC"))
    assert subject == "Graph nightly (interval 2026-01-01 - 2026-01-02 UTC) failed: LOAD"
    assert "It ran the interval 2026-01-01 - 2026-01-02 UTC of backfill 17." in body


PAGERDUTY = {"channel": "pagerduty", "integration": "OPEN", "resolving": "CLOSE", "events": ["failure", "recovered"]}


@pytest.mark.parametrize(
    ("news", "told"),
    [
        (News(bad=True, was_bad=True), [("failure", "OPEN")]),
        (News(bad=False, was_bad=True), [("recovered", "CLOSE")]),
        (News(bad=False, was_bad=False), []),
        (News(bad=False, was_bad=False, incidents=frozenset({"OPEN"})), [("recovered", "CLOSE")]),
    ],
)
def test_an_incident_is_resolved_by_an_integration_of_its_own(news: News, told: list[tuple[str, str]]) -> None:
    messages = end_messages([PAGERDUTY], END, "ROOT", news)
    assert [(message.event, outbox.send_statement(message)[1][1]) for message in messages] == told


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf"], include_characters="\n\t"), max_size=300)


@given(text=TEXTS, channel=st.sampled_from(["slack", "teams", "pagerduty"]))
@example(text='a "quote"\n\\ $$ \u2028 🚨 {"json": 1}', channel="slack")
@example(text="x" * 10_000, channel="slack")
@example(text="x" * 10_000, channel="teams")
def test_a_text_arrives_in_the_json_of_a_webhook_as_it_is(text: str, channel: str) -> None:
    receiver = {"channel": channel, "integration": "I"}
    message = Message("failure", "g", "R", "1", 1, "o", receiver, "s", text)
    body = json.dumps(_TEMPLATES[channel]).replace("SNOWFLAKE_WEBHOOK_MESSAGE", message_content(message))
    parsed = json.loads(body)
    read: dict[str, Callable[[], str]] = {
        "slack": lambda: html.unescape(parsed["text"]),
        "teams": lambda: parsed["attachments"][0]["content"]["body"][0]["text"],
        "pagerduty": lambda: parsed["payload"]["summary"],
    }
    arrived = read[channel]()
    assert arrived == text or (len(text) > MOST_CHARACTERS[channel] and arrived.endswith("[...]"))


def test_slack_takes_no_words_of_an_error_for_a_call_to_everybody_or_a_link() -> None:
    receiver = {"channel": "slack", "integration": "I"}
    body = "first error: <!channel> <https://evil.test|the log> a&b"
    message = Message("failure", "g", "R", "1", 1, "o", receiver, "s", body)
    assert message_content(message) == "first error: &lt;!channel&gt; &lt;https://evil.test|the log&gt; a&amp;b"
    assert message_content(message._replace(receiver={**receiver, "channel": "pagerduty"})) == body


def test_secrets_are_masked_and_control_characters_written_out() -> None:
    job = FailedJob("LOAD", "FAILED", "app_error", 3, first_error="password=hunter2 \x1b[31m", runbook="https://x")
    _, text = of_run_end("failure", END._replace(failed=(job,)))
    assert "hunter2" not in text
    assert "\\x1b[31m" in text


CANCELLED = FailedJob("LOAD", "CANCELLED", "cancelled", 143, "cancelled while it ran", "about to fail", 1, 2)
BROKEN = FailedJob("SUM", "FAILED", "app_error", 3, "exit code 3", "KeyError: 'x'", 2, 2)
UNRECORDED = FailedJob("ROOT", "CANCELLED", "cancelled", first_error="canceled by ANN")


@pytest.mark.parametrize(
    ("failed", "tolerated", "headline"),
    [
        ([CANCELLED], [], "was cancelled: LOAD"),
        ([CANCELLED._replace(status="FAILED"), UNRECORDED], [], "was cancelled: LOAD, ROOT"),
        ([CANCELLED, BROKEN], [], "failed: LOAD, SUM"),
        ([CANCELLED], [BROKEN], "failed: LOAD"),
        ([], [CANCELLED], "ran to its end, and jobs were cancelled: LOAD"),
        ([], [CANCELLED, BROKEN], "ran to its end, and jobs failed: LOAD, SUM"),
    ],
)
def test_a_run_that_was_only_cancelled_is_not_said_to_have_failed(
    failed: list[FailedJob], tolerated: list[FailedJob], headline: str
) -> None:
    subject, text = of_run_end("failure", END._replace(failed=tuple(failed), tolerated=tuple(tolerated)))
    assert subject == f"Graph {END.graph} {headline}"
    assert "about to fail" not in text
    assert ("first error" in text) is (BROKEN in [*failed, *tolerated])
    assert ("reason: canceled by ANN" in text) is (UNRECORDED in failed)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (59.6, "1 min"), (125, "2 min 5 s"), (12_000, "3 h 20 min")]
)
def test_lengths_of_time_in_words(seconds: float, words: str) -> None:
    assert in_words(seconds) == words
