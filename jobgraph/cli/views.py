"""The output on graphs, runs and histories for people: rich tables and lines.

Pure: values in, renderables out. Knows columns, words and units. Must not know where output goes, except whether it is
a terminal.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.text import Text

from jobgraph.cli.tables import cut, cut_where_they_differ, fitted, is_within, table
from jobgraph.procedures.requested import backfills
from jobgraph.runs import advice, graph_run, overview
from jobgraph.runs.skips import BLOCKED
from jobgraph.runs.wording import MOST_JOBS_NAMED, counted, duration, instant, instant_utc, minute, some
from jobgraph.value_texts import value_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rich.table import Table

    from jobgraph.config.model import Config
    from jobgraph.runs.attempts import Attempt
    from jobgraph.runs.comparison import Difference
    from jobgraph.runs.deployed import Task
    from jobgraph.runs.graph_run import GraphRun, JobRun
    from jobgraph.runs.overview import GraphOverview
    from jobgraph.runs.services import JobService

_COLOURS = {
    graph_run.DONE: "green",
    graph_run.FAILED: "bold red",
    graph_run.RUNNING: "cyan",
    graph_run.PENDING: "dim",
    graph_run.SKIPPED: "yellow",
    graph_run.CANCELLED: "yellow",
    graph_run.SUSPENDED: "yellow",
    graph_run.DISABLED: "dim",
    graph_run.LEFT_OUT: "dim",
    backfills.PAUSED: "yellow",
    overview.NEVER_RAN: "dim",
}
# Waiting for at least this many seconds gets a column in the table of a run.
_TELLING_WAIT = 5.0
# Lines of a table that are not rows: its heading, rules, caption, and the cursor's own.
_FRAME_LINES = 6
# The length of the year in an instant.
_YEAR = len("2026-")


def state(value: str) -> Text:
    """Return a state in its colour."""
    return Text(value, style=_COLOURS.get(value, "red"))


def _count(value: int | None) -> str:
    return "" if value is None else str(value)


def run_table(run: GraphRun, *, terminal: bool) -> Table:
    """Return the jobs of a run, one line each; outputs are shown if a job passed on more than a number of rows.

    If more than a few jobs are left out, they have no lines; `failures` names them.
    """
    left_out = sum(job.state == graph_run.LEFT_OUT for job in run.jobs)
    if left_out > MOST_JOBS_NAMED:
        run = replace(run, jobs=tuple(job for job in run.jobs if job.state != graph_run.LEFT_OUT))
    with_outputs = any(job.outputs is not None and job.rows_written is None for job in run.jobs)
    waiting = [advice.waited(job) for job in run.jobs]
    waits = any(seconds is not None and seconds >= _TELLING_WAIT for seconds in waiting)
    return table(
        (
            *("job", "state", ">attempts", ">duration"),
            *((">of it waiting",) if waits else ()),
            "outputs" if with_outputs else ">rows written",
        ),
        (
            (
                job.name,
                state(job.state),
                _count(job.attempts or None),
                duration(job.duration),
                *((duration(seconds),) if waits else ()),
                cut(outputs(job.outputs)) if with_outputs else _count(job.rows_written),
            )
            for job, seconds in zip(run.jobs, waiting, strict=True)
        ),
        terminal=terminal,
    )


def progress_table(run: GraphRun, height: int) -> Table:
    """Return the jobs of a run in at most `height` lines; of a larger graph, the jobs that matter now, and counts."""
    room = max(height - _FRAME_LINES, 1)
    jobs = run.jobs
    if len(jobs) > room:
        order = {graph_run.RUNNING: 0, graph_run.FAILED: 1, graph_run.PENDING: 3}
        jobs = tuple(sorted(jobs, key=lambda job: order.get(job.state, 2 if job.state != graph_run.DONE else 4))[:room])
    drawn = run_table(replace(run, jobs=jobs), terminal=True)
    counts = Counter(job.state for job in run.jobs)
    drawn.caption = f"{duration(run.duration)}  " + ", ".join(f"{count} {name}" for name, count in counts.items())
    drawn.caption_justify = "left"
    return drawn


def headline(run: GraphRun) -> Text:
    """Return one line on the whole run."""
    took = f" in {duration(run.duration)}" if run.ended and run.duration is not None else ""
    part = f" (a part: {len(run.request.left_out)} of {len(run.jobs)} jobs left out)" if run.is_part else ""
    request = run.request
    of = f" (interval {request.interval} of backfill {request.backfill}, {request.span} UTC)" if request.span else ""
    return Text.assemble(f"{run.graph}, run {run.run_id}{part}{of}: ", state(run.state), took, _tries(run))


def _tries(run: GraphRun) -> str:
    """Return the attempt of a retried run, and the time since its start, which includes the pauses between attempts."""
    if run.attempt == 1:
        return ""
    since = f", {duration(run.elapsed)} after it first began" if run.ended and run.elapsed is not None else ""
    return f" (attempt {run.attempt}{since})"


def part_line(part: GraphRun, whole: GraphRun | None, trouble: Sequence[str], deployed: Sequence[Task]) -> str:
    """Return a line on a graph whose last run was partial, and on jobs without a good run since the last full run.

    `trouble` names the jobs that failed, or could not run because of a failure, and have had no good run since;
    `deployed` are the graph's present jobs, predecessors first.
    """
    newest = f"The last run of graph {part.graph} was of a part of it: {part.run_id} {part.state}"
    if whole is None:
        line = f"{newest}. No run of the whole graph is recorded."
    else:
        line = (
            f"{newest}. The last run of the whole graph: {whole.run_id} {whole.state},"
            f" `jobgraph status {whole.graph} --run {whole.run_id}` shows it."
        )
    missing = overview.without_good_run(part.graph, trouble, deployed)
    if missing:
        return f"{line} {missing}"
    if whole is not None and whole.state in {graph_run.FAILED, graph_run.CANCELLED} and not trouble:
        return f"{line} What had failed in it, or was skipped for that, has been run well since."
    return line


def failures(run: GraphRun) -> list[str]:
    """Return the cause of each failed job with the command that shows its log, and the jobs that did not run."""
    lines = [run.cause] if run.cause else []
    lines += [f"{job.name} {job.cause}, {duration(job.waited)} so far" for job in run.jobs if job.waited is not None]
    for job in run.failed:
        tries = f" after {job.attempts} attempts" if job.attempts > 1 else ""
        lines.append(f"{job.name} {job.state}{tries}: {job.cause}")
        if job.attempts:
            lines.append(f"  its log: jobgraph logs {job.name} --run {run.run_id}")
        if advised := advice.advice(job):
            lines.append(f"  what to do: {advised}")
    skipped: dict[str, list[str]] = {}
    for job in run.jobs if run.ended else ():
        if job.state == graph_run.SKIPPED:
            skipped.setdefault(job.cause, []).append(job.name)
    lines += [f"skipped, because {cause}: {some(names)}" for cause, names in skipped.items()]
    disabled = [job.name for job in run.jobs if job.state == graph_run.DISABLED]
    if disabled and run.ended:
        lines.append(f"left out, because the job configuration says `enabled: false`: {some(disabled)}")
    lines += _left_out(run)
    return lines


def _left_out(run: GraphRun) -> list[str]:
    """Return the jobs that were left out, one line for each reason."""
    jobs: dict[str, list[str]] = {}
    for job in run.jobs:
        if job.state == graph_run.LEFT_OUT:
            jobs.setdefault(job.cause, []).append(job.name)
    return [f"{counted(names)} {graph_run.LEFT_OUT}: {cause}" for cause, names in jobs.items()]


def next_commands(run: GraphRun) -> str:
    """Return a line with the commands that are likely to be useful after a run."""
    telling = next(iter(run.failed), None) or next((job for job in run.jobs if job.attempts), None)
    commands = [f"jobgraph status {run.graph}", f"jobgraph history {run.graph}"]
    if telling:
        of_run = "" if run.repeatable else f" --run {run.run_id}"
        commands.insert(0, f"jobgraph logs {telling.name}{of_run}")
    if run.retryable:
        commands.append(f"jobgraph retry {run.graph} --wait")
    elif run.repeatable and run.state == graph_run.FAILED:
        commands.append(f"jobgraph run {run.graph} --wait")
    return "Next: " + "   ".join(commands)


def job_lines(run: GraphRun, job: JobRun, results: str = "") -> list[Text]:
    """Return everything known about a job in a run: a line on the job, then a paragraph for each recorded attempt.

    `results` is the stage folder where attempts may leave files, below the run's day and id.
    """
    took = f" in {duration(job.duration)}" if job.duration is not None and job.state != graph_run.RUNNING else ""
    cause = f": {job.cause}" if job.cause and not job.tries and not job.service else ""
    lines = [Text.assemble(f"{job.name}, run {run.run_id}: ", state(job.state), took, cause)]
    for attempt in job.tries:
        label = f" {attempt.reason_label}" if attempt.reason_class else ""
        when = f", {instant_utc(attempt.started)}" if attempt.started else ""
        length = f", {duration(attempt.duration)}" if attempt.duration is not None else ""
        lines.append(Text.assemble(f"\nattempt {attempt.number}: ", state(attempt.state), label, when, length))
        lines += [Text(f"  {f'{name}:':<11}{value}") for name, value in _facts(run, job, attempt) if value]
        if results and attempt.state == graph_run.DONE:
            lines.append(Text(f"  {'files:':<11}LIST {results} PATTERN = '.*/{run.run_id}/{job.name}/.*'"))
    if job.service is not None:
        waiting = f", {job.cause}, {duration(job.waited)} so far" if job.waited is not None else ""
        lines.append(Text.assemble(f"\nattempt {job.service.attempt}: ", state(job.state), waiting))
        lines += [Text(f"  {f'{name}:':<11}{value}") for name, value in _live_facts(run, job, job.service)]
    return lines


def _live_facts(run: GraphRun, job: JobRun, service: JobService) -> Iterator[tuple[str, str]]:
    yield "service", f"{service.name}, {service.status}"
    yield "pool", service.compute_pool
    if job.waited is None:
        yield "log", f"jobgraph logs {job.name} --run {run.run_id} --follow"


def _facts(run: GraphRun, job: JobRun, attempt: Attempt) -> Iterator[tuple[str, str]]:
    pool = attempt.compute_pool + (f" ({attempt.node_family})" if attempt.node_family else "")
    signal = f", {attempt.signal}" if attempt.signal else ""
    yield "exit code", "" if attempt.exit_code is None else f"{attempt.exit_code}{signal}"
    yield "reason", " ".join(attempt.reason.split())
    yield "error", attempt.error if attempt.error != attempt.reason else ""
    yield "outputs", outputs(attempt.outputs)
    yield "service", attempt.service + (f", {attempt.replicas} replicas" if attempt.replicas > 1 else "")
    yield "pool", pool
    yield "image", attempt.image_digest
    yield "query", attempt.query_id
    yield "log", f"jobgraph logs {job.name} --run {run.run_id} --attempt {attempt.number}"
    yield "kept in", attempt.log_location


def outputs(value: Any) -> str:
    """Return the outputs of a job on one line; empty if there are none."""
    return "" if value is None else value_text(value)


def overview_table(lines: Sequence[GraphOverview], *, terminal: bool, width: int | None = None) -> Table:
    """Return one line for each graph, or two if they are wider than `width`. The duration is dropped last.

    In two lines, the next start is below the last start, and the usual duration below the last.
    """
    columns = ("graph", "last run", "started (UTC)", ">took", ">usually", "next start (UTC)", "remark")
    rows = [_overview_row(line) for line in lines]
    drawn = fitted(columns, rows, (), terminal=terminal, width=width)
    if width is None or is_within(columns, rows, width):
        return drawn
    stacked = ("graph", "last run", "started (UTC)", ">took", "remark")
    pairs = [
        (
            *row[:2],
            _below(str(row[2]), str(row[5])[_YEAR:], "next"),
            _below(str(row[3]), str(row[4]), "usually"),
            row[6],
        )
        for row in rows
    ]
    return fitted(stacked, pairs, (">took",), terminal=terminal, width=width)


def _overview_row(line: GraphOverview) -> tuple[str | Text, ...]:
    return (
        line.graph.key,
        state(line.state),
        minute(line.run.started) if line.run else "",
        duration(line.run.duration) if line.run else "",
        duration(line.usual),
        minute(line.next_start),
        _remark(line),
    )


def _below(text: str, second: str, label: str) -> str:
    """Return two lines: `text`, and below it `label` and `second`; only one line if `second` is empty."""
    return "\n".join(filter(None, (text, f"{label} {second}" if second else "")))


def _remark(line: GraphOverview) -> str:
    failed = ", ".join(_failed(job) for job in line.run.failed) if line.run else ""
    if line.graph.deployed is None:
        return "; ".join(filter(None, (failed, "no longer deployed")))
    remark = f"suspended {line.suspended_because}" if line.suspended else "see below" if line.remarks else ""
    part = f"then a part {line.part.state}{': recovered' * line.recovered}" if line.part else ""
    return "; ".join(filter(None, (failed, remark, part)))


def comparison_table(
    first: GraphRun, second: GraphRun, differences: Sequence[Difference], *, terminal: bool, width: int | None = None
) -> Table:
    """Return one line for each difference between two runs."""
    rows = [
        (difference.job or "run", difference.fact, *_sides(difference.fact, difference.first, difference.second))
        for difference in differences
    ]
    return fitted(("job", "fact", first.run_id, second.run_id), rows, (), terminal=terminal, width=width)


def _sides(fact: str, first: Any, second: Any) -> tuple[str | Text, str | Text]:
    """Return both values of a fact; long ones are cut so that the difference shows."""
    if fact == "duration":
        return duration(first), duration(second)
    if fact == "state":
        return state(str(first)), state(str(second))
    return cut_where_they_differ(_fact(first), _fact(second))


def _fact(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value_text(", ".join(value))
    return outputs(value)


def history_table(history: Sequence[GraphRun], *, terminal: bool, width: int | None = None) -> Table:
    """Return one line for each run; columns that matter least are left out of a table wider than `width`."""
    columns = ("run", "state", "started (UTC)", ">duration", "started by", ">jobs done", ">attempts", "failed")
    rows: list[tuple[str | Text, ...]] = [
        (
            run.run_id,
            state(run.state),
            instant(run.started),
            duration(run.duration),
            f"backfill {run.request.backfill}: {run.request.span}" if run.request.span else run.scheduled_from,
            _jobs_done(run),
            str(sum(job.attempts for job in run.jobs)),
            ", ".join(_failed(job) for job in run.failed),
        )
        for run in history
    ]
    return fitted(
        columns, rows, ("started by", ">attempts", ">duration"), (">jobs done",), terminal=terminal, width=width
    )


def _jobs_done(run: GraphRun) -> str:
    """Return how many of the jobs that the run was to run are done, and why others are not."""
    left_out = sum(job.state == graph_run.LEFT_OUT for job in run.jobs)
    disabled = sum(job.state == graph_run.DISABLED for job in run.jobs)
    done = f"{sum(job.state == graph_run.DONE for job in run.jobs)}/{len(run.jobs) - left_out - disabled}"
    skipped = [job for job in run.jobs if job.state == graph_run.SKIPPED]
    by_failure = sum(job.cause == BLOCKED for job in skipped)
    remarks = (
        *(("a part",) if run.is_part else ()),
        *((f"{left_out} left out",) if run.is_part or left_out else ()),
        *((f"{by_failure} skipped: failure",) if by_failure else ()),
        *((f"{len(skipped) - by_failure} skipped: condition",) if len(skipped) > by_failure else ()),
    )
    return f"{done} ({', '.join(remarks)})" if remarks else done


def _failed(job: JobRun) -> str:
    label = (job.last.reason_label if job.last else "") or advice.reason_class(job)
    return f"{job.name} {label or job.state}"


def config_table(config: Config, *, terminal: bool) -> Table:
    """Return one line for each graph of a configuration file."""
    return table(
        ("graph", "root task", "finalizer", ">jobs", "schedule"),
        (
            (
                graph.key,
                graph.root_task,
                graph.finalizer_task,
                str(len(graph.jobs)),
                str(graph.schedule or "on demand"),
            )
            for graph in config.graphs
        ),
        terminal=terminal,
    )
