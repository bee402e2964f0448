"""The command `init`: which files it writes, and what it refuses."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import pytest
import yaml
from click.testing import CliRunner

from jobgraph.cli.command_line import cli

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


command = import_module("jobgraph.cli.commands.init")


def init(*words: str) -> Result:
    return CliRunner().invoke(cli, ["init", *words])


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_a_project_of_the_folders_name_is_written(tmp_path: Path) -> None:
    done = init(str(tmp_path / "shop"))
    assert done.exit_code == 0, done.output
    assert {
        ".github/workflows/check.yml",
        ".github/workflows/deploy.yml",
        ".gitignore",
        "Pulumi.dev.yaml",
        "Pulumi.prod.yaml",
        "Pulumi.yaml",
        "README.md",
        "__main__.py",
        "images/hello/Dockerfile",
        "images/hello/main.py",
        "jobconfig.overlay.schema.json",
        "jobconfig.schema.json",
        "jobconfig.yaml",
        "requirements.txt",
    } == files(tmp_path / "shop")
    project = yaml.safe_load((tmp_path / "shop" / "Pulumi.yaml").read_text())
    assert project == {
        "name": "shop",
        "description": "Graphs of containerized jobs on Snowflake",
        "runtime": "python",
    }
    assert "${" not in (tmp_path / "shop" / "README.md").read_text()
    program = (tmp_path / "shop" / "__main__.py").read_text()
    assert len([line for line in program.splitlines() if line]) == 3


def test_files_that_are_there_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    done = init(str(tmp_path), "--name", "shop")
    assert done.exit_code == 2
    assert "README.md already; nothing was written" in done.output
    assert files(tmp_path) == {"README.md"}
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.parametrize("name", ["my shop", "a/b", "x" * 101])
def test_a_name_that_pulumi_refuses_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    done = init(str(tmp_path), "--name", name)
    assert done.exit_code == 2
    assert "not a name for a Pulumi project" in done.output
    assert files(tmp_path) == set()


@pytest.mark.parametrize(
    ("origin", "folders"),
    [('{"url": "file:///a%20b/jobgraph", "dir_info": {}}', "pip install '/a b/jobgraph'"), (None, None)],
)
def test_a_jobgraph_from_a_folder_says_how_it_is_installed_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, origin: str | None, folders: str | None
) -> None:
    class Installed:
        def __init__(self, name: str) -> None:
            self.name = name

        def read_text(self, _file: str) -> str | None:
            return origin if self.name == "jobgraph" else None

    monkeypatch.setattr(command, "distribution", Installed)
    done = init(str(tmp_path / "shop"))
    assert done.exit_code == 0, done.output
    assert ("pip install" in done.output) is (folders is not None)
    assert folders is None or folders in done.output
