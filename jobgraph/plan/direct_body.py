"""The body of a task that is a job itself (`runner: direct`): EXECUTE JOB SERVICE, waiting for the job, without a name.

Knows the statement (docs.snowflake.com/en/sql-reference/sql/execute-job-service and .../developer-guide/
snowpark-container-services/jobs-as-tasks). Must not know what a definition says beyond the statement's clauses.

The definition stands in the specification's text, as a comment of YAML: so that SHOW TASKS and the task history tell
what ran, and so that every change of it changes the body. `jobgraph.plan.task_rows` reads it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.plan.sql import literal
from jobgraph.procedures.attempt import direct_mark, dollar_quoted, identifier, yaml_text

if TYPE_CHECKING:
    from collections.abc import Mapping


def execute_job(task: str, definition: Mapping[str, Any]) -> str:
    """Return the body of a job's task. No part of it can be bound, so all are checked or escaped.

    The service's comment tells whose it is: the statement is the same in every run.
    """
    heading = {key: value for key, value in definition.items() if key != "specification"}
    text = f"# {yaml_text(heading)}\n{yaml_text(definition['specification'])}"
    access = definition.get("external_access", ())
    clauses = [
        f"EXECUTE JOB SERVICE IN COMPUTE POOL {identifier(definition['compute_pool'])}",
        f"REPLICAS = {int(definition['replicas'])}" if "replicas" in definition else "",
        f"QUERY_WAREHOUSE = {identifier(definition['query_warehouse'])}",
        f"COMMENT = {literal(direct_mark(definition, task))}",
        f"EXTERNAL_ACCESS_INTEGRATIONS = ({', '.join(map(identifier, access))})" if access else "",
        f"FROM SPECIFICATION {dollar_quoted(text)}",
    ]
    return " ".join(filter(None, clauses))
