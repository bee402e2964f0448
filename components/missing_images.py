"""Whether the images that jobs run are in the stack's repository: told at a deploy, not when a run fails for it.

Knows the provider's way to read the rows of a statement. Must not know which images jobs run (jobgraph.inspection).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pulumi
import pulumi_snowflake as snowflake

from jobgraph.imaging import building
from jobgraph.inspection.findings import missing_images
from jobgraph.inspection.questions import repository

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.components.part import Scope
    from jobgraph.plan.planning import Plan


def warn_of_missing_images(plan: Plan, repository_id: pulumi.Output[str], scope: Scope) -> None:
    """Warn of every image of the stack's repository that a job names and that is not in it.

    `repository_id` is not known in a preview before the repository is made; then there is nothing to look at.
    """
    listing = snowflake.Execute.get(
        scope.named("images-in-the-repository"),
        repository_id,
        pulumi.ResourceOptions(parent=scope.owner),
        query=building.show_images(plan.settings),
    )

    def warn(rows: Sequence[Mapping[str, str]]) -> None:
        listed = {f"images {repository(plan)}": [dict(row) for row in rows or ()]}
        for path, jobs in missing_images(plan, listed).items():
            pulumi.warn(
                f"image {path} is not in the repository, so {', '.join(jobs)} will fail with image_pull."
                f" `jobgraph image push {jobs[0].lower()} --environment {pulumi.get_stack()}` builds and pushes it.",
                scope.owner,
            )

    listing.query_results.apply(warn)
