"""What a reviewer reads: real names, real SQL, no `output<string>`, on the very first preview."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.golden import compare
from tests.lifecycle.project import local

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

GOLDEN = Path(__file__).parent / "golden" / "preview.json"
# The engine's marks for a value that is not known yet, of each type.
UNKNOWN = re.compile(
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9|1eeb2bf0-c639-47a8-9e75-3b44932eb421|6a19a0b0-7e62-4c92-b797-7f8e31da9cc2"
    "|output<"
)


# Content hashes follow every edit of a procedure or of the file; what they hash is shown elsewhere.
HASH = re.compile(
    r"(RUN_JOB_|FINALIZE_GRAPH_|DROP_SUPERSEDED_|jobconfig_|content |deploy |hash\W{1,8})[0-9A-Fa-f]{8,64}"
)


def normalised(preview: dict[str, Any]) -> list[dict[str, Any]]:
    """Each step's name, type and inputs, without what differs from machine to machine or is shown elsewhere."""
    steps = []
    for step in json.loads(HASH.sub(r"\1<hash>", json.dumps(preview)))["steps"]:
        state = step.get("newState") or step["oldState"]
        inputs = {key: value for key, value in state.get("inputs", {}).items() if not key.startswith("__")}
        if "procedureDefinition" in inputs:
            inputs["procedureDefinition"] = "<the file's text>"
        name = local(state["urn"])
        if not state["type"].startswith("pulumi:"):
            steps.append({"name": name, "type": state["type"], "op": step["op"], "inputs": inputs})
    return sorted(steps, key=lambda step: (step["type"], step["name"]))


def test_the_first_preview_reads_as_text(undeployed: Project) -> None:
    steps = normalised(undeployed.preview())
    tasks = [step for step in steps if step["type"] == "snowflake:index/task:Task"]
    assert len(tasks) == 8
    for task in tasks:
        assert not UNKNOWN.search(json.dumps(task["inputs"])), task
    compare(GOLDEN, json.dumps(steps, indent=1, sort_keys=True) + "\n")
