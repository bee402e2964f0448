"""Direct jobs for a recording session: the rows in which Snowflake tells of them, and their services.

Knows the body of a direct job's task. Must not know what any test claims.
"""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from jobgraph.plan.direct_body import execute_job
from tests.procedures.recording import NOW, Service

if TYPE_CHECKING:
    from datetime import datetime

    from tests.procedures.recording import RecordingSession

JOB: dict[str, Any] = {
    "hash": "0",
    "graph": "container_jobs",
    "database": "DB",
    "schema": "SC",
    "compute_pool": "POOL",
    "query_warehouse": "WH",
    "timeout": 60,
    "job_runs_table": "JOBS_RUN_STATS",
    "job_logs_table": "JOB_LOGS",
    "instance_family": "CPU_X64_XS",
    "runner": "direct",
    "specification": {
        "spec": {
            "containers": [{"name": "main", "image": "/db/sc/images/job:1", "env": {"API_TOKEN": "s3cret-s3cret"}}]
        }
    },
}
DEFINITION: dict[str, Any] = {
    "graph": "container_jobs",
    "database": "DB",
    "schema": "SC",
    "job_runs_table": "JOBS_RUN_STATS",
    "job_logs_table": "JOB_LOGS",
    "task_runs_table": "TASK_LOGGING_STATS",
    "keep_services_days": 1,
    "jobs": [{"name": "A", "runner": "direct"}, {"name": "B"}],
}
TIMED_OUT = "Task timed out: it reached its USER_TASK_TIMEOUT_MS and was canceled."


def add_run(  # noqa: PLR0913  # what the rows tell
    session: RecordingSession,
    name: str = "A",
    *,
    state: str = "SUCCEEDED",
    service: Service | None = None,
    attempt: int = 1,
    error: str = "",
    code: int = 0,
    returned: str | None = None,
    group: str = "run-1",
    remembered: bool = True,
    there: bool = True,
    replicas: int = 1,
) -> str:
    """Add a run of a direct job's task, with the job that it started if it did; returns the job's full name.

    Args:
        session: where it is added.
        name: of the task.
        state: of its row.
        service: the job, if there was one.
        attempt: of the graph.
        error: of the row.
        code: of the row.
        returned: what the task returned.
        group: the graph run group.
        remembered: the job history has it.
        there: the service was not dropped.
        replicas: of the job.
    """
    query, began = f"query-{group}-{name}-{attempt}", NOW - timedelta(seconds=100 - 10 * attempt)
    job = JOB | ({"replicas": replicas} if replicas > 1 else {})
    session.task_rows.append(
        {
            "NAME": name,
            "STATE": state,
            "ERROR_CODE": code or None,
            "ERROR_MESSAGE": error or None,
            "GRAPH_RUN_GROUP_ID": group,
            "RUN_ID": Decimal(int((NOW - timedelta(seconds=200)).timestamp() * 1000)),
            "QUERY_ID": query,
            "SPCS_JOB_ID": None,
            "QUERY_START_TIME": began,
            "COMPLETED_TIME": began + timedelta(seconds=9),
            "RETURN_VALUE": returned,
            "QUERY_TEXT": execute_job(name, job),
        }
    )
    session.task_ends = [end for end in session.task_ends if end["NAME"] != name]
    session.task_ends.append({"NAME": name, "STATE": state, "ERROR_MESSAGE": error})
    full_name = f"DB.SC.JOB_{query.replace('-', '_').upper()}"
    if service is None:
        return ""
    service.age, service.pool, service.comment = 99 - 10 * attempt, "POOL", f"jobgraph container_jobs direct {name}"
    if there:
        session.services[full_name] = service
    if remembered:
        session.job_rows.append(_remembered(full_name, query, service, began + timedelta(seconds=1)))
    return full_name


def _remembered(name: str, query: str, service: Service, created: datetime) -> dict[str, Any]:
    states = {
        container["instance_id"]: {
            "status": "SUCCEEDED" if service.status == "DONE" else "FAILED",
            "containers": {
                container["container_name"]: {
                    "status": container["status"],
                    "message": container["message"],
                    "lastExitCode": container["last_exit_code"],
                    "imageSha256": container["image_digest"].removeprefix("sha256:"),
                }
            },
        }
        for container in service.containers
    }
    return {
        "ID": Decimal(int(query.rpartition("-")[2]) + 1000),
        "QUERY_ID": query,
        "NAME": name.rpartition(".")[2],
        "CREATED_TIME": created,
        "COMPLETED_TIME": created + timedelta(seconds=5),
        "STATUS": service.status,
        "MESSAGE": "",
        "INSTANCE_STATUSES": json.dumps(states),
    }
