"""Converts the quickstart's `jobconfig.json` to the text of a `jobconfig.yaml`.

Knows the keys of that JSON list and how the quickstart's procedures use them. Must not know the valid values of our own
keys: the JSON's nodes are put under our keys and read by `jobgraph.config.reading`, so that a mistake causes the usual
error, at its position in the JSON file. Comments in the text explain the choices made.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from jobgraph.config.document import TEXT, WHOLE, Document, entries
from jobgraph.config.explain.printing import printed
from jobgraph.config.reading import compose, understand
from jobgraph.errors import ConfigErrors, Mark, Problem, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.config.explain.printing import Remarks

GRAPH = "container_jobs"
ROOT_TASK = "root_task"
FINALIZER_TASK = "GET_GRAPH_STATS"
SCHEDULE = "59 minutes"
QUERY = "select current_time() as time,'hello'"
KEYS = ("task_name", "image_name", "compute_pool_name", "job_name", "table_name", "retry_count", "after_task_name")
NEEDED = ("task_name", "image_name", "compute_pool_name")

_SURROGATES = re.compile(r"\\u([dD][89abAB][0-9a-fA-F]{2})\\u([dD][c-fC-F][0-9a-fA-F]{2})")
_OPEN = "expected an object in braces, with task_name, image_name and compute_pool_name"


@dataclass
class Imported:
    """The text of a configuration file, and notes for the user, one per line."""

    text: str
    notes: list[str] = field(default_factory=list)


@dataclass
class _Jobs:
    """The jobs read so far: their nodes by our keys, the same as values, and the comments on them."""

    document: Document
    nodes: list[tuple[yaml.Node, yaml.Node]] = field(default_factory=list)
    values: dict[str, dict[str, Any]] = field(default_factory=dict)
    remarks: Remarks = field(default_factory=dict)

    def remark(self, job: str, text: str) -> None:
        """Add a comment above a job."""
        self.remarks.setdefault(("graphs", GRAPH, "jobs", job), []).append(text)


def from_quickstart(content: bytes, file: str) -> Imported:
    """Return the job configuration that is equivalent to a quickstart's `jobconfig.json`.

    Raises:
        ConfigErrors: lists all problems of the JSON file, at its lines.
    """
    document = Document(file)
    jobs = _Jobs(document)
    root = _nodes(content, file)
    for number, node in enumerate(_items(root, document)):
        _job(node, f"[{number}]", jobs)
    _check(root, jobs)
    defaults = common_values(jobs.values)
    options = {"schedule": SCHEDULE, "root_task": ROOT_TASK.upper(), "finalizer_task": FINALIZER_TASK}
    values = file_values(GRAPH, options, jobs.values, defaults)
    text = printed(values, jobs.remarks | _choices(defaults), _heading(file))
    notes = [f"{job[-1]}: {remark}" for job, remarks in jobs.remarks.items() for remark in remarks]
    return Imported(text, notes)


def _nodes(content: bytes, file: str) -> yaml.Node:
    """Return the JSON as YAML nodes, which know their positions. JSON is YAML except for tabs and surrogate pairs."""
    try:
        text = content.decode("utf-8-sig")
        json.loads(text)
    except json.JSONDecodeError as error:
        issue, remedy = f"this is not JSON: {error.msg}", "fix the JSON here or just before"
        mark = Mark(file, error.lineno, error.colno)
        raise ConfigErrors(file, [Problem(mark, "json", "", issue, remedy)]) from error
    except (UnicodeDecodeError, RecursionError):
        return compose(content, file)  # raises an error with the position of bad UTF-8 or of too deep nesting
    return compose(_SURROGATES.sub(_character, text).replace("\t", " ").encode(errors="replace"), file)


def _character(pair: re.Match[str]) -> str:
    return str(json.loads(f'"{pair[0]}"'))


def _items(root: yaml.Node, document: Document) -> list[yaml.Node]:
    """Return the jobs' nodes; an object with one job is read as a list of one."""
    if isinstance(root, yaml.SequenceNode) and root.value:
        return list(root.value)
    if isinstance(root, yaml.MappingNode):
        return [root]
    issue = "expected a list of jobs" if not isinstance(root, yaml.SequenceNode) else "the list of jobs is empty"
    document.report(root, "", rule="quickstart-list", issue=issue, remedy='write [{"task_name": "t_myjob_1", ...}]')
    return []


