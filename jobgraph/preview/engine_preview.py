"""Summarizes the output of `pulumi preview --json` (or `refresh --preview-only --json`) for reviewers: job by job.

Knows the format of that output (github.com/pulumi/pulumi, sdk/go/common/apitype and pkg/display). Must not know what a
change can destroy (see `dangers`), nor how a summary is written (see `rendering`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from jobgraph.drawing.changes import DrawnTask
from jobgraph.errors import UsageError
from jobgraph.plan.observations import read_observation
from jobgraph.plan.task_rows import last_part
from jobgraph.preview import step_objects
from jobgraph.preview.changes import (
    CHANGED,
    CREATED,
    DELETED,
    IMPORTED,
    REPLACED,
    RETAINED,
    SUPERSEDED,
    Field,
    GraphSummary,
    ObjectChange,
    Summary,
)
from jobgraph.preview.dangers import dangers
from jobgraph.preview.naming import without_owner
from jobgraph.preview.wording import READS, TASK, about, stated_settings, words
from jobgraph.procedures.requested.json_texts import read_json

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from jobgraph.plan.observations import Observation
    from jobgraph.preview.step_objects import StepObject

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
_EXECUTE = "Execute"
# the first step of a deploy of a graph (components.task_graph)
_OPENING = "-opening"
# the step that sets which runs of a graph may overlap, the only step that is a setting (jobgraph.components.task_graph)
_OVERLAP = "-overlap"


def parse_preview(text: str, where: str) -> dict[str, Any]:
    """Return the preview in a command's output, in which other lines may precede it.

    Raises:
        UsageError: if the output has no preview.
    """
    content = read_json(text[text.index("{") :]) if "{" in text else None
    if not isinstance(content, dict) or not _is_preview(content):
        raise UsageError(
            "This is not the output of a preview",
            where=where,
            cause="The command printed no JSON: it was run without --json, or it could not start.",
            remedy="pulumi preview --json > preview.json, then jobgraph preview-summary preview.json",
        )
    return content


def _is_preview(content: Mapping[str, Any]) -> bool:
    """Return whether a mapping is a preview: it has steps or, without any, the errors that prevented them."""
    listed = content.get("steps", content.get("diagnostics"))
    steps = content.get("steps") or ()
    told = content.get("diagnostics") or ()
    return (
        isinstance(listed, list)
        and all(isinstance(step, dict) and {"op", "urn"} <= step.keys() and _has_states(step) for step in steps)
        and isinstance(told, list | tuple)
        and all(isinstance(message, dict) for message in told)
        and isinstance(content.get("changeSummary") or {}, dict)
    )


def _has_states(step: Mapping[str, Any]) -> bool:
    states = [step.get(name) or {} for name in ("oldState", "newState")]
    return all(
        isinstance(state, dict) and all(isinstance(state.get(part) or {}, dict) for part in ("inputs", "outputs"))
        for state in states
    )


def summarize(preview: Mapping[str, Any], running: Mapping[str, int] | None = None) -> Summary:
    """Return the summary of a preview; `running` is the number of jobs that run on each pool now, if known."""
    steps = _by_object(without_owner(preview.get("steps") or []))
    changes = [change for step in steps if (change := _change(step)) is not None]
    changes = list(_of_own_steps(changes, steps))
    changes.sort(key=lambda change: (change.kind, change.name))
    graphs = _graphs(steps, changes)
    around = [change for change in changes if not change.graph and change.action != RETAINED and _is_told(change)]
    drift = any(step["op"] == "refresh" for step in steps)
    listed = sum(step["op"] == "update" for step in steps)
    return Summary(
        drift=drift,
        dangers=tuple(dangers(graphs, changes, running or {})),
        graphs=tuple(graphs),
        around=tuple(around),
        retained=tuple(change for change in changes if change.action == RETAINED),
        errors=tuple(_messages(preview, "error")),
        warnings=tuple(dict.fromkeys(_messages(preview, "warning"))),
        steps=0 if graphs or around else sum(change.kind == _EXECUTE for change in changes),
        unnamed=max(0, (preview.get("changeSummary") or {}).get("update", 0) - listed) if drift else 0,
    )


def _messages(preview: Mapping[str, Any], severity: str) -> Iterator[str]:
    for message in preview.get("diagnostics") or []:
        if message.get("severity") == severity:
            yield str(message.get("message", "")).strip().removeprefix(f"{severity}: ")


def _by_object(steps: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return one step for each object; of the steps of a replacement, the one with both states."""
    by_urn: dict[str, Mapping[str, Any]] = {}
    for step in steps:
        former = by_urn.get(step["urn"])
        if former is None or (step["op"] == "replace" and former["op"] != "replace"):
            by_urn[step["urn"]] = step
    return list(by_urn.values())


