"""`cost`, and what `validate` and `preview-summary` say of cost and of warehouses that are too small."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from jobgraph.account.client import AbsentError
from jobgraph.procedures.service import service_name
from tests.jobgraph.cli.configuration import GOOD
from tests.jobgraph.cli.files.test_comparison import git
from tests.jobgraph.preview.previews import TEXT, preview, step, tasks

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from tests.jobgraph.cli.conftest import Invoke
    from tests.jobgraph.cli.recorded import Server

SETTINGS = "config:\n  jobgraph:settings: {{pools: {{POOL: {{instance_family: {family}, max_nodes: 2}}}}}}\n"


@pytest.fixture
def priced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one stack, whose pool is of the smallest family."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobconfig.yaml").write_text(GOOD)
    (tmp_path / "Pulumi.dev.yaml").write_text(SETTINGS.format(family="CPU_X64_XS"))
    return tmp_path


def times(server: Server) -> None:
    """Let history tell how long jobs and tasks take."""
    seconds = {"LOAD": (60, 90, 120), "REPORT": (200, 240, 400)}

    def rows(more: float) -> list[dict[str, Any]]:
        return [
            {
                "ROOT_TASK_NAME": "NIGHTLY_ROOT",
                "TASK_NAME": name,
                "RUNS": 20,
                "LOW": low,
                "USUAL": usual + more,
                "HIGH": high + more,
            }
            for name, (low, usual, high) in seconds.items()
        ]

    server.answers["PERCENTILE_CONT.*JOBS_RUN_STATS"] = rows(0)
    server.answers["PERCENTILE_CONT.*TASK_LOGGING_STATS"] = rows(30)


@pytest.mark.usefixtures("priced")
def test_an_estimate_without_history(invoke: Invoke, server: Server, golden: Callable[[str, str], None]) -> None:
    done = invoke("cost")
    assert done.exit_code == 0, done.output
    golden("cost.txt", done.stdout)
    assert server.sent == [], "an estimate by the file alone asks nobody"


@pytest.mark.usefixtures("priced")
@pytest.mark.parametrize(
    ("form", "name"), [("text", "cost-history.txt"), ("markdown", "cost-history.md"), ("json", "cost-history.json")]
)
def test_an_estimate_by_what_runs_took(
    invoke: Invoke, server: Server, golden: Callable[[str, str], None], form: str, name: str
) -> None:
    times(server)
    done = invoke("cost", "--history", "--format", form)
    assert done.exit_code == 0, done.output
    golden(name, done.stdout)
    assert [statement.binds for statement in server.sent] == [(-30,), (-30,)]


def test_what_an_edit_does_to_it(
    priced: Path, invoke: Invoke, server: Server, golden: Callable[[str, str], None]
) -> None:
    git(priced, "init", "--quiet", "--initial-branch=main")
    git(priced, "add", ".")
    git(priced, "commit", "--quiet", "--message=step")
    assert invoke("cost", "--against", "HEAD").stdout == "The change costs nothing and saves nothing.\n"
    (priced / "Pulumi.dev.yaml").write_text(SETTINGS.format(family="CPU_X64_S"))
    (priced / "jobconfig.yaml").write_text(GOOD.replace("59 minutes", "30 minutes") + "      more: {after: [load]}\n")
    times(server)
    done = invoke("cost", "--against", "HEAD", "--history")
    assert done.exit_code == 0, done.output
    golden("cost-change.txt", done.stdout)
    golden("cost-change.md", invoke("cost", "--against", "HEAD", "--history", "--format", "markdown").stdout)
    told = json.loads(invoke("cost", "--against", "HEAD", "--format", "json").stdout)
    assert told["changes"]
    assert told["difference"] == told["after"]["credits_a_month"]["high"] - told["before"]["credits_a_month"]["high"]


UNSCHEDULED = """
  training:
    root_task: TRAINING_ROOT
    jobs:
      fit: {timeout: %d minutes}
