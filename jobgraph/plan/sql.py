"""The SQL texts of a deployment, built in this one place. Values are quoted, identifiers validated.

Knows Snowflake's syntax. Must not know when a statement is sent, or by whom. (History's queries are in `history`.)
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobgraph.names import quoted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jobgraph.settings import Settings

ROOT_BODY = "SELECT CURRENT_TIMESTAMP()"
# The last_suspended_reason in SHOW TASKS of a root that failed too often.
SUSPENDED_BY_FAILURES = "SUSPENDED_DUE_TO_ERRORS"
# The end of the comment of a root that a deploy suspended because it moves the root's jobs to other graphs.
SUSPENDED_BY_A_DEPLOY = " (suspended by a deploy that moves its jobs to other graphs)"


def literal(text: str) -> str:
    r"""Return a single-quoted constant, with backslashes escaped because Snowflake interprets them."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def json_literal(value: Any) -> str:
    """Return `value` as JSON between `$$`."""
    return dollar_quoted(json_text(value))


def json_text(value: Any) -> str:
    r"""Return `value` as JSON. The text contains no `$` (written as `\u0024`), so nothing in it can close `$$`."""
    return json.dumps(value, ensure_ascii=True).replace("$", chr(92) + "u0024")


def dollar_quoted(text: str) -> str:
    """Return `text`, which must not contain `$$`, as a dollar-quoted constant."""
    return f"$${text}$$"


def block(statements: str) -> str:
    """Return Snowflake Scripting statements as one statement; they must not contain `$$`."""
    return f"EXECUTE IMMEDIATE {dollar_quoted(f'BEGIN {statements} END')}"


def call_runner(settings: Settings, procedure: str, task: str, definition: dict[str, Any]) -> str:
    """Return the body of a job's task."""
    query = situation(settings, task, definition.get("predecessors", ()))
    return f"CALL {settings.qualified()}.{procedure}({literal(task)}, ({query}), {json_literal(definition)})"


def situation(settings: Settings, task: str, predecessors: Iterable[str]) -> str:
    """Return the query for what the runner needs to know about a task's run; its result is one JSON text.

    The result has the run and its configuration, the configuration of the last successful run, and the rows of the job
    and its predecessors in this run's history. The query is an argument of CALL (an argument may be an expression or a
    subquery: docs.snowflake.com/en/sql-reference/sql/call), so the runner needs no extra statement for it and uses no
    warehouse time before its first one.
    """
    facts = ", ".join(f"{literal(name)}, {_INFO}({literal(key)})" for name, key in _FACTS.items())
    facts += f", 'config', {_CONFIG}, {literal(_LAST_CONFIG)}, ({_last_config(settings)})"
    columns = ", ".join(f"{literal(name)}, {expression}" for name, expression in _RECORDED.items())
    names = ", ".join(literal(name) for name in (task, *predecessors))
    return (
        f"SELECT TO_JSON(OBJECT_CONSTRUCT({facts}, 'attempts', ARRAY_AGG(OBJECT_CONSTRUCT({columns}))))"
        f" FROM {settings.qualified(settings.job_runs_table)} AS H"
        f" WHERE H.GRAPH_RUN_ID = {_INFO}({literal(_FACTS['group'])}) AND H.TASK_NAME IN ({names})"
    )


def _last_config(settings: Settings) -> str:
    return (
        f"SELECT MAX(R.RUN_CONFIG) FROM {settings.qualified(settings.task_runs_table)} AS R"
        f" WHERE R.ROOT_TASK_ID = {_INFO}('CURRENT_ROOT_TASK_UUID')"
        f" AND R.GRAPH_RUN_GROUP_ID = {_INFO}('LAST_SUCCESSFUL_TASK_GRAPH_RUN_GROUP_ID')"
    )


def takes_requests(body: str) -> bool:
    """Return whether a job's task reads the request of its run; tasks of earlier versions do not."""
    return literal(_LAST_CONFIG) in body


