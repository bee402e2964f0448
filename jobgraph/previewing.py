"""What a `pulumi preview --json` (or a `refresh --preview-only --json`) says, as a reviewer wants it: per job.

Knows the shape of that output (github.com/pulumi/pulumi, sdk/go/common/apitype and pkg/display) and which changes can
cost data or stop jobs. Must not know how a summary is written (see `preview_reports`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.errors import UsageError
from jobgraph.preview_words import TASK, bare, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CREATED, CHANGED, REPLACED, DELETED, KEPT, IMPORTED = "created", "changed", "replaced", "deleted", "kept", "imported"

_ACTIONS = {
    "create": CREATED,
    "update": CHANGED,
    "delete": DELETED,
    "replace": REPLACED,
    "create-replacement": REPLACED,
    "delete-replaced": REPLACED,
    "import": IMPORTED,
    "import-replacement": IMPORTED,
}
_LOSSES = {
    "Table": "all its rows are lost",
    "StageInternal": "all its files are lost",
    "Database": "everything in it is lost",
    "Schema": "everything in it is lost",
    "ImageRepository": "all its images are lost",
    "ComputePool": "jobs that run on it are cancelled, those of other graphs too",
    "Warehouse": "statements that run on it are cancelled",
    "AccountRole": "all its grants are lost, and tasks that it owns stop",
}
_EXECUTE = "Execute"
_TABLE = "Table"
_POOL = "ComputePool"


@dataclass(frozen=True)
class Field:
    """A value that is not the same; `None` where it is not there. `loosely_same`: only case or white space differ."""

    name: str
    old: Any
    new: Any
    loosely_same: bool = False


@dataclass(frozen=True)
class Change:
    """An object that is not the same. `kind` is the last part of its type token, `graph` that of a task."""

    action: str
    kind: str
    name: str
    fields: tuple[Field, ...] = ()
    graph: str = ""


@dataclass(frozen=True)
class Danger:
    """A change that can cost data or stop jobs: what happens, and what is lost by it."""

    what: str
    loss: str


@dataclass(frozen=True)
class Node:
    """A task of a graph as it will be, or was: `action` is empty if it stays as it is."""

    name: str
    after: tuple[str, ...]
    finalizes: str
    action: str


@dataclass(frozen=True)
class GraphSummary:
    """A graph that is touched: its tasks' changes, and all its tasks for a picture."""

    key: str
    changes: tuple[Change, ...]
    nodes: tuple[Node, ...]


@dataclass(frozen=True)
class Summary:
    """A whole preview. `drift`: it compares with the account and not with the program. `kept` outlive the stack."""

    drift: bool
    dangers: tuple[Danger, ...]
    graphs: tuple[GraphSummary, ...]
    others: tuple[Change, ...]
    kept: tuple[Change, ...]
    errors: tuple[str, ...]

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not (self.graphs or self.others or self.kept)


def parse(text: str, where: str) -> dict[str, Any]:
    """Return the preview in a command's output, which may have lines before it.

    Raises:
        UsageError: if there is none in it.
    """
    try:
        found = json.loads(text[text.index("{") :])
    except ValueError:
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("steps", found.get("diagnostics")), list):
        raise UsageError(
            "This is not the output of a preview",
            where=where,
            cause="The command printed no JSON: it was run without --json, or it could not start.",
            remedy="pulumi preview --json > preview.json, then jobgraph preview-summary preview.json",
        )
    return found


def summarize(preview: Mapping[str, Any], running: Mapping[str, int] | None = None) -> Summary:
    """Return the summary of a preview. `running`: how many jobs run on each pool now, if somebody has looked."""
    steps = _by_object(preview.get("steps") or [])
    changes = [change for step in steps if (change := _change(step)) is not None]
    others = [change for change in changes if not change.graph and change.action != KEPT and _is_told(change)]
    return Summary(
        drift=any(step["op"] == "refresh" for step in steps),
        dangers=tuple(danger for change in changes for danger in _dangers(change, running or {})),
        graphs=tuple(_graphs(steps, changes)),
        others=tuple(others),
        kept=tuple(change for change in changes if change.action == KEPT),
        errors=tuple(
            str(one.get("message", "")).strip()
            for one in preview.get("diagnostics") or []
            if one.get("severity") == "error"
        ),
    )