"""


def test_amounts_of_a_run_and_of_a_month_are_never_in_one_table(
    priced: Path, invoke: Invoke, golden: Callable[[str, str], None]
) -> None:
    git(priced, "init", "--quiet", "--initial-branch=main")
    (priced / "jobconfig.yaml").write_text(GOOD + UNSCHEDULED % 30)
    git(priced, "add", ".")
    git(priced, "commit", "--quiet", "--message=step")
    (priced / "jobconfig.yaml").write_text(GOOD.replace("59 minutes", "30 minutes") + UNSCHEDULED % 60)
    golden("cost-change-run.md", invoke("cost", "--against", "HEAD", "--format", "markdown").stdout)
    golden("cost-change-run.txt", invoke("cost", "--against", "HEAD").stdout)
    golden("cost-run.md", invoke("cost", "--format", "markdown").stdout)
    # what loses its schedule can only be compared by the run
    (priced / "jobconfig.yaml").write_text(GOOD.replace("    schedule: 59 minutes\n", "") + UNSCHEDULED % 30)
    told = invoke("cost", "--against", "HEAD").stdout
    assert "  Graph nightly, credits a run: " in told
    assert "  In total, credits a month: " in told
    assert "-> at most" not in told.partition("  *")[0].partition("In total")[2].splitlines()[0]


@pytest.mark.usefixtures("priced")
def test_it_fails_above_a_limit(invoke: Invoke, server: Server) -> None:
    times(server)
    assert invoke("cost", "--history", "--fail-above", "1000").exit_code == 0
    done = invoke("cost", "--history", "--fail-above", "2")
    assert done.exit_code == 1
    assert "the usual amount" in done.stderr
    assert "is above 2 (--fail-above)" in done.stderr
    assert "the highest amount" in invoke("cost", "--fail-above", "2").stderr


BUDGET = "{{credits_per_month: {limit}, notify: [a@example.com]}}"


def budgeted(folder: Path, limit: int) -> None:
    text = SETTINGS.format(family="CPU_X64_XS").replace("{pools", f"{{budget: {BUDGET.format(limit=limit)}, pools")
    (folder / "Pulumi.dev.yaml").write_text(text)


def test_an_estimate_above_the_budget_is_a_warning(priced: Path, invoke: Invoke, server: Server) -> None:
    times(server)
    budgeted(priced, 5)
    told = invoke("cost", "--history").stdout
    assert "warning: The usual amount" in told
    assert "is above the stack's budget of 5 (`budget`)" in told
    assert "(--history)" in invoke("cost").stdout, "an upper bound is no reason to spend less"
    assert "> [!WARNING]\n> The usual amount" in invoke("cost", "--history", "--format", "markdown").stdout
    excess = json.loads(invoke("cost", "--history", "--format", "json").stdout)["above_budget"]
    assert (excess["budget"], excess["usual"]) == (5, True)
    budgeted(priced, 100_000)
    assert "budget" not in invoke("cost", "--history").stdout
    assert json.loads(invoke("cost", "--history", "--format", "json").stdout)["above_budget"] is None


def test_a_change_above_the_budget_is_a_warning(priced: Path, invoke: Invoke, server: Server) -> None:
    times(server)
    git(priced, "init", "--quiet", "--initial-branch=main")
    git(priced, "add", ".")
    git(priced, "commit", "--quiet", "--message=step")
    budgeted(priced, 5)
    (priced / "jobconfig.yaml").write_text(GOOD.replace("59 minutes", "30 minutes"))
    told = invoke("cost", "--against", "HEAD", "--history")
    assert "  warning: The usual amount" in told.stdout
    assert "> [!WARNING]" in invoke("cost", "--against", "HEAD", "--history", "--format", "markdown").stdout


def test_a_graph_without_a_schedule_depends_on_usage(priced: Path, invoke: Invoke) -> None:
    (priced / "jobconfig.yaml").write_text(GOOD.replace("    schedule: 59 minutes\n", ""))
    done = invoke("cost")
    assert "besides nightly, whose runs depend on usage" in done.stdout
    assert "a run; depends on usage: it has no schedule" in done.stdout
    stated = invoke("cost", "--runs", "nightly=20")
    assert "20 runs a month as stated" in stated.stdout
    assert "depend on usage" not in stated.stdout
    wrong = invoke("cost", "--runs", "nightly")
    assert (wrong.exit_code, "--runs training=20" in wrong.stderr) == (2, True)


def test_which_stack_if_there_are_more(priced: Path, invoke: Invoke) -> None:
    (priced / "Pulumi.prod.yaml").write_text(SETTINGS.format(family="CPU_X64_L"))
    done = invoke("cost")
    assert done.exit_code == 2
    assert "add --environment dev   (stacks: dev, prod)" in done.stderr
    assert invoke("cost", "--environment", "prod").exit_code == 0


@pytest.mark.usefixtures("priced")
def test_totals_below_the_sum_of_their_lines_are_explained(invoke: Invoke, server: Server) -> None:
    """A pool costs no more than all its nodes for a month; lines that stay below that need no explanation."""
    assert "Lines on POOL add up to more than it can cost" in invoke("cost").stdout
    times(server)
    assert "Lines on" not in invoke("cost", "--history").stdout


def test_a_pool_that_no_setting_names_has_no_price(priced: Path, invoke: Invoke) -> None:
    (priced / "Pulumi.dev.yaml").unlink()
    done = invoke("cost")
    assert done.exit_code == 2
    assert "have no pool POOL" in done.stderr


WIDE = GOOD + "".join(f"      j{number}: {{after: [load]}}\n" for number in range(8))


def test_validate_warns_of_a_graph_that_is_wider_than_its_warehouse(priced: Path, invoke: Invoke) -> None:
    (priced / "jobconfig.yaml").write_text(WIDE)
    done = invoke("validate")
    assert done.exit_code == 0
    assert "9 jobs of graph nightly may run at the same time" in done.stderr
    assert "[warehouse-slots]" in done.stderr
    assert "in:     environment dev" in done.stderr
    assert invoke("validate", "--strict").exit_code == 2
    problems = json.loads(invoke("validate", "--environment", "dev", "--json").stdout)["problems"]
    assert "warehouse-slots" in [problem["rule"] for problem in problems]
    more = SETTINGS.format(family="CPU_X64_XS").replace("{pools", "{warehouse_max_concurrency: 10, pools")
    (priced / "Pulumi.dev.yaml").write_text(more)
    assert "warehouse-slots" not in invoke("validate").output


def test_what_never_suspends_and_what_is_wider_than_its_warehouse_stand_apart(
    priced: Path, invoke: Invoke, golden: Callable[[str, str], None]
) -> None:
    git(priced, "init", "--quiet", "--initial-branch=main")
    git(priced, "add", ".")
    git(priced, "commit", "--quiet", "--message=step")
    (priced / "jobconfig.yaml").write_text(WIDE)
    always = SETTINGS.format(family="CPU_X64_XS").replace("max_nodes: 2", "max_nodes: 2, auto_suspend_secs: 0")
    (priced / "Pulumi.dev.yaml").write_text(always)
    golden("cost-always.txt", invoke("cost").stdout)
    golden("cost-always.md", invoke("cost", "--format", "markdown").stdout)
    golden("cost-always-change.txt", invoke("cost", "--against", "HEAD").stdout)
    golden("cost-always-change.md", invoke("cost", "--against", "HEAD", "--format", "markdown").stdout)
    told = json.loads(invoke("cost", "--format", "json").stdout)
    assert [line["on"] for line in told["always_up"]] == ["POOL"]
    (crowd,) = told["wider_than_warehouse"]
    jobs = crowd.pop("jobs")
    assert len(jobs) == 9
    assert crowd == {
        "graph": "nightly",
        "warehouse": "SMALL_WAREHOUSE",
        "slots": 8,
        "rounds": 3,
        "rounds_with_enough_slots": 2,
    }


def root(text: str) -> dict[str, Any]:
    """A root's inputs, with the schedule of a file."""
    minutes = int(text.partition("schedule: ")[2].split()[0])
    return {"name": "ROOT_TASK", "schedule": {"minutes": minutes}, "sqlStatement": "SELECT 1", "started": False}


