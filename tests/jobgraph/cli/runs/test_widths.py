"""The output of every command that shows or steers runs, at 80 and 120 columns and without a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.jobgraph.cli.recorded import (
    FAILED_ATTEMPTS,
    FAILING,
    PREDECESSORS,
    RUN,
    START,
    ManualClock,
    Row,
    Server,
    attempt,
    logged_row,
    recorded_jobs,
    task,
)
from tests.jobgraph.cli.runs.test_backfill import BACKFILL, INTERVALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.jobgraph.cli.conftest import Invoke

GOOD_RUN = "1772359200000"
COMMANDS = (
    ("status",),
    ("status", "container_jobs"),
    ("history", "container_jobs"),
    ("logs", "t_myjob_3"),
    ("logs", "--failed", "--graph", "container_jobs"),
    ("compare", GOOD_RUN, RUN),
    ("run", "container_jobs", "--skip", "t_myjob_1", "--dry-run"),
    ("retry", "container_jobs", "--dry-run"),
    ("retry", "container_jobs"),
    ("cancel", "container_jobs", "--dry-run"),
    ("cancel", "container_jobs"),
    ("backfill", "list"),
    ("backfill", "show", BACKFILL["BACKFILL_ID"]),
)
RULES = ("─", "━")


@pytest.fixture
def schema(server: Server, clock: ManualClock) -> Server:
    """Two graphs; the first has had a good run, and one that failed."""
    server.tasks += [
        {**task("OTHER_ROOT", [], state="suspended"), "schedule": "59 MINUTES"},
        task("T_OTHER", ["OTHER_ROOT"], graph="other"),
        task("OTHER_END", [], finalizes="OTHER_ROOT", graph="other"),
    ]
    for row in server.tasks:
        row["definition"] = row["definition"].replace("', $$", "', (SELECT 'last_config'), $$")
    good: Row = {"GRAPH_RUN_GROUP_ID": GOOD_RUN}
    jobs = recorded_jobs(
        {name: [job for job in before if job in PREDECESSORS] for name, before in PREDECESSORS.items()}
    )
    server.logged = [logged_row(name, "SUCCEEDED", jobs=jobs, **good) for name in ("ROOT_TASK", *PREDECESSORS)]
    server.attempts = [attempt(name, GRAPH_RUN_ID=GOOD_RUN) for name in PREDECESSORS]
    server.attempts += [attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)] + FAILED_ATTEMPTS
    server.began, server.steps = clock.seconds - 20.0, FAILING
    server.operations = [
        {
            "OPERATION": "suspend",
            "GRAPH_NAME": "other",
            "NOTE": "the source is being moved to another place, which takes until the end of the week",
            "GRAPH_RUN_ID": None,
            "BACKFILL_ID": None,
            "USER_NAME": "ADA",
            "CREATED_TIME": START,
        }
    ]
    log = {"ATTEMPT": 1, "INSTANCE_ID": "0", "CONTAINER_NAME": "main"}
    lines = "a line of a log\nInvalid column name 'TIME' " + "that is told at some length " * 6
    server.answers = {
        **{text: [] for text in ("RETRY LAST", "SPCS_CANCEL_JOB", "CANCEL_ONGOING", "^(INSERT|UPDATE)", "AS H WHERE")},
        "SHOW JOB SERVICES LIKE": [{"name": "T_MYJOB_3_0123456789ABCDEF_3", "status": "RUNNING"}],
        "FROM .*JOB_LOGS": [{**log, "LOG": lines}],
        "FROM .*BACKFILLS": [BACKFILL],
        "FROM .*BACKFILL_INTERVALS": INTERVALS,
        "^SELECT TASK_NAME, GRAPH_RUN_ID FROM .*JOB_STATUS = ": [{"TASK_NAME": "T_MYJOB_1", "GRAPH_RUN_ID": GOOD_RUN}],
    }
    return server


@pytest.mark.parametrize("width", [80, 120, None])
@pytest.mark.usefixtures("far_away")
def test_every_command_fits_the_terminal_and_loses_nothing_without_one(
    invoke: Invoke,
    schema: Server,
    golden: Callable[[str, str], None],
    monkeypatch: pytest.MonkeyPatch,
    width: int | None,
) -> None:
    if width is not None:
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("LINES", "40")  # without it, a dumb terminal has 80 columns
        monkeypatch.setenv("TERM", "dumb")
        monkeypatch.setattr("click.testing._NamedTextIOWrapper.isatty", lambda _: True, raising=False)
    texts = []
    for words in COMMANDS:
        schema.steps = FAILING[:3] if words[0] == "cancel" else FAILING
        schema.began = -2.5 if words[0] == "cancel" else -20.0
        done = invoke(*words)
        assert done.exit_code in {0, 1}, done.output
        assert done.exception is None or isinstance(done.exception, SystemExit), done.output
        texts.append(f"$ jobgraph {' '.join(words)}\n{done.stdout}--- standard error\n{done.stderr}")
        rules = [line for line in done.stdout.splitlines() if line.strip().startswith(RULES)]
        # an id is never cut, and the recorded one is longer than Snowflake's
        room = (width or 10_000) + (len(RUN) if RUN in done.stdout else 0)
        assert max(map(len, rules), default=0) <= room, done.stdout
        if width is None:
            assert not rules
            assert "…" not in done.stdout
    golden(f"commands-{width or 'no-terminal'}.txt", "\n".join(texts))
