"""Rows and files outlive whatever a plugin or a version asks to replace: differences are planted into the state."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lifecycle.project import Project

SCHEMA = "PR_CONTAINER_ORCHESTRATION.PUBLIC"
HOLDING = {"Database", "Schema", "StageInternal", "Table"}
# What the provider makes another object for, as another plugin or version might have noted it. Of a database that is
# isTransient alone, which the program ignores (`other_defaults`).
OTHERS = [
    ("Schema", {"isTransient": "true"}),
    ("StageInternal", {"schema": "ELSEWHERE"}),
    ("Table", {"database": "ELSEWHERE"}),
]


@pytest.fixture(scope="module")
def state(deployed: Project) -> Iterator[str]:
    """The state of the deployed project; at the end the account is as the project says.

    A deploy that is refused has already taken away what depends on the object that it was to replace: grants.
    """
    yield deployed.pulumi("stack", "export").stdout
    deployed.up("--refresh")


@pytest.fixture
def filled(deployed: Project, state: str) -> Iterator[Project]:
    """The deployed project with a row in a history table, and its state put back at the end."""
    deployed.query(f"INSERT INTO {SCHEMA}.JOB_LOGS (TASK_NAME) VALUES ('KEEP')")
    yield deployed
    (deployed.folder / "state.json").write_text(state)
    deployed.pulumi("stack", "import", "--file", "state.json")
    deployed.query(f"DELETE FROM {SCHEMA}.JOB_LOGS WHERE TASK_NAME = 'KEEP'")


def plant(project: Project, state: str, change: Callable[[str, dict[str, Any]], None]) -> None:
    """Change inputs and outputs of the objects that hold data, in the stack's state."""
    planted = json.loads(state)
    for resource in planted["deployment"]["resources"]:
        kind = resource["type"].rpartition(":")[2]
        if kind in HOLDING:
            for part in ("inputs", "outputs"):
                change(kind, resource[part])
    (project.folder / "planted.json").write_text(json.dumps(planted))
    project.pulumi("stack", "import", "--file", "planted.json")


def rows_and_files(project: Project) -> tuple[int, list[str]]:
    """How many rows a history table has, and the files of the stage."""
    (count,) = project.query(f"SELECT COUNT(*) AS N FROM {SCHEMA}.JOB_LOGS")
    return count["N"], [row["name"] for row in project.query(f"LIST @{SCHEMA}.JOBS")]


def other_defaults(kind: str, values: dict[str, Any]) -> None:
    if kind == "Database":
        values["isTransient"] = True
    elif kind == "Schema":
        values.pop("isTransient", None)  # as states of version 0.1 are
    elif kind == "StageInternal":
        values["encryption"] = {"snowflakeFull": {}}
        values["directory"].pop("autoRefresh", None)
    else:
        for column in values["columns"]:
            column.pop("default", None)


def test_other_defaults_of_a_plugin_replace_nothing(filled: Project, state: str) -> None:
    before = rows_and_files(filled)
    plant(filled, state, other_defaults)
    filled.up("--expect-no-changes")
    assert rows_and_files(filled) == before


@pytest.mark.parametrize(("kind", "other"), OTHERS, ids=[f"{kind}-{'-'.join(other)}" for kind, other in OTHERS])
def test_what_would_be_replaced_all_the_same_is_refused_with_the_remedy(
    filled: Project, state: str, kind: str, other: dict[str, str]
) -> None:
    before = rows_and_files(filled)
    plant(filled, state, lambda resource, values: values.update(other if resource == kind else {}))
    done = filled.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "it is never dropped" in done.stdout + done.stderr
    assert "`pulumi preview --diff` names the property" in done.stdout + done.stderr
    assert rows_and_files(filled) == before


def test_a_default_of_a_history_table_that_somebody_dropped_is_no_reason_to_replace_it(filled: Project) -> None:
    before = rows_and_files(filled)
    filled.query(f"ALTER TABLE {SCHEMA}.JOB_LOGS ALTER COLUMN CREATED_DATE DROP DEFAULT")
    filled.up("--refresh")
    assert rows_and_files(filled) == before
    filled.pulumi("preview", "--refresh", "--expect-no-changes")