def around(family: str) -> dict[str, Any]:
    return {"name": "PR_STD_POOL_XS", "instanceFamily": family, "minNodes": 1, "maxNodes": 1, "autoSuspendSecs": 300}


def whole(
    tmp_path: Path, old: str, new: str, families: tuple[str, str] = ("CPU_X64_XS", "CPU_X64_XS")
) -> dict[str, Any]:
    """A preview with all that costs something; the second pool is the settings'."""
    before, after = ({"ROOT_TASK": root(text), **tasks(text, tmp_path)} for text in (old, new))
    found = preview(before, after)
    op = "same" if families[0] == families[1] else "replace"
    pools = [step(op, "ComputePool", "PR_STD_POOL_XS", *map(around, families))]
    other = {**around("CPU_X64_S"), "name": "PR_STD_POOL_S", "maxNodes": 2}
    house = {"name": "SMALL_WAREHOUSE", "warehouseSize": "XSMALL", "autoSuspend": 60}
    same = [step("same", "ComputePool", "PR_STD_POOL_S", other, other), step("same", "Warehouse", "W", house, house)]
    steps = json.loads(json.dumps([*found["steps"], *pools, *same]))
    types = {"x:ComputePool": "computePool:ComputePool", "x:Warehouse": "warehouse:Warehouse"}
    text = json.dumps({"steps": steps, "changeSummary": {"same": 3}})
    for short, token in types.items():
        text = text.replace(f'"snowflake:index/{short}"', f'"snowflake:index/{token}"')
    result: dict[str, Any] = json.loads(text)
    return result


