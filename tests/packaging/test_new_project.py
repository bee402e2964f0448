"""A new project in an empty folder, with the installed wheels alone: the steps of the template's README."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.packaging.wheels import run

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.engine


def shell(folder: Path, programs: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script as a user would: the new environment's programs are first on the PATH, and no clone is near."""
    names = ("HOME", "LANG", "XDG_CACHE_HOME", "GOPATH", "GOFLAGS")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={**kept, "PATH": f"{programs}:{os.environ['PATH']}", "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def works(folder: Path, programs: Path, script: str) -> str:
    done = shell(folder, programs, script)
    assert done.returncode == 0, f"{done.stdout[-4000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def installed_template(programs: Path) -> str:
    """The folder of the template in the new environment."""
    script = "from importlib.resources import files; print(files('jobgraph') / 'template')"
    return run(programs / "python", "-P", "-c", script, folder=programs).strip()


@pytest.fixture
def empty(tmp_path: Path, programs: Path) -> Iterator[Path]:
    folder = tmp_path / "empty"
    folder.mkdir()
    yield folder
    for project in folder.iterdir():
        shell(project, programs, "jobgraph sandbox stop")


ACTIVATED = 'eval "$(jobgraph sandbox env)"'
OPTIONS = "--yes --skip-preview --non-interactive --stack dev"


def test_the_steps_of_the_readme_work(empty: Path, programs: Path) -> None:
    works(empty, programs, "jobgraph init shop")
    shop = empty / "shop"
    works(shop, programs, "jobgraph validate --strict; jobgraph setup; jobgraph sandbox start")
    works(shop, programs, f"{ACTIVATED}; pulumi stack select --create dev --non-interactive; pulumi up {OPTIONS}")
    ran = works(shop, programs, f"{ACTIVATED}; jobgraph run --wait --picture .jobgraph/graph.svg")
    assert [line.split()[:2] for line in ran.splitlines()[-2:]] == [["GREET", "DONE"], ["REPORT", "DONE"]]
    assert (shop / ".jobgraph" / "graph.svg").stat().st_size > 1000
    assert "hello from JOBS" in works(shop, programs, f"{ACTIVATED}; jobgraph logs GREET")
    checks = json.loads(shell(shop, programs, f"{ACTIVATED}; jobgraph doctor --json").stdout)
    assert [check["name"] for check in checks if not check["ok"]] == []
    works(shop, programs, f"{ACTIVATED}; pulumi preview --expect-no-changes --non-interactive --stack dev")
    works(shop, programs, f"{ACTIVATED}; pulumi destroy {OPTIONS}")


def test_pulumi_new_makes_the_same_project(empty: Path, programs: Path) -> None:
    works(empty, programs, "jobgraph init shop")
    works(empty / "shop", programs, "jobgraph setup; jobgraph sandbox start")
    new = "pulumi new jobgraph-template --dir ../other --name shop --stack dev --force --yes --non-interactive"
    described = "--description 'Graphs of containerized jobs on Snowflake'"
    template = installed_template(programs)
    script = f"{ACTIVATED}; {new.replace('jobgraph-template', template)} {described}"
    works(empty / "shop", programs, script)
    made = {path.relative_to(empty / "shop") for path in (empty / "shop").rglob("*") if path.is_file()}
    files = {path for path in made if path.parts[0] != ".jobgraph"}
    assert Path(".github/workflows/check.yml") in files
    different = {
        str(path) for path in files if (empty / "shop" / path).read_text() != (empty / "other" / path).read_text()
    }
    assert different <= {"Pulumi.yaml"}  # there Pulumi notes where the template came from
    assert "template:" not in (empty / "shop" / "Pulumi.yaml").read_text()
