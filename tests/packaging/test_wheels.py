"""What the wheels hold and say of themselves, and that they work where there is no clone."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
from functools import cache
from importlib.metadata import packages_distributions, requires
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.packaging.wheels import ROOT, Wheel, build, install, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.sandbox  # building takes seconds; these belong to the slower half of the tests
OURS = {"jobgraph", "snowflake_sandbox"}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def needed(distribution: str) -> frozenset[str]:
    """A distribution and all that it needs, extras left out."""
    texts = [Requirement(text) for text in requires(distribution) or ()]
    direct = {normal(need.name) for need in texts if need.marker is None or need.marker.evaluate({"extra": ""})}
    return frozenset({distribution}).union(*(needed(name) for name in direct))


def imported(wheel: Wheel) -> Iterator[str]:
    """The top-level names that a wheel's modules import when they are loaded or called; images run elsewhere.

    The page is an app of its own, which the extra `page` is for: see the test of it.
    """
    for name in wheel.names:
        if name.endswith(".py") and "/image_sources/" not in name and "/page/" not in name:
            for node in ast.walk(ast.parse(wheel.text(name))):
                if isinstance(node, ast.Import):
                    yield from (alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
                    yield node.module.partition(".")[0]


def declared(wheel: Wheel) -> dict[str, Requirement]:
    return {Requirement(text).name: Requirement(text) for text in wheel.metadata.get_all("Requires-Dist") or ()}


@pytest.mark.parametrize(("fixture", "package"), [("product", "jobgraph"), ("sandbox", "snowflake_sandbox")])
def test_a_wheel_claims_one_name(fixture: str, package: str, request: pytest.FixtureRequest) -> None:
    wheel: Wheel = request.getfixturevalue(fixture)
    tops = {name.partition("/")[0] for name in wheel.names}
    assert {name for name in tops if not name.endswith(".dist-info")} == {package}
    assert f"{package}/py.typed" in wheel.names
    assert any(name.endswith("licenses/LICENSE") for name in wheel.names)
    assert wheel.metadata["License-Expression"] == "Apache-2.0"
    assert "Apache License" in wheel.text(next(name for name in wheel.names if name.endswith("licenses/LICENSE")))


@pytest.mark.parametrize("fixture", ["product", "sandbox"])
def test_every_library_that_is_imported_is_declared(fixture: str, request: pytest.FixtureRequest) -> None:
    wheel: Wheel = request.getfixturevalue(fixture)
    base = {need.name for need in declared(wheel).values() if need.marker is None}
    reachable = frozenset[str]().union(*(needed(normal(name)) for name in base))
    owners = packages_distributions()
    missing = {
        name
        for name in set(imported(wheel)) - OURS - sys.stdlib_module_names - {"__future__"}
        if not {normal(owner) for owner in owners.get(name, ())} & reachable
    }
    # pytest loads the plugin, so there it is installed
    assert missing - {"pytest"} == set()


def test_the_page_comes_with_what_it_shows_and_an_extra_of_its_own(product: Wheel) -> None:
    assert {"jobgraph/page/app.py", "jobgraph/page/assets/board.css", "jobgraph/page/assets/board.js"} <= set(
        product.names
    )
    assert str(declared(product)["streamlit"].marker) == 'extra == "page"'


@pytest.mark.parametrize("fixture", ["product", "sandbox"])
def test_python_3_11_to_3_13(fixture: str, request: pytest.FixtureRequest) -> None:
    wheel: Wheel = request.getfixturevalue(fixture)
    versions = SpecifierSet(wheel.metadata["Requires-Python"])
    assert [minor for minor in range(9, 16) if versions.contains(f"3.{minor}")] == [11, 12, 13]


def test_the_extra_sandbox_is_the_sandbox_of_the_same_release(product: Wheel, sandbox: Wheel) -> None:
    need = declared(product)["snowflake-sandbox"]
    assert str(need.marker) == 'extra == "sandbox"'
    assert need.specifier.contains(sandbox.metadata["Version"])


def test_what_the_program_reads_is_in_the_wheel(product: Wheel) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "components", "page", "procedures", "toolchain", "images", "jobgraph"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    linked = ("components", "page", "procedures", "toolchain", "image_sources")
    links = {f"jobgraph/{name}" for name in linked}
    moved = {re.sub(r"^images/", "image_sources/", name) for name in tracked if name not in links}
    expected = {name if name.startswith("jobgraph/") else f"jobgraph/{name}" for name in moved}
    assert expected <= set(product.names)
    assert not [name for name in product.names if "__pycache__" in name]


def test_the_source_archive_gives_the_same_wheel(product: Wheel, tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "--target", "sdist", "--directory", tmp_path, folder=ROOT)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        assert not [member.name for member in files.getmembers() if member.issym()]
    (tmp_path / "wheel").mkdir()
    assert sorted(build(archive, tmp_path / "wheel").names) == sorted(product.names)


def test_the_installed_command_knows_its_version(product: Wheel, programs: Path, tmp_path: Path) -> None:
    assert run(programs / "jobgraph", "--version", folder=tmp_path) == f"jobgraph {product.metadata['Version']}\n"


def test_nothing_of_the_clone_is_used(programs: Path, tmp_path: Path) -> None:
    script = """
import importlib.util, jobgraph.components, jobgraph.procedures, jobgraph.toolchain, snowflake_sandbox
for module in (jobgraph.components, jobgraph.procedures, jobgraph.toolchain, snowflake_sandbox):
    print(list(module.__path__)[0])
tops = ("components", "page", "procedures", "toolchain", "sandbox", "images")
print([name for name in tops if importlib.util.find_spec(name)])
"""
    *folders, others = run(programs / "python", "-P", "-c", script, folder=tmp_path).splitlines()
    assert len(folders) == 4
    assert all(folder.startswith(str(programs.parent)) for folder in folders), folders
    assert others == "[]"


def test_without_the_sandbox_its_commands_say_how_to_get_it(product: Wheel, tmp_path: Path) -> None:

    alone = install([product], tmp_path / "venv")
    # the dependencies' folder is this project's, whose sandbox is installed by a .pth that does not count there
    done = subprocess.run(
        [alone / "jobgraph", "sandbox", "start"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "The sandbox is not installed." in done.stderr
    assert "pip install 'jobgraph[sandbox]'" in done.stderr
