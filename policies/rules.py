"""The rules: each checks the resources that a preview plans, and returns the violations.

Knows the provider's resources, the bodies of tasks, and the statements that a rule is about. Must not know where a
preview comes from. A rule is a function in RULES; the first line of its docstring is the rule's text.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

# The account's own roles. Not imported, because jobgraph is not installed beside the pack.
ADMINISTRATORS = frozenset(("ACCOUNTADMIN", "GLOBALORGADMIN", "ORGADMIN", "SECURITYADMIN", "SYSADMIN", "USERADMIN"))
# The most idle seconds before a pool or a warehouse is suspended; it costs credits until then.
LONGEST_IDLE_POOL, LONGEST_IDLE_WAREHOUSE = 3600, 600
# Tags that people usually push again and again, and what is often added to such a tag.
_MOVING = frozenset(("latest", "main", "master", "head", "trunk", "dev", "develop", "edge", "nightly", "snapshot")) | {
    *("stable", "current", "canary", "staging", "prod", "production", "release"),
}
_VARIANTS = frozenset(("amd64", "arm64", "x86", "64", "linux", "slim", "alpine", "cpu", "gpu", "cuda", "debug"))
_NAME = r"(?P<name>[^\s\"'@,{}\[\]]+?)(?::(?P<tag>[\w.-]+))?(?P<digest>@sha256:[0-9a-f]{64})?"
# In JSON, which jobgraph writes, and in YAML, at the start of a line or of an entry in braces.
_JSON_IMAGE = re.compile(rf'"image"\s*:\s*"{_NAME}"')
_YAML_IMAGE = re.compile(rf"(?:^|[{{,])[ \t-]*[\"']?image[\"']?\s*:\s*[\"']?{_NAME}[\"']?\s*(?=[,}}]|$)", re.MULTILINE)
_JSON_SPECIFICATION = re.compile(r"SPECIFICATION\s+\$\$(?:#[^\n]*\n)?\s*\{\s*\"")
# Resources that an earlier version or a preview's default provider has no role for are left alone.
_PROVIDER = "pulumi:providers:snowflake"
# What stands in a preview for a value of each type that is known only after the deploy, and for a secret.
_UNKNOWN = re.compile(
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9|1c4a061d-8072-4f0a-a4cb-0ff528b18fe7|3eeb2bf0-c639-47a8-9e75-3b44932eb421"
    "|6a19a0b0-7e62-4c92-b797-7f8e31da9cc2|dd056dcd-154b-4c76-9bd3-c8f88648b5ff"
)
_HIDDEN = frozenset(("[secret]", "[unknown]"))
_SECRET_KEY = "4dabf18193072939515e22adb298388d"  # noqa: S105  # the key of an object that stands for a secret
_QUOTED = re.compile(r"\$\$.*?\$\$|'(?:[^']|'')*'", re.DOTALL)
# Statements that do what a resource with its own rule would do.
_POOL_SQL = re.compile(r"\b(?:CREATE|ALTER)\b[^;]*?\bCOMPUTE\s+POOL\b[^;]*", re.IGNORECASE)
_WAREHOUSE_SQL = re.compile(r"\b(?:CREATE(?:\s+OR\s+REPLACE)?(?:\s+\w+)?|ALTER)\s+WAREHOUSE\b[^;]*", re.IGNORECASE)
_TASK_SQL = re.compile(r"\bCREATE\s+(?:OR\s+(?:REPLACE|ALTER)\s+)?TASK\b[^;]*", re.IGNORECASE)
_ROLE_SQL = re.compile(
    r"\b(?:USE\s+ROLE|(?:GRANT\s+OWNERSHIP\b[^;]*?\bTO\s+ROLE))\s+\"?(?P<role>\w+)\"?", re.IGNORECASE
)


class NotKnownError(Exception):
    """A rule needs a value that a preview does not have. Its text is the value's name."""


@dataclass(frozen=True)
class PlannedResource:
    """A resource as it is planned: the last part of its type's token, its name and its inputs."""

    kind: str
    name: str
    inputs: Mapping[str, Any]

    def value(self, name: str) -> Any:
        """Return an input; None if it is not set.

        Raises:
            NotKnownError: it is known only after the deploy, or it is secret.
        """
        value = self.inputs.get(name)
        is_secret = isinstance(value, dict) and _SECRET_KEY in value
        if is_secret or (isinstance(value, str) and (value in _HIDDEN or _UNKNOWN.search(value))):
            raise NotKnownError(name)
        return value

    def number(self, name: str) -> int:
        """Return an input as a whole number; 0 if it is not set.

        Raises:
            NotKnownError: it is known only after the deploy, it is secret, or it is no number.
        """
        try:
            return int(float(self.value(name) or 0))
        except (TypeError, ValueError, OverflowError):
            raise NotKnownError(name) from None

    def statements(self) -> Iterator[str]:
        """Yield the statements that a step sends when it is done and undone, as far as they are known."""
        for name in ("execute", "revert") if self.kind == "Execute" else ():
            with suppress(NotKnownError):
                yield str(self.value(name) or "")

    def commands(self) -> Iterator[str]:
        """Yield the same without what is quoted in them: texts, and bodies of procedures."""
        yield from (_QUOTED.sub("''", text) for text in self.statements())


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
    """Return all violations, by rule. What a preview does not say is one, too: nobody else looks at it."""
    return [
        Violation(rule, resource.name, text)
        for rule, check in RULES.items()
        for resource in planned
        for text in _checked(check, resource)
    ]


