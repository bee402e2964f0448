"""What the engine's state of a stack records of its objects and of the run role's privileges.

Knows the JSON of `pulumi stack export` and the provider's resources. Must not know how the state is read, nor what
follows from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.plan.privileges import Level

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from jobgraph.plan.privileges import Grant

# The words of DROP, by the last part of the token of a resource's type.
_WORDS = {
    "AccountRole": "ROLE",
    "ComputePool": "COMPUTE POOL",
    "Database": "DATABASE",
    "FunctionSql": "FUNCTION",
    "ImageRepository": "IMAGE REPOSITORY",
    "Schema": "SCHEMA",
    "StageInternal": "STAGE",
    "Table": "TABLE",
    "Task": "TASK",
    "View": "VIEW",
    "Warehouse": "WAREHOUSE",
}
# The objects that steps create, because the provider has no fitting resource for them.
_CREATED = re.compile(
    r"CREATE (?:OR REPLACE )?(TABLE|ALERT|STREAMLIT|NOTIFICATION INTEGRATION|RESOURCE MONITOR|SNOWFLAKE\.CORE\.BUDGET) "
    r'(?:IF NOT EXISTS )?("[^"]+"(?:\."[^"]+")*)'
)
_MARK_STEP = "-stack-mark"
# The mark is the start of that step's id (jobgraph.components.stack_mark).
_MARK_LENGTH = 8
# Inputs of a grant by the kind of what it is on: where the type of the object is, where its name.
_ON = {"onAccountObject": ("objectType", "objectName"), "onSchemaObject": ("objectType", "objectName")}

Target = tuple[str, str]


@dataclass(frozen=True)
class StackState:
    """A stack's state.

    Attributes:
        mark: the mark in the comments of the stack's objects; empty before the first deploy.
        objects: the word and the full name, without quotes, of each object that the stack has.
        privileges: role, privilege, and what it is on, of each privilege that the stack has granted.
    """

    mark: str = ""
    objects: frozenset[Target] = frozenset()
    privileges: frozenset[tuple[str, str, Target]] = frozenset()

    def has_granted(self, role: str, grant: Grant) -> bool:
        """Return whether the stack has granted the first privilege of `grant` to a role."""
        return (role, grant.privileges[0], target(grant)) in self.privileges


def stack_state(export: Mapping[str, Any]) -> StackState:
    """Return what the output of `pulumi stack export` records."""
    deployment = export.get("deployment") or {}
    resources = [resource for resource in deployment.get("resources") or () if not resource.get("delete")]
    marks = [str(each.get("id") or "") for each in resources if str(each["urn"]).endswith(_MARK_STEP)]
    return StackState(
        mark=marks[0][:_MARK_LENGTH] if marks else "",
        objects=frozenset(target for resource in resources for target in _objects(resource)),
        privileges=frozenset(privilege for resource in resources for privilege in _privileges(resource)),
    )


def bare(name: object) -> str:
    """Return a name without quotes and arguments, which SHOW, the state and the plan write differently."""
    return str(name).replace('"', "").partition("(")[0].upper()


def target(grant: Grant) -> Target:
    """Return what a grant is on: the word of its kind and its bare name."""
    if grant.level is Level.ACCOUNT:
        return "ACCOUNT", ""
    return "SCHEMA" if grant.level is Level.SCHEMA else grant.object_type, bare(grant.object)


def _objects(resource: Mapping[str, Any]) -> Iterator[Target]:
    kind, inputs = str(resource["type"]).rpartition(":")[2], resource.get("inputs") or {}
    if kind == "Execute":
        for word, name in _CREATED.findall(str(inputs.get("execute", ""))):
            yield word, bare(name)
    elif kind in _WORDS:
        parts: Iterable[object] = (inputs.get("database"), inputs.get("schema"), inputs.get("name"))
        yield _WORDS[kind], bare(".".join(str(part) for part in parts if part))


def _privileges(resource: Mapping[str, Any]) -> Iterator[tuple[str, str, Target]]:
    inputs = resource.get("inputs") or {}
    if str(resource["type"]).rpartition(":")[2] != "GrantPrivilegesToAccountRole":
        return
    on: Target = ("ACCOUNT", "")
    if schema := inputs.get("onSchema"):
        on = ("SCHEMA", bare(schema.get("schemaName")))
    for key, (kind, name) in _ON.items():
        if place := inputs.get(key):
            on = (str(place.get(kind)), bare(place.get(name)))
    for privilege in inputs.get("privileges") or ():
        yield str(inputs.get("accountRoleName")), str(privilege), on
