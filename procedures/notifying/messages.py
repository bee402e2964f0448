"""The texts of messages on the ends of runs and on late runs, and their form for each channel.

Pure: times and rows are parameters. Knows the texts and the limits of channels. Must not know how a message is sent.
Shipped as a part of stored procedures' texts.
"""

from __future__ import annotations

import hashlib
import json
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from jobgraph.procedures.logs import masked, safe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FAILURE, SUCCESS, RECOVERED, LATE, TEST = "failure", "success", "recovered", "late", "test"
SENDING, SENT, REFUSED = "SENDING", "SENT", "REFUSED"
EMAIL, SLACK, TEAMS, PAGERDUTY = "email", "slack", "teams", "pagerduty"
# docs.snowflake.com/en/sql-reference/stored-procedures/system_send_email; Slack cuts at 40,000 characters, Teams
# refuses more than 28 kB, and PagerDuty a summary of more than 1024 characters
MOST_CHARACTERS = {EMAIL: 100_000, SLACK: 30_000, TEAMS: 12_000, PAGERDUTY: 1000}
MOST_SUBJECT = 250
MOST_JOBS = 20
CUT = " [...]"
# the state of a job that did not run, as in `jobgraph status`
SKIPPED = "SKIPPED"


class FailedJob(NamedTuple):
    """A job of a run that ended badly, with its last attempt; `limit` is the most attempts, 0 if unknown.

    A retry of the run gives the job `limit` new attempts, whose numbers continue after the `earlier` ones.
    """

    name: str
    status: str
    reason_class: str = ""
    exit_code: int | None = None
    reason: str = ""
    first_error: str = ""
    attempt: int = 0
    limit: int = 0
    earlier: int = 0
    runbook: str = ""

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancelled its task or its service, so that the job itself did not fail."""
        return "cancelled" in {self.reason_class, self.status.lower()}


class RunEnd(NamedTuple):
    """The end of an attempt of a graph run. `seconds` is its duration, `usual` that of good runs; None if unknown.

    `left_out` are those of the graph's `jobs` that the request left out. `backfill` is the backfill that the run
    belongs to, and `interval` its interval as text.
    """

    graph: str
    group: str
    started: str
    attempt: int
    failed: tuple[FailedJob, ...] = ()
    tolerated: tuple[FailedJob, ...] = ()
    not_run: int = 0
    seconds: float | None = None
    usual: float | None = None
    left_out: tuple[str, ...] = ()
    jobs: int = 0
    backfill: str = ""
    interval: str = ""
    link: str = ""

    @property
    def whose(self) -> str:
        """The graph, with what the run was requested for if that was less than an ordinary run."""
        part = f" (a part: {len(self.left_out)} of {self.jobs} jobs left out)" if self.left_out else ""
        return f"Graph {self.graph}{part}" + (f" (interval {self.interval})" if self.backfill else "")

    @property
    def cancelled(self) -> bool:
        """Whether only cancellations made it end badly."""
        bad = (*self.failed, *self.tolerated)
        return bool(bad) and all(job.cancelled for job in bad)


class Message(NamedTuple):
    """A message to one receiver; `occurrence` identifies its event, so that it is sent only once."""

    event: str
    graph: str
    root: str
    group: str
    attempt: int
    occurrence: str
    receiver: Mapping[str, Any]
    subject: str
    body: str

    @property
    def recipients(self) -> str:
        """The addresses of an e-mail, or the integration of a webhook."""
        return ", ".join(self.receiver.get("to", ())) or str(self.receiver["integration"])

    @property
    def id(self) -> str:
        """The unique id of the message; the same if the message is created again."""
        receiver = (self.receiver["channel"], self.receiver["integration"], self.recipients)
        key = (self.root, self.occurrence, self.event, *receiver)
        return hashlib.sha256("\0".join(key).encode()).hexdigest()[:20].upper()


def receiver_for(event: str, receiver: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the receiver's settings for an event: at PagerDuty, an event that resolves an incident has its own."""
    resolving = receiver.get("resolving") if event == RECOVERED else None
    return {**receiver, "integration": resolving} if resolving else receiver


def of_run_end(event: str, end: RunEnd) -> tuple[str, str]:
    """Return the subject and text on the end of a run."""
    went_on = not end.failed and bool(end.tolerated)
    verb = "were cancelled" if end.cancelled else "failed"
    ended = f"ran to its end, and jobs {verb}" if went_on else "was cancelled" if end.cancelled else "failed"
    words = {FAILURE: ended, SUCCESS: "succeeded", RECOVERED: "has recovered"}
    names = ", ".join(job.name for job in (end.failed or end.tolerated)[:MOST_JOBS])
    subject = f"{end.whose} {words[event]}" + (f": {names}" if names else "")
    lines = [f"{end.whose} {words[event]}.", f"Run {end.group} of {end.started}, attempt {end.attempt}."]
    if end.backfill:
        lines.append(f"It ran the interval {end.interval} of backfill {end.backfill}.")
    if end.left_out:
        more = f" and {len(end.left_out) - MOST_JOBS} more" if len(end.left_out) > MOST_JOBS else ""
        lines.append(f"It ran a part of the graph, without {', '.join(end.left_out[:MOST_JOBS])}{more}.")
    if event == RECOVERED:
        lines.append("It is the first good run after a bad or late one.")
    for job in end.failed[:MOST_JOBS]:
        lines += ["", *_job_lines(job)]
    if len(end.failed) > MOST_JOBS:
        lines += ["", f"{len(end.failed) - MOST_JOBS} more jobs {verb}."]
    if end.tolerated:
        ended = "Cancelled" if all(job.cancelled for job in end.tolerated) else "Failed"
        lines += ["", f"{ended}, and the graph went on: {', '.join(job.name for job in end.tolerated[:MOST_JOBS])}."]
    for job in end.tolerated[:MOST_JOBS]:
        lines += ["", *_job_lines(job)]
    if end.not_run:
        lines += ["", f"{end.not_run} {'jobs' if end.not_run > 1 else 'job'} {SKIPPED}."]
    lines += ["", *_duration_lines(end), _command_line(event, end)]
    if end.link:
        lines.append(f"Page: {end.link}")
    return _without_secrets(subject), _without_secrets("\n".join(lines))


