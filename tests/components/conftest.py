"""What the program registers for the project's own jobconfig.yaml, once for all tests."""

import pytest

from tests.components.recorded import Recorder, record


@pytest.fixture(scope="session")
def quickstart() -> Recorder:
    """To be read only."""
    return record()
