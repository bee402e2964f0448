"""JobGraph in programs: one that takes over a stack of version 0.1, and several in another team's program."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import snowflake.connector

from tests.lifecycle import fork_server, stack

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

# git archive 397ac25 __main__.py components jobgraph procedures | xz -9e
OLD_PROGRAM = Path(__file__).parent / "versions" / "0.1.tar.xz"
LASTING = ("Task", "Table", "ComputePool", "Warehouse", "Database", "Schema", "StageInternal", "AccountRole")
KEPT = ("TASKS", "TABLES", "COMPUTE POOLS", "WAREHOUSES", "DATABASES", "STAGES", "ROLES")
SUSPENSION = 'ALTER TASK%"ROOT_TASK"%SUSPEND%'


def objects(project: Project) -> dict[tuple[str, str], str]:
    """When each object that holds data or runs jobs was created."""
    return {
        (kind, str(row["name"])): str(row["created_on"])
        for kind in KEPT
        for row in project.query(f"SHOW {kind}{' IN ACCOUNT' if kind in {'TASKS', 'TABLES', 'STAGES'} else ''}")
    }


def suspensions(project: Project) -> int:
    """How often the root was suspended until now."""
    history = "TABLE(INFORMATION_SCHEMA.QUERY_HISTORY(RESULT_LIMIT => 10000))"
    (row,) = project.query(f"SELECT COUNT(*) AS N FROM {history} WHERE QUERY_TEXT LIKE ?", SUSPENSION)
    return int(row["N"])


def resources(project: Project) -> list[dict[str, Any]]:
    state = json.loads(project.pulumi("stack", "export").stdout)
    return list(state["deployment"]["resources"])


def test_a_stack_of_version_0_1_is_taken_over(fresh: Project) -> None:
    present = {name: fresh.folder / name for name in ("__main__.py", "components", "jobgraph", "procedures")}
    new = fresh.folder.parent / "new"
    new.mkdir()
    for name, path in present.items():
        shutil.move(path, new / name)
    fresh.jobgraph("setup")  # the plugins that the folder's own code stands in for are started from the clone's code
    fork_server.install(fresh.folder / ".jobgraph" / "pulumi-home")
    with tarfile.open(OLD_PROGRAM) as archive:
        archive.extractall(fresh.folder, filter="data")
    fresh.up()
    assert not [one for one in resources(fresh) if one["type"] == "jobgraph:index:JobGraph"]
    before, suspended = objects(fresh), suspensions(fresh)
    for name, path in present.items():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        shutil.move(new / name, path)

    steps = fresh.preview()["steps"]
    kinds = {step["op"] for step in steps if step["urn"].split("::")[2].rpartition(":")[2] in LASTING}
    assert kinds <= {"same", "update"}
    fresh.up()

    after = objects(fresh)
    assert {key: after.get(key) for key in before} == before
    assert suspensions(fresh) - suspended <= 1
    (root,) = fresh.query(f"SHOW TASKS LIKE 'ROOT_TASK' IN SCHEMA {stack.PLACE}")
    assert root["state"] == "started"
    stack.unchanged(fresh)
    names = {one["urn"].rpartition("::")[2] for one in resources(fresh) if one["type"].startswith("snowflake:")}
    assert all(name.startswith("jobgraph-") for name in names)


TEAM = Path(__file__).parent / "team_program.py"
GRAPH = """\
version: 1
defaults: {{image: "my_job_image:1.1.0", compute_pool: {upper}_POOL}}
graphs:
  {part}:
    schedule: 59 minutes
    jobs:
      first: {{args: ["--query=select 1", --result_table=results]}}
      second: {{after: [first], args: ["--query=select {value}", --result_table=results]}}
"""
CHANGED_BY_HAND = (
    "ALTER TASK SALES.PUBLIC.{root} SUSPEND",
    "ALTER TASK SALES.PUBLIC.FIRST MODIFY AS SELECT 'by hand'",
    "ALTER TASK SALES.PUBLIC.{root} RESUME",
)


def configure(project: Project, part: str, value: int = 2) -> None:
    """Write the jobs of one of the team's job graphs."""
    (project.folder / f"{part}.yaml").write_text(GRAPH.format(part=part, upper=part.upper(), value=value))


def team(project: Project, **variables: str) -> None:
    """Put the team's program there; the environment's password is wrong, so that the default provider is of no use."""
    shutil.copy(TEAM, project.folder / "__main__.py")
    for part in ("sales", "ops"):
        configure(project, part)
    project.query("CREATE WAREHOUSE IF NOT EXISTS TEAM_WAREHOUSE")
    password = project.environment["SNOWFLAKE_PASSWORD"]
    wrong = {"SNOWFLAKE_PASSWORD": "not-this-one", "THEIR_PASSWORD": password}
    project.environment = {**project.environment, **wrong, **variables}


def as_administrator(project: Project, statement: str) -> list[dict[str, Any]]:
    """Rows of a statement, with the right password."""
    with project.connect(password=project.environment["THEIR_PASSWORD"]) as connection:
        cursor = connection.cursor(snowflake.connector.DictCursor)
        cursor.execute(statement)
        return list(cursor.fetchall())


def tasks(project: Project) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in as_administrator(project, "SHOW TASKS IN SCHEMA SALES.PUBLIC")}


def test_two_in_another_teams_program_with_its_own_provider(fresh: Project) -> None:
    team(fresh)
    fresh.up()
    state = resources(fresh)
    theirs = [one for one in state if one["type"].startswith("snowflake:")]
    assert len({one["urn"] for one in state}) == len(state)
    assert all(one["urn"].rpartition("::")[2].startswith(("sales-", "ops-")) for one in theirs)
    assert {one["provider"].split("::")[-2] for one in theirs} == {"theirs"}
    # of the engine's own provider there is one, by which the program reads what the last deploy noted
    assert not [one for one in state if "::default" in one["urn"] and one["type"] != "pulumi:providers:pulumi"]
    warehouses = [one for one in theirs if one["type"].endswith(":Warehouse")]
    assert [one["inputs"]["autoSuspend"] for one in warehouses] == [77, 77]

    # a deploy puts right what was changed by hand, by a hook that has to log in
    planned = tasks(fresh)["FIRST"]["definition"]
    (root,) = (name for name, row in tasks(fresh).items() if row["schedule"])
    for statement in CHANGED_BY_HAND:
        as_administrator(fresh, statement.format(root=root))
    configure(fresh, "sales", value=3)
    fresh.up()
    assert tasks(fresh)["FIRST"]["definition"] == planned
    fresh.pulumi("preview", "--expect-no-changes")
    fresh.pulumi("destroy", "--yes", "--skip-preview")


def test_what_is_protected_can_still_be_deployed(fresh: Project) -> None:
    team(fresh, PROTECTED="yes")
    fresh.up()
    protected = {one["type"].rpartition(":")[2] for one in resources(fresh) if one.get("protect")}
    assert {*LASTING} <= protected
    assert not {"Execute", "ProcedurePython", "View"} & protected
    configure(fresh, "sales", value=3)
    fresh.up()
    refused = fresh.pulumi("destroy", "--yes", "--skip-preview", check=False)
    assert refused.returncode != 0
    assert "protected" in refused.stdout + refused.stderr
