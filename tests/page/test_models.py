"""What holds for the models of the page, whatever the runs: nothing is lost, nothing overlaps, nothing is markup."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from html import escape, unescape
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobgraph.cost.rates import published
from jobgraph.page.markup.elements import link, text
from jobgraph.page.markup.grid import grid_html, grid_legend
from jobgraph.page.markup.runs import attempt_html, job_html, log_html, run_html
from jobgraph.page.markup.timeline import timeline_html
from jobgraph.page_model import address, looks
from jobgraph.page_model.address import Address
from jobgraph.page_model.costs import costs
from jobgraph.page_model.grid import grid
from jobgraph.page_model.job_history import job_history
from jobgraph.page_model.log_text import MOST_LINES, MOST_MARKS, excerpt
from jobgraph.page_model.timeline import (
    BETWEEN,
    CANCELLED_RUN,
    FAILED_RUN,
    NODE,
    QUEUE,
    RETRY,
    RUNNING,
    critical_path,
    timeline,
)
from jobgraph.runs import overview
from jobgraph.runs.attempts import Attempt
from jobgraph.runs.deployed import Task
from jobgraph.runs.graph_run import GraphRun, JobRun, Progress, assemble
from jobgraph.runs.shapes import Shape
from jobgraph.runs.task_runs import TaskRun

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
STATES = st.sampled_from([*looks.LOOKS, "A_STATE_OF_TOMORROW"])
HOSTILE = "<script>alert('x')</script>\" onmouseover=x &"


@st.composite
def jobs_of_run(draw: st.DrawFn, task: Task, ready: float) -> JobRun:
    """A job that queued, waited, ran and was tried again, for any seconds of each."""
    seconds = st.floats(0, 500)
    at = ready + draw(seconds)
    start, tries = at, []
    for number in range(1, draw(st.integers(0, 3)) + 1):
        begin = at + draw(seconds)
        at = begin + draw(seconds)
        state = draw(st.sampled_from(["DONE", "FAILED"]))
        tries.append(Attempt(number, state, started=_at(begin), completed=_at(at), duration=at - begin))
    completed = draw(st.booleans())
    end = at + draw(seconds)
    return JobRun(
        task.name,
        draw(STATES),
        attempts=len(tries),
        tries=tuple(tries),
        started=_at(start),
        completed=_at(end) if completed else None,
        duration=end - start,
    )


@st.composite
def runs(draw: st.DrawFn, number: int = 0) -> GraphRun:
    """A run of a graph of up to six jobs, each of which may not have started."""
    names = draw(st.lists(st.sampled_from("ABCDEFG"), unique=True, min_size=1, max_size=6))
    tasks = [
        Task(name, tuple(draw(st.sets(st.sampled_from(names[:place]), max_size=2))) if place else (), started=True)
        for place, name in enumerate(names)
    ]
    jobs: dict[str, JobRun] = {}
    for task in tasks:
        ends = [jobs[before].completed for before in task.after]
        if draw(st.integers(0, 4)) == 0 or None in ends:
            jobs[task.name] = JobRun(task.name, draw(st.sampled_from(["PENDING", "SKIPPED", "SUSPENDED"])))
        else:
            ready = max([0.0, *((end - START).total_seconds() for end in ends if end)])
            jobs[task.name] = draw(jobs_of_run(task, ready))
    longest = max([1.0, *((job.completed - START).total_seconds() for job in jobs.values() if job.completed)])
    shape = Shape("g", "ROOT", tuple(tasks))
    started = START + timedelta(days=number)
    moved = tuple(_moved(job, timedelta(days=number)) for job in jobs.values())
    duration = longest + draw(st.floats(0, 50))
    return GraphRun(shape, f"run{number}", "DONE", True, moved, started=started, duration=duration)  # noqa: FBT003  # it has ended


def _at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def _moved(job: JobRun, by: timedelta) -> JobRun:
    tries = tuple(
        replace(one, started=one.started and one.started + by, completed=one.completed and one.completed + by)
        for one in job.tries
    )
    return replace(
        job,
        tries=tries,
        started=job.started and job.started + by,
        completed=job.completed and job.completed + by,
    )


@given(runs())
def test_the_pieces_of_a_job_touch_and_fill_its_time(run: GraphRun) -> None:
    model = timeline(run)
    assert {bar.job.name for bar in model.bars} == {job.name for job in run.jobs}
    for bar in model.bars:
        assert bool(bar.pieces) <= (bar.job.started is not None)
        assert all(abs(first.end - second.start) < 1e-6 for first, second in pairwise(bar.pieces))
        assert all(0 <= piece.start <= piece.end <= model.seconds + 1e-6 for piece in bar.pieces)
        if bar.pieces and bar.job.completed and run.started:
            assert abs(bar.pieces[-1].end - (bar.job.completed - run.started).total_seconds()) < 1e-3
        shown = [piece.attempt for piece in bar.pieces if piece.attempt is not None]
        assert shown == [attempt.number for attempt in bar.job.tries if bar.pieces]


@given(runs())
def test_attempts_are_as_long_as_they_were(run: GraphRun) -> None:
    for bar in timeline(run).bars:
        if not bar.job.completed:
            continue
        lengths = {piece.attempt: piece.seconds for piece in bar.pieces if piece.attempt is not None}
        assert all(abs(lengths[attempt.number] - (attempt.duration or 0)) < 1e-3 for attempt in bar.job.tries)
        kinds = [piece.kind for piece in bar.pieces]
        assert kinds.count(QUEUE) <= 1
        assert kinds.count(NODE) <= 1
        assert kinds.count(RETRY) <= max(0, len(bar.job.tries) - 1)


@given(runs())
def test_the_critical_path_is_a_chain_that_ends_last(run: GraphRun) -> None:
    path = critical_path(run)
    after = {task.name: task.after for task in run.shape.jobs}
    assert all(first in after[second] for first, second in pairwise(path))
    ended = [job.completed for job in run.jobs if job.completed and job.started]
    last = run.job(path[-1]) if path else None
    assert (last.completed if last else None) == max(ended, default=None)
    if path:
        assert not [name for name in after[path[0]] if (job := run.job(name)) and job.completed and job.started]


def _task_run(name: str, state: str, start: float, end: float | None, attempt: int = 1) -> TaskRun:
    completed = None if end is None else _at(end)
    return TaskRun(name, state, "run", _at(start), _at(start), completed, "", "SCHEDULE", attempt)


def _attempt_row(number: int, state: str, start: float, end: float) -> dict[str, object]:
    times = {"STARTED_TIME": _at(start), "COMPLETED_TIME": _at(end), "DURATION_IN_SECS": end - start}
    return {"TASK_NAME": "BROKEN", "ATTEMPT": number, "JOB_STATUS": state, **times}


BEFORE_THE_RETRY = [
    _task_run("ROOT", "SUCCEEDED", 0, 1),
    _task_run("FIRST", "SUCCEEDED", 1, 4),
    _task_run("BROKEN", "FAILED", 5, 16),
]
TRIES = [_attempt_row(1, "FAILED", 6, 8), _attempt_row(2, "FAILED", 9, 11), _attempt_row(3, "CANCELLED", 12, 15)]
TASKS = (Task("FIRST", (), started=True), Task("BROKEN", ("FIRST",), started=True))


def test_the_attempts_before_a_retry_of_the_graph_are_drawn_in_their_own_time() -> None:
    rows = [*BEFORE_THE_RETRY, _task_run("BROKEN", "SUCCEEDED", 45, 50, attempt=2)]
    run = assemble(Shape("g", "ROOT", TASKS), "run", rows, [*TRIES, _attempt_row(4, "DONE", 47, 49)])
    assert (run.duration, run.elapsed) == (16 + 5, 50)
    model = timeline(run)
    assert model.seconds == 50
    pieces = {bar.job.name: bar.pieces for bar in model.bars}["BROKEN"]
    attempts = [(piece.kind, piece.start, piece.end) for piece in pieces if piece.attempt]
    assert attempts == [(FAILED_RUN, 6, 8), (FAILED_RUN, 9, 11), (CANCELLED_RUN, 12, 15), (RUNNING, 47, 49)]
    assert [(piece.kind, piece.start, piece.end) for piece in pieces if piece.kind in {QUEUE, BETWEEN}] == [
        (QUEUE, 4, 5),
        (BETWEEN, 16, 45),
    ]
    assert all(first.end == second.start for first, second in pairwise(pieces))
    # the pause is not a part of either
    assert model.critical_seconds == run.duration
    drawn = timeline_html(model, Address(address.RUN, "g"))
    assert drawn.count('<b class="lost"') == 2
    assert drawn.count('<b class="cancelled"') == 1


def test_a_retry_that_has_only_been_asked_for_hides_no_attempt() -> None:
    progress = Progress(now=_at(30), attempt=2)
    run = assemble(Shape("g", "ROOT", TASKS), "run", BEFORE_THE_RETRY, TRIES, progress)
    assert not run.ended
    model = timeline(run)
    pieces = {bar.job.name: bar.pieces for bar in model.bars}["BROKEN"]
    assert [(piece.start, piece.end) for piece in pieces if piece.attempt] == [(6, 8), (9, 11), (12, 15)]
    assert (pieces[-1].end, model.seconds) == (16, 30)


@given(runs(), st.data())
def test_a_retried_run_loses_no_time(run: GraphRun, data: st.DataObject) -> None:
    """What an earlier attempt of the graph did is drawn before the rest, which stays as it was."""
    shift = timedelta(seconds=1000)
    job = data.draw(st.sampled_from(run.jobs))
    length = data.draw(st.integers(1, 900))
    lost = Attempt(0, "FAILED", started=_at(0), completed=_at(length), duration=length)
    earlier = ((_at(0), _at(length)),)
    later = tuple(_moved(each, shift) for each in run.jobs)
    jobs = tuple(
        replace(each, tries=(lost, *each.tries), earlier=earlier) if each.name == job.name else each for each in later
    )
    retried = replace(run, jobs=jobs, elapsed=(run.duration or 0.0) + 1000)
    bar = next(bar for bar in timeline(retried).bars if bar.job.name == job.name)
    assert (bar.pieces[0].kind, bar.pieces[0].attempt, bar.pieces[0].seconds) == (FAILED_RUN, 0, length)
    assert all(abs(first.end - second.start) < 1e-6 for first, second in pairwise(bar.pieces))
    plain = next(bar for bar in timeline(replace(retried, jobs=later)).bars if bar.job.name == job.name)
    lengths = [piece.seconds for piece in plain.pieces if piece.attempt]
    shown = [piece.seconds for piece in bar.pieces if piece.attempt]
    assert len(lengths) == len(shown)
    assert all(abs(one - other) < 1e-3 for one, other in zip(lengths, shown, strict=True))


def test_a_recovered_attempt_costs_what_others_on_its_pool_do() -> None:
    def of(job: str, family: str, state: str, pool: str = "P") -> JobRun:
        attempt = Attempt(1, state, duration=3600.0, compute_pool=pool, node_family=family)
        return JobRun(job, state, attempts=1, tries=(attempt,))

    tasks = (Task("A", (), started=True), Task("B", (), started=True))
    planned = Task("C", (), started=True, definition={"compute_pool": "Q", "instance_family": "CPU_X64_S"})
    jobs = (of("A", "CPU_X64_XS", "DONE"), of("B", "", "CANCELLED"), of("C", "", "CANCELLED", "Q"))
    run = GraphRun(Shape("g", "ROOT", (*tasks, planned)), "run", "CANCELLED", True, jobs)  # noqa: FBT003  # it has ended
    families = published().families
    result = costs([run], families)
    small, large = families["CPU_X64_XS"].high, families["CPU_X64_S"].high
    assert {job.job: (job.credits, job.unrated) for job in result.jobs} == {
        "A": (small, 0),
        "B": (small, 0),
        "C": (large, 0),
    }
    assert result.lost == small + large


def test_the_legend_of_the_grid_has_every_state_of_a_job() -> None:
    legend = grid_legend()
    words = {look.word for name, look in looks.LOOKS.items() if name != overview.NEVER_RAN}
    assert all(f">{word}" in legend for word in words)
    assert "∅" in legend


@given(st.lists(st.integers(0, 30), unique=True, max_size=5).flatmap(lambda days: st.tuples(*map(runs, days))))
def test_a_grid_loses_no_run_and_no_job(history: tuple[GraphRun, ...]) -> None:
    model = grid(history)
    assert model.runs == history[::-1]
    assert {row.job for row in model.rows} == {job.name for run in history for job in run.jobs}
    for row in model.rows:
        states = [run.job(row.job) for run in model.runs]
        assert row.cells == "".join(looks.letter(job.state, job.attempts) if job else "-" for job in states)
    for only in ("", looks.TROUBLE):
        part = grid(history, containing="a", only=only)
        assert part.hidden + len(part.rows) == len(model.rows)
        assert all("A" in row.job for row in part.rows)
    if history:
        newest = [row.job for row in model.rows][: len(history[0].jobs)]
        assert newest == [task.name for task in history[0].shape.jobs]


@given(st.lists(st.integers(0, 30), unique=True, max_size=5).flatmap(lambda days: st.tuples(*map(runs, days))))
def test_a_job_across_runs_counts_every_failed_attempt(history: tuple[GraphRun, ...]) -> None:
    for name in "ABC":
        course = job_history(history, name)
        jobs = [job for run in history if (job := run.job(name))]
        assert [point.job for point in course.points] == jobs[::-1]
        bad = sum(attempt.state != "DONE" for job in jobs for attempt in job.tries)
        assert sum(count for _, count in course.causes) == bad
        assert course.attempts == sum(len(job.tries) for job in jobs)


WORDS = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=255)


@given(st.builds(Address, st.sampled_from(address.VIEWS), WORDS.filter(bool), *[WORDS] * (len(fields(Address)) - 2)))
def test_an_address_survives_its_link(place: Address) -> None:
    assert address.read(dict(parse_qsl(place.link.removeprefix("?")))) == place


@given(st.dictionaries(st.text(), st.text()))
def test_any_parameters_are_an_address(parameters: dict[str, str]) -> None:
    assert address.read(parameters).view in address.VIEWS


@given(st.text(), st.text(max_size=3), st.integers(1, 5))
def test_an_excerpt_is_the_end_of_what_was_searched(log: str, find: str, most: int) -> None:
    part = excerpt(log, find, most)
    lines = log.splitlines()
    hits = [line for line in lines if find.casefold() in line.casefold()]
    assert [line.text for line in part.lines] == hits[-most:]
    assert all(lines[line.number - 1] == line.text for line in part.lines)
    assert part.total == len(lines)
    marked = [piece for line in part.lines for piece, hit in line.pieces if hit]
    assert all(piece.casefold() == find.casefold() for piece in marked)


def test_of_a_line_of_megabytes_a_part_is_shown_around_what_was_searched() -> None:
    line = f"{'x' * 2_000_000}NEEDLE{'y' * 1_000_000}"
    (shown,) = excerpt(line, "needle").lines
    assert shown.text.startswith("[1,999,500 characters] x")
    assert shown.text.endswith("y [995,506 characters more]")
    assert [piece for piece, hit in shown.pieces if hit] == ["NEEDLE"]
    (begin,) = excerpt(line).lines
    assert begin.text == f"{'x' * 5000} [2,995,006 characters more]"
    (marked,) = excerpt(line, "x").lines
    assert len(marked.pieces) <= 2 * MOST_MARKS + 1
    assert len(excerpt("a\n" * 100_000, "a").lines) == MOST_LINES


def test_looks_are_told_apart_without_colour() -> None:
    signs = [look.sign for look in looks.LOOKS.values()]
    letters = [look.letter for look in looks.LOOKS.values()]
    assert len(set(signs)) == len(signs)
    assert len(set(letters)) == len(letters)


class _Tags(HTMLParser):
    """The tags, and the names of their attributes, of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names |= {tag, *(name for name, _ in attrs)}


