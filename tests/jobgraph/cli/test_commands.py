"""The commands on runs: output, exit codes and statements, against recorded rows."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import click
import pytest

from jobgraph.account.client import AbsentError
from jobgraph.account.queries import Place
from jobgraph.cli.command_line import cli
from jobgraph.errors import NotConnectedError
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
    task,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.jobgraph.cli.conftest import Invoke


def failing(server: Server) -> None:
    server.steps = FAILING
    server.attempts = [attempt(f"T_MYJOB_{number}") for number in (1, 2, 4, 5)] + FAILED_ATTEMPTS


def sent(server: Server, start: str) -> list[str]:
    return [one.text for one in server.sent if one.text.startswith(start)]


def test_run_and_wait_shows_the_results(
    invoke: Invoke, server: Server, golden: Callable[[str, str], None], tmp_path: Path
) -> None:
    picture = tmp_path / "deep" / "graph.svg"
    done = invoke("run", "--wait", "--picture", str(picture))
    assert done.exit_code == 0, done.output
    golden("run.txt", done.stdout)
    golden("run-progress.txt", done.stderr.replace(str(tmp_path), "."))
    assert sent(server, "EXECUTE") == ['EXECUTE TASK "DB"."PUBLIC"."ROOT_TASK"']
    assert picture.read_text().startswith("<")
    assert "DONE" in picture.read_text()


def test_run_and_wait_as_json(invoke: Invoke, golden: Callable[[str, str], None]) -> None:
    done = invoke("run", "container_jobs", "--wait", "--json")
    assert done.exit_code == 0, done.output
    golden("run.json", done.stdout)
    assert json.loads(done.stdout)["state"] == "DONE"


def test_a_failed_job_is_named_with_its_cause(
    invoke: Invoke, server: Server, golden: Callable[[str, str], None]
) -> None:
    failing(server)
    done = invoke("run", "--wait")
    assert done.exit_code == 1
    golden("run-failed.txt", done.stdout)
    assert f"jobgraph logs T_MYJOB_3 --run {RUN}" in done.stdout
    assert "jobgraph retry container_jobs --wait" in done.stderr


def test_a_run_with_a_disabled_job_is_done(
    invoke: Invoke, server: Server, golden: Callable[[str, str], None], tmp_path: Path
) -> None:
    server.tasks[4] = task("T_MYJOB_4", ["T_MYJOB_2"], state="suspended", graph="container_jobs", enabled=False)
    server.steps = tuple(step for step in GOOD if step.name != "T_MYJOB_4")
    server.attempts = [row for row in server.attempts if row["TASK_NAME"] != "T_MYJOB_4"]
    picture = tmp_path / "graph.svg"
    done = invoke("run", "--wait", "--picture", str(picture))
    assert done.exit_code == 0, done.output
    golden("run-disabled.txt", done.stdout)
    assert "DISABLED" in picture.read_text()
    told = json.loads(invoke("wait", "--json").stdout)
    assert [job["job"] for job in told["jobs"] if job["state"] == "DISABLED"] == ["T_MYJOB_4"]


def test_a_failed_run_as_json_exits_1_too(invoke: Invoke, server: Server) -> None:
    failing(server)
    done = invoke("run", "--wait", "--json")
    assert done.exit_code == 1
    failed = {job["job"]: job for job in json.loads(done.stdout)["jobs"] if job["cause"]}
    assert failed["T_MYJOB_3"]["attempts"] == 3
    assert failed["T_MYJOB_6"]["state"] == "SKIPPED"


def test_run_without_waiting_names_the_run(invoke: Invoke) -> None:
    done = invoke("run")
    assert (done.exit_code, done.stdout) == (0, f"Run {RUN} of graph container_jobs has begun.\n")
    assert "jobgraph status container_jobs" in done.stderr


def test_run_without_waiting_as_json(invoke: Invoke) -> None:
    told = json.loads(invoke("run", "--json").stdout)
    assert (told["graph"], told["root_task"], told["run_id"], told["state"]) == (
        *("container_jobs", "ROOT_TASK"),
        *(RUN, "PENDING"),
    )
    assert (told["operation"], told["statements"]) == ("run", ['EXECUTE TASK "DB"."PUBLIC"."ROOT_TASK"'])
    assert (len(told["jobs"]), told["config"], told["left_out"], told["note"]) == (6, None, [], None)


def test_run_behind_a_running_one_says_that_it_waits(invoke: Invoke, server: Server) -> None:
    server.steps = ()
    done = invoke("run")
    assert done.exit_code == 0
    assert "starts when the run in progress has ended" in done.stdout


def test_a_timeout_exits_4_and_leaves_the_run_going(invoke: Invoke) -> None:
    done = invoke("run", "--wait", "--timeout", "3")
    assert done.exit_code == 4
    assert f"Waited 3 s for run {RUN}" in done.stderr
    assert "jobgraph cancel" in done.stderr
    assert "Traceback" not in done.output


def test_an_interrupt_leaves_the_run_going_and_says_so(invoke: Invoke, clock: ManualClock, server: Server) -> None:
    def interrupt(seconds: float) -> None:
        if seconds > 2:
            raise KeyboardInterrupt

    clock.at = interrupt
    done = invoke("run", "--wait")
    assert done.exit_code == 130
    assert "The run goes on" in done.stderr
    assert "jobgraph wait container_jobs" in done.stderr
    assert not any("CANCEL" in one.text for one in server.sent)


@pytest.mark.parametrize("command", ["run", "status"])
def test_an_interrupt_before_there_is_anything_to_follow(invoke: Invoke, server: Server, command: str) -> None:
    server.answers = {"": KeyboardInterrupt()}
    done = invoke(command)
    assert done.exit_code == 130
    assert ("`jobgraph status`" in done.stderr) == (command == "run")


def test_a_graph_that_is_not_deployed_asks_for_pulumi_up(invoke: Invoke, server: Server) -> None:
    server.tasks = []
    done = invoke("run")
    assert done.exit_code == 1
    assert "No graph is deployed in DB.PUBLIC on 127.0.0.1:8765" in done.stderr
    assert "pulumi up" in done.stderr


def test_a_schema_that_is_not_there_asks_for_pulumi_up(invoke: Invoke, server: Server) -> None:
    server.answers = {"SHOW TASKS": AbsentError("Database 'DB' does not exist", remedy="Run `pulumi up`")}
    done = invoke("status")
    assert done.exit_code == 1
    assert "pulumi up" in done.stderr


def test_a_graph_of_a_similar_name_is_suggested(invoke: Invoke) -> None:
    done = invoke("status", "container_job")
    assert done.exit_code == 2
    assert "perhaps you meant container_jobs" in done.stderr


def test_a_graph_may_be_named_by_its_root_task(invoke: Invoke) -> None:
    assert invoke("run", "root_task").exit_code == 0


@pytest.fixture
def two_graphs(server: Server) -> None:
    server.tasks = [*quickstart(), task("OTHER_ROOT", []), task("T_OTHER", ["OTHER_ROOT"], graph="other")]


@pytest.mark.usefixtures("two_graphs")
def test_with_two_graphs_one_has_to_be_named(invoke: Invoke) -> None:
    done = invoke("run")
    assert done.exit_code == 2
    assert "Which graph? There are container_jobs, other" in done.stderr


@pytest.mark.usefixtures("two_graphs")
def test_with_two_graphs_the_configurations_only_one_is_meant(invoke: Invoke, tmp_path: Path) -> None:
    graph = "version: 1\ngraphs:\n  container_jobs:\n    jobs:\n      a: {image: 'i:latest', compute_pool: P}\n"
    (tmp_path / "jobconfig.yaml").write_text(graph)
    assert "container_jobs" in invoke("run").stdout


@pytest.mark.usefixtures("two_graphs")
def test_with_two_graphs_those_of_the_stacks_own_file_count(invoke: Invoke, tmp_path: Path) -> None:
    job = "{jobs: {a: {image: 'i:latest', compute_pool: P}}}"
    (tmp_path / "jobconfig.yaml").write_text(f"version: 1\ngraphs: {{container_jobs: {job}}}\n")
    (tmp_path / "Pulumi.yaml").write_text("name: jobgraph\nruntime: python\n")
    (tmp_path / "Pulumi.dev.yaml").write_text("config: {jobgraph:file: stack.yaml}\n")
    (tmp_path / "stack.yaml").write_text(f"version: 1\ngraphs: {{other: {job}, container_jobs: {job}}}\n")
    done = invoke("run")
    assert done.exit_code == 2
    assert "Which graph?" in done.stderr
    (tmp_path / "stack.yaml").write_text(f"version: 1\ngraphs: {{other: {job}}}\n")
    assert "other" in invoke("run").stdout


def test_no_connection_exits_3_with_the_remedy(invoke: Invoke, server: Server) -> None:
    server.answers = {"": NotConnectedError("Cannot connect to 127.0.0.1:1", remedy="jobgraph sandbox start")}
    done = invoke("run", "--wait")
    assert done.exit_code == 3
    assert done.stderr.startswith("error: Cannot connect")
    assert "jobgraph sandbox start" in done.stderr
    assert done.stdout == ""


def test_a_defect_keeps_its_traceback(invoke: Invoke, server: Server) -> None:
    server.answers = {"": ZeroDivisionError()}
    assert isinstance(invoke("run").exception, ZeroDivisionError)


def test_wait_follows_the_newest_run(invoke: Invoke, server: Server, clock: ManualClock) -> None:
    server.began = clock.seconds - 3
    done = invoke("wait")
    assert done.exit_code == 0
    assert clock.seconds == pytest.approx(4.6, abs=0.4)
    assert not sent(server, "EXECUTE")


def test_wait_for_an_ended_run_shows_it_at_once(invoke: Invoke, server: Server, clock: ManualClock) -> None:
    server.began = -1000.0
    failing(server)
    done = invoke("wait", "--run", RUN)
    assert (done.exit_code, clock.seconds) == (1, 0)


def test_cancel_stops_executing_tasks_and_then_their_containers(invoke: Invoke, server: Server) -> None:
    server.began = -1.0
    server.answers = {
        "CANCEL_ONGOING": [{"STATUS": "ok"}],
        "SHOW JOB SERVICES": lambda _: [{"name": "OLD", "status": "FAILED"}, {"name": "NEW", "status": "RUNNING"}],
        "SPCS_CANCEL_JOB": [{"status": "ok"}],
    }
    done = invoke("cancel")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [f"T_MYJOB_{n}: cancelled, service NEW stopped" for n in (1, 2)]
    order = [one.text.split("(")[0] for one in server.sent if "CANCEL" in one.text]
    assert order == ["SELECT SYSTEM$USER_TASK_CANCEL_ONGOING_EXECUTIONS", "CALL DB.PUBLIC.NEW!SPCS_CANCEL_JOB"] * 2


def test_cancel_leaves_the_finalizer_alone(invoke: Invoke, server: Server) -> None:
    server.began = -7.2
    done = invoke("cancel")
    assert done.exit_code == 0
    assert "executes none of its jobs at this moment; nothing was cancelled. If one" in done.stdout
    server.began = -1000.0
    assert "has ended, so there is nothing to cancel" in invoke("cancel").stdout
    assert "jobgraph retry" not in done.stderr


def test_retry_waits_for_the_new_attempt(invoke: Invoke, server: Server, clock: ManualClock) -> None:
    failing(server)
    server.began = -100.0
    again = (Step("T_MYJOB_3", 100.5, 102, attempt=2), Step("T_MYJOB_6", 102, 103, attempt=2))

    def retry(_: object) -> list[Row]:
        server.steps = (*FAILING, *again, Step("GET_GRAPH_STATS", 103, 104, attempt=2))
        server.attempts += [attempt("T_MYJOB_3", 4), attempt("T_MYJOB_6")]
        return []

    server.answers = {"RETRY LAST": retry}
    done = invoke("retry", "--wait", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["run_id"], told["state"]) == (RUN, "DONE")
    assert clock.seconds > 3
    job = next(job for job in told["jobs"] if job["job"] == "T_MYJOB_3")
    before = sum(step.end - step.start for step in FAILING if step.name == "T_MYJOB_3")
    assert (job["attempts"], job["duration_seconds"]) == (4, pytest.approx(before + 1.5))


def test_suspend_and_resume(invoke: Invoke, server: Server) -> None:
    server.tasks = quickstart(T_MYJOB_2="suspended")
    server.answers = {"ALTER TASK": []}
    assert "is suspended" in invoke("suspend").stdout
    resumed = invoke("resume")
    assert "is resumed" in resumed.stdout
    assert "T_MYJOB_2" in resumed.stderr
    assert sent(server, "ALTER") == [
        'ALTER TASK "DB"."PUBLIC"."ROOT_TASK" SUSPEND',
        'ALTER TASK "DB"."PUBLIC"."ROOT_TASK" RESUME',
    ]


def test_resume_is_silent_on_disabled_jobs(invoke: Invoke, server: Server) -> None:
    server.tasks[2] = task("T_MYJOB_2", ["ROOT_TASK"], state="suspended", graph="container_jobs", enabled=False)
    server.answers = {"ALTER TASK": []}
    assert "Still suspended" not in invoke("resume").stderr


def test_the_place_may_be_chosen(server: Server, invoke: Invoke) -> None:
    server.place = Place("OTHER", "S")
    invoke("run")
    assert sent(server, "EXECUTE") == ['EXECUTE TASK "OTHER"."S"."ROOT_TASK"']


@pytest.mark.parametrize(
    "command", ["run", "wait", "retry", "status", "history", "logs", "cancel", "suspend", "resume"]
)
def test_every_command_explains_itself_with_an_example(invoke: Invoke, command: str) -> None:
    done = invoke(command, "--help")
    assert done.exit_code == 0
    assert f"  jobgraph {command}" in done.stdout
    assert "Example" in done.stdout


def groups(command: click.Command, *words: str) -> Iterator[tuple[str, ...]]:
    """The words of every command that has others below it."""
    if isinstance(command, click.Group):
        yield words
        for name, below in command.commands.items():
            yield from groups(below, *words, name)


@pytest.mark.parametrize("words", list(groups(cli)), ids=" ".join)
def test_no_line_of_a_list_of_commands_is_cut(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, _, listed = invoke(*words, "--help").stdout.partition("Commands:")
    assert listed
    assert "..." not in listed


INTERRUPTED_IMPORT = """
import sys

