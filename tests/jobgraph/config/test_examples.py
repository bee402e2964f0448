"""The examples: valid without a warning, planned, and right in what they compute."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from jobgraph.config.model import Condition
from jobgraph.config.reading import read
from jobgraph.plan.conditions import read_condition
from jobgraph.plan.planning import Plan, Procedures, plan
from jobgraph.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = sorted(ROOT.glob("examples/*/jobconfig.yaml"))


def planned(name: str) -> Plan:
    settings = Settings()
    config = read(ROOT / "examples" / name / "jobconfig.yaml", settings.pool_families, "dev", strict=True)
    return plan(config, settings, Procedures("run", "finalize"))


def test_both_are_there() -> None:
    assert [path.parent.name for path in EXAMPLES] == ["inference", "training"]


def test_training_is_four_jobs_in_a_row_that_share_one_staged_payload() -> None:
    found = planned("training")
    (graph,) = found.graphs
    assert [(task.name, task.predecessors) for task in graph.tasks] == [
        ("GENERATE_DATASET", ("TRAINING_ROOT",)),
        ("TRAIN_MODEL", ("GENERATE_DATASET",)),
        ("EVALUATE_MODEL", ("TRAIN_MODEL",)),
        ("REGISTER_MODEL", ("EVALUATE_MODEL",)),
    ]
    assert read_condition(graph.tasks[3].when or "") == Condition("EVALUATE_MODEL", "below", 2.5, "rmse")
    assert (graph.tasks[2].definition or {})["conditions"] == [{"output": "rmse", "test": "below", "value": 2.5}]
    assert len(found.payloads) == 1


def test_inference_predicts_by_region() -> None:
    (graph,) = planned("inference").graphs
    assert [task.name for task in graph.tasks] == [
        "LOAD_MODEL",
        "GENERATE_FEATURES_NORTH",
        "GENERATE_FEATURES_SOUTH",
        "RUN_PREDICTIONS",
        "WRITE_RESULTS",
    ]
    assert graph.tasks[3].predecessors == ("GENERATE_FEATURES_NORTH", "GENERATE_FEATURES_SOUTH")


def test_the_regression_finds_the_weights_of_exact_trips() -> None:
    module: dict[str, Any] = runpy.run_path(str(ROOT / "examples" / "training" / "src" / "regression.py"))
    trips = [(x, y, 1 + 2 * x + 3 * y) for x in (1.0, 2.0, 5.0) for y in (0.0, 1.0, 4.0)]
    assert module["fit"](trips) == pytest.approx([1, 2, 3])
    assert module["root_mean_square_error"]([1, 2, 4], [(0.0, 1.0, 4.0), (0.0, 3.0, 10.0)]) == pytest.approx(5**0.5)
    with pytest.raises(ValueError, match="do not determine a model"):
        module["fit"](trips[:2])
