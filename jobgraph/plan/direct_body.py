"""The body of a task that is itself the job (`runner: direct`): an unnamed, synchronous EXECUTE JOB SERVICE.

Knows the statement (docs.snowflake.com/en/sql-reference/sql/execute-job-service and .../developer-guide/
snowpark-container-services/jobs-as-tasks). Must not know more of a definition than the statement's clauses need.

The definition is a YAML comment in the text of the specification. SHOW TASKS and the task history thus show what ran,
and every change of the definition changes the body. `jobgraph.plan.task_rows` reads it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.plan.sql import literal
from jobgraph.procedures.attempt import direct_mark, dollar_quoted, identifier, yaml_text

if TYPE_CHECKING:
    from collections.abc import Mapping


def execute_job(task: str, definition: Mapping[str, Any]) -> str:
    """Return the body of a job's task. Nothing in it can be bound, so each part is checked or escaped.

    The service's comment names its graph and task, but no run: the statement is the same in every run.
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
