"""An attempt of a job: why it ended, its outputs, and its log with a search field.

Must not know where logs are kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import streamlit as st

from jobgraph.errors import UsageError
from jobgraph.page import reading
from jobgraph.page.board import board
from jobgraph.page.markup.elements import empty, state, text
from jobgraph.page.markup.runs import attempt_html, attempts_html, log_html
from jobgraph.page.views.controls import filter_field
from jobgraph.page.views.live import live
from jobgraph.page_model import address
from jobgraph.page_model.log_text import excerpt

if TYPE_CHECKING:
    from jobgraph.page_model.address import Address
    from jobgraph.runs.graph_run import GraphRun, JobRun

_NUMBER = re.compile(r"[0-9]{1,6}")


def show(here: Address) -> None:
    """Show the attempt of the address, or the last one of its job."""
    reading.graph(here.graph)
    reading.run(here.graph, here.run)

    def draw() -> bool:
        run = reading.run(here.graph, here.run)
        job = _job(run, here)
        place = here.to(here.view, run=run.run_id)
        board(_facts(run, job, place), "attempt")
        return not run.ended

    live(draw)
    st.container(height=4, border=False)
    filter_field(here, "Lines of the log that contain", "find")

    def draw_log() -> bool:
        place = address.read(st.query_params)
        run = reading.run(here.graph, here.run)
        job = run.job(here.job)
        board(_logs(run, job, place) if job else "", "log")
        return not run.ended

    live(draw_log)


def _job(run: GraphRun, here: Address) -> JobRun:
    """Return the job of the address.

    Raises:
        UsageError: if the address names no job, or one that is not in the run, or an attempt that there was not.
    """
    if not here.job:
        raise UsageError("The address names no job.", remedy="Choose one in the grid or in the timeline.")
    job = run.job(here.job)
    if job is None:
        raise UsageError(f"Run {run.run_id} of graph {here.graph} has no job {here.job!r}")
    numbers = [attempt.number for attempt in job.tries] + ([job.service.attempt] if job.service is not None else [])
    number = _number(job, here)
    if number is not None and number not in numbers:
        raise UsageError(f"Job {job.name} has no attempt {number} in run {run.run_id}")
    return job


def _number(job: JobRun, here: Address) -> int | None:
    if _NUMBER.fullmatch(here.attempt):
        return int(here.attempt)
    if job.service is not None:
        return job.service.attempt
    return job.last.number if job.last else None


def _facts(run: GraphRun, job: JobRun, here: Address) -> str:
    number = _number(job, here)
    attempt = next((attempt for attempt in job.tries if attempt.number == number), None)
    links = attempts_html(job, here)
    if attempt is not None:
        return links + attempt_html(job, attempt, reading.now())
    if job.service is not None:
        status = f"service {job.service.name} on {job.service.compute_pool}: {job.service.status}"
        return f'{links}<div class="title">{state(job.state)}<span>{text(job.cause or status)}</span></div>'
    cause = job.cause or ("it has not started yet" if not run.ended else "no attempt is recorded")
    return f'<div class="title">{state(job.state)}<span>{text(cause)}</span></div>'


def _logs(run: GraphRun, job: JobRun, here: Address) -> str:
    number = _number(job, here)
    if number is None:
        return ""
    logs = reading.logs(here.graph, run.run_id, job.name, number, live=not run.ended)
    if not logs:
        return empty("No log is kept of this attempt.")
    return "".join(
        log_html(
            excerpt(log.text, here.find), f"Log of container {log.container}, instance {log.instance}", live=log.live
        )
        for log in logs
    )
