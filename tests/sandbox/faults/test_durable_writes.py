"""A sample of `python -m tests.reliability durable-writes`; all cases are in docs/reliability.md."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.reliability import durable_writes

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(durable_writes.compiler() is None, reason="there is no C compiler to build faulty_io.c with"),
]


@pytest.fixture(scope="module")
def lives(tmp_path_factory: pytest.TempPathFactory) -> Iterator[durable_writes.Lives]:
    process = durable_writes.Lives(tmp_path_factory.mktemp("writes") / "x")
    yield process
    process.close()


@pytest.mark.parametrize("mode", durable_writes.MODES)
@pytest.mark.parametrize("at", [20, 33, 90, 140, 170, 200])
def test_nothing_is_lost_doubled_stuck_or_left(lives: durable_writes.Lives, mode: str, at: int) -> None:
    answer = lives.case(mode, at)
    assert answer["violations"] == []
    assert answer["killed"] or answer["where"]


def test_without_a_fault_everything_is_acknowledged(lives: durable_writes.Lives) -> None:
    answer = lives.case("count", 0)
    assert answer["violations"] == []
    assert len(answer["steps"]) == len(set(answer["steps"])) == 16
    assert answer["counted"] > 200
    assert answer["jobs"] == {"J0": "DONE"}
