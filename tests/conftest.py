"""What holds for all tests. Of properties: a busy machine is no defect; thousands of cases are `make reliability`'s."""

import functools
import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

pytest.register_assert_rewrite("tests.golden")  # so that a failure shows the difference
# CI tries the same examples each time, so that a merge does not fail by chance; people's runs try new ones.
settings.register_profile("unit", deadline=None, max_examples=30, derandomize=bool(os.environ.get("CI")))
settings.load_profile("unit")
# the connector asks three clouds' metadata services at each login whether it is there, and waits 0.2 s for an answer
os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")

ROOT = Path(__file__).parent
# Files that run longest, longest first. Two workers take file by file: a long one at the end would leave one idle.
LONGEST = (
    "deploys/test_engine.py",
    "lifecycle/test_component.py",
    "lifecycle/test_direct.py",
    "lifecycle/test_privileges.py",
    "deploys/test_disturbed.py",
    "lifecycle/test_in_flight.py",
    "lifecycle/test_quickstart.py",
    "lifecycle/test_changes.py",
    "lifecycle/test_examples.py",
    "lifecycle/test_deploy.py",
    "lifecycle/test_two_stacks.py",
    "lifecycle/test_adopt.py",
    "lifecycle/test_account_document.py",
    "runner/test_containers.py",
    "lifecycle/test_trouble.py",
)


# What a run of these tests alone asks for (`make lifecycle`), and what a file has to say to hold one.
PROCESSES = "engine or sandbox"
MARKS = ("mark.engine", "mark.sandbox")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Load no file of which no test is wanted: loading all of them takes longer than many tests."""
    if config.option.markexpr != PROCESSES or collection_path.suffix != ".py":
        return None
    if not collection_path.name.startswith("test_"):
        return None
    texts = [file.read_text() for file in (collection_path, collection_path.parent / "conftest.py") if file.is_file()]
    return None if any(mark in text for mark in MARKS for text in texts) else True


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first."""
    place = {ROOT / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


def pytest_collection_finish() -> None:
    """Save what took half the time of many tests.

    The collector need not walk through all tests and libraries again and again. The hash of a password takes long on
    purpose, and each sandbox in process has the same administrator with the same password.
    """
    gc.freeze()
    logins, user = (sys.modules.get(f"snowflake_sandbox.{name}") for name in ("protocol.logins", "objects.user"))
    if logins is not None and user is not None:
        vars(logins)["hash_password"] = vars(user)["hash_password"] = functools.cache(logins.hash_password)


def pytest_unconfigure() -> None:
    """Let libraries that look for what was not released find nothing of this."""
    gc.unfreeze()
