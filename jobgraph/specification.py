"""The service specification of a job, as data.

Knows the format (docs.snowflake.com/en/developer-guide/snowpark-container-services/specification-reference).
Must not know graphs, tasks, or what only a run knows: the runner adds those facts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.names import image_path

if TYPE_CHECKING:
    from jobgraph.model import Job
    from jobgraph.settings import Settings

CONTAINER = "main"


def specification(job: Job, settings: Settings) -> dict[str, Any]:
    """Return the specification of the job's service; keys in the order of Snowflake's reference."""
    container: dict[str, Any] = {"name": CONTAINER, "image": image_path(job.image, settings.repository_path)}
    if job.command:
        container["command"] = list(job.command)
    if job.args:
        container["args"] = list(job.args)
    container["env"] = {"SNOWFLAKE_WAREHOUSE": query_warehouse(job, settings), **job.env}
    resources = {k: v for k, v in (("memory", job.resources.memory), ("cpu", job.resources.cpu)) if v is not None}
    if resources:
        # a container without limits may take its whole node, so what is requested is the limit too
        container["resources"] = {"requests": resources, "limits": dict(resources)}
    return {"spec": {"containers": [container]}}


def query_warehouse(job: Job, settings: Settings) -> str:
    """Return the warehouse for the container's queries."""
    return job.warehouse or settings.warehouse
