"""A stack that changes its plugin at each step: up, change, refresh, destroy. Nothing is replaced, and it is told.

Needs an official plugin beside the stand-in, which the environment names. It is read as the engine reads it: of the
release that the installed package `pulumi_snowflake` has.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.toolchain import layout
from jobgraph.toolchain.launchers import install_link
from tests.lifecycle import fork_server, stack
from tests.lifecycle.deploying.test_deploy import inventory
from tests.lifecycle.project import BIN

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

VARIABLE = "JOBGRAPH_OFFICIAL_PLUGIN"
pytestmark = pytest.mark.skipif(
    VARIABLE not in os.environ, reason=f"no official plugin: {VARIABLE} names the file of one, as in CI"
)
OTHER = {"official": "stand-in", "stand-in": "official"}
SCHEMA = stack.PLACE
LISTINGS = ("DATABASES", "SCHEMAS IN ACCOUNT", "STAGES IN ACCOUNT", "TABLES IN ACCOUNT", "WAREHOUSES", "COMPUTE POOLS")
HELD = (*LISTINGS, "IMAGE REPOSITORIES IN ACCOUNT", "PROCEDURES IN ACCOUNT", "VIEWS IN ACCOUNT", "TASKS IN ACCOUNT")


def use(project: Project, plugin: str) -> None:
    """Have the project's engine find that plugin."""
    home = layout.private_home(project.folder)
    path = layout.plugin_folder(home, layout.SNOWFLAKE_PLUGIN, layout.snowflake_version()) / layout.SNOWFLAKE_PLUGIN
    if plugin == "official":
        install_link(path, Path(os.environ[VARIABLE]))
        return
    command = (str(BIN / "python"), "-m", "jobgraph.toolchain", "setup", "--project", str(project.folder))
    project.environment[layout.PLUGIN_VARIABLE] = "stand-in"
    project.run(*command)
    fork_server.install(home)


def made(project: Project) -> dict[str, list[tuple[str, str]]]:
    """When each object was made, by kind: another instant is another object."""
    return {
        kind: sorted((str(row["name"]), str(row["created_on"])) for row in project.query(f"SHOW {kind}"))
        for kind in HELD
    }


def replaced(project: Project) -> dict[str, str]:
    """What the next `up` would replace, this project's own steps apart."""
    steps: list[dict[str, Any]] = project.preview()["steps"]
    return {
        step["urn"]: step["op"] for step in steps if "replace" in step["op"] and "execute:Execute" not in step["urn"]
    }


def deployed(project: Project, plugin: str, *, told: bool) -> None:
    """`up` with a plugin: nothing is replaced, and whether the change of plugin is told."""
    use(project, plugin)
    assert replaced(project) == {}
    done = project.up()
    assert (f"was last deployed with the {OTHER[plugin]} plugin" in done.stdout + done.stderr) == told
    assert project.pulumi("stack", "output", "plugin").stdout.strip() == plugin
    project.pulumi("preview", "--expect-no-changes")


@pytest.mark.parametrize(("first", "retain"), [("official", False), ("stand-in", True)])
def test_a_life_that_changes_its_plugin_at_each_step_replaces_nothing(
    fresh: Project,
    first: str,
    retain: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    second = OTHER[first]
    before = inventory(fresh)
    stack.choose(fresh, retain=retain)
    deployed(fresh, first, told=False)
    objects = made(fresh)

    use(fresh, second)
    fresh.pulumi("preview", "--expect-no-changes")
    fresh.pulumi("refresh", "--preview-only", "--expect-no-changes")
    deployed(fresh, second, told=True)
    assert made(fresh) == objects
    fresh.query(f"INSERT INTO {SCHEMA}.JOB_LOGS (TASK_NAME) VALUES ('KEEP')")
    fresh.edit("schedule: 59 minutes", "schedule: 2 hours")
    fresh.edit("--result_table=results_1", "--result_table=results_0")
    deployed(fresh, first, told=True)
    use(fresh, second)
    fresh.pulumi("refresh", "--yes", "--skip-preview")
    use(fresh, first)
    fresh.pulumi("preview", "--refresh", "--expect-no-changes")
    fresh.restore()
    deployed(fresh, second, told=True)
    use(fresh, first)
    fresh.pulumi("refresh", "--yes", "--skip-preview")
    deployed(fresh, first, told=True)
    assert made(fresh) == objects
    assert {row["state"] for row in fresh.query(f"SHOW TASKS IN SCHEMA {SCHEMA}")} == {"started"}
    assert fresh.query(f"SELECT COUNT(*) AS N FROM {SCHEMA}.JOB_LOGS WHERE TASK_NAME = 'KEEP'") == [{"N": 1}]

    use(fresh, second)
    fresh.pulumi("destroy", "--yes", "--skip-preview")
    if retain:
        assert fresh.query(f"SELECT COUNT(*) AS N FROM {SCHEMA}.JOB_LOGS WHERE TASK_NAME = 'KEEP'") == [{"N": 1}]
        assert stack.names(fresh, f"SHOW TASKS IN SCHEMA {SCHEMA}") == []
    else:
        assert inventory(fresh) == before
