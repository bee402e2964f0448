"""The variable that tells a job without a runner what is the same in every run; the job asks for the rest.

Knows that variable both ways, and of which programs it is known that they ask. Must not know how they do
(images/runtime/job_run.py).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobgraph.config.model import DIRECT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# the variable
TOLD = "JOB_DIRECT"
# the edges, which tasks show themselves
EDGES = frozenset(("predecessors", "direct_predecessors", "conditions"))
_ENTRIES = (
    *("graph", "database", "schema", "job_runs_table", "job_logs_table", "task_runs_table", "backfills_table"),
    *("backfill_intervals_table", "results"),
)
# the program of images/runtime that asks
_ASKS = "job_run.py"


def tell_directly(definition: dict[str, Any], task: str, runner: str) -> None:
    """Put into the container's variables what a runner would have known: the program asks for the rest itself.

    In a run that was asked for a part of the graph or an interval, it asks the `runner`.
    """
    (container,) = definition["specification"]["spec"]["containers"]
    entries = {name: definition[name] for name in _ENTRIES}
    edges = {name: definition[name] for name in sorted(EDGES) if name in definition}
    variables = {"task": task, **entries, **edges, "runner": DIRECT, "procedure": runner}
    container["env"] = dict(sorted({**container["env"], TOLD: json.dumps(variables)}.items()))


def asks_for_requests(definition: Mapping[str, Any]) -> bool:
    """Tell whether a job without a runner is known to ask what its run was asked for: `job_run.py` starts its program.

    The runtime image, in which payloads run, has it; another image says so by its command.
    """
    for container in _containers(definition):
        variables = container.get("env", {})
        named = any(str(word).rpartition("/")[2] == _ASKS for word in container.get("command", ()))
        if '"procedure"' in str(variables.get(TOLD, "")) and (named or "PAYLOAD_FILE" in variables):
            return True
    return False


def without_told(entries: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a definition without the variable that a job without a runner has instead of one."""
    containers = [
        {**container, "env": {name: value for name, value in container.get("env", {}).items() if name != TOLD}}
        for container in _containers(entries)
    ]
    if not containers:
        return entries
    specification = entries["specification"]
    return {**entries, "specification": {**specification, "spec": {**specification["spec"], "containers": containers}}}


def _containers(entries: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    containers: Sequence[Mapping[str, Any]] = entries.get("specification", {}).get("spec", {}).get("containers", ())
    return containers
