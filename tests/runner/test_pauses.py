"""Pauses before retries as the reference has them, in a real run: between an attempt's end and the next one's start."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
import yaml

from tests.runner.deployed import deployed, write_image_with_runtime

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.sandbox

# Of each job: its retries, and the whole pauses that docs/reference.md says, of which at most a half is taken off.
# That a pause is no longer than that is held by tests/procedures/test_retries.py: here the machine takes its time, too.
_JOBS = {
    "doubles": ({"count": 3, "backoff": "1 second"}, (1, 2, 4)),
    "longest": ({"count": 3, "backoff": "2 seconds", "longest_backoff": "3 seconds"}, (2, 3, 3)),
    "of_a_rule": ({"count": 0, "rules": [{"exit_codes": [3], "count": 2, "backoff": "2 seconds"}]}, (2, 4)),
    "none": ({"count": 2}, (0, 0)),
}


def test_pauses_between_attempts_are_those_of_the_reference(tmp_path: Path) -> None:
    write_image_with_runtime(tmp_path / "images")
    defaults = {"image": "job:latest", "compute_pool": "POOL"}
    jobs = {f"t_{name}": {"args": ["exit", "3"], "retries": retries} for name, (retries, _) in _JOBS.items()}
    file = tmp_path / "jobs.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "defaults": defaults, "graphs": {"g": {"jobs": jobs}}}))
    with deployed(tmp_path / "sandbox", tmp_path / "images", file, lambda task: task.sql) as graph:
        graph.start()
        graph.finish(180)
        attempts = graph.attempts()
    for name, (_, wholes) in _JOBS.items():
        rows = attempts[f"T_{name.upper()}"]
        gaps = [(after["STARTED_TIME"] - before["COMPLETED_TIME"]).total_seconds() for before, after in pairwise(rows)]
        assert len(gaps) == len(wholes)
        assert all(gap >= whole / 2 for gap, whole in zip(gaps, wholes, strict=True)), (name, gaps)
