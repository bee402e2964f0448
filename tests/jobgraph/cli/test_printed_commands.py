"""Every command that a command prints works as it is printed: with one graph and with several."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

from jobgraph.cli.application import program_name
from tests.jobgraph.cli.recorded import (
    FAILED_ATTEMPTS,
    FAILING,
    GOOD,
    RUN,
    ManualClock,
    Row,
    Server,
    Step,
    attempt,
    quickstart,
    service,
    task,
)
from tests.jobgraph.cli.runs.test_backfill import BACKFILL
from tests.jobgraph.cli.runs.test_backfill import INTERVALS as LISTED

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from click.testing import Result

    from tests.jobgraph.cli.conftest import Invoke

# In backticks, alone after a colon, or in a row with others.
QUOTED = re.compile(r"`(jobgraph [^`]+)`")
IN_A_ROW = re.compile(
    r"(?:^|: +|   )(jobgraph (?:(?!   )[^`\n])+)$|(?:^|: +|   )(jobgraph (?:(?!   )[^`\n])+)(?=   )", re.MULTILINE
)
OTHER = [
    {**task("OTHER_ROOT", []), "schedule": "59 MINUTES"},
    task("T_OTHER", ["OTHER_ROOT"], graph="other"),
    task("OTHER_END", [], finalizes="OTHER_ROOT", graph="other"),
]

BACKFILLS = [{**BACKFILL, "BACKFILL_ID": "1"}]
INTERVALS = [{**row, "BACKFILL_ID": "1", "GRAPH_RUN_ID": row["GRAPH_RUN_ID"] and RUN} for row in LISTED]


def commands(text: str) -> list[str]:
    rows = [next(filter(None, match.groups())) for match in IN_A_ROW.finditer(text)]
    return list(dict.fromkeys([*QUOTED.findall(text), *rows]))


def too_long(seconds: float) -> None:
    """Nothing that is printed may wait for ever."""
    assert seconds < 3_000


def interrupt(_: object) -> None:
    raise KeyboardInterrupt


def situations(server: Server, clock: ManualClock) -> Iterator[tuple[str, ...]]:
    """Put the server into one situation after the other, with the commands that tell of it."""
    server.attempts = [attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)] + FAILED_ATTEMPTS
    server.began, server.steps = None, FAILING
    yield from [("status", "container_jobs"), ("wait", "container_jobs"), ("logs", "T_MYJOB_1"), ("history", "other")]
    yield ("run", "container_jobs", "--wait")
    yield ("run", "container_jobs")
    yield ("run", "container_jobs", "--wait", "--timeout", "2")
    server.began = clock.seconds - 1000
    yield from [("status", "container_jobs"), ("wait", "container_jobs"), ("history", "container_jobs")]
    yield ("status", "container_jobs", "--job", "T_MYJOB_3")
    yield ("status", "container_jobs", "--run", "nothing")
    yield ("logs", "T_MYJOB_6", "--run", RUN)
    yield from [("retry", "container_jobs"), ("suspend", "container_jobs"), ("resume", "container_jobs")]
    yield from [("retry", "container_jobs", "--dry-run"), ("run", "container_jobs", "--skip", "T_MYJOB_1")]
    days = ("--from", "2026-02-20", "--to", "2026-02-22", "--every", "day")
    yield from [("backfill", "container_jobs", *days), ("backfill", "show", "1"), ("backfill", "show", "7")]
    yield from [("backfill", "pause", "1"), ("backfill", "cancel", "1"), ("backfill", "resume", "1")]
    server.attempts[-1]["JOB_STATUS"] = "FAILED"
    server.steps = tuple(Step(s.name, s.start, s.end) for s in FAILING)
    yield ("wait", "container_jobs")
    server.steps, server.began = GOOD, clock.seconds - 3.5
    server.services = [service("T_MYJOB_3", 4)]
    yield from [("status", "container_jobs", "--job", "T_MYJOB_3"), ("cancel", "container_jobs")]
    server.tasks[0] = {**server.tasks[0], "state": "suspended", "schedule": "59 MINUTES"}
    server.tasks[1] = {**server.tasks[1], "state": "suspended"}
    yield ("status", "container_jobs")
    clock.at = interrupt
    yield from [("wait", "container_jobs"), ("run", "container_jobs", "--wait"), ("logs", "T_MYJOB_3", "-f")]
    yield from [("logs", "--graph", "container_jobs", "-f")]
    clock.at = too_long


@pytest.fixture(params=["one graph", "several graphs"])
def graphs(request: pytest.FixtureRequest, server: Server) -> None:
    asking = quickstart()
    for row in asking:
        row["definition"] = row["definition"].replace("', $$", "', (SELECT 'last_config'), $$")
    server.tasks = asking + (OTHER if request.param == "several graphs" else [])
    log: Row = {"ATTEMPT": 1, "INSTANCE_ID": "0", "CONTAINER_NAME": "main", "LOG": "a log"}
    server.answers = {
        **{text: [] for text in ("RETRY LAST", "ALTER TASK", "SPCS_CANCEL_JOB", "SHOW JOB SERVICES LIKE")},
        "CANCEL_ONGOING": [{"STATUS": "ok"}],
        "FROM .*JOB_LOGS": [log],
        "^(INSERT|UPDATE)": [],
        "FROM .*BACKFILLS.*BACKFILL_ID = ": lambda statement: BACKFILLS if statement.binds != ("7",) else [],
        "FROM .*BACKFILLS": BACKFILLS,
        "FROM .*BACKFILL_INTERVALS": INTERVALS,
        "JOB_STATUS = 'DONE'": [],
        "SHOW SERVICE CONTAINERS": [],
    }


def works(done: Result) -> bool:
    """It may tell of a failed run (1) or of a wait that was too long (4); it is no wrong usage and no defect."""
    return done.exit_code in {0, 1, 4} and (done.exception is None or isinstance(done.exception, SystemExit))


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("place", [(), ("--database", "D B", "--schema", "S")])
def test_every_printed_command_works_as_printed(
    invoke: Invoke, server: Server, clock: ManualClock, place: tuple[str, ...]
) -> None:
    tried: set[str] = set()
    clock.at = too_long
    for command in situations(server, clock):
        if place and command[0] == "history":
            continue
        began, steps, at = server.began, server.steps, clock.at
        output = invoke(*place, *command).output
        clock.at = too_long
        for printed in commands(output):
            words = shlex.split(printed)[1:]
            assert words[: len(place)] == list(place), printed
            done = invoke(*words, *(["--timeout", "1"] if {"wait", "--wait"} & set(words) else []))
            assert works(done), f"{command} printed {printed!r}: {done.output}"
            tried.add(words[len(place)])
            server.began, server.steps = began, steps
        clock.at = at
    assert tried >= {"status", "wait", "logs", "history", "retry", "run", "cancel", "resume", "backfill"}


def refusals(server: Server, clock: ManualClock) -> Iterator[tuple[str, ...]]:
    """Put the server into situations in which commands are refused, or have nothing to show."""
    server.attempts = [attempt(step.name) for step in GOOD[1:-1]]
    server.steps, server.began = GOOD, clock.seconds - 3.5
    yield from [("retry", "container_jobs"), ("history", "container_jobs"), ("logs", "T_MYJOB_6")]
    server.began = clock.seconds - 1000
    yield from [
        ("retry", "container_jobs"),
        ("logs", "--failed", "--graph", "container_jobs"),
        ("cancel", "container_jobs"),
    ]
    yield from [("compare", RUN, "last"), ("logs", "T_MYJOB_1", "--attempt", "9", "--run", RUN)]
    server.attempts = [attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)] + FAILED_ATTEMPTS
    server.steps = FAILING
    server.tasks[0] = {**server.tasks[0], "id": "another"}
    yield ("retry", "container_jobs")
    server.tasks[0] = {**server.tasks[0], "id": "id-of-ROOT_TASK"}
    yield from [("run", "nosuch"), ("status", "--run", "nosuch", "--graph", "container_jobs"), ("logs", "nosuch")]
    yield from [("backfill", "show", "7"), ("backfill", "resume", "1"), ("graph", "file.yaml", "--run", "last")]
    yield from [("run", "container_jobs", "--set", "a=1"), ("run", "container_jobs", "--only", "nosuch")]
    yield from [("run", "container_jobs", "--timeout", "1"), ("status", "--watch", "--json")]
    yield from [("cancel",), ("retry",), ("run",), ("logs", "--failed"), ("wait",)]


@pytest.mark.usefixtures("graphs")
@pytest.mark.parametrize("place", [(), ("--database", "D B", "--schema", "S")])
def test_what_a_refusal_advises_works_as_printed(
    invoke: Invoke, server: Server, clock: ManualClock, place: tuple[str, ...]
) -> None:
    advised: set[str] = set()
    clock.at = too_long
    server.answers["FROM .*JOB_LOGS"] = []
    for command in refusals(server, clock):
        began, steps = server.began, server.steps
        done = invoke(*place, *command)
        assert done.exception is None or isinstance(done.exception, SystemExit), (command, done.output)
        for printed in commands(done.stderr):
            words = shlex.split(printed)[1:]
            again = invoke(*words, *(["--timeout", "1"] if {"wait", "--wait"} & set(words) else []))
            assert works(again), f"{command} printed {printed!r}: {again.output}"
            advised.add(words[len(place)])
        server.began, server.steps = began, steps
    assert advised >= {"wait", "cancel", "run", "status", "history", "logs"}


@pytest.mark.usefixtures("graphs")
def test_which_graph_is_meant_is_told_as_the_command_takes_it(invoke: Invoke, server: Server) -> None:
    server.tasks = quickstart() + OTHER
    assert "`jobgraph cancel" in invoke("cancel").stderr
    assert "--graph " in invoke("logs", "--failed").stderr
    for command in ("cancel", "suspend", "history"):
        (printed,) = commands(invoke(command).stderr)
        assert works(invoke(*shlex.split(printed)[1:])), printed


def test_a_command_is_printed_as_it_was_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".venv" / "bin" / "jobgraph"
    file.parent.mkdir(parents=True)
    file.write_text("")
    file.chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    assert program_name(str(file), tmp_path) == ".venv/bin/jobgraph"
    assert program_name(str(file), tmp_path / "other") == str(file)
    assert program_name("-c", tmp_path) == "jobgraph"
    monkeypatch.setenv("PATH", str(file.parent))
    assert program_name(str(file), tmp_path) == "jobgraph"
