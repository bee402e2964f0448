"""A turn goes from thread to thread in the order in which they asked, and nobody waits for one who keeps it."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from snowflake_sandbox.turns import Turns

PATIENCE = 20.0


def waiting(turns: Turns, count: int) -> bool:
    with turns._lock:
        return len(turns._line) == count


def test_the_turn_goes_to_the_first_in_the_line() -> None:
    turns, came = Turns(), list[int]()
    assert turns.take(PATIENCE)

    def ask(number: int) -> None:
        assert turns.take(PATIENCE)
        came.append(number)
        turns.give()

    with ThreadPoolExecutor(20) as others:
        asked = []
        for number in range(20):
            asked.append(others.submit(ask, number))
            while not waiting(turns, number + 1):
                assert not asked[-1].done()
        turns.give()
        assert [each.result(PATIENCE) for each in asked] == [None] * 20
    assert came == list(range(20))


def test_what_began_first_goes_first_each_time_that_it_asks() -> None:
    turns, came = Turns(), list[str]()
    began, asked_again = threading.Event(), threading.Event()
    assert turns.take(PATIENCE)

    def ask(name: str) -> None:
        assert turns.take(PATIENCE)
        came.append(name)
        turns.give()

    def begin() -> None:
        with turns.in_order():
            began.set()
            asked_again.wait(PATIENCE)
            with turns.in_order():  # a statement in a statement
                ask("began first")

    with ThreadPoolExecutor(2) as others:
        first = others.submit(begin)
        began.wait(PATIENCE)
        second = others.submit(ask, "asked first")
        while not waiting(turns, 1):
            assert not second.done()
        asked_again.set()
        while not waiting(turns, 2):
            assert not first.done()
        turns.give()
        assert [first.result(PATIENCE), second.result(PATIENCE)] == [None, None]
    assert came == ["began first", "asked first"]


def test_whoever_waits_for_one_that_keeps_the_turn_gives_up_and_leaves_the_line() -> None:
    turns = Turns()
    assert turns.take(PATIENCE)
    with ThreadPoolExecutor(1) as other:
        asked = other.submit(turns.take, 0.01)
        try:
            assert asked.result(PATIENCE) is False
            assert waiting(turns, 0)
        finally:
            turns.give()
    assert turns.take(PATIENCE)


def test_a_long_line_that_moves_is_no_reason_to_give_up() -> None:
    """The last waits 1.8 times its patience, but nobody has the turn for longer than 0.9 times."""
    patience, now = 0.02, [0.0]
    turns = Turns(lambda: now[0])
    assert turns.take(patience)
    with ThreadPoolExecutor(2) as others, ExitStack() as at_the_end:
        at_the_end.callback(now.__setitem__, 0, PATIENCE)  # whoever still waits gives up, so that a failure ends
        first = others.submit(turns.take, patience)
        while not waiting(turns, 1):
            assert not first.done()
        second = others.submit(turns.take, patience)
        while not waiting(turns, 2):
            assert not second.done()
        now[0] += 0.9 * patience
        turns.give()
        assert first.result(PATIENCE)
        now[0] += 0.9 * patience
        with pytest.raises(TimeoutError):
            second.result(3 * patience)
        now[0] += 0.2 * patience
        assert second.result(PATIENCE) is False