def _by_object(steps: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return one step for each object; of the several steps of a replacement, the one that holds both states."""
    found: dict[str, Mapping[str, Any]] = {}
    for step in steps:
        known = found.get(step["urn"])
        if known is None or (step["op"] == "replace" and known["op"] != "replace"):
            found[step["urn"]] = step
    return list(found.values())


def _state(step: Mapping[str, Any]) -> Mapping[str, Any]:
    state: Mapping[str, Any] = step.get("newState") or step.get("oldState") or {}
    return state


def _is_told(change: Change) -> bool:
    """Whether an object is more than a step of the deployment itself, which follows from the others' changes."""
    return change.kind != _EXECUTE and bool(change.fields or change.action != CHANGED)


def _change(step: Mapping[str, Any]) -> Change | None:
    state = _state(step)
    token = str(state.get("type", ""))
    action = _ACTIONS.get(step["op"], "")
    if not action or not token.startswith("snowflake:"):
        return None
    if action == DELETED and (step.get("oldState") or {}).get("retainOnDelete"):
        action = KEPT
    old, new = ((step.get(one) or {}).get("inputs") or {} for one in ("oldState", "newState"))
    fields = _fields(words(token, old), words(token, new)) if action in {CHANGED, REPLACED} else ()
    if token == TASK and action in {CHANGED, REPLACED} and not fields:
        fields = (Field("definition", "", "", loosely_same=True),)
    graph = str(state.get("parent", "")).rpartition("::")[2] if token == TASK else ""
    return Change(action, token.rpartition(":")[2], str(state["urn"]).rpartition("::")[2], fields, graph)


def _fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Field, ...]:
    return tuple(
        Field(name, old.get(name), new.get(name), loosely_same=_loose(old.get(name)) == _loose(new.get(name)))
        for name in dict.fromkeys([*new, *old])
        if old.get(name) != new.get(name)
    )


def _loose(value: Any) -> str:
    return "".join(json.dumps(value).lower().replace("\\n", "").replace("\\t", "").split())


def _graphs(steps: Sequence[Mapping[str, Any]], changes: Sequence[Change]) -> list[GraphSummary]:
    keys = dict.fromkeys(change.graph for change in changes if change.graph)
    tasks = [(step, _state(step)) for step in steps if _state(step).get("type") == TASK]
    return [
        GraphSummary(
            key,
            tuple(change for change in changes if change.graph == key),
            tuple(_node(step, state) for step, state in tasks if str(state.get("parent")).endswith(f"::{key}")),
        )
        for key in keys
    ]


def _node(step: Mapping[str, Any], state: Mapping[str, Any]) -> Node:
    inputs = state.get("inputs") or {}
    after = tuple(bare(name) for name in inputs.get("afters") or [])
    finalizes = bare(str(inputs.get("finalize") or ""))
    return Node(str(inputs.get("name")), after, finalizes, _ACTIONS.get(step["op"], ""))


def _dangers(change: Change, running: Mapping[str, int]) -> list[Danger]:
    """Return what a change can cost: nothing for most."""
    what = f"{_kind_words(change.kind)} {change.name} is {change.action}"
    if change.action in {DELETED, REPLACED} and change.kind in _LOSSES:
        return [Danger(what, _LOSSES[change.kind] + _running(change, running))]
    if change.action == DELETED and change.kind == "ProcedurePython":
        return [Danger(what, "its code has changed or is not needed any more; runs under way that call it later fail")]
    if change.action == DELETED and change.kind == "Task":
        return [Danger(what, f"graph {change.graph} loses it; its history stays")]
    return [danger for field in change.fields if (danger := _field_danger(change, field, running)) is not None]


def _field_danger(change: Change, field: Field, running: Mapping[str, int]) -> Danger | None:
    if change.kind == _POOL and field.name == "max nodes" and (field.new or 0) < (field.old or 0):
        what = f"{_kind_words(change.kind)} {change.name} shrinks from {field.old} to {field.new} nodes"
        return Danger(what, "jobs on the nodes that go may fail" + _running(change, running))
    if change.kind == _TABLE and field.name.startswith("columns.") and field.new is None:
        return Danger(f"table {change.name} loses column {field.name.partition('.')[2]}", "the values in it are lost")
    return None


def _running(change: Change, running: Mapping[str, int]) -> str:
    if change.kind != _POOL or change.name not in running:
        return ""
    count = running[change.name]
    return f"; {count} job{'' if count == 1 else 's'} run{'s' if count == 1 else ''} on it now"


def _kind_words(kind: str) -> str:
    """Return `ComputePool` as `compute pool`."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in kind).strip()
