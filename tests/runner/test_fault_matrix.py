from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jobgraph.procedures import direct_jobs, finalize_graph, history, recovery, run_job, service
from tests.reliability import direct, runner

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize("scenario", runner.SCENARIOS, ids=lambda scenario: scenario.name)
def test_whatever_fault_meets_a_statement_each_attempt_has_one_row_and_nothing_runs_on(
    scenario: runner.Scenario,
) -> None:
    cases = list(runner.matrix((scenario,)))
    assert len(cases) > 100
    assert not [case for case in cases if case.problems]
    assert not [case for case in cases if case.more_attempts]


@pytest.mark.parametrize("scenario", direct.SCENARIOS, ids=lambda scenario: scenario.name)
def test_each_direct_attempt_has_one_row_whatever_fault_meets_the_finalizer(
    scenario: direct.Scenario,
) -> None:
    cases = list(direct.matrix((scenario,)))
    assert len(cases) > 50
    assert not [case for case in cases if case.problems]


def _never_stopped(session: Any, name: str) -> dict[str, Any]:
    return service.describe(session, name)


def _not_adopted(session: Any, statement: str) -> tuple[str, bool]:
    session.collect(statement)
    return "", False


def _row_before_logs(session: Any, job: Any, run: Any, attempt: Any, value: str | None = None) -> None:
    RECORD(session, job, run, attempt._replace(containers=()))
    RECORD(session, job, run, attempt, value)


def _inserted_always(*given: Any) -> str:
    return INSERT(*given).partition(" WHERE NOT EXISTS")[0] + " WHERE NOT EXISTS (SELECT 1 FROM T WHERE FALSE)"


def _value_forgotten(session: Any, job: Any, run: Any, attempt: Any, _: str | None = None) -> None:
    RECORD(session, job, run, attempt)


def _always_a_retried_run(*_: Any) -> list[Any]:
    return []


def _no_more_tries(*_: Any) -> bool:
    return False


RECORD = history.record
INSERT = history.insert_statement


@pytest.mark.parametrize(
    ("module", "name", "bug", "told"),
    [
        (recovery, "stop", _never_stopped, "still running"),
        (run_job, "start", _not_adopted, "a fault that passed changed the attempts"),
        (run_job, "record", lambda *_: None, "a fault that passed changed the attempts"),
        (run_job, "record", _row_before_logs, "no log of attempts"),
        (history, "insert_statement", _inserted_always, "rows of attempts [1, 1]"),
        (run_job, "record", _value_forgotten, "no return value was set"),
        (run_job, "of_this_task_run", _always_a_retried_run, "attempts beyond those of an undisturbed run"),
        (recovery, "record", lambda *_: None, "no row for"),
        (run_job, "goes_on", _no_more_tries, "a fault that passed changed the attempts"),
    ],
)
def test_the_matrix_finds_defects(
    module: Any, name: str, bug: Callable[..., Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, bug)
    seen: set[str] = set()
    for case in runner.matrix():
        seen.update(case.problems)
        if any(told in problem for problem in case.problems):
            return
    pytest.fail(f"the bug was not told; what was: {seen}")


def _nothing_recorded(*_: Any) -> tuple[int, list[str]]:
    return 0, []


def _always_the_first(session: Any, graph: Any, root_id: str, since: str) -> Any:
    return [task._replace(number=1) for task in UNRECORDED(session, graph, root_id, since)]


def _without_logs(session: Any, name: str, *_: Any) -> tuple[Any, ...]:
    session.collect(f"SHOW SERVICE CONTAINERS IN SERVICE {name}")
    return ()


UNRECORDED = direct_jobs._unrecorded


@pytest.mark.parametrize(
    ("module", "name", "bug", "told"),
    [
        (finalize_graph, "record_direct", _nothing_recorded, "attempts"),
        (direct_jobs, "stop", _never_stopped, "still running"),
        (direct_jobs, "_unrecorded", _always_the_first, "rows of attempts [1]"),
        (direct_jobs, "containers", _without_logs, "no log of attempts"),
        (history, "insert_statement", _inserted_always, "a log is there twice"),
    ],
)
def test_the_matrix_of_direct_jobs_finds_defects(
    module: Any, name: str, bug: Callable[..., Any], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, name, bug)
    seen: set[str] = set()
    for case in direct.matrix():
        seen.update(case.problems)
        if any(told in problem for problem in case.problems):
            return
    pytest.fail(f"the bug was not told; what was: {seen}")
