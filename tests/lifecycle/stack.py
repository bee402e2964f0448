"""The settings of a project's stack: written as a user would write them, into Pulumi.dev.yaml.

Knows that file. Must not know what any test claims.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from tests.lifecycle.project import ROOT

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

FILE = "Pulumi.dev.yaml"
PLACE = "PR_CONTAINER_ORCHESTRATION.PUBLIC"


def choose(project: Project, **settings: Any) -> None:
    """Set these settings besides those of the committed file."""
    content = yaml.safe_load((ROOT / FILE).read_text())
    content["config"]["jobgraph:settings"].update(settings)
    (project.folder / FILE).write_text(yaml.safe_dump(content, sort_keys=False))


def unchanged(project: Project) -> None:
    """Assert that the program and the account, read anew, do not differ."""
    project.pulumi("preview", "--refresh", "--expect-no-changes")


def names(project: Project, statement: str) -> list[str]:
    """Return the names in a listing, sorted."""
    return sorted(str(row["name"]) for row in project.query(statement))