def summed_up(invoke: Invoke, tmp_path: Path, content: dict[str, Any], form: str = "text") -> str:
    file = tmp_path / "preview.json"
    file.write_text(json.dumps(content))
    done = invoke("preview-summary", str(file), "--format", form)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_preview_tells_what_it_does_to_the_cost(
    invoke: Invoke, tmp_path: Path, golden: Callable[[str, str], None]
) -> None:
    new = TEXT.replace("59 minutes", "118 minutes").replace("retries: 2", "retries: 0")
    content = whole(tmp_path, TEXT, new, ("CPU_X64_XS", "CPU_X64_S"))
    golden("preview-cost.txt", summed_up(invoke, tmp_path, content))
    golden("preview-cost.md", summed_up(invoke, tmp_path, content, "markdown"))
    cost = json.loads(summed_up(invoke, tmp_path, content, "json"))["cost"]
    assert cost["changes"]
    assert cost["difference"] == pytest.approx(8.605, abs=0.001)


def test_a_preview_that_costs_the_same_says_nothing_of_cost(invoke: Invoke, tmp_path: Path) -> None:
    content = whole(tmp_path, TEXT, TEXT.replace("'hello'", "'bye'"))
    for form in ("text", "markdown"):
        told = summed_up(invoke, tmp_path, content, form)
        assert "args" in told
        assert "Cost" not in told
        assert "credits" not in told
    assert json.loads(summed_up(invoke, tmp_path, content, "json"))["cost"]["changes"] is False


def test_a_preview_that_leaves_out_what_stays_is_not_estimated(invoke: Invoke, tmp_path: Path) -> None:
    content = whole(tmp_path, TEXT, TEXT.replace("retries: 2", "retries: 0"))
    content["steps"] = [each for each in content["steps"] if each["op"] != "same"]
    assert "pulumi preview --json --show-sames" in summed_up(invoke, tmp_path, content)
    assert json.loads(summed_up(invoke, tmp_path, content, "json"))["cost"] is None


def test_a_preview_warns_of_a_graph_that_becomes_wider_than_its_warehouse(invoke: Invoke, tmp_path: Path) -> None:
    jobs = "".join(f"      wide_{number}: {{}}\n" for number in range(9))
    told = summed_up(invoke, tmp_path, whole(tmp_path, TEXT, TEXT + jobs), "markdown")
    assert "> [!WARNING]\n> 12 jobs of graph container_jobs may run at the same time" in told


def test_a_preview_is_silent_on_a_graph_that_was_as_wide_before(invoke: Invoke, tmp_path: Path) -> None:
    wide = TEXT + "".join(f"      wide_{number}: {{}}\n" for number in range(9))
    told = summed_up(invoke, tmp_path, whole(tmp_path, wide, wide.replace("'hello'", "'bye'")), "markdown")
    assert "[!WARNING]" not in told
    assert "Cost" not in told


