"""A summary names objects as Snowflake does, not by the names of resources, which all begin with the JobGraph's."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jobgraph.preview import rendering
from jobgraph.preview.engine_preview import summarize
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