def _checked(check: Callable[[PlannedResource], Iterator[str]], resource: PlannedResource) -> Iterator[str]:
    try:
        yield from check(resource)
    except NotKnownError as error:
        yield f"{error} is secret, no number, or known only after the deploy: give it a value that a preview shows"


def no_administrator_owns(resource: PlannedResource) -> Iterator[str]:
    """No object belongs to ACCOUNTADMIN or another system role."""
    roles: list[str] = []
    if resource.kind == _PROVIDER:
        roles = [str(resource.value("role") or "")]
        if not roles[0].strip():
            yield "no role is named, so the login's default role would own its objects: set snowflake:role"
    elif resource.kind == "GrantOwnership":
        roles = [str(resource.value("accountRoleName") or "")]
    roles += [match["role"] for text in resource.commands() for match in _ROLE_SQL.finditer(text)]
    for role in roles:
        if role.strip(' "').upper() in ADMINISTRATORS:
            yield f"its objects would belong to {role}: deploy with a role of your own (`jobgraph privileges`)"


def pools_suspend(resource: PlannedResource) -> Iterator[str]:
    """A compute pool suspends and resumes automatically."""
    if resource.kind == "ComputePool":
        yield from _idle(
            "auto_suspend_secs", resource.number("autoSuspendSecs"), LONGEST_IDLE_POOL, "; idle nodes cost"
        )
        if str(resource.value("autoResume") or "").lower() != "true":
            yield "it does not resume automatically, so jobs would wait for ever"
    for text in resource.commands():
        for match in _POOL_SQL.finditer(text):
            yield from _idle_in(match[0], "AUTO_SUSPEND_SECS", LONGEST_IDLE_POOL)
            if re.search(r"\bAUTO_RESUME\s*=\s*FALSE\b", match[0], re.IGNORECASE):
                yield "it does not resume automatically, so jobs would wait for ever"


def warehouses_suspend(resource: PlannedResource) -> Iterator[str]:
    """A warehouse suspends automatically."""
    if resource.kind == "Warehouse":
        yield from _idle("warehouse_auto_suspend", resource.number("autoSuspend"), LONGEST_IDLE_WAREHOUSE)
    for text in resource.commands():
        for match in _WAREHOUSE_SQL.finditer(text):
            yield from _idle_in(match[0], "AUTO_SUSPEND", LONGEST_IDLE_WAREHOUSE)


def _idle_in(statement: str, property_name: str, longest: int) -> Iterator[str]:
    """Yield what is wrong with a property of a CREATE or ALTER; Snowflake's own default is within the limits."""
    match = re.search(rf"\b{property_name}\s*=\s*(\w+)", statement, re.IGNORECASE)
    if match is not None:
        yield from _idle(property_name, int(match[1]) if match[1].isdigit() else 0, longest)


def _idle(name: str, seconds: int, longest: int, why: str = "") -> Iterator[str]:
    if not 0 < seconds <= longest:
        yield f"{name} is {seconds or 'never'}: set 1 to {longest}{why}"


def tasks_end(resource: PlannedResource) -> Iterator[str]:
    """Root tasks, and tasks that run a job, have a time limit."""
    remedy = "it has no timeout: set `timeout` of the job or the graph"
    if resource.kind == "Task" and not resource.value("finalize") and not resource.number("userTaskTimeoutMs"):
        yield remedy
    for text in resource.commands():
        for match in _TASK_SQL.finditer(text):
            if not re.search(r"\bUSER_TASK_TIMEOUT_MS\s*=\s*[1-9]|\bFINALIZE\s*=", match[0], re.IGNORECASE):
                yield remedy


def tags_stay(resource: PlannedResource) -> Iterator[str]:
    """An image is named by a digest, or by a tag that does not move."""
    for text in _bodies(resource):
        pattern = _JSON_IMAGE if resource.kind in {"Task", "Execute"} and not _is_yaml(text) else _YAML_IMAGE
        for match in pattern.finditer(text):
            if match["digest"] is None and _moves(match["tag"] or "latest"):
                image = f"{match['name']}:{match['tag'] or 'latest'}"
                yield f"the tag of {image} moves: name a version, or let `jobgraph image push` write its digest"


def _bodies(resource: PlannedResource) -> Iterator[str]:
    """Yield the texts that name images: bodies of tasks, statements of steps, specifications of services."""
    if resource.kind == "Task":
        yield str(resource.value("sqlStatement") or "")
    elif resource.kind in {"Service", "JobService"}:
        for name in ("fromSpecification", "fromSpecificationTemplate"):
            specification = resource.value(name)
            if isinstance(specification, dict):
                yield str(PlannedResource("", "", specification).value("text") or "")
    yield from resource.statements()


def _is_yaml(text: str) -> bool:
    """Return whether a statement has a service's specification that is not JSON as jobgraph writes it."""
    return re.search(r"\bSPECIFICATION\b", text, re.IGNORECASE) is not None and not _JSON_SPECIFICATION.search(text)


def _moves(tag: str) -> bool:
    words = {word for word in re.split(r"[-._]", tag.lower()) if word} - _VARIANTS
    return bool(words) and words <= _MOVING


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
