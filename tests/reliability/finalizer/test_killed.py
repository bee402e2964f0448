"""A few of the kills of `make reliability`: what each leaves is as without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability.finalizer.killed import failing_night, sweep

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.sandbox


def test_a_killed_finalizer_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with failing_night(tmp_path) as night:
        for notify in (True, False):
            kills, wrong = sweep(night, notify=notify, every=18)
            assert kills
            assert wrong == []