def _job_lines(job: FailedJob) -> list[str]:
    facts = [job.reason_class or job.status.lower()]
    if job.exit_code is not None:
        facts.append(f"exit code {job.exit_code}")
    if job.attempt:
        number = job.attempt - job.earlier
        of = f" of {job.limit}" if number <= job.limit else ""
        facts.append(f"attempt {number}{of}" + (f", and {job.earlier} before the retry" if job.earlier else ""))
    lines = [f"{job.name} {job.status}: {', '.join(facts)}"]
    reason = job.reason or (job.first_error if job.cancelled else "")
    if reason and (job.cancelled or reason != job.first_error):
        lines.append(f"  reason: {reason}")
    if job.first_error and not job.cancelled:
        lines.append(f"  first error: {job.first_error}")
    if job.runbook:
        lines.append(f"  runbook: {job.runbook}")
    return lines


def _duration_lines(end: RunEnd) -> list[str]:
    if end.seconds is None:
        return []
    usual = "" if end.usual is None else f"; good runs usually take {in_words(end.usual)}"
    return [f"It took {in_words(end.seconds)}{usual}."]


def _command_line(event: str, end: RunEnd) -> str:
    has_logs = any(job.attempt for job in (*end.failed, *end.tolerated))
    command = "logs --failed" if event == FAILURE and has_logs else "status"
    return (
        f"More: jobgraph {command} --run {end.group}" if command != "status" else f"More: jobgraph status {end.graph}"
    )


def of_lateness(graph: str, root: str, headline: str, why: Sequence[str], link: str) -> tuple[str, str]:
    """Return the subject and text on a late or stuck run, with the known reasons."""
    subject = f"Graph {graph} is late: {headline}"
    lines = [f"Graph {graph} (root task {root}): {headline}.", *why, "", f"More: jobgraph status {graph}"]
    if link:
        lines.append(f"Page: {link}")
    return _without_secrets(subject), _without_secrets("\n".join(lines))


def of_test(graph: str, event: str) -> tuple[str, str]:
    """Return the subject and text of a test message."""
    subject = f"TEST of graph {graph}: {event}"
    return subject, (
        f"This is a test, requested with `jobgraph notify test`. Nothing has happened.\n"
        f"Messages about this event of graph {graph} arrive here: {event}."
    )


def linked(page: str, graph: str, group: str) -> str:
    """Return the page's address for a run; empty if the stack's settings have no address."""
    return f"{page.rstrip('/')}/?view=run&graph={graph}&run={group}" if page and group else page


def in_words(seconds: float) -> str:
    """Return a length of time in at most two units: 45 s, 12 min 5 s, 3 h 20 min."""
    whole = int(seconds + 0.5)
    if whole < 60:  # noqa: PLR2004  # seconds of a minute
        return f"{whole} s"
    minutes, seconds_left = divmod(whole, 60)
    if minutes < 60:  # noqa: PLR2004  # minutes of an hour
        return f"{minutes} min" + (f" {seconds_left} s" if seconds_left else "")
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h" + (f" {minutes} min" if minutes else "")


def message_content(message: Message) -> str:
    """Return a message for its channel: for e-mail the text, for a webhook the inside of a JSON text.

    Snowflake inserts a webhook's message unchanged into its template, which has the quotes already.
    """
    channel = message.receiver["channel"]
    # Slack would take `<!channel>` in an error for a call to everybody, and `<https://...|words>` for a link:
    # docs.slack.dev/messaging/formatting-message-text, "Escaping text"
    body = escape(message.body, quote=False) if channel == SLACK else message.body
    text = shortened(body, MOST_CHARACTERS[channel])
    return text if channel == EMAIL else json.dumps(text, ensure_ascii=False)[1:-1]


def shortened(text: str, limit: int) -> str:
    """Return a text of at most `limit` characters, with a mark if it was cut."""
    return text if len(text) <= limit else text[: limit - len(CUT)] + CUT


def _without_secrets(text: str) -> str:
    """Return a text without secrets, as in logs, and with control characters and halves of surrogate pairs escaped."""
    return safe(masked(text, ())).encode(errors="backslashreplace").decode()
