"""The policy pack of this project under the real engine: `pulumi preview --policy-pack policies/pack`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policies.rules import RULES, resources, violations
from tests.lifecycle import stack
from tests.lifecycle.project import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lifecycle.project import Project

PACK = ROOT / "policies" / "pack"
# what breaks a rule, and what the pack says of it
IDLE = ("pools-suspend", "auto_suspend_secs is never")
OWNED = ("no-administrator-owns", "would belong to ACCOUNTADMIN")

pytestmark = pytest.mark.skipif(
    not (ROOT / ".jobgraph" / "policies").is_dir(), reason="`make policies` creates the pack's environment"
)


def policies(project: Project) -> tuple[bool, str]:
    """Whether a preview keeps every rule, and what it printed."""
    done = project.pulumi("preview", "--policy-pack", str(PACK), check=False)
    return done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def project(undeployed: Project) -> Iterator[Project]:
    """The project, whose settings and login are put back at the end."""
    environment = dict(undeployed.environment)
    yield undeployed
    undeployed.environment = environment
    stack.choose(undeployed)
    undeployed.query("DROP ROLE IF EXISTS DEPLOYS")


def test_the_engine_enforces_every_rule_on_what_a_preview_plans(project: Project) -> None:
    # the sandbox's administrator deploys as ACCOUNTADMIN, which one rule forbids
    kept, text = policies(project)
    assert not kept, text
    assert all(part in text for part in OWNED), text
    assert not any(f"[mandatory]  {rule} " in text for rule in RULES if rule != OWNED[0]), text

    project.query("CREATE ROLE DEPLOYS")
    project.query("GRANT ROLE ACCOUNTADMIN TO ROLE DEPLOYS")
    project.query("GRANT ROLE DEPLOYS TO USER SANDBOX_ADMIN")
    project.environment["SNOWFLAKE_ROLE"] = "DEPLOYS"
    kept, text = policies(project)
    assert kept, text
    assert "jobgraph@v1.0.0" in text
    # what `python -m policies` sees of a first preview, in which much is known only after the deploy
    assert [str(each) for each in violations(resources(project.preview("--show-sames"), "DEPLOYS"))] == []

    stack.choose(project, pools={"PR_STD_POOL_XS": {"auto_suspend_secs": 0}, "PR_STD_POOL_S": {}})
    kept, text = policies(project)
    assert not kept, text
    assert all(part in text for part in IDLE), text
