"""Translates a deployed object's inputs to the user's terms: keys of jobconfig.yaml for tasks, else plain names.

Knows the inputs that the components set for tasks, and the definition inside a task's statement. Must not know what a
preview is, nor how values are compared.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobgraph.config.job_values import job_in_file
from jobgraph.config.leaves import leaves
from jobgraph.config.model import Job
from jobgraph.config.schedules import from_provider
from jobgraph.config.timing import long_duration_text
from jobgraph.names import content_hash
from jobgraph.plan.conditions import read_condition
from jobgraph.plan.job_definition import read_definition, unknown_entries
from jobgraph.plan.task_rows import direct_definition, last_part
from jobgraph.procedures.requested.json_texts import read_json
from jobgraph.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TASK = "snowflake:index/task:Task"

# `CALL "DB"."SCHEMA".RUN_JOB_1A2B3C4D('T_JOB', (SELECT ...), $${...}$$)`; the JSON contains no `$`
_CALL = re.compile(
    r"^CALL (?:\"[^\"]*\"\.)*(?P<procedure>\w+)\((?:'[^']*', )?(?:\(SELECT .*\), )?\$\$(?P<definition>[^$]*)\$\$\)$",
    re.DOTALL,
)
# inputs that other fields show, or that are only locations
_IN_OTHER_WORDS = {"afters", "sqlStatement", "started", "finalize", "userTaskTimeoutMs", "comment", "when"}
_TASK_WORDS = {
    "warehouse": "warehouse.task",
    "suspendTaskAfterNumFailures": "suspend_after_failures",
    "taskAutoRetryAttempts": "auto_retry",
    "userTaskManagedInitialWarehouseSize": "size of the root's serverless warehouse",
}
# depends on `after`, but also on whether those jobs are enabled
READS = "reads the return values of"
_DEFINITION_WORDS = {
    "predecessors": READS,
    "direct_predecessors": "asks Snowflake what they returned",
    "conditions": "conditions on its outputs",
    "job_runs_table": "history table of attempts",
    "job_logs_table": "history table of logs",
    "task_runs_table": "history table of tasks",
    "operations_table": "history table of operations",
    "backfills_table": "table of backfills",
    "backfill_intervals_table": "table of intervals of backfills",
    "instance_families": "instance families of its pools",
    "keep_services_days": "days that services are kept",
    "keep_results_days": "days that results are kept",
    "results": "stage path of results",
    "uses": "procedures in use",
    "drop_superseded": "procedure that drops old ones",
}
# the other entries of a finalizer's definition are locations, or follow from the jobs
_HIDDEN = {"hash", "database", "schema", "graph", "jobs", "overlap"}
_VARIABLES = {
    "PAYLOAD_FILE": "payload (its files)",
    "PAYLOAD_ENTRYPOINT": "payload.entrypoint",
    "PAYLOAD_PACKAGES": "payload.pip_requirements",
}
# the settings of a job for which the file states none
_DEFAULTS = leaves(job_in_file(Job("", "", "", "")) | {"timeout": long_duration_text(Job.timeout)})
_TOLD_OTHERWISE = {"image", "compute_pool"}
# the comment that a deploy writes if the file has none; it has no information except the names
_OWN_COMMENT = re.compile(r"jobgraph: (?:closes runs of|job \S+ of) graph \S+")
# sdk/go/common/resource/stack, computedValuePlaceholder: stands for a value that only the deploy computes
_UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
UNKNOWN = "(known after the deploy)"
# sdk/go/common/resource, SigKey: the mark of special values; here, only secrets have it
_SIGNED = "4dabf18193072939515e22adb298388d"
SECRET = "(secret)"  # noqa: S105  # shown instead of a secret
_SPACED = re.compile(r"(?<=[a-z])(?=[A-Z])")


def words(kind: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an object's inputs by their names for people. `kind` is the object's type token."""
    inputs = _plain(inputs)
    if kind == TASK:
        return _task(inputs)
    spaced = {_SPACED.sub(" ", name).lower(): value for name, value in inputs.items() if not name.startswith("__")}
    return dict(pair for name, value in spaced.items() for pair in _apart(name, value))


