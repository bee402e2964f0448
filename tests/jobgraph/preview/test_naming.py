"""A summary names objects as Snowflake does, not by the names of resources, which all begin with the JobGraph's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobgraph.config.timing import long_duration_text
from jobgraph.preview import rendering
from jobgraph.preview.engine_preview import summarize
from jobgraph.preview.wording import TASK, words
from tests.jobgraph.preview.previews import TEXT, preview, step, tasks

if TYPE_CHECKING:
    from pathlib import Path


def owned(value: Any, owner: str) -> Any:
    """A preview's resources below a JobGraph, as the engine writes them."""
    if isinstance(value, dict):
        return {key: owned(inner, owner) for key, inner in value.items()}
    if isinstance(value, list):
        return [owned(inner, owner) for inner in value]
    if isinstance(value, str) and value.startswith("urn:pulumi:") and "pulumi:pulumi:Stack" not in value:
        start, kinds, name = value.rsplit("::", 2)
        return f"{start}::jobgraph:index:JobGraph${kinds}::{owner}-{name}"
    return value


def changed(tmp_path: Path) -> dict[str, Any]:
    new = tasks(TEXT.replace("retries: 2", "retries: 3").replace("t_myjob_6", "t_other"), tmp_path)
    old = preview(tasks(TEXT, tmp_path), new)
    pool = step("delete", "ComputePool", "PR_STD_POOL_S", {"name": "PR_STD_POOL_S"}, None)
    return {**old, "steps": [*old["steps"], pool]}


def test_one_jobgraphs_name_is_left_out(tmp_path: Path) -> None:
    plain = changed(tmp_path)
    assert rendering.as_text(summarize(owned(plain, "prod-jobs"))) == rendering.as_text(summarize(plain))
    assert rendering.as_json(summarize(owned(plain, "prod-jobs"))) == rendering.as_json(summarize(plain))


def test_of_several_jobgraphs_each_name_stays(tmp_path: Path) -> None:
    plain = changed(tmp_path)
    both = [*owned(plain, "sales")["steps"], *owned(plain, "ops")["steps"]]
    text = json.dumps(rendering.as_json(summarize({**plain, "steps": both})))
    assert "sales-T_OTHER" in text
    assert "ops-T_OTHER" in text


def test_notify_and_long_durations_are_shown_in_words() -> None:
    receivers = [
        {"events": ["failure", "late"], "channel": "email", "integration": "E", "to": ["a@b.org"], "late_after": 7200},
        {"events": ["failure"], "channel": "slack", "integration": "S"},
    ]
    notify = {"receivers": receivers, "jobs": {"A": {"attempts": 1, "runbook": "https://r"}}}
    body = json.dumps({"hash": "0", "graph": "g", "jobs": [], "notify": notify})
    shown = words(TASK, {"sqlStatement": f"CALL FINALIZE($${body}$$)", "userTaskTimeoutMs": 62_850_000})
    assert (
        shown["notify"] == "email to a@b.org on failure, late (late: after 2 hours); slack to integration S on failure"
    )
    assert shown["runbook of A"] == "https://r"
    assert shown["time limit of a run"] == "62850 seconds (17:27:30)"
    assert [long_duration_text(seconds) for seconds in (90, 5400, 51_060, 7200 * 90)] == [
        "90 seconds",
        "90 minutes",
        "851 minutes (14:11:00)",
        "180 hours",
    ]
