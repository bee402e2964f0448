"""The rules: each checks the resources that a preview plans, and returns the violations.

Knows the provider's resources and the bodies of tasks. Must not know where a preview comes from. A rule is a function
in RULES; the first line of its docstring is the rule's text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# The account's own roles. Not imported, because jobgraph is not installed beside the pack.
ADMINISTRATORS = frozenset(("ACCOUNTADMIN", "GLOBALORGADMIN", "ORGADMIN", "SECURITYADMIN", "SYSADMIN", "USERADMIN"))
# The most idle seconds before a pool or a warehouse is suspended; it costs credits until then.
LONGEST_IDLE_POOL, LONGEST_IDLE_WAREHOUSE = 3600, 600
# Tags that people usually push again and again.
_MOVING = frozenset({"latest", "main", "master", "dev", "develop", "edge", "nightly", "stable", "prod", "production"})
_IMAGE = re.compile(r'"image": ?"(?P<name>[^"@]+?)(?::(?P<tag>[\w.-]+))?(?P<digest>@sha256:[0-9a-f]{64})?"')
# Resources that an earlier version or a preview's default provider has no role for are left alone.
_PROVIDER = "pulumi:providers:snowflake"


@dataclass(frozen=True)
class PlannedResource:
    """A resource as it is planned: the last part of its type's token, its name and its inputs."""

    kind: str
    name: str
    inputs: Mapping[str, Any]


@dataclass(frozen=True)
class Violation:
    """A violation: the broken rule, the resource, and the remedy."""

    rule: str
    resource: str
    text: str

    def __str__(self) -> str:
        """Return the violation as a line."""
        return f"{self.rule}: {self.resource}: {self.text}"


def resources(preview: Mapping[str, Any], role: str = "") -> list[PlannedResource]:
    """Return the resources after a preview: the new states of its steps, without deleted resources.

    `role` is that of a provider whose settings name none: the value of SNOWFLAKE_ROLE.
    """
    planned = []
    for step in preview.get("steps") or ():
        state = step.get("newState")
        if step["op"] in {"delete", "delete-replaced", "read", "read-discard"} or not state:
            continue
        name = str(state["urn"]).rpartition("::")[2]
        planned.append(resource_of(str(state["type"]), name, state.get("inputs") or {}, role))
    return planned


def resource_of(token: str, name: str, inputs: Mapping[str, Any], role: str = "") -> PlannedResource:
    """Return a resource by the token of its type, which only providers keep whole. For `role`, see `resources`."""
    if token == _PROVIDER and not inputs.get("role"):
        inputs = {**inputs, "role": role}
    return PlannedResource(token if token.startswith("pulumi:providers:") else token.rpartition(":")[2], name, inputs)


def violations(planned: Sequence[PlannedResource]) -> list[Violation]:
    """Return all violations, by rule."""
    return [
        Violation(rule, resource.name, text)
        for rule, check in RULES.items()
        for resource in planned
        for text in check(resource)
    ]


def no_administrator_owns(resource: PlannedResource) -> Iterator[str]:
    """No object belongs to ACCOUNTADMIN or another system role."""
    role = ""
    if resource.kind == _PROVIDER:
        role = str(resource.inputs.get("role") or "")
    elif resource.kind == "GrantOwnership":
        role = str(resource.inputs.get("accountRoleName") or "")
    if role.strip('"').upper() in ADMINISTRATORS:
        yield f"its objects would belong to {role}: deploy with a role of your own (`jobgraph privileges`)"


def pools_suspend(resource: PlannedResource) -> Iterator[str]:
    """A compute pool suspends and resumes automatically."""
    if resource.kind != "ComputePool":
        return
    seconds = int(resource.inputs.get("autoSuspendSecs") or 0)
    if not 0 < seconds <= LONGEST_IDLE_POOL:
        yield f"auto_suspend_secs is {seconds or 'never'}: set 1 to {LONGEST_IDLE_POOL}; idle nodes cost"
    if str(resource.inputs.get("autoResume", "")).lower() != "true":
        yield "it does not resume automatically, so jobs would wait for ever"


def warehouses_suspend(resource: PlannedResource) -> Iterator[str]:
    """A warehouse suspends automatically."""
    if resource.kind == "Warehouse":
        seconds = int(resource.inputs.get("autoSuspend") or 0)
        if not 0 < seconds <= LONGEST_IDLE_WAREHOUSE:
            yield f"warehouse_auto_suspend is {seconds or 'never'}: set 1 to {LONGEST_IDLE_WAREHOUSE}"


def tasks_end(resource: PlannedResource) -> Iterator[str]:
    """Root tasks, and tasks that run a job, have a time limit."""
    inputs = resource.inputs
    if resource.kind == "Task" and not inputs.get("finalize") and not int(inputs.get("userTaskTimeoutMs") or 0):
        yield "it has no timeout: set `timeout` of the job or the graph"


def tags_stay(resource: PlannedResource) -> Iterator[str]:
    """An image is named by a digest, or by a tag that does not move."""
    if resource.kind != "Task":
        return
    for match in _IMAGE.finditer(str(resource.inputs.get("sqlStatement", ""))):
        if match["digest"] is None and (match["tag"] or "latest").lower() in _MOVING:
            image = f"{match['name']}:{match['tag'] or 'latest'}"
            yield f"the tag of {image} moves: name a version, or let `jobgraph image push` write its digest"


RULES: dict[str, Callable[[PlannedResource], Iterator[str]]] = {
    "no-administrator-owns": no_administrator_owns,
    "pools-suspend": pools_suspend,
    "warehouses-suspend": warehouses_suspend,
    "tasks-end": tasks_end,
    "tags-stay": tags_stay,
}


def over_budget(credits_a_month: float, budget: float) -> Violation | None:
    """Return the violation of a budget in credits per month; None if the cost is within it."""
    if credits_a_month <= budget:
        return None
    text = f"about {credits_a_month:.1f} credits a month, but the budget is {budget:g}: `jobgraph cost` shows the items"
    return Violation("budget-kept", "the stack", text)
