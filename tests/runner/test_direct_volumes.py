"""Jobs with volumes, with a runner and without: they read and write a stage, and have memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from jobgraph.config.model import DIRECT, MANAGED
from tests.runner.deployed import Deployed, deployed

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.sandbox

# mounts need namespaces; elsewhere each volume is at its path below $SANDBOX_ROOT, as docs/deviations.md says
SCRIPT = (
    "at() { test -d $1 && echo $1 || echo $SANDBOX_ROOT$1; }; data=$(at /data); scratch=$(at /scratch);"
    " cp $data/in.txt $scratch/copy.txt && cat $scratch/copy.txt && echo written by {runner} > $data/{runner}.txt"
)
VOLUMES = {
    "data": {"source": "stage", "path": "/data", "stage": "JOBS/data"},
    "scratch": {"source": "memory", "path": "/scratch", "size": "64Mi"},
}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("volumes")
    image = folder / "images" / "job"
    image.mkdir(parents=True)
    (image / "Dockerfile").write_text('FROM python:3.11-slim\nENTRYPOINT ["sh", "-euc"]\n')
    jobs = {
        f"t_{runner}": {"runner": runner, "args": [SCRIPT.replace("{runner}", runner)], "volumes": VOLUMES}
        for runner in (DIRECT, MANAGED)
    }
    defaults = {"image": "job:latest", "compute_pool": "POOL", "retries": 0}
    file = folder / "jobs.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "defaults": defaults, "graphs": {"g": {"jobs": jobs}}}))
    with deployed(folder / "sandbox", folder / "images", file, lambda task: task.sql) as graph:
        graph.rows(
            "COPY INTO @D.S.JOBS/data/in.txt FROM (SELECT 'came in' AS A) SINGLE = TRUE OVERWRITE = TRUE"
            " FILE_FORMAT = (TYPE = CSV COMPRESSION = NONE)"
        )
        graph.start()
        graph.finish()
        yield graph


@pytest.mark.parametrize("runner", [DIRECT, MANAGED])
def test_a_job_has_its_volumes_whoever_runs_it(ran: Deployed, runner: str) -> None:
    task = f"T_{runner.upper()}"
    (attempt,) = ran.attempts()[task]
    assert (attempt["JOB_STATUS"], attempt["EXIT_CODE"]) == ("DONE", 0), ran.logs(task)
    assert ran.logs(task)["0"].strip() == "came in"
    names = [row["name"].rpartition("/")[2] for row in ran.rows("LIST @D.S.JOBS/data")]
    assert f"{runner}.txt" in names
