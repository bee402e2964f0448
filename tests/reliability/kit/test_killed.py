"""A few of the kills of `python -m tests.reliability kit-killed`, and proof that the claim can fail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability.deploys_killed import spread
from tests.reliability.kit.killed import LATE, RICH, Point, kits, points_of, points_of_the_start
from tests.reliability.kit.trap import FAULTS, KILLED_AFTER

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.sandbox


def test_the_next_kit_removes_what_a_killed_or_interrupted_one_left(tmp_path: Path) -> None:
    with kits(tmp_path) as kits_:
        points = [*spread(points_of(kits_, (RICH,)), seed=4, count=9), *spread(points_of_the_start(kits_), 4, 3)]
        assert {point.fault for point in points} == set(FAULTS)
        for point in points:
            kits_.disturb(point)
        kits_.statements([LATE])
        assert kits_.problems == []


def test_a_kit_that_forgets_compute_pools_is_found_out(tmp_path: Path) -> None:
    with kits(tmp_path, forgets="COMPUTE POOL") as kits_:
        kits_.disturb(Point(RICH, KILLED_AFTER, 5))
        kits_.statements([LATE])
        assert {problem.partition(": SHOW ")[2].partition(":")[0] for problem in kits_.problems} == {
            "COMPUTE POOLS",
            'GRANTS TO ROLE "ACCOUNTADMIN"',
        }
        for problem in kits_.problems:
            assert problem.startswith("killed after statement 5 (case, 'compute pool'): CREATE COMPUTE POOL ")
            assert problem.endswith(" stays")


def test_what_is_gone_of_others_is_found_out(tmp_path: Path) -> None:
    with kits(tmp_path) as kits_:
        kits_.account.session.rows("REVOKE USAGE ON DATABASE OTHERS FROM ROLE OTHER_ROLE")
        kits_.statements([LATE])
        (problem,) = kits_.problems
        assert "SHOW GRANTS TO ROLE" in problem
        assert problem.endswith(" is gone")