def tags(html: str) -> set[str]:
    parser = _Tags()
    parser.feed(html)
    return parser.names


@given(st.text() | st.just(HOSTILE))
def test_nothing_that_others_wrote_is_markup(words: str) -> None:
    """Names, causes, logs and outputs are anybody's to write: each shows as the text that it is."""
    attempt = Attempt(1, "FAILED", "app_error", words, words, 1, START, START, 1.0, words, words, words, 1, words)
    job = JobRun(words or "J", "FAILED", 1, 1.0, words, (attempt,), started=START, completed=START)
    task = Task(job.name, (), started=True)
    run = GraphRun(Shape(words, "R", (task,)), words, "FAILED", True, (job,), started=START, duration=2.0, config=words)  # noqa: FBT003  # it has ended
    plain = replace(run, jobs=(replace(job, name="J", cause="c"),), shape=Shape("g", "R", (replace(task, name="J"),)))
    here = Address(view=address.RUN, graph=words, run=words)
    pieces = (
        run_html(run, timeline(run), here, START)
        + timeline_html(timeline(run), here)
        + grid_html(grid([run]), here, whole=True)
        + log_html(excerpt(words, words[:1]), words, live=False)
        + link(here, text(words), title=words)
    )
    usual = (
        run_html(plain, timeline(plain), Address(), START)
        + timeline_html(timeline(plain), Address())
        + grid_html(grid([plain]), Address(), whole=True)
        + log_html(excerpt("a\nb\na", "a"), "c", live=False)
        + log_html(excerpt("", ""), "c", live=False)
        + link(Address(), "x", title="t")
    )
    assert tags(pieces) <= tags(usual)


