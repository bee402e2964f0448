"""Two stacks whose run role is the same existing role of a team: what the destruction of one takes from the other."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox import world
from snowflake_sandbox.protocol import logins

from tests.deploys.driver import document
from tests.deploys.whole import WholeStack
from tests.sandbox.conftest import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROLE = "TEAM_ROLE"
BASE: dict[str, Any] = {"retain": False, "role": ROLE, "parent_roles": [], "existing": ["role"]}
OWN = {
    "database": "DEV_ORCHESTRATION",
    "warehouse": "DEV_WAREHOUSE",
    "pools": {
        "PR_STD_POOL_XS": {"name": "DEV_POOL_XS", "instance_family": "CPU_X64_XS"},
        "PR_STD_POOL_S": {"name": "DEV_POOL_S", "instance_family": "CPU_X64_S"},
    },
}
SHARED = {"pools": {"PR_STD_POOL_XS": {"name": "TEAM_POOL", "instance_family": "CPU_X64_XS", "existing": True}}}
ON_THE_ACCOUNT = {("EXECUTE TASK", "ACCOUNT"), ("EXECUTE MANAGED TASK", "ACCOUNT")}
ON_THE_POOL = {("USAGE", "TEAM_POOL"), ("MONITOR", "TEAM_POOL")}


@pytest.fixture
def stacks(tmp_path: Path) -> Iterator[tuple[WholeStack, WholeStack]]:
    """Two stacks in one account."""
    opened = build(tmp_path / "sandbox")
    first, second = (
        WholeStack(opened, logins.open_session(opened, logins.ADMINISTRATOR, "ACCOUNTADMIN"), Random(1))  # noqa: S311  # a repeatable order
        for _ in range(2)
    )
    first.rows(f"CREATE ROLE {ROLE}")
    first.rows(f"GRANT ROLE {ROLE} TO ROLE SYSADMIN")
    first.rows("CREATE COMPUTE POOL TEAM_POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS")
    yield first, second
    world.stop(opened)


def grants(stack: WholeStack) -> set[tuple[str, str]]:
    """What the role has, current and future."""
    rows = stack.rows(f"SHOW GRANTS TO ROLE {ROLE}") + stack.rows(f"SHOW FUTURE GRANTS TO ROLE {ROLE}")
    return {
        (row["privilege"], "ACCOUNT" if row.get("granted_on") == "ACCOUNT" else str(row["name"]))
        for row in rows
        if row.get("granted_on") != "TASK"
    }


@pytest.mark.parametrize(
    ("more", "lost"), [({}, ON_THE_ACCOUNT), (SHARED, ON_THE_ACCOUNT | ON_THE_POOL)], ids=["role", "role and pool"]
)
def test_a_destroy_takes_only_shared_grants_and_a_refresh_restores_them(
    stacks: tuple[WholeStack, WholeStack], tmp_path: Path, more: dict[str, Any], lost: set[tuple[str, str]]
) -> None:
    first, second = stacks
    first.settings = BASE | more
    second.settings = BASE | OWN | more
    file = tmp_path / "jobconfig.yaml"
    file.write_text(document({"one": {"jobs": {"a": []}}}))
    first.up(file)
    before = grants(first)
    second.up(file)
    assert {name for _, name in grants(first) - before} >= {"DEV_ORCHESTRATION", "DEV_WAREHOUSE"}
    second.destroy()
    assert grants(first) == before - lost
    assert lost <= before
    first.refresh()
    first.up(file)
    assert grants(first) == before
