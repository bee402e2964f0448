"""Deploys with the real engine in trouble: killed before all is noted, another stack's objects, a second client."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest
import snowflake.connector

from jobgraph.plan.sql import SUSPENDED_BY_A_DEPLOY
from tests.deploys.driver import SCHEMA, Deploys, deploys
from tests.deploys.proxy import Trouble
from tests.lifecycle import stack
from tests.lifecycle.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.engine

FAILING = {"image": "my_job_image:1.1.0", "command": ["python3", "-c", "raise SystemExit(3)"]}
BEFORE: dict[str, Any] = {"jobs": {"a": FAILING, "b": ["a"], "c": ["b"]}}
AFTER: dict[str, Any] = {"jobs": {"a": FAILING, "c": ["a"], "d": ["c"]}}
RETRY = f"EXECUTE TASK {SCHEMA}.ONE_ROOT RETRY LAST"
# the comment that this stack gives, but for its mark
OTHERS = "jobgraph: owns the tasks, runs the jobs (stack 00000000)"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deploys]:
    with deploys(tmp_path_factory.mktemp("disturbed") / "project") as made:
        made.write({"one": BEFORE})
        yield made


@pytest.fixture
def settled(project: Deploys) -> Deploys:
    """The project as deployed: the first deploy is a test of its own, which `make slow` leaves out."""
    project.up({"one": BEFORE})
    return project


def test_a_first_deploy_takes_nothing_from_others_and_makes_anew_what_a_kill_left(project: Deploys) -> None:
    project.project.query(f"CREATE ROLE SPCS_DEMO_ROLE COMMENT = '{OTHERS}'")
    code, out = project.pulumi("up", "--yes", "--skip-preview")
    assert code != 0
    assert "ROLE SPCS_DEMO_ROLE already exists: this stack has not made it" in out
    (role,) = project.project.query("SHOW ROLES LIKE 'SPCS_DEMO_ROLE'")
    assert role["comment"] == OTHERS
    project.project.query("DROP ROLE SPCS_DEMO_ROLE")
    # the role is made first of what is left
    assert project.killed("up", 1)
    (role,) = project.project.query("SHOW ROLES LIKE 'SPCS_DEMO_ROLE'")
    code, out = project.pulumi("up", "--yes", "--skip-preview")
    assert code == 0, out
    assert "ROLE SPCS_DEMO_ROLE was left by an interrupted deploy" in out
    (made,) = project.project.query("SHOW ROLES LIKE 'SPCS_DEMO_ROLE'")
    assert made["comment"] == role["comment"]
    assert {row["state"] for row in project.tasks().values()} == {"started"}


def test_a_deploy_without_a_change_leaves_the_last_run_to_be_retried(settled: Deploys) -> None:
    assert settled.project.jobgraph("run", "one", "--wait", check=False).returncode == 1
    assert settled.up() == []
    settled.project.query(RETRY)
    assert settled.project.jobgraph("wait", "one", check=False).returncode == 1


def test_a_root_that_failed_too_often_is_resumed_by_the_next_up(project: Deploys) -> None:
    quiet = ("refresh", "--preview-only", "--expect-no-changes")
    project.up({"one": BEFORE | {"suspend_after_failures": 1}})
    project.project.pulumi(*quiet)
    assert project.project.jobgraph("run", "one", "--wait", check=False).returncode == 1
    assert project.tasks()["ONE_ROOT"]["state"] == "suspended"
    shown = project.project.pulumi(*quiet, check=False)
    assert shown.returncode != 0
    assert "ONE_ROOT-suspended-by-failures update" in shown.stdout
    project.up()
    assert project.tasks()["ONE_ROOT"]["state"] == "started"
    project.project.pulumi(*quiet)
    project.up({"one": BEFORE})


def test_another_machine_locale_and_time_zone_see_no_change(settled: Deploys, tmp_path: Path) -> None:
    kept = shutil.ignore_patterns(".jobgraph", "__pycache__")
    folder = shutil.copytree(settled.project.folder, tmp_path / "elsewhere", symlinks=True, ignore=kept)
    there = {"TZ": "Asia/Kathmandu", "LC_ALL": "C", "LANG": "C", "PYTHONHASHSEED": "7", "HOME": str(tmp_path)}
    Project(folder, settled.project.cold | there).pulumi("preview", "--expect-no-changes")


def test_a_staged_file_that_was_removed_by_hand_is_shown_and_written_again(settled: Deploys) -> None:
    listed = f"LIST @{SCHEMA}.JOBS"
    (before,) = settled.project.query(listed)
    settled.project.query(f"REMOVE @{SCHEMA}.JOBS")
    shown = settled.project.pulumi("refresh", "--preview-only", "--expect-no-changes", check=False)
    assert shown.returncode != 0
    assert "configuration-in-the-stage" in shown.stdout
    settled.project.up("--replace", "**::jobgraph-configuration")
    (after,) = settled.project.query(listed)
    assert (after["name"], after["size"]) == (before["name"], before["size"])


def test_a_second_client_in_the_middle_of_a_change_leaves_no_graph_half_resumed(settled: Deploys) -> None:
    """It makes a task in the graph, changes one, and starts the root, right after the deploy has suspended it."""
    suspended = 'ONE_ROOT" SUSPEND'
    second = (
        f"CREATE TASK {SCHEMA}.INTRUDER WAREHOUSE = SMALL_WAREHOUSE AFTER {SCHEMA}.A AS SELECT 1",
        f"ALTER TASK {SCHEMA}.C SET COMMENT = 'other'",
        f"ALTER TASK {SCHEMA}.ONE_ROOT RESUME",
    )
    met: list[str] = []

    def disturb() -> None:
        for statement in second:
            settled.project.query(statement)
            met.append(statement)

    settled.write({"one": AFTER})
    # before it come the old and the new file of the configuration, and the root's suspension
    settled.proxy.trap(4, disturb, forward=True, trouble=Trouble.PAUSE)
    code, out = settled.pulumi("up", "--yes", "--skip-preview")
    assert met == list(second)
    assert any(suspended in one for one in settled.proxy.writes[:3])
    if code != 0:
        assert "0910" in out or "0914" in out, out
    # what the provider noted of the step that failed need not be what is there
    code, out = settled.pulumi("up", "--yes", "--skip-preview", "--refresh")
    assert code == 0, out
    tasks = settled.tasks()
    assert tasks.pop("INTRUDER")["state"] == "suspended"
    assert {row["state"] for row in tasks.values()} == {"started"}
    assert tasks["C"]["predecessors"] == f'["{SCHEMA}.A"]'
    assert tasks["C"]["comment"] == "jobgraph: job c of graph one"
    assert settled.up() == []
    with pytest.raises(snowflake.connector.ProgrammingError):
        settled.project.query(RETRY)


def test_putting_the_file_back_restores_a_graph_after_a_killed_deploy(settled: Deploys) -> None:
    other: dict[str, Any] = {"jobs": {"k": []}}
    settled.up({"one": BEFORE, "two": other})
    before = settled.tasks()
    # after the new file of the configuration comes what suspends the root
    for at in (2, 3, 1):
        settled.write({"two": {"jobs": other["jobs"] | BEFORE["jobs"]}})
        assert settled.killed("up", at)
        if settled.tasks()["ONE_ROOT"]["state"] == "suspended":
            break
    assert settled.tasks()["ONE_ROOT"]["comment"].endswith(SUSPENDED_BY_A_DEPLOY)
    settled.write({"one": BEFORE, "two": other})
    shown = settled.pulumi("preview", "--diff")[1]
    assert "its root ONE_ROOT is suspended although it has a schedule" not in shown
    assert "not as planned when deploy" in shown
    settled.up()
    assert settled.tasks() == before
    assert settled.up() == []
    settled.up({"one": BEFORE})


def test_a_destroy_that_was_killed_when_it_had_suspended_the_root_is_undone_by_up(project: Deploys) -> None:
    assert project.killed("destroy", 1)
    assert project.tasks()["ONE_ROOT"]["state"] == "suspended"
    project.up()
    assert project.tasks()["ONE_ROOT"]["state"] == "started"
    # from here on a suspension is an operator's again
    project.project.query(f"ALTER TASK {SCHEMA}.ONE_ROOT SUSPEND")
    assert project.up() == []
    assert project.tasks()["ONE_ROOT"]["state"] == "suspended"
    project.project.query(f"ALTER TASK {SCHEMA}.ONE_ROOT RESUME")


def test_other_names_of_role_warehouse_and_pool_take_one_deploy(project: Deploys) -> None:
    pools: dict[str, dict[str, object]] = {"PR_STD_POOL_XS": {}, "OTHER_POOL": {}}
    stack.choose(project.project, role="OTHER_ROLE", warehouse="OTHER_WAREHOUSE", pools=pools)
    project.up()
    rows = project.project.query(f"SHOW TASKS IN SCHEMA {SCHEMA}")
    rows = [row for row in rows if row["name"] != "INTRUDER"]
    assert {(row["owner"], row["state"]) for row in rows} == {("OTHER_ROLE", "started")}
    assert "SPCS_DEMO_ROLE" not in stack.names(project.project, "SHOW ROLES")
    assert stack.names(project.project, "SHOW WAREHOUSES") == ["OTHER_WAREHOUSE"]
    assert project.up() == []
