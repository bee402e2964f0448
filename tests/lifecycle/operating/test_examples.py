"""The examples, deployed and run one after the other: training registers a model, inference predicts with it."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from tests.lifecycle.project import ROOT

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

SCHEMA = "PR_CONTAINER_ORCHESTRATION.PUBLIC"


def deploy(project: Project, name: str) -> None:
    project.pulumi("config", "set", "file", f"examples/{name}/jobconfig.yaml")
    project.up()


def run(project: Project) -> list[tuple[str, str]]:
    """Names and states of the jobs of a run of the only graph."""
    report = json.loads(project.jobgraph("run", "--wait", "--json").stdout)
    return [(job["job"], job["state"]) for job in report["jobs"]]


def test_a_model_is_trained_and_predicts(fresh: Project) -> None:
    shutil.copytree(ROOT / "examples", fresh.folder / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    deploy(fresh, "training")
    assert sorted(run(fresh)) == [
        ("EVALUATE_MODEL", "DONE"),
        ("GENERATE_DATASET", "DONE"),
        ("REGISTER_MODEL", "DONE"),
        ("TRAIN_MODEL", "DONE"),
    ]
    (model,) = fresh.query(f"SELECT VERSION, RMSE FROM {SCHEMA}.ML_MODELS")
    assert model["VERSION"] == 1
    assert 0.5 < model["RMSE"] < 2  # the noise put into the trips has 1
    deploy(fresh, "inference")
    assert fresh.changes() == {}
    assert {state for _, state in run(fresh)} == {"DONE"}
    counted = fresh.query(
        f"SELECT REGION, VERSION, COUNT(*) AS N FROM {SCHEMA}.ML_PREDICTIONS GROUP BY 1, 2 ORDER BY 1"
    )
    assert [(row["REGION"], row["VERSION"], row["N"]) for row in counted] == [("north", 1, 50), ("south", 1, 50)]
