"""A run, a job across runs and an attempt as HTML.

Pure. Knows what people ask first: how it stands, what failed and of what, and what it was run with.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobgraph.page.markup.elements import brief, facts, figures, heading, instant, link, state, table, text, took
from jobgraph.page_model import address, looks
from jobgraph.runs import graph_run
from jobgraph.runs.wording import abridged, duration, instant_utc
from jobgraph.value_texts import json_text, value_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from jobgraph.page_model.address import Address
    from jobgraph.page_model.job_history import JobHistory, Point
    from jobgraph.page_model.log_text import Excerpt, LogLine
    from jobgraph.page_model.timeline import Timeline
    from jobgraph.runs.attempts import Attempt
    from jobgraph.runs.graph_run import GraphRun, JobRun

# So many of a job's runs are told in words.
_NEWEST = 15


def run_html(run: GraphRun, timeline: Timeline, here: Address, now: datetime | None) -> str:
    """Return the head of a run: its state, its figures, and the jobs that failed, with links to their logs."""
    done = sum(looks.look(job.state).tone == looks.GOOD for job in run.jobs)
    left_out = sum(job.state == graph_run.LEFT_OUT for job in run.jobs)
    config = f"<code>{text(_unescaped(run.config))}</code>" if run.config and run.config != "{}" else ""
    return (
        f'<div class="title">{state(run.state)}<span>{instant(run.started or run.scheduled, now)}</span></div>'
        + figures(
            [
                ("took" if run.ended else "so far", took(run.duration)),
                ("jobs done", f"{done} of {len(run.jobs) - left_out}"),
                ("jobs left out", str(left_out or "")),
                ("attempts", str(sum(job.attempts for job in run.jobs))),
                ("critical path", took(timeline.critical_seconds) if timeline.critical_seconds else ""),
                ("started by", text(run.scheduled_from.replace("_", " ").lower())),
            ]
        )
        + facts(
            [
                ("run", f"<code>{text(run.run_id)}</code>"),
                ("config", config),
                ("cause", brief(run.cause)),
                *_request(run),
            ]
        )
        + _failures(run, here)
    )


def _unescaped(config: str) -> str:
    r"""Return a run's configuration as people write it: in a statement, jobgraph writes `\u0024` for `$`.

    One that is not JSON is returned as it is.
    """
    try:
        return json_text(json.loads(config))
    except ValueError:
        return config


def _request(run: GraphRun) -> Iterator[tuple[str, str]]:
    """Yield the parameters of the run's request, and its attempt."""
    request = run.request
    yield "a part, without", text(", ".join(request.left_out))
    yield "interval", text(f"{request.start} to {request.end}" if request.backfill else "")
    yield "backfill", text(request.backfill)
    if run.attempt > 1:
        yield "attempt", text(f"{run.attempt}; {duration(run.elapsed)} from its first start to its end")


def _failures(run: GraphRun, here: Address) -> str:
    if not run.failed:
        return ""
    rows = "".join(
        f"<li>{link(here.to(address.ATTEMPT, job=job.name), text(job.name), 'name')}{state(job.state)}"
        f"<span>{brief(job.cause)}</span></li>"
        for job in run.failed
    )
    return f'<ul class="failures">{rows}</ul>'


def job_html(history: JobHistory, here: Address) -> str:
    """Return the history of a job: figures, a bar for each run, and why its attempts failed."""
    bars = "".join(_point(point, history, here) for point in history.points)
    causes = "".join(f"<li><b>{count}</b>{text(cause)}</li>" for cause, count in history.causes)
    reason = heading("Failed attempts by cause") + f'<ul class="causes">{causes}</ul>' if causes else ""
    numbers = figures(
        [
            ("runs", str(len(history.points))),
            ("done", str(history.done)),
            ("attempts", str(history.attempts)),
            ("usually takes", took(history.usual)),
            ("longest", took(history.longest)),
            ("node hours", f"{history.node_hours:.2f}"),
        ]
    )
    usual = (
        f'<i class="usual" style="bottom:{history.usual / history.longest * 100:.1f}%"></i>' if history.usual else ""
    )
    course = f'<div class="course" style="--runs:{len(history.points)}">{usual}{bars}</div>'
    return numbers + course + reason + heading("Newest runs") + _newest(history, here)


def _newest(history: JobHistory, here: Address) -> str:
    return table(
        ("run", "state", "started", ">took", ">attempts", "why"),
        (
            (
                link(here.to(address.ATTEMPT, run=point.run.run_id), text(point.run.run_id)),
                state(point.job.state),
                instant(point.job.started),
                took(point.job.duration),
                str(point.job.attempts or ""),
                brief(point.job.cause),
            )
            for point in history.points[: -_NEWEST - 1 : -1]
        ),
    )