def _job(node: yaml.Node, path: str, jobs: _Jobs) -> None:
    """Put one job's nodes under our keys. Missing and unknown keys are reported, or noted in a comment."""
    if not isinstance(node, yaml.MappingNode):
        jobs.document.report(node, path, rule="value-type", issue=_OPEN, remedy="write one object for each job")
        return
    values = {name: (key, value) for name, key, value in entries(node, path, jobs.document)}
    for name in NEEDED:
        if name not in values:
            issue, remedy = f"`{name}` is missing", f'add "{name}": "..." to this job'
            jobs.document.report(node, path, rule="missing-key", issue=issue, remedy=remedy)
    task = values["task_name"][1] if "task_name" in values else None
    if not isinstance(task, yaml.ScalarNode) or task.tag != TEXT:
        if task is not None:
            jobs.document.wrong_type(task, f"{path}.task_name", "a name", "write the task's name in quotes")
        return
    for key in values.keys() - set(KEYS):
        _unknown(key, values[key][0], path, task.value, jobs)
    ours = [(values[old][0], new, values[old][1]) for old, new in _COPIED.items() if old in values]
    ours += _after(values, path, task.value, jobs) + _retries(values, task.value, jobs) + _arguments(values, path, jobs)
    jobs.nodes.append((task, _mapping(node, ours)))
    jobs.values[task.value] = {key: _value(value) for _, key, value in ours}


_COPIED = {"image_name": "image", "compute_pool_name": "compute_pool"}
_Entry = tuple[yaml.Node, str, yaml.Node]
_Values = dict[str, tuple[yaml.Node, yaml.Node]]


def _unknown(key: str, node: yaml.Node, path: str, job: str, jobs: _Jobs) -> None:
    close = nearest(key, KEYS)
    if close:
        issue, remedy = f"`{key}` is not a key here", f"remove it, or use one of: {', '.join(KEYS)}"
        jobs.document.report(
            node, f"{path}.{key}", rule="unknown-key", issue=issue, remedy=remedy, close=close, is_key=True
        )
    else:
        jobs.remark(job, f"{key} of the JSON file was left out: the quickstart does not use it")


def _retries(values: _Values, job: str, jobs: _Jobs) -> list[_Entry]:
    """Return `retries`, if there are any. The quickstart pastes the number into SQL, so it may be a text there."""
    if "retry_count" not in values:
        return []
    key, value = values["retry_count"]
    if isinstance(value, yaml.ScalarNode) and value.tag == TEXT and value.value.strip().isdecimal():
        jobs.remark(job, f'retry_count was in quotes: "{value.value}"')
        value = yaml.ScalarNode(WHOLE, value.value.strip(), value.start_mark, value.end_mark)
    return [] if value.value == "0" and value.tag == WHOLE else [(key, "retries", value)]


def _after(values: _Values, path: str, job: str, jobs: _Jobs) -> list[_Entry]:
    """Return `after` from names separated by commas. A job that follows the root has none."""
    if "after_task_name" not in values:
        jobs.remark(job, f"after_task_name was missing: the job follows {ROOT_TASK}")
        return []
    key, value = values["after_task_name"]
    if not isinstance(value, yaml.ScalarNode) or value.tag != TEXT:
        issue = "a text with names separated by commas"
        jobs.document.wrong_type(value, f"{path}.after_task_name", issue, 'write "t_myjob_1,t_myjob_2" or "root_task"')
        return []
    names = [name.strip() for name in value.value.split(",")]
    predecessors = [name for name in names if name and name.lower() != ROOT_TASK]
    if "" in names:
        jobs.remark(job, f'after_task_name had an empty entry: "{value.value}"')
    elif predecessors and len(predecessors) < len(names):
        jobs.remark(job, f"{ROOT_TASK} was left out of after_task_name: the other predecessors follow it anyway")
    items = [yaml.ScalarNode(TEXT, name, value.start_mark, value.end_mark) for name in predecessors]
    return [(key, "after", yaml.SequenceNode(_LIST, items, value.start_mark, value.end_mark))] if items else []


