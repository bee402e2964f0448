"""The wheels and the environment that has them, one for the whole session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.packaging.wheels import ROOT, Wheel, build, install

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    """The wheel `jobgraph`."""
    return build(ROOT, tmp_path_factory.mktemp("jobgraph"))


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    """The wheel `snowflake-sandbox`."""
    return build(ROOT / "sandbox", tmp_path_factory.mktemp("sandbox"))


@pytest.fixture(scope="session")
def programs(product: Wheel, sandbox: Wheel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has both wheels and no clone on its path."""
    return install([product, sandbox], tmp_path_factory.mktemp("installed") / "venv")
