from __future__ import annotations

from typing import Any

import pytest

from procedures.attempt import Attempt
from procedures.retries import goes_on, open_attempts, pause, rules_of


def attempts(*classes: str) -> list[Attempt]:
    return [Attempt(number, "S", "FAILED", name) for number, name in enumerate(classes, 1)]


def rules(retries: int, **more: Any) -> Any:
    return rules_of({"retries": retries, "retry_rules": more})


@pytest.mark.parametrize(
    ("given", "classes", "again"),
    [
        (rules(1), ["app_error"], True),
        (rules(1), ["app_error", "timeout"], False),
        (rules(9), ["spec_invalid"], False),
        (rules(9), ["permission"], False),
        (rules(9), ["cancelled"], False),
        (rules(0, causes={"infrastructure": 2}), ["preempted"], True),
        (rules(0, causes={"infrastructure": 2}), ["preempted", "internal", "pool_unavailable"], False),
        (rules(1, causes={"infrastructure": 2}), ["preempted", "internal", "app_error"], True),
        (rules(1, causes={"infrastructure": 2}), ["app_error", "preempted", "app_error"], False),
        (rules(5, causes={"out_of_memory": 0}), ["out_of_memory"], False),
        (rules(0, causes={"image": 1, "application": 1, "timeout": 1}), ["image_pull", "app_error", "timeout"], True),
    ],
)
def test_retries_are_counted_by_cause(given: Any, classes: list[str], again: bool) -> None:  # noqa: FBT001  # a column
    assert goes_on(given, attempts(*classes), 0) is again


def test_no_attempt_is_begun_after_the_longest_time() -> None:
    assert goes_on(rules(5, max_elapsed=60), attempts("app_error"), 59)
    assert not goes_on(rules(5, max_elapsed=60), attempts("app_error"), 60)


def test_pauses_double_up_to_the_longest_and_differ_from_task_to_task() -> None:
    given = rules(9, backoff=10, longest_backoff=60)
    pauses = [pause(given, "run", "A", number) for number in range(1, 6)]
    for whole, found in zip([10, 20, 40, 60, 60], pauses, strict=True):
        assert whole / 2 <= found <= whole
    assert pauses == [pause(given, "run", "A", number) for number in range(1, 6)]
    assert len({pause(given, "run", f"T_{n}", 1) for n in range(50)}) > 30
    assert pause(rules(9), "run", "A", 5) == 0
    assert pause(rules(30, backoff=10, longest_backoff=60), "run", "A", 5000) <= 60


@pytest.mark.parametrize(("recorded", "retries", "open_"), [(0, 0, 0), (0, 2, 0), (1, 2, 1), (3, 2, 0), (4, 2, 1)])
def test_attempts_go_on_where_they_were_and_a_retried_run_gets_as_many_again(
    recorded: int, retries: int, open_: int
) -> None:
    assert len(open_attempts(rules(retries), attempts(*["app_error"] * recorded))) == open_
