"""The order of the files of tests: what stands in the tables is there, and who shares something is named."""

from __future__ import annotations

import pytest

from tests import scheduling


def test_the_files_of_the_tables_are_there() -> None:
    assert [file for file in scheduling.LONGEST if not (scheduling.ROOT / file).is_file()] == []


@pytest.mark.parametrize(
    ("test", "unit"),
    [
        ("tests/packaging/test_wheels.py::test_a[b::c]", "tests/packaging/test_new_project.py"),
        ("tests/packaging/test_new_project.py::test_a", "tests/packaging/test_new_project.py"),
        ("tests/test_tiers.py::test_a", "tests/test_tiers.py"),
    ],
)
def test_files_that_share_something_are_one_unit(test: str, unit: str) -> None:
    assert scheduling.unit(test) == unit


@pytest.mark.parametrize(
    ("fixture", "files"),
    [("deployed", scheduling.DEPLOYED), ("undeployed", scheduling.DEPLOYED), ("programs", scheduling.PACKAGED)],
)
def test_who_uses_what_takes_long_to_make_is_in_its_unit(
    request: pytest.FixtureRequest, fixture: str, files: tuple[str, ...]
) -> None:
    """Seen where all tests are loaded: in `make test`."""
    folder = scheduling.ROOT / files[0].partition("/")[0]
    users = {
        str(item.path.relative_to(scheduling.ROOT))
        for item in request.session.items
        if folder in item.path.parents
        and fixture in getattr(item, "fixturenames", ())
        and not item.get_closest_marker("slow")
    }
    assert users - set(files) == set()