def _state(step: Mapping[str, Any]) -> Mapping[str, Any]:
    state: Mapping[str, Any] = step.get("newState") or step.get("oldState") or {}
    return state


def _is_told(change: ObjectChange) -> bool:
    """Return whether an object is reported: steps of the deploy itself follow from other changes, so they are not."""
    if change.kind == _EXECUTE and not change.name.endswith(_OVERLAP):
        return False
    return bool(change.fields or change.action != CHANGED)


def _change(step: Mapping[str, Any]) -> ObjectChange | None:
    state = _state(step)
    token = str(state.get("type", ""))
    action = _ACTIONS.get(step["op"], "")
    if not action or not token.startswith("snowflake:"):
        return None
    if action == DELETED and (step.get("oldState") or {}).get("retainOnDelete"):
        action = RETAINED
    old, new = (_inputs(step.get(side)) for side in ("oldState", "newState"))
    fields = _fields(words(token, old), words(token, new)) if action in {CHANGED, REPLACED} else ()
    if any(field.name == "after" for field in fields):
        fields = tuple(field for field in fields if field.name != READS)
    if token == TASK and not fields and action in {CHANGED, REPLACED}:
        # no key of the file differs: show the statement itself, if it does
        fields = _fields(*({"statement": side.get("sqlStatement")} for side in (old, new)))
    graph = str(state.get("parent", "")).rpartition("::")[2] if token == TASK else ""
    note = ""
    if token == TASK and action == CREATED:
        note, fields = about(new), _fields({}, stated_settings(new))
    if action == DELETED and (step.get("oldState") or {}).get("deletedWith"):
        note = SUPERSEDED
    return ObjectChange(action, token.rpartition(":")[2], str(state["urn"]).rpartition("::")[2], fields, graph, note)


def _of_own_steps(changes: Iterable[ObjectChange], steps: Iterable[Mapping[str, Any]]) -> Iterator[ObjectChange]:
    """Yield the changes; those of steps that create or configure an object become changes of that object."""
    by_name = {_name(step): step for step in steps if _kind(step) == _EXECUTE and step["op"] in _ACTIONS}
    reverts = [_inputs(step.get("oldState")).get("revert") for step in by_name.values()]
    dropped = {step_objects.dropped(str(revert)) for revert in reverts}
    made = {step_objects.created(_executed(step)) for step in by_name.values()}
    for change in changes:
        step = by_name.get(change.name) if change.kind == _EXECUTE else None
        creation = step_objects.created(_executed(step)) if step else None
        settings = step_objects.configured(_executed(step)) if step else None
        if creation is not None:
            yield replace(_of_step(change, creation), action=_of_creation(change.action, stays=creation not in dropped))
        elif settings is None:
            yield change
        elif change.action not in {DELETED, RETAINED} and settings not in made:
            yield replace(_of_step(change, settings), action=CHANGED)


def _of_creation(action: str, *, stays: bool) -> str:
    """Return what happens to the object of a step that is created, replaced or deleted, if no revert drops it."""
    return {DELETED: RETAINED, REPLACED: CHANGED}.get(action, action) if stays else action


def _of_step(change: ObjectChange, step_object: StepObject) -> ObjectChange:
    fields = tuple(replace(field, name="statement") for field in change.fields if field.name == "execute")
    return replace(change, kind=step_object.kind, name=step_object.name, fields=fields)


def _executed(step: Mapping[str, Any]) -> str:
    return str(_inputs(_state(step)).get("execute", ""))


