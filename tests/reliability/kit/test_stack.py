"""The stack of the kit for a real account, cut off at a few of its statements, and proof that the claim can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.account import scratch
from tests.reliability.deploys_killed import spread
from tests.reliability.kit.stack import left_in, lived

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.engine


def test_the_kit_succeeds_and_what_it_leaves_when_it_dies_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, moments, before, left = lived(tmp_path)
    assert ": failed" not in out, out
    assert left == []
    for moment in spread(moments, seed=3, count=10):
        there, stays = left_in(moment, before)
        assert stays == [], moment
    # the same claim of a kit that forgets the pools
    monkeypatch.delitem(scratch._KINDS, "COMPUTE POOL")
    last = next(moment for moment in reversed(moments) if "DROP TABLE" in moment.statement)
    there, stays = left_in(last, before)
    assert [name for name in there if name.startswith("COMPUTE POOLS")] == stays != []