def attempts(server: Server) -> None:
    """Let history have two attempts that ended in the last days."""
    row = {"GRAPH_NAME": "nightly", "ROOT_TASK_NAME": "NIGHTLY_ROOT", "GRAPH_RUN_ID": "17", "ATTEMPT": 1}
    row["SERVICE_NAME"] = None
    hour = server.clock.now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=5)
    row |= {"COMPUTE_POOL": "POOL", "REPLICAS": 1}
    more = {"NODE_FAMILY": "CPU_X64_XS", "STARTED_TIME": hour, "COMPLETED_TIME": hour + timedelta(minutes=30)}
    server.answers["FROM.*JOBS_RUN_STATS.*STARTED_TIME IS NOT NULL"] = [
        {**row, **more, "TASK_NAME": "LOAD"},
        {**row, **more, "TASK_NAME": "REPORT", "STARTED_TIME": hour + timedelta(minutes=15)},
    ]
    charged = {"START_TIME": hour, "END_TIME": hour + timedelta(hours=1)}
    server.answers["SNOWPARK_CONTAINER_SERVICES_HISTORY"] = [{**charged, "NAME": "POOL", "CREDITS": 0.06}]
    server.answers["WAREHOUSE_METERING_HISTORY"] = [{**charged, "NAME": "SMALL_WAREHOUSE", "CREDITS": 0.6}]
    root = {**row, "STARTED_TIME": hour, "COMPLETED_TIME": hour + timedelta(seconds=1)}
    server.answers["FROM.*TASK_LOGGING_STATS.*NAME = ROOT_TASK_NAME"] = [root]
    server.answers["SERVERLESS_TASK_HISTORY"] = [{**charged, "NAME": "NIGHTLY_ROOT", "CREDITS": 0.002}]
    server.answers["SERVERLESS_ALERT_HISTORY"] = [{**charged, "NAME": "WATCH_GRAPHS", "CREDITS": 0.004}]


@pytest.mark.usefixtures("priced")
def test_what_runs_did_cost(invoke: Invoke, server: Server, golden: Callable[[str, str], None]) -> None:
    attempts(server)
    done = invoke("cost", "--since", "7d")
    assert done.exit_code == 0, done.output
    golden("cost-since.txt", done.stdout)
    told = json.loads(invoke("cost", "--since", "7d", "--by", "graph", "--format", "json").stdout)
    (graph,) = told["groups"]
    assert (graph["name"], graph["graph"], graph["attempts"]) == ("nightly", "nightly", 2)
    assert graph["credits"] + told["credits_idle"] == pytest.approx(
        told["credits_charged"] + told["credits_not_metered"]
    )
    binds = {statement.binds for statement in server.sent if "ACCOUNT_USAGE" in statement.text}
    assert {names[0] for names in binds} == {"POOL", "SMALL_WAREHOUSE", "NIGHTLY_ROOT", "WATCH_GRAPHS"}
    assert sum(names[-3:-1] == ("DB", "PUBLIC") for names in binds) == 2
    assert graph["serverless"] == pytest.approx(0.002)


@pytest.mark.usefixtures("priced")
def test_what_ran_before_the_job_changed_its_runner_is_told_as_it_was(invoke: Invoke, server: Server) -> None:
    attempts(server)
    managed, direct = server.answers["FROM.*JOBS_RUN_STATS.*STARTED_TIME IS NOT NULL"]
    managed["SERVICE_NAME"] = f"DB.PUBLIC.{service_name('17', 'LOAD', 1)}"
    direct["SERVICE_NAME"] = "DB.PUBLIC.SNOWFLAKE_JOB_01B2C3"
    told = json.loads(invoke("cost", "--since", "7d", "--format", "json").stdout)
    waited = {job["job"]: job["waiting"] > 0 for job in told["groups"] if job["attempts"]}
    assert waited == {"LOAD": True, "REPORT": False}


@pytest.mark.usefixtures("priced")
def test_what_is_not_metered_is_priced_by_the_rates(invoke: Invoke, server: Server) -> None:
    attempts(server)
    server.answers["SNOWPARK_CONTAINER_SERVICES_HISTORY"] = AbsentError("no such view")
    done = invoke("cost", "--since", "7d")
    assert done.exit_code == 0, done.output
    assert "Last 7d: nothing was metered that this role can see\n  and 0.545 by the rates" in done.stdout
    assert "by the rates for time that is not metered" in done.stdout
    assert "USAGE_VIEWER" in done.stderr


@pytest.mark.usefixtures("priced")
def test_a_time_that_is_none_is_refused(invoke: Invoke) -> None:
    done = invoke("cost", "--since", "yesterday")
    assert (done.exit_code, "--since 7d" in done.stderr) == (2, True)