def _kind(step: Mapping[str, Any]) -> str:
    return str(_state(step).get("type", "")).rpartition(":")[2]


def _name(step: Mapping[str, Any]) -> str:
    return str(_state(step).get("urn", "")).rpartition("::")[2]


def _fields(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Field, ...]:
    return tuple(
        Field(name, old.get(name), new.get(name), loosely_same=_loose(old.get(name)) == _loose(new.get(name)))
        for name in dict.fromkeys([*new, *old])
        if old.get(name) != new.get(name)
    )


def _loose(value: Any) -> str:
    return "".join(json.dumps(value).lower().replace("\\n", "").replace("\\t", "").split())


def _graphs(steps: Sequence[Mapping[str, Any]], changes: Sequence[ObjectChange]) -> list[GraphSummary]:
    notes = _notes(steps)
    tasks = [(step, _state(step)) for step in steps if _state(step).get("type") == TASK]
    tasks.sort(key=lambda task: str(task[1].get("urn")))
    return [
        GraphSummary(
            key,
            tuple(change for change in changes if change.graph == key),
            tuple(_drawn(step, state) for step, state in tasks if str(state.get("parent")).endswith(f"::{key}")),
            tuple(notes.get(key, ())),
        )
        for key in dict.fromkeys([*(change.graph for change in changes if change.graph), *notes])
    ]


def _notes(steps: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return what the first steps of a deploy have observed and will repair, by graph."""
    notes: dict[str, list[str]] = {}
    changing = {
        str(_inputs(_state(step)).get("name"))
        for step in steps
        if step["op"] in _ACTIONS and _state(step).get("type") == TASK
    }
    for step in steps:
        name = str(_state(step).get("urn", "")).rpartition("::")[2]
        if step["op"] not in _ACTIONS or not name.endswith(_OPENING):
            continue
        observed = read_observation(str((step.get("newState") or {}).get("inputs", {}).get("query", "")))
        if observed is not None:
            notes[str(_state(step).get("parent", "")).rpartition("::")[2]] = list(_sentences(observed, changing))
    return notes


def _sentences(observed: Observation, changing: Collection[str]) -> Iterator[str]:
    if observed.failed_root:
        yield f"{observed.failed_root}, which Snowflake suspended because its runs failed, is resumed"
    drifted = "" if observed.tasks == observed.failed_root else _beside(observed.tasks, changing)
    if drifted:
        yield f"not as configured in Snowflake now, so they are repaired: {drifted}"


def _beside(tasks: str, changing: Collection[str]) -> str:
    """Return the tasks that the deploy does not change anyway. A mere count stays, as its tasks are unknown."""
    names, _, counted = tasks.partition(" and ")
    listed = names.split(", ")
    drifted = [name for name in listed if name not in changing]
    hidden = max(int(counted.split()[0]) - len(set(changing) - set(listed)), 0) if counted else 0
    hidden_count = f"{hidden} more" if drifted else f"{hidden} tasks"
    return " and ".join(filter(None, [", ".join(drifted), hidden_count if hidden else ""]))


def _drawn(step: Mapping[str, Any], state: Mapping[str, Any]) -> DrawnTask:
    inputs = _inputs(state)
    action = _ACTIONS.get(step["op"], "")
    old, new = (_follows(step.get(side)) for side in ("oldState", "newState"))
    if not action:
        old = new = new or old
    return DrawnTask(str(inputs.get("name")), new, old, action, finalizer=bool(inputs.get("finalize")))


def _follows(state: Mapping[str, Any] | None) -> tuple[str, ...]:
    return tuple(sorted(last_part(name) for name in _inputs(state).get("afters") or []))


def _inputs(state: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return a state's inputs as the program wrote them, without the defaults that the plugin filled in."""
    return dict(_as_written((state or {}).get("inputs") or {}))


def _as_written(value: Any) -> Any:
    if isinstance(value, list):
        return [_as_written(item) for item in value]
    if not isinstance(value, dict):
        return value
    defaults = {"__defaults", *value.get("__defaults", ())}
    return {name: _as_written(inner) for name, inner in value.items() if name not in defaults}