def _arguments(values: _Values, path: str, jobs: _Jobs) -> list[_Entry]:
    """Return `args` as the quickstart's procedure writes them: a fixed query, and the table for its result."""
    if "table_name" not in values:
        return []
    key, value = values["table_name"]
    if not isinstance(value, yaml.ScalarNode) or value.tag != TEXT:
        jobs.document.wrong_type(value, f"{path}.table_name", "a name", "write the table's name in quotes")
        return []
    texts = (f"--query={QUERY}", f"--result_table={value.value}")
    items = [yaml.ScalarNode(TEXT, text, value.start_mark, value.end_mark) for text in texts]
    return [(key, "args", yaml.SequenceNode(_LIST, items, value.start_mark, value.end_mark))]


_LIST = "tag:yaml.org,2002:seq"
_MAP = "tag:yaml.org,2002:map"


def _mapping(place: yaml.Node, entries_of_job: list[_Entry]) -> yaml.MappingNode:
    """Return a mapping node at the position of `place`. Its keys have the positions of their JSON keys."""
    pairs = [(yaml.ScalarNode(TEXT, key, node.start_mark, node.end_mark), value) for node, key, value in entries_of_job]
    return yaml.MappingNode(_MAP, pairs, place.start_mark, place.end_mark)


def _value(node: yaml.Node) -> Any:
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    return int(node.value) if node.tag == WHOLE and node.value.isdecimal() else node.value


def _check(root: yaml.Node, jobs: _Jobs) -> None:
    """Check the jobs as a configuration of jobgraph.

    Raises:
        ConfigErrors: lists the problems so far and those of this check.
    """
    at = root.start_mark

    def text(value: str) -> yaml.Node:
        return yaml.ScalarNode(TEXT, value, at, at)

    graph = _mapping(root, [(root, "schedule", text(SCHEDULE)), (root, "root_task", text(ROOT_TASK))])
    graph.value += _mapping(root, [(root, "finalizer_task", text(FINALIZER_TASK))]).value
    graph.value += [(text("jobs"), yaml.MappingNode(_MAP, jobs.nodes, at, at))]
    graphs = yaml.MappingNode(_MAP, [(text(GRAPH), graph)], at, at)
    file = _mapping(root, [(root, "version", yaml.ScalarNode(WHOLE, "1", at, at)), (root, "graphs", graphs)])
    problems = list(jobs.document.problems)
    try:
        understand(file, Document(jobs.document.file))
    except ConfigErrors as error:
        # missing keys have been reported already, with their names in the JSON file
        reported = {"job-complete"} if jobs.nodes else {"job-complete", "no-jobs"}
        problems += [problem for problem in error.problems if problem.rule not in reported]
    if problems:
        raise ConfigErrors(jobs.document.file, problems)


def common_values(jobs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the image and the pool that most jobs have; empty for a single job."""
    return {
        key: Counter(job[key] for job in jobs.values()).most_common(1)[0][0]
        for key in _COPIED.values()
        if len(jobs) > 1
    }


def file_values(
    key: str, options: Mapping[str, Any], jobs: Mapping[str, Mapping[str, Any]], defaults: dict[str, Any]
) -> dict[str, Any]:
    """Return the content of a file with one graph, whose jobs leave out the values of the defaults."""
    own = {name: {k: value for k, value in job.items() if defaults.get(k) != value} for name, job in jobs.items()}
    return {"version": 1} | ({"defaults": defaults} if defaults else {}) | {"graphs": {key: {**options, "jobs": own}}}


def _heading(file: str) -> list[str]:
    return [
        f"Imported from {file}. Comments explain the choices made.",
        "job_name is not needed: every attempt has its own service, named after the job, its run and the attempt.",
    ]


def _choices(defaults: dict[str, Any]) -> Remarks:
    """Return the comments on values that are missing or different in the JSON file."""
    here = ("graphs", GRAPH)
    remarks: Remarks = {
        (*here, "schedule"): ["The quickstart's procedure sets this schedule, these two names, and every job's query."],
        (*here, "jobs"): [
            "A job that fails stops its dependents. In the quickstart, they run anyway:",
            "for that, add `on_failure: continue` to the defaults.",
        ],
    }
    return remarks | (
        {("defaults",): ["The values that most jobs share; a job has only the others."]} if defaults else {}
    )