_LAST_CONFIG = "last_config"
_INFO = "SYSTEM$TASK_RUNTIME_INFO"
_CONFIG = "SYSTEM$GET_TASK_GRAPH_CONFIG()"
_FACTS = {
    "root": "CURRENT_ROOT_TASK_NAME",
    "group": "CURRENT_TASK_GRAPH_RUN_GROUP_ID",
    "started": "CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP",
    "since": "LAST_SUCCESSFUL_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP",
}
_RECORDED = {
    **{name: f"H.{name}" for name in ("TASK_NAME", "ATTEMPT", "SERVICE_NAME", "JOB_STATUS", "REASON_CLASS", "REASON")},
    "CAUSE": "SPLIT_PART(H.ERRORS, CHR(10), 1)",
    "FIRST_ERROR": "H.FIRST_ERROR",
    "EXIT_CODE": "H.EXIT_CODE",
    # a return value has at most 10 kB; longer outputs stay in history
    "OUTPUTS": "LEFT(H.OUTPUTS, 10001)",
    "AGE": "DATEDIFF('second', H.STARTED_TIME, CURRENT_TIMESTAMP())",
}

# The error of a refused removal, from rows with RUN and GRAPH: which runs there are, and what to do.
_EACH_WAIT, _EACH_CANCEL = ("'`jobgraph wait ' || GRAPH || '`'", "'`jobgraph cancel ' || GRAPH || '`'")
_REFUSAL = (
    "COUNT(*) || IFF(COUNT(*) = 1, ' run is', ' runs are') || ' under way: '"
    " || LISTAGG('run ' || RUN || ' of graph ' || GRAPH, ', ') WITHIN GROUP (ORDER BY GRAPH, RUN)"
    " || '. Wait for ' || IFF(COUNT(*) = 1, 'it', 'them')"
    f" || ' (' || LISTAGG(DISTINCT {_EACH_WAIT}, ', ') WITHIN GROUP (ORDER BY {_EACH_WAIT})"
    " || '), cancel ' || IFF(COUNT(*) = 1, 'it', 'them')"
    f" || ' (' || LISTAGG(DISTINCT {_EACH_CANCEL}, ', ') WITHIN GROUP (ORDER BY {_EACH_CANCEL})"
    " || '), or set force_destroy: true in jobgraph:settings and run `pulumi up` first.'"
)


def call_finalizer(settings: Settings, procedure: str, definition: dict[str, Any]) -> str:
    """Return the body of a graph's finalizer."""
    return f"CALL {settings.qualified()}.{procedure}({json_literal(definition)})"


def suspend_root(root: str) -> str:
    """Return the statement that suspends a root task if it exists; `root` is its quoted name."""
    return f"ALTER TASK IF EXISTS {root} SUSPEND"


def suspend_departing_root(root: str, comment: str) -> str:
    """Return the one statement that suspends a root and marks its present `comment`, so that neither is done alone."""
    marking = f"ALTER TASK IF EXISTS {root} SET COMMENT = {literal(comment + SUSPENDED_BY_A_DEPLOY)}"
    return f"EXECUTE IMMEDIATE {literal(f'BEGIN {suspend_root(root)}; {marking}; END')}"


def resume_root(root: str) -> str:
    """Return the statement that resumes a root task if it exists."""
    return f"ALTER TASK IF EXISTS {root} RESUME"


def show_tasks(schema: str) -> str:
    """Return the statement that shows the tasks of a schema; `schema` is its quoted name."""
    return f"SHOW TASKS IN SCHEMA {schema}"


def drop_task(task: str) -> str:
    """Return the statement that drops a task if it exists."""
    return f"DROP TASK IF EXISTS {task}"


def free_finalizer(finalizer: str) -> str:
    """Return the statement after which a task is no longer a finalizer; a root can have only one at a time."""
    return f"ALTER TASK IF EXISTS {finalizer} UNSET FINALIZE"


def with_comment(statement: str, note: str) -> str:
    """Return the statement with `note` as a comment (any `*/` is removed), so that previews show a changed content."""
    return f"{statement} /* {note.replace('*/', '')} */"


def on_warehouse(settings: Settings, statement: str) -> str:
    """Return the statement chained after a USE of the stack's warehouse.

    Statements that read or change rows, and Python procedures, need a warehouse (000606). The provider's session has
    none, because on the first deploy no warehouse exists that a login could name. A chain may begin with USE
    (docs.snowflake.com/en/sql-reference/operators-flow: any valid statement).
    """
    return f"USE WAREHOUSE {quoted(settings.warehouse)} ->> {statement}"


def nothing(why: str) -> str:
    """Return a statement that changes nothing and needs no warehouse."""
    return f"SELECT {literal(why)} AS STATUS"


def set_overlap(root: str, policy: str) -> str:
    """Return the statement that sets which runs of a graph may overlap. The provider's task has no such property."""
    return f"ALTER TASK IF EXISTS {root} SET OVERLAP_POLICY = {policy}"