def _plain(value: Any) -> Any:
    """Return a value in which the engine's marks are replaced by words."""
    if isinstance(value, dict):
        return SECRET if _SIGNED in value else {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return UNKNOWN if value == _UNKNOWN else value


def _apart(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the items of a list of named values, such as columns, one by one: `columns.ERRORS`."""
    if isinstance(value, list) and value and all(isinstance(item, dict) and item.get("name") for item in value):
        yield from ((f"{name}.{item['name']}", _without_defaults(item)) for item in value)
    else:
        yield name, value


def _without_defaults(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an item without defaults: a refresh reads columns as nullable, which the program does not write."""
    return {key: inner for key, inner in entry.items() if key != "name" and (key, inner) != ("nullable", True)}


def definition_in(statement: str) -> tuple[str, dict[str, Any]]:
    """Return the procedure that a task's statement calls, and the definition that it passes; else two empty values.

    The statement of a direct job calls no procedure.
    """
    match = _CALL.match(statement.strip())
    if match is None:
        return "", direct_definition(statement)
    value = read_json(match["definition"])
    return ("", {}) if value is None else (match["procedure"], value if isinstance(value, dict) else {})


def _task(inputs: Mapping[str, Any]) -> dict[str, Any]:
    statement = str(inputs.get("sqlStatement", ""))
    procedure, entries = definition_in(statement)
    comment = str(inputs.get("comment") or "")
    words: dict[str, Any] = {"after": sorted(last_part(name) for name in inputs.get("afters") or [])}
    words |= {"finalizer of": last_part(inputs["finalize"])} if inputs.get("finalize") else {}
    words |= {"enabled": inputs.get("started")}
    words |= {"comment": None if entries and _OWN_COMMENT.fullmatch(comment) else comment or None}
    words |= _definition(entries, inputs) if entries else {"statement": statement}
    words |= {"runner (its code)": procedure} if procedure else {}
    for name, value in inputs.items():
        if name == "schedule":
            words["schedule"] = str(from_provider(value) or json.dumps(value))
        elif name == "when" and "specification" not in entries:
            words["when"] = value
        elif name not in _IN_OTHER_WORDS and not name.startswith("__"):
            words[_TASK_WORDS.get(name, _SPACED.sub("_", name).lower())] = value
    if "timeout" not in words and inputs.get("userTaskTimeoutMs"):
        words["time limit of a run"] = long_duration_text(int(inputs["userTaskTimeoutMs"]) // 1000)
    return words


def about(inputs: Mapping[str, Any]) -> str:
    """Return a short description of a new task; empty if it runs no job."""
    words = _task(_plain(inputs))
    if not words.get("image"):
        return ""
    after = f", after {', '.join(words['after'])}" if words["after"] else ""
    return f"{words['image'].rpartition('/')[2]} on {words.get('compute_pool')}{after}"


def stated_settings(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a new task's job that differ from the defaults, except those that `about` tells.

    Nor does it return the warehouse, whose default the task does not show. Empty if the task runs no job.
    """
    inputs = _plain(inputs)
    _, entries = definition_in(str(inputs.get("sqlStatement", "")))
    if "specification" not in entries:
        return {}
    disabled = {"enabled": False} if inputs.get("started") is False else {}
    settings = disabled | _job(entries, inputs)
    return {
        name: value
        for name, value in settings.items()
        if value != _DEFAULTS.get(name) and name not in _TOLD_OTHERWISE and not name.startswith("warehouse.")
    }


def _definition(entries: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a definition by name, without its hash, which depends only on the other entries."""
    words = {_DEFINITION_WORDS[name]: value for name, value in entries.items() if name in _DEFINITION_WORDS}
    if "specification" not in entries:  # a finalizer's
        other_entries = {name: value for name, value in entries.items() if name not in {*_DEFINITION_WORDS, *_HIDDEN}}
        record = {"record of the graph": _record(entries["jobs"])} if entries.get("jobs") else {}
        return words | record | other_entries | (_notify(entries["notify"]) if "notify" in entries else {})
    return words | _job(entries, inputs) | {name: entries.get(name) for name in unknown_entries(entries)}


def _record(jobs: Sequence[Mapping[str, Any]]) -> str:
    """Return what a finalizer records of its graph, in words that differ if the jobs, edges or conditions do."""
    conditions = sum("when" in job for job in jobs)
    return f"{len(jobs)} jobs, {conditions} conditions (version {content_hash(list(jobs), 6)})"


def _notify(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return the receivers of messages in words. The attempts of jobs, which messages show, follow from `retries`."""
    runbooks = {f"runbook of {name}": job.get("runbook") for name, job in entries.get("jobs", {}).items()}
    receivers = "; ".join(_receiver(receiver) for receiver in entries.get("receivers", ()))
    words = {"notify": receivers or None, "page in messages": entries.get("page")} | runbooks
    return {name: value for name, value in words.items() if value is not None}


def _receiver(entries: Mapping[str, Any]) -> str:
    """Return a receiver in words: `email to a@example.org on late (late: after 2 hours)`."""
    to = ", ".join(entries.get("to") or ()) or f"integration {entries.get('integration')}"
    late = entries.get("late_after")
    after = f"at {late['time']} {late['timezone']}" if isinstance(late, dict) else ""
    after = f"after {long_duration_text(late)}" if isinstance(late, int) else after
    return (
        f"{entries.get('channel')} to {to} on {', '.join(entries.get('events', ()))}{f' (late: {after})' * bool(after)}"
    )


def _job(entries: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a job in the file, as far as its task's definition and condition show them."""
    # without knowledge of the stack's warehouse, the job's warehouse is always shown
    settings = replace(Settings(), database=entries.get("database", ""), schema=entries.get("schema", ""), warehouse="")
    text = str(inputs.get("when") or "")
    when = read_condition(text) if text else None
    job = replace(read_definition(entries, settings), when=when)
    values = job_in_file(job) | {"timeout": long_duration_text(job.timeout)}
    left_out = {"after", "comment", "enabled"} | (set() if when else {"when"})
    words = leaves({name: value for name, value in values.items() if name not in left_out})
    env = {name: _VARIABLES[name.removeprefix("env.")] for name in words if name.removeprefix("env.") in _VARIABLES}
    words = {env.get(name, name): value for name, value in words.items()}
    return words | ({"when": text} if text and when is None else {})
