"""The environment variable that gives a direct job what is the same in every run; the job queries the rest itself.

Knows how the variable is written and read, and which programs are known to query the rest. Must not know how they do so
(images/runtime/job_run.py).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobgraph.config.model import DIRECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# the variable's name
VARIABLE = "JOB_DIRECT"
# entries about edges, which SHOW TASKS shows too
EDGES = frozenset(("predecessors", "direct_predecessors", "conditions"))
_ENTRIES = (
    *("graph", "database", "schema", "job_runs_table", "job_logs_table", "task_runs_table", "backfills_table"),
    *("backfill_intervals_table", "results"),
)
# the program of images/runtime that queries the rest
_QUERYING_PROGRAM = "job_run.py"


def add_direct_variable(definition: dict[str, Any], task: str, runner: str) -> None:
    """Add to the container's variables what a runner would have known. The program queries the rest itself.

    In a run that was requested for a part of the graph or for an interval, it calls the procedure `runner`.
    """
    (container,) = definition["specification"]["spec"]["containers"]
    entries = {name: definition[name] for name in _ENTRIES}
    edges = {name: definition[name] for name in sorted(EDGES) if name in definition}
    variables = {"task": task, **entries, **edges, "runner": DIRECT, "procedure": runner}
    container["env"] = dict(sorted({**container["env"], VARIABLE: json.dumps(variables)}.items()))


def asks_for_requests(definition: Mapping[str, Any]) -> bool:
    """Return whether a direct job is known to read the request of its run, because `job_run.py` starts its program.

    The runtime image, in which payloads run, always uses `job_run.py`; for another image the command must name it.
    """
    for container in _containers(definition):
        variables = container.get("env", {})
        named = any(str(word).rpartition("/")[2] == _QUERYING_PROGRAM for word in container.get("command", ()))
        if '"procedure"' in str(variables.get(VARIABLE, "")) and (named or "PAYLOAD_FILE" in variables):
            return True
    return False


def without_direct_variable(entries: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a definition without the variable that only a direct job has."""
    containers = [
        {**container, "env": {name: value for name, value in container.get("env", {}).items() if name != VARIABLE}}
        for container in _containers(entries)
    ]
    if not containers:
        return entries
    specification = entries["specification"]
    return {**entries, "specification": {**specification, "spec": {**specification["spec"], "containers": containers}}}


def _containers(entries: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    containers: Sequence[Mapping[str, Any]] = entries.get("specification", {}).get("spec", {}).get("containers", ())
    return containers
