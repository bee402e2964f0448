"""What holds for all tests. Of properties: a busy machine is no defect; thousands of cases are `make reliability`'s."""

import atexit
import bisect
import functools
import gc
import itertools
import os
import re
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from snowflake_sandbox import confinement
from xdist.remote import Producer

from tests import scheduling, tiers

pytest.register_assert_rewrite("tests.golden")  # so that a failure shows the difference
# CI tries the same examples each time, so that a merge does not fail by chance; people's runs try new ones.
ALIKE = bool(os.environ.get("CI"))
settings.register_profile(tiers.QUICK, deadline=None, max_examples=15, derandomize=ALIKE)
settings.register_profile(tiers.THOROUGH, deadline=None, max_examples=100, derandomize=ALIKE, print_blob=True)
settings.load_profile(tiers.QUICK)
# the connector asks three clouds' metadata services at each login whether it is there, and waits 0.2 s for an answer
os.environ.setdefault("SNOWFLAKE_DISABLE_PLATFORM_DETECTION", "true")

ROOT = Path(__file__).parent
# Where the tests' folders may be; a clone or HOME may be temporary.
PLACES = (Path.home() / ".cache", ROOT.parent / ".pytest_cache", Path("/var/cache"), Path(f"/run/user/{os.getuid()}"))


def root_of_folders() -> Path:
    """Return where the tests' folders are: containers and procedures share them, and have a /tmp of their own."""
    hidden = [Path(folder).resolve() for folder in confinement.TEMPORARY]
    for place in PLACES:
        folder = place.resolve() / "tests-of-jobgraph"
        if any(folder.is_relative_to(other) for other in hidden):
            continue
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    places = ", ".join(map(str, PLACES))
    raise pytest.UsageError(f"the tests need a folder that is not in /tmp: none of {places} can be written")


os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(root_of_folders()))
# What says in a file that it starts processes, and that each of its tests does.
MARKS = re.compile(r"mark\.(engine|sandbox)\b")
ALL_MARKED = re.compile(
    r"^pytestmark = (\[\s*)?pytest\.mark\.(engine|sandbox)\b|add_marker\(pytest\.mark\.engine", re.MULTILINE
)


def pytest_configure(config: pytest.Config) -> None:
    """Let each worker load the files from another place on, so that it finds compiled what the others have loaded.

    Compiling a test file with its rewritten assertions takes longer than loading it. The order in which tests run
    stays the same for all workers: `pytest_collection_modifyitems`.
    """
    worker = getattr(config, "workerinput", None)
    if worker is None or config.args != [ROOT.name]:
        return
    files = Counter(f"{ROOT.name}/{file.relative_to(ROOT).parts[0]}" for file in ROOT.rglob("test_*.py"))
    parts = sorted(files)
    before = int(worker["workerid"].removeprefix("gw")) * files.total() // worker["workercount"]
    start = bisect.bisect_left(list(itertools.accumulate(files[part] for part in parts)), before)
    config.args = parts[start:] + parts[:start]


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Do not load a file of which no test is wanted: loading all of them takes longer than many tests."""
    if collection_path.suffix != ".py" or not collection_path.name.startswith("test_"):
        return None
    beside = collection_path.parent / "conftest.py"
    text = collection_path.read_text("utf-8")
    if beside.is_file() and beside != Path(__file__):
        text += beside.read_text("utf-8")
    match config.option.markexpr:
        case tiers.TEST:
            is_wanted = not tiers.is_slow(collection_path)
        case tiers.UNIT:
            is_wanted = not (tiers.is_slow(collection_path) or ALL_MARKED.search(text))
        case tiers.LIFECYCLE:
            is_wanted = MARKS.search(text) is not None and not tiers.is_slow(collection_path)
        case tiers.SLOW:
            is_wanted = tiers.has_slow_tests(collection_path) or "from hypothesis import" in text
        case _:
            return None
    return None if is_wanted else True


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Load the tests without the collector, which finds nothing to release in them: `pytest_collection_finish`."""
    gc.disable()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of slow.yaml, and run the longest files first."""
    if settings.get_current_profile_name() == tiers.QUICK:
        # Hypothesis reads all 600 modules for constants to try: six seconds, which a few examples do not repay.
        none = vars(providers)["_local_constants"]
        vars(providers)["_get_local_constants"] = lambda: none
    slow = tiers.slow_tests(item.nodeid for item in items)
    for item in items:
        if item.nodeid in slow:
            item.add_marker(pytest.mark.slow)
    is_partial = config.getoption("lf", default=False) or any("::" in argument for argument in config.args)
    mistakes = () if is_partial else tiers.mistakes(item.nodeid for item in items)
    if mistakes:
        raise pytest.UsageError("\n".join(mistakes))
    processes = {item.path for item in items if item.get_closest_marker("engine") or item.get_closest_marker("sandbox")}
    items.sort(key=lambda item: (scheduling.place(item.path), item.path not in processes, item.path))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> scheduling.Scheduling | None:
    """Let one worker run files that share something."""
    return scheduling.Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """Save what took half the time of many tests.

    The collector need not walk through all tests and libraries again and again. The hash of a password takes long on
    purpose, and each sandbox in process has the same administrator with the same password.
    """
    gc.freeze()
    gc.enable()
    atexit.register(_release)
    logins, user = (sys.modules.get(f"snowflake_sandbox.{name}") for name in ("protocol.logins", "objects.user"))
    if logins is not None and user is not None:
        vars(logins)["hash_password"] = vars(user)["hash_password"] = functools.cache(logins.hash_password)


def _release() -> None:
    """Let the interpreter release everything at its end, in its one last round: DuckDB prints what it has not."""
    gc.disable()
    gc.unfreeze()