class Interrupt:
    def find_spec(self, name, path, target=None):
        if name == "click":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt())
from jobgraph.cli.main import main
main()
"""


def test_an_interrupt_while_the_command_loads_ends_it_in_one_line() -> None:
    command = [sys.executable, "-c", INTERRUPTED_IMPORT, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "\nInterrupted.\n")


FULL_DISK = """
import sys
from jobgraph.cli.main import main
sys.argv = ["jobgraph", "--help"]
main()
"""


def test_an_output_that_cannot_be_written_is_an_error_of_one_line() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123  # a device, which fails every write
        done = subprocess.run(
            [sys.executable, "-c", FULL_DISK], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert (done.returncode, done.stderr) == (1, "error: The output could not be written: No space left on device\n")


@pytest.mark.parametrize("command", ["run", "retry"])
@pytest.mark.parametrize("option", ["--timeout", "--picture"])
def test_how_to_wait_is_refused_without_waiting(invoke: Invoke, server: Server, command: str, option: str) -> None:
    done = invoke(command, option, "5")
    assert done.exit_code == 2
    assert f"{option} has no effect without --wait" in done.stderr
    assert not server.sent


def test_a_retry_shows_what_will_run_again_as_pending(invoke: Invoke, server: Server) -> None:
    """Not with the states of the attempt before, such as a job that was skipped because of the failed one."""
    failing(server)
    server.began = -100.0
    again = (Step("T_MYJOB_3", 100.5, 102, attempt=2), Step("T_MYJOB_6", 102, 103, attempt=2))

    def retry(_: object) -> list[Row]:
        server.steps = (*FAILING, *again, Step("GET_GRAPH_STATS", 103, 104, attempt=2))
        server.attempts += [attempt("T_MYJOB_3", 4), attempt("T_MYJOB_6")]
        return []

    server.answers = {"RETRY LAST": retry}
    done = invoke("retry", "--wait")
    assert done.exit_code == 0, done.output
    assert "SKIPPED" not in done.stderr
    assert "T_MYJOB_3 FAILED" not in done.stderr
    assert "T_MYJOB_3 RUNNING" in done.stderr
