"""What somebody dropped that jobs could use: a deploy that takes the job away, and a destroy, end well all the same."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.lifecycle import stack

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

ROLE = "SPCS_DEMO_ROLE"
SECRETS = ("VAULT.SAFE.ONE", "VAULT.SAFE.TWO", "VAULT.SAFE.THREE")


def write(project: Project, secrets: tuple[str, ...]) -> None:
    """A graph with a job for each secret."""
    jobs: dict[str, Any] = {"plain": {"image": "my_job_image:1", "compute_pool": "PR_STD_POOL_XS"}}
    for place, secret in enumerate(secrets):
        jobs[f"uses_{place}"] = {**jobs["plain"], "secrets": [{"secret": secret, "env": "TOKEN"}]}
    content = {"version": 1, "graphs": {"container_jobs": {"jobs": jobs}}}
    (project.folder / "jobconfig.yaml").write_text(json.dumps(content))


def granted(project: Project) -> set[str]:
    """The secrets that the run role may read."""
    rows = project.query(f"SHOW GRANTS TO ROLE {ROLE}")
    return {row["name"] for row in rows if row["granted_on"] == "SECRET"}


def test_what_is_to_go_and_is_gone_is_gone(fresh: Project) -> None:
    fresh.query("CREATE DATABASE VAULT")
    fresh.query("CREATE SCHEMA VAULT.SAFE")
    for secret in SECRETS:
        fresh.query(f"CREATE SECRET {secret} TYPE = GENERIC_STRING SECRET_STRING = 'x'")
    write(fresh, SECRETS)
    fresh.up()
    assert granted(fresh) == set(SECRETS)

    fresh.query(f"DROP SECRET {SECRETS[0]}")
    write(fresh, SECRETS[2:])
    fresh.up()
    # one was gone, the other is taken back
    assert granted(fresh) == {SECRETS[2]}
    fresh.pulumi("preview", "--expect-no-changes")
    stack.unchanged(fresh)

    fresh.query("DROP SCHEMA VAULT.SAFE")
    fresh.pulumi("destroy", "--yes", "--skip-preview")
    assert stack.names(fresh, "SHOW TASKS IN ACCOUNT") == []
