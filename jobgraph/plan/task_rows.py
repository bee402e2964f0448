"""Reading rows of SHOW TASKS: names, predecessors, the finalizer's root, the schedule, the definition in a body.

Knows the columns of SHOW TASKS, and the definitions in the tasks' bodies (`jobgraph.plan.job_definition`). Must not
know where rows come from, nor what they are used for.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from jobgraph.config.schedules import from_snowflake
from jobgraph.plan.sql import SUSPENDED_BY_A_DEPLOY
from jobgraph.procedures.requested.json_texts import read_json, read_object

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.config.schedules import Schedule

Row = dict[str, Any]

# A definition is between $$ and contains no $ itself (jobgraph.plan.sql.json_literal).
_DEFINITION = re.compile(r"\$\$(\{[^$]*\})\$\$")
# The body of a job that is its task's own statement: the specification is an entry of the definition before it
# (jobgraph.plan.direct_body).
_DIRECT_BODY = re.compile(r"\$\$# (\{[^$\n]*\})\n(\{[^$]*\})\$\$")
_STARTS = "jobgraph: starts graph "
_LAST_PART = re.compile(r'"([^"]+)"$|([^."]+)$')
# A graph has at most 1,000 tasks; commands, and even more the page, read the same column of each several times.
_MOST_TEXTS = 4096


def last_part(name: str) -> str:
    """Return the last part of a qualified name, without quotes."""
    match = _LAST_PART.search(name)
    return (match.group(1) or match.group(2)) if match else name


def schedule(row: Mapping[str, Any]) -> Schedule | None:
    """Return a root's schedule; `None` if it has none."""
    return from_snowflake(row.get("schedule"))


def predecessors(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the tasks that a task follows."""
    return _names(row.get("predecessors") or "[]")


@lru_cache(maxsize=_MOST_TEXTS)
def _names(text: str) -> tuple[str, ...]:
    return tuple(last_part(name) for name in json.loads(text))


def finalized_root(row: Mapping[str, Any]) -> str | None:
    """Return the name of the root whose graph a finalizer closes; None for any other task."""
    return _finalized_root(row.get("task_relations") or "{}")


@lru_cache(maxsize=_MOST_TEXTS)
def _finalized_root(text: str) -> str | None:
    root = json.loads(text).get("FinalizedRootTask")
    return last_part(root) if root else None


def root_comment(key: str) -> str:
    """Return the default comment of a root, for a graph without a comment."""
    return f"{_STARTS}{key}"


def key_of_comment(comment: str) -> str:
    """Return the graph's key from a root's default comment; empty for any other comment."""
    own = comment.removesuffix(SUSPENDED_BY_A_DEPLOY)
    return own.removeprefix(_STARTS) if own.startswith(_STARTS) else ""


def suspended_by_a_deploy(row: Mapping[str, Any]) -> bool:
    """Return whether a deploy suspended a root in order to take its graph apart, and has not ended that."""
    return row["state"] == "suspended" and str(row.get("comment") or "").endswith(SUSPENDED_BY_A_DEPLOY)


def direct_definition(body: str) -> dict[str, Any]:
    """Return the definition in the body of a direct job's task; empty for any other."""
    match = _DIRECT_BODY.search(body)
    entries, specification = map(read_json, match.groups()) if match else (None, None)
    if not isinstance(entries, dict) or specification is None:
        return {}  # jobgraph did not create this body
    return {**entries, "specification": specification}


def definition(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the definition that a deploy wrote into a task's body; empty if jobgraph did not create the task."""
    body = row.get("definition") or ""
    if direct := direct_definition(body):
        return direct
    match = _DEFINITION.search(body)
    # if the task is not jobgraph's, anything may be between its $$
    return read_object(match.group(1)) if match else {}


def root_of(name: str, present: Mapping[str, Row]) -> str:
    """Return the root of a task's graph; any path upwards leads to it."""
    visited: set[str] = set()
    while name in present and name not in visited:
        visited.add(name)
        row = present[name]
        above = finalized_root(row) or next(iter(predecessors(row)), None)
        if above is None:
            break
        name = above
    return name


def descendants(rows: Sequence[Row], root_task: str) -> dict[str, Row]:
    """Return the rows of all tasks that follow a root, directly or indirectly, by name."""
    by_name = {row["name"]: row for row in rows}
    children: dict[str, list[str]] = {}
    for row in rows:
        for before in predecessors(row):
            children.setdefault(before, []).append(row["name"])
    below: dict[str, Row] = {}
    open_names = list(children.get(root_task, ()))
    while open_names:
        name = open_names.pop()
        if name not in below and name in by_name:
            below[name] = by_name[name]
            open_names.extend(children.get(name, ()))
    return below
