"""The comment on a pull request: written anew in place, and none where the cost stays the same."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from tests.jobgraph.cli.configuration import GOOD
from tests.jobgraph.cli.cost.test_cost import SETTINGS
from tests.jobgraph.cli.files.test_comparison import git

if TYPE_CHECKING:
    from tests.jobgraph.cli.conftest import Invoke

ROOT = Path(__file__).parents[4]
CHECK, DEPLOY = "jobgraph/template/.github/workflows/check.yml", ".github/workflows/deploy.yml"
# notes what it was told, and fails as gh does if there is no comment to edit
GH = '#!/bin/sh\necho "$@" >> gh.log\ncase "$*" in *--create-if-none*) ;; *) exit "${NO_COMMENT:-0}" ;; esac\n'


def script(file: str, job: str, step: str) -> str:
    """What a step runs."""
    workflow: dict[str, Any] = yaml.safe_load((ROOT / file).read_text("utf-8"))
    (chosen,) = [each for each in workflow["jobs"][job]["steps"] if each.get("name") == step]
    return str(chosen["run"])


def commented(folder: Path, text: str, **variables: str) -> list[str]:
    """How gh was called by a step."""
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    environment = {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}", "NUMBER": "7", **variables}
    subprocess.run(["bash", "-e", "-c", text], cwd=folder, env=environment, check=True)
    return (folder / "gh.log").read_text().splitlines()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jobconfig.yaml").write_text(GOOD)
    (tmp_path / "Pulumi.prod.yaml").write_text(SETTINGS.format(family="CPU_X64_XS"))
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message=step")
    git(tmp_path, "update-ref", "refs/remotes/origin/main", "HEAD")
    return tmp_path


def estimated(invoke: Invoke, folder: Path) -> None:
    """Write what the workflow's own command says."""
    words = script(CHECK, "cost", "Estimate").replace('"origin/$BASE"', "origin/main").partition(" > ")[0].split()
    assert words[0] == "jobgraph"
    done = invoke(*words[1:])
    assert done.exit_code == 0, done.output
    (folder / "cost.md").write_text(done.stdout)


def test_a_change_of_cost_is_one_comment_that_is_written_anew(project: Path, invoke: Invoke) -> None:
    (project / "jobconfig.yaml").write_text(GOOD.replace("59 minutes", "10 minutes"))
    estimated(invoke, project)
    assert commented(project, script(CHECK, "cost", "Tell the reviewers")) == [
        "pr comment 7 --body-file cost.md --edit-last --create-if-none"
    ]


def test_where_the_cost_stays_the_same_no_comment_is_made(project: Path, invoke: Invoke) -> None:
    (project / "jobconfig.yaml").write_text(GOOD.replace("load: {}", "load: {args: [more]}"))
    estimated(invoke, project)
    # one that an earlier push made is written anew; where there is none, the step is done all the same
    for there_is_none in ("0", "1"):
        told = commented(project, script(CHECK, "cost", "Tell the reviewers"), NO_COMMENT=there_is_none)
        assert set(told) == {"pr comment 7 --body-file cost.md --edit-last"}


def test_this_repository_writes_its_comment_anew_too(tmp_path: Path) -> None:
    assert commented(tmp_path, script(DEPLOY, "pulumi", "Tell the reviewers")) == [
        "pr comment 7 --body-file summary.md --edit-last --create-if-none"
    ]
