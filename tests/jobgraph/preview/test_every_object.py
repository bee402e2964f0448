"""Every kind of object that a stack may contain is told by a summary: created, changed, replaced, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.preview import rendering, step_objects
from jobgraph.preview.engine_preview import summarize
from tests.components.recorded import record

if TYPE_CHECKING:
    from pathlib import Path

FILE = """\
version: 1
notify:
  - {email: [ops@example.org]}
  - {webhook: {type: slack, secret: SAFE.PUBLIC.HOOK}, late_after: 2 hours}
graphs:
  g:
    schedule: 30 minutes
    jobs:
      a: {image: "my_job_image:1", compute_pool: PR_STD_POOL_XS}
      b: {payload: {path: src, entrypoint: main.py}, compute_pool: PR_STD_POOL_XS, after: [a]}
"""
SETTINGS = {
    "page": True,
    "page_roles": ["VIEWERS"],
    "budget": {"credits_per_month": 200, "notify": ["a@example.org"], "suspend": True},
}
# what the deploy does on its way: it follows from changes of objects, and is told with them
OWN_STEPS = (
    "-mark",
    "-removal",
    "-needed",
    "-in-use",
    "-opening",
    "-gate",
    "-activate",
    "-finalizer-slot",
    "departures",
)
FILES = (".json", ".py", ".yml", "configuration")
# object that a step makes -> its kind in a summary
STEP_KINDS = {
    "SMALL_WAREHOUSE_MONITOR": "ResourceMonitor",
    "JOBGRAPH_BUDGET": "Budget",
    "JOBGRAPH_PAGE": "Streamlit",
    "PR_CONTAINER_ORCHESTRATION_PUBLIC_JOBGRAPH_EMAIL": "NotificationIntegration",
    "PR_CONTAINER_ORCHESTRATION_PUBLIC_JOBGRAPH_SLACK_3037977D": "NotificationIntegration",
    "WATCH_GRAPHS": "Alert",
    **dict.fromkeys(("OPERATIONS", "BACKFILLS", "BACKFILL_INTERVALS", "NOTIFICATIONS"), "Table"),
}
# the statement of a step that configures an object -> the object
SETTINGS_OF = {
    "SMALL_WAREHOUSE_MONITOR-quota": "SMALL_WAREHOUSE_MONITOR",
    **{
        f"JOBGRAPH_BUDGET-{part}": "JOBGRAPH_BUDGET"
        for part in ("limit", "notify", "mute", "PR_STD_POOL_XS", "PR_STD_POOL_S", "SMALL_WAREHOUSE")
    },
    "JOBGRAPH_PAGE-live": "JOBGRAPH_PAGE",
    "PR_CONTAINER_ORCHESTRATION_PUBLIC_JOBGRAPH_EMAIL-settings": "PR_CONTAINER_ORCHESTRATION_PUBLIC_JOBGRAPH_EMAIL",
    "WATCH_GRAPHS-resumed": "WATCH_GRAPHS",
    "OPERATIONS-columns": "OPERATIONS",
}


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """Every resource of a stack with everything that one may have."""
    folder: Path = tmp_path_factory.mktemp("project")
    (folder / "src").mkdir()
    (folder / "src" / "main.py").write_text("print(1)\n")
    (folder / "jobs.yaml").write_text(FILE)
    recorded = record(SETTINGS, str(folder / "jobs.yaml")).recorded
    return [entry for entry in recorded if entry["type"].startswith("snowflake:")]


def steps_of(op: str, *entries: dict[str, Any], other: bool = False) -> dict[str, Any]:
    """A preview in which the same happens to each resource; with `other`, to one whose statement differs."""

    def step(entry: dict[str, Any]) -> dict[str, Any]:
        urn = f"urn:pulumi:dev::jobgraph::jobgraph:index:Part${entry['type']}::{entry['name']}"
        state = {"urn": urn, "type": entry["type"], "parent": "x::g", "inputs": entry["inputs"]}
        old = {**state, "inputs": {**entry["inputs"], "execute": f"{entry['inputs'].get('execute')} OLD"}}
        states: dict[str, Any] = {} if op == "create" else {"oldState": old if other else state}
        return {"op": op, "urn": urn, **states, **({} if op == "delete" else {"newState": state})}

    return {"steps": [step(entry) for entry in entries]}


def is_own(name: str) -> bool:
    return name.endswith((*OWN_STEPS, *FILES))


@pytest.mark.parametrize(("op", "told"), [("create", ("created",)), ("delete", ("deleted", "not dropped"))])
def test_every_kind_of_object_is_told(resources: list[dict[str, Any]], op: str, told: tuple[str, ...]) -> None:
    kinds: dict[str, str] = {}
    for entry in resources:
        kind, name = entry["type"].rpartition(":")[2], entry["name"]
        text = rendering.as_text(summarize(steps_of(op, entry)))
        if kind != "Execute":
            assert name in text, (kind, name)
            assert any(word in text for word in told), text
        elif name in SETTINGS_OF or is_own(name):
            assert op == "create" or "Around the graphs" not in text, text
        else:
            made = step_objects.created(str(entry["inputs"]["execute"]))
            assert made is not None, name
            kinds[made.name] = made.kind
            assert f"{made.kind} {made.name}" in text, text
            assert any(word in text for word in told), text
    assert kinds == STEP_KINDS


def test_a_setting_is_told_unless_its_object_is_new(resources: list[dict[str, Any]]) -> None:
    by_name = {entry["name"]: entry for entry in resources}
    assert SETTINGS_OF.keys() <= by_name.keys()
    for name, owner in SETTINGS_OF.items():
        text = rendering.as_text(summarize(steps_of("replace", by_name[name], other=True)))
        assert f"~ {STEP_KINDS[owner]} {owner} (changed)" in text, (name, text)
        assert "statement:" in text
        creation = next(
            entry
            for entry in resources
            if (made := step_objects.created(str(entry["inputs"].get("execute")))) and made.name == owner
        )
        both = summarize(steps_of("create", by_name[name], creation))
        assert [change.name for change in both.around] == [owner]


@pytest.mark.parametrize(
    ("name", "action"), [("WATCH_GRAPHS", "replaced"), ("JOBGRAPH_PAGE", "changed"), ("OPERATIONS-table", "changed")]
)
def test_an_object_is_replaced_only_if_a_step_drops_it(resources: list[dict[str, Any]], name: str, action: str) -> None:
    """A table that is only looked after is never said to lose its rows."""
    entry = next(entry for entry in resources if entry["name"] == name)
    summary = summarize(steps_of("replace", entry, other=True))
    (change,) = summary.around
    assert change.action == action
    assert not summary.dangers