def _point(point: Point, history: JobHistory, here: Address) -> str:
    job, look = point.job, looks.look(point.job.state)
    share = max(0.03, (job.duration or 0.0) / history.longest)
    sign = "" if look.tone == looks.GOOD else look.sign
    when = f"{instant_utc(point.run.started)}, " if point.run.started else ""
    tries = f", {job.attempts} attempts" if job.attempts > 1 else ""
    cause = f": {abridged(job.cause)}" if job.cause else ""
    hint = f"{when}{look.word or job.state}, {duration(job.duration)}{tries}{cause}"
    bar = f'<i class="{look.tone}" style="height:{share * 100:.0f}%"></i>'
    return link(here.to(address.ATTEMPT, run=point.run.run_id), f"<u>{sign}</u>{bar}", "bar", hint)


def attempt_html(job: JobRun, attempt: Attempt, now: datetime | None) -> str:
    """Return everything that is known about an attempt of a job."""
    label, _, rest = (attempt.cause or attempt.state).partition(": ")
    reason = f'<p class="reason"><b>{text(label)}</b> {text(rest)}</p>'
    pool = attempt.compute_pool + (f" ({attempt.node_family})" if attempt.node_family else "")
    exit_code = "" if attempt.exit_code is None else str(attempt.exit_code)
    signal = f", {attempt.signal}" if attempt.signal else ""
    return (
        f'<div class="title">{state(attempt.state)}<span>attempt {attempt.number} of {job.attempts}</span>'
        f"<span>{instant(attempt.started, now)}</span></div>"
        + (reason if attempt.state != "DONE" else "")
        + figures([("took", took(attempt.duration)), ("exit code", text(exit_code + signal))])
        + facts(
            [
                ("first error", text(attempt.error if attempt.state != "DONE" else "")),
                ("outputs", _outputs(attempt.outputs)),
                ("service", f"<code>{text(attempt.service)}</code>" if attempt.service else ""),
                ("pool", text(pool)),
                ("replicas", str(attempt.replicas) if attempt.replicas > 1 else ""),
                ("image", f"<code>{text(attempt.image_digest)}</code>" if attempt.image_digest else ""),
                ("query id", f"<code>{text(attempt.query_id)}</code>" if attempt.query_id else ""),
                ("log kept in", text(attempt.log_location)),
                ("started", instant(attempt.started)),
                ("ended", instant(attempt.completed)),
            ]
        )
    )


def _outputs(value: Any) -> str:
    return "" if value is None else f"<pre>{text(value_text(value, indent=2))}</pre>"


def attempts_html(job: JobRun, here: Address) -> str:
    """Return links to all attempts of a job; the present one is marked."""
    entries = [(str(attempt.number), attempt.state) for attempt in job.tries]
    if job.service is not None:
        entries.append((str(job.service.attempt), job.state))
    chosen = here.attempt or (entries[-1][0] if entries else "")
    links = "".join(
        link(
            here.to(address.ATTEMPT, attempt=number),
            f"attempt {number} {state(value)}",
            "tab on" if number == chosen else "tab",
            here=number == chosen,
        )
        for number, value in entries
    )
    return f'<nav class="tabs small" aria-label="Attempts">{links}</nav>' if len(entries) > 1 else ""


def log_html(excerpt: Excerpt, container: str, *, live: bool) -> str:
    """Return the numbered lines of a log, with the matches of a search marked."""
    gaps = set(excerpt.gaps)
    lines = "".join(('<div class="gap"></div>' if line.number in gaps else "") + _line(line) for line in excerpt.lines)
    shown = f"{len(excerpt.lines)} of {excerpt.total} lines" if len(excerpt.lines) < excerpt.total else ""
    hits = f"{excerpt.hits} found" if excerpt.hits else ""
    remark = ", ".join(part for part in ("live" if live else "", shown, hits) if part)
    body = lines or '<p class="quiet">No line.</p>'
    return f'{heading(container, remark)}<div class="log" tabindex="0" role="log" data-tail>{body}</div>'


def _line(line: LogLine) -> str:
    pieces = "".join(f"<mark>{text(piece)}</mark>" if hit else text(piece) for piece, hit in line.pieces)
    return f'<div><a id="L{line.number}">{line.number}</a><span>{pieces}</span></div>'


def jobs_table(run: GraphRun, here: Address) -> str:
    """Return the jobs of a run as a table, which screen readers can read."""
    return table(
        ("job", "state", ">attempts", ">took", "why"),
        (
            (
                link(here.to(address.ATTEMPT, job=job.name), text(job.name)),
                state(job.state),
                str(job.attempts or ""),
                took(job.duration),
                brief(job.cause),
            )
            for job in run.jobs
        ),
    )