def unset_overlap(root: str) -> str:
    """Return the statement that restores Snowflake's default: runs do not overlap."""
    return f"ALTER TASK IF EXISTS {root} UNSET OVERLAP_POLICY"


def refuse_while_running(settings: Settings, graphs: Mapping[str, str]) -> str:
    """Return a statement that fails while runs of some graphs are under way; its error names them and says what to do.

    `graphs`: root task -> name of its graph. Plain SQL cannot raise a custom error, but a failed conversion to a number
    shows the text in its error. The text contains a count, so that Snowflake cannot convert it before it has evaluated
    the condition.
    """
    function = f"{quoted(settings.database)}.INFORMATION_SCHEMA.CURRENT_TASK_GRAPHS"
    only = f"ROOT_TASK_NAME => {literal(next(iter(graphs)))}" if len(graphs) == 1 else "RESULT_LIMIT => 10000"
    here = f"DATABASE_NAME = {literal(settings.database)} AND SCHEMA_NAME = {literal(settings.schema)}"
    roots = ", ".join(literal(root) for root in graphs)
    names = ", ".join(f"{literal(root)}, {literal(graph)}" for root, graph in graphs.items())
    runs = (
        f"SELECT COALESCE(GRAPH_RUN_GROUP_ID, RUN_ID) AS RUN, DECODE(ROOT_TASK_NAME, {names}) AS GRAPH"
        f" FROM TABLE({function}({only})) WHERE STATE = 'EXECUTING' AND {here} AND ROOT_TASK_NAME IN ({roots})"
    )
    return on_warehouse(settings, f"SELECT IFF(COUNT(*) = 0, 0, ({_REFUSAL})::NUMBER) AS RUNS_UNDER_WAY FROM ({runs})")


def write_to_stage(settings: Settings, file: str, content: Any) -> str:
    """Return the statement that writes `content` as the JSON file `file` to the stack's stage."""
    location = f"@{settings.qualified(settings.stage)}/{file}"
    query = f"SELECT PARSE_JSON({json_literal(content)})"
    form = "FILE_FORMAT = (TYPE = JSON COMPRESSION = NONE) SINGLE = TRUE OVERWRITE = TRUE"
    return on_warehouse(settings, f"COPY INTO {location} FROM ({query}) {form}")


def write_text_to_stage(settings: Settings, file: str, text: str) -> str:
    """Return the statement that writes `text` unchanged as the file `file` to the stack's stage.

    Raises:
        ValueError: if the text has two dollar signs in a row.
    """
    if "$$" in text:
        raise ValueError(f"the text of {file} holds two dollar signs in a row; write them apart")
    location = f"@{settings.qualified(settings.stage)}/{file}"
    as_it_is = "FIELD_DELIMITER = NONE FIELD_OPTIONALLY_ENCLOSED_BY = NONE ESCAPE_UNENCLOSED_FIELD = NONE"
    form = f"FILE_FORMAT = (TYPE = CSV COMPRESSION = NONE {as_it_is}) SINGLE = TRUE OVERWRITE = TRUE"
    # COPY ends each row with a line break itself
    return f"COPY INTO {location} FROM (SELECT $${text.removesuffix(chr(10))}$$) {form}"


def remove_from_stage(settings: Settings, file: str) -> str:
    """Return the statement that removes a file from the stack's stage."""
    return f"REMOVE @{settings.qualified(settings.stage)}/{file}"


def list_on_stage(settings: Settings, file: str) -> str:
    """Return the statement that shows a stage file's size, checksum and last change; no row if it does not exist."""
    return f"LIST @{settings.qualified(settings.stage)}/{file}"


def suspended_by_failures(settings: Settings, root: str) -> str:
    """Return the query that shows a root if Snowflake suspended it because its runs failed; otherwise no row."""
    rows = f"SHOW TASKS LIKE {literal(root)} IN SCHEMA {settings.qualified()}"
    which = f""""name" = {literal(root)} AND "last_suspended_reason" = {literal(SUSPENDED_BY_FAILURES)}"""
    return on_warehouse(settings, f'{rows} ->> SELECT "name", "last_suspended_reason" FROM $1 WHERE {which}')


def config_text(config: Mapping[str, Any] | None) -> str | None:
    """Return a graph's configuration for the provider: JSON without `$$`, which the provider adds."""
    return None if config is None else json_literal(config).strip("$")
