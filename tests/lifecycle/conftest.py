"""A deployed project and one that is not, for all tests of this folder that leave it so; others make their own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lifecycle import project as projects

if TYPE_CHECKING:
    from collections.abc import Iterator


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here runs the real engine against a real sandbox process."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.engine)


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[projects.Project]:
    """A project after its first `pulumi up`."""
    project = projects.make(tmp_path_factory.mktemp("deployed") / "project", forking=True)
    try:
        project.up()
        yield project
    finally:
        project.jobgraph("sandbox", "stop", check=False)


@pytest.fixture(scope="session")
def undeployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[projects.Project]:
    """A project that was set up: its tests do not deploy it, or destroy what they have deployed."""
    project = projects.make(tmp_path_factory.mktemp("undeployed") / "project", forking=True)
    try:
        yield project
    finally:
        project.jobgraph("sandbox", "stop", check=False)


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[projects.Project]:
    """A project that was set up and not deployed."""
    project = projects.make(tmp_path / "project", forking=True)
    try:
        yield project
    finally:
        project.jobgraph("sandbox", "stop", check=False)
