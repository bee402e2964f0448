from __future__ import annotations

from typing import Any

import pytest

from jobgraph.procedures.attempt import AttemptRecord
from jobgraph.procedures.retries import goes_on, pause, rules_of


def attempts(*classes: str) -> list[AttemptRecord]:
    return [AttemptRecord(number, "S", "FAILED", name) for number, name in enumerate(classes, 1)]


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
    pauses = [pause(given, "run", "A", attempts(*["app_error"] * number)) for number in range(1, 6)]
    for whole, found in zip([10, 20, 40, 60, 60], pauses, strict=True):
        assert whole / 2 <= found <= whole
    assert pauses == [pause(given, "run", "A", attempts(*["app_error"] * number)) for number in range(1, 6)]
    assert len({pause(given, "run", f"T_{n}", attempts("app_error")) for n in range(50)}) > 30
    assert pause(rules(9), "run", "A", attempts("app_error")) == 0
    assert pause(rules(30, backoff=10, longest_backoff=60), "run", "A", attempts(*["timeout"] * 5000)) <= 60


@pytest.mark.parametrize("why", ["image_pull", "pool_unavailable"])
def test_faults_before_the_program_began_do_not_use_up_its_retries(why: str) -> None:
    assert goes_on(rules(0), attempts(why, why), 0)
    assert not goes_on(rules(0), attempts(why, why, why), 0)
    assert goes_on(rules(1), attempts(why, why, "app_error"), 0)
    assert not goes_on(rules(1), attempts("app_error", why, "app_error"), 0)
    assert not goes_on(rules(0, causes={"image": 0, "infrastructure": 0}), attempts(why), 0)


@pytest.mark.parametrize("why", ["preempted", "internal"])
def test_an_interrupted_program_is_run_again_apart_if_it_may_be_run_again_at_all(why: str) -> None:
    assert not goes_on(rules(0), attempts(why), 0)
    assert goes_on(rules(1), attempts(why, "app_error", why), 0)
    assert not goes_on(rules(1), attempts(why, "app_error", why, why), 0)
    assert not goes_on(rules(1), attempts(why, "app_error", why, "app_error"), 0)


def test_faults_of_the_infrastructure_are_waited_out_though_the_job_asks_for_no_pause() -> None:
    assert 15 <= pause(rules(1), "run", "A", attempts("app_error", "preempted")) <= 30
    assert 30 <= pause(rules(1), "run", "A", attempts("preempted", "app_error", "preempted")) <= 60
    assert pause(rules(1, backoff=2), "run", "A", attempts("image_pull")) <= 2


BUSY = {"exit_codes": [[75, 75], [100, 110]], "count": 2, "backoff": 8}
LOCKED = {"message": "(?i)deadlock|lock timeout", "count": 1, "longest_backoff": 5, "backoff": 100}
MEMORY = {"reasons": ["out_of_memory", "timeout"], "count": 0}
BOTH = {"reasons": ["app_error"], "exit_codes": [[1, 1]], "message": "flaky$", "count": 3}


def failure(why: str = "app_error", code: int | None = None, *, reason: str = "", cause: str = "") -> AttemptRecord:
    return AttemptRecord(1, "S", "FAILED", why, reason, cause, exit_code=code)


@pytest.mark.parametrize(
    ("attempt", "retries", "backoff", "longest"),
    [
        (failure(code=75), 2, 8, 600),
        (failure(code=105), 2, 8, 600),
        (failure(code=111), 7, 4, 600),
        (failure(code=None), 7, 4, 600),
        (failure(cause="ERROR: Deadlock found"), 1, 100, 5),
        (failure(reason="lock timeout after 60 s"), 1, 100, 5),
        (failure(code=75, cause="deadlock"), 2, 8, 600),
        (failure("out_of_memory", 137), 0, 4, 600),
        (failure("timeout"), 0, 4, 600),
        (failure(code=1, cause="it is flaky"), 3, 4, 600),
        (failure("preempted", code=1, cause="it is flaky"), 2, 4, 600),
        (failure(code=2, cause="it is flaky"), 7, 4, 600),
    ],
)
def test_the_first_rule_that_fits_decides(attempt: AttemptRecord, retries: int, backoff: int, longest: int) -> None:
    given = rules(7, backoff=4, longest_backoff=600, rules=[BUSY, LOCKED, MEMORY, BOTH])
    limit = given.limit(attempt)
    assert limit is not None
    assert limit[1:] == (retries, backoff, longest)


def test_each_rule_counts_for_itself() -> None:
    given = rules(1, backoff=4, rules=[BUSY, LOCKED])
    busy, locked, other = failure(code=75), failure(cause="deadlock"), failure(code=1)
    assert goes_on(given, [busy, locked, other, busy], 0)
    assert not goes_on(given, [busy, locked, other, busy, busy], 0)
    assert not goes_on(given, [busy, other, other], 0)
    assert 8 <= pause(given, "run", "A", [busy, locked, other, busy]) <= 16


@pytest.mark.parametrize("why", ["spec_invalid", "permission", "cancelled"])
def test_no_rule_brings_another_attempt_where_none_can_help(why: str) -> None:
    given = rules(9, rules=[{"message": ".", "count": 9}], causes={"infrastructure": 9})
    assert not goes_on(given, [failure(why, reason="no")], 0)
    assert pause(given, "run", "A", [failure(why)]) == 0
