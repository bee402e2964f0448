"""Images on one deployment: a missing one is told at the deploy; pushed from its folder, it is what a run runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from tests.lifecycle import stack

if TYPE_CHECKING:
    from tests.lifecycle.project import Project

REPOSITORY = f"{stack.PLACE}.IMAGES"


def test_an_image_goes_from_its_folder_to_a_run(fresh: Project) -> None:
    first = fresh.jobgraph("image", "push", "-e", "dev", "--if-there")
    assert "the first deploy creates it" in first.stderr
    program = fresh.folder / "images" / "my_job" / "main.py"
    text = (fresh.folder / "jobconfig.yaml").read_text()
    (fresh.folder / "jobconfig.yaml").write_text(text.replace("my_job_image:1.1.0", "my_job_image:2.0.0"))
    done = fresh.up()
    assert "my_job_image:2.0.0 is not in the repository, so T_MYJOB_1, " in done.stdout
    assert "jobgraph image push t_myjob_1 --environment dev" in done.stdout

    program.write_text(program.read_text() + "\n# changed\n")
    fresh.jobgraph("image", "push", "t_myjob_1", "--environment", "dev")
    settings = yaml.safe_load((fresh.folder / stack.FILE).read_text())["config"]["jobgraph:settings"]
    digest = settings["image_digests"]["my_job_image:2.0.0"]
    rows = fresh.query(f"SHOW IMAGES IN IMAGE REPOSITORY {REPOSITORY}")
    assert digest in {row["digest"] for row in rows}
    again = fresh.jobgraph("image", "push", "--environment", "dev")
    assert "building" not in again.stderr
    assert fresh.query(f"SHOW STAGES LIKE 'IMAGE_BUILD%' IN SCHEMA {stack.PLACE}") == []

    done = fresh.up()
    assert "is not in the repository" not in done.stdout
    fresh.jobgraph("run", "--only", "t_myjob_1", "--wait")
    history = f"{stack.PLACE}.JOBS_RUN_STATS WHERE TASK_NAME = 'T_MYJOB_1'"
    ran = fresh.query(f"SELECT DISTINCT IMAGE_DIGEST AS DIGEST FROM {history}")
    assert [row["DIGEST"] for row in ran] == [digest]


def test_a_preview_tells_which_jobs_lack_their_image(deployed: Project) -> None:
    deployed.edit("my_job_image:1.1.0", "my_job_image:2.0.0")
    try:
        shown = deployed.pulumi("preview").stdout
    finally:
        deployed.restore()
    assert "my_job_image:2.0.0 is not in the repository, so T_MYJOB_1, " in shown
    assert "jobgraph image push t_myjob_1 --environment dev" in shown


def test_a_build_that_fails_says_so_with_its_log(deployed: Project) -> None:
    folder = deployed.folder / "images" / "broken"
    folder.mkdir()
    dockerfile = folder / "Dockerfile"
    dockerfile.write_text("FROM scratch\n")
    deployed.edit('defaults: {image: "my_job_image:1.1.0"', 'defaults: {image: "broken:1"')
    try:
        refused = deployed.jobgraph("image", "push", "--inside", "--pool", "NO_SUCH_POOL", check=False)
        assert refused.returncode == 1
        assert "NO_SUCH_POOL" in refused.stderr
    finally:
        deployed.restore()
        dockerfile.unlink()
        folder.rmdir()
