"""The tasks that are there before a deploy, asked of the provider.

Knows the provider's function `getTasks`. Must not know what is made of its answer.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_snowflake as snowflake

if TYPE_CHECKING:
    from jobgraph.settings import Settings

# What Snowflake says of a database or schema that is not there yet (002003, 002043).
_ABSENT = "does not exist"


def tasks_present(settings: Settings) -> list[dict[str, Any]]:
    """Return rows of SHOW TASKS of the schema; none before the first deploy.

    A preview goes on without an answer, and says so, as previews of new resources need no server.

    Raises:
        Exception: the provider's, when Snowflake cannot be asked during an update.
    """
    place = snowflake.GetTasksInArgs(schema=settings.qualified())
    try:
        found = snowflake.get_tasks(in_=place, with_parameters=False)
    except Exception as error:
        if _ABSENT in str(error):
            return []
        if not pulumi.runtime.is_dry_run():
            raise
        pulumi.warn(
            "Snowflake could not be asked for the tasks that are there, so this preview cannot tell whether a root "
            f"task is suspended or jobs change their graph. {error}"
        )
        return []
    return [_row(task.show_outputs[0]) for task in found.tasks]


def _row(shown: Any) -> dict[str, Any]:
    related = next(iter(shown.task_relations or ()), None)
    relations: dict[str, Any] = {"Predecessors": list(shown.predecessors or ())}
    if related is not None and related.finalized_root_task:
        relations["FinalizedRootTask"] = related.finalized_root_task
    return {
        "name": shown.name,
        "state": shown.state.lower(),
        "schedule": shown.schedule,
        "definition": shown.definition,
        "comment": shown.comment,
        "last_suspended_reason": shown.last_suspended_reason,
        "predecessors": json.dumps(list(shown.predecessors or ())),
        "task_relations": json.dumps(relations),
    }