def test_an_error_of_100_kb_is_whole_in_its_attempt_alone() -> None:
    error = "e" * 100_000
    attempt = Attempt(1, "FAILED", "app_error", "", error, 1, START, START, 1.0, "S", "P", "F", 1)
    job = JobRun("J", "FAILED", 1, 1.0, error, (attempt,), started=START, completed=START)
    run = GraphRun(Shape("g", "R", (Task("J", (), started=True),)), "7", "FAILED", True, (job,), started=START)  # noqa: FBT003  # it has ended
    lists = run_html(run, timeline(run), Address(), START) + timeline_html(timeline(run), Address())
    lists += job_html(job_history([run], "J"), Address())
    assert len(lists) < 10_000
    assert "e" * 400 + " …" in lists
    assert error in attempt_html(job, attempt, START)


def test_outputs_with_half_of_a_surrogate_pair_are_shown_escaped() -> None:
    attempt = Attempt(1, "DONE", outputs=["\ud800 é"])
    assert '[\n  "\\ud800 é"\n]' in unescape(attempt_html(JobRun("J", "DONE", 1, tries=(attempt,)), attempt, START))


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (r'{"a": "\u0024\u0024 \ud83d\udea8 it\u0027s"}', '{"a": "$$ 🚨 it\'s"}'),
        (r'{"a": "\ud83d"}', r'{"a": "\ud83d"}'),
        ("{not json", "{not json"),
    ],
)
def test_the_values_of_a_run_are_shown_as_people_write_them(config: str, expected: str) -> None:
    run = GraphRun(Shape("g", "R", ()), "1", "DONE", True, (), started=START, duration=2.0, config=config)  # noqa: FBT003  # it has ended
    assert f"<code>{escape(expected, quote=True)}</code>" in run_html(run, timeline(run), Address(), START)
