"""Statements: texts and binds."""

from __future__ import annotations

import pytest

from jobgraph.account import control_queries, queries, unclosed_queries
from jobgraph.account.queries import Place, Tables
from jobgraph.errors import UsageError
from jobgraph.procedures.requested import backfills
from jobgraph.runs.operations import Operation
from tests.jobgraph.cli.recorded import START

PLACE = Place("DB", "PUBLIC")


def test_values_are_bound() -> None:
    value = "x'; DROP TABLE y; --"
    statements = [
        queries.task_history(PLACE, root_id=value, since=START, task=value, bodies=True),
        queries.run_log(PLACE, Tables(), [value, value], roots_only=True),
        queries.recorded_roots(PLACE, Tables(), 5),
        queries.roots_under_way(PLACE, value),
        queries.attempts(PLACE, Tables(), value, value),
        queries.finished_runs(PLACE, Tables(), [value], 5),
        queries.attempts_of_runs(PLACE, Tables(), [value, value]),
        queries.runs_of_job(PLACE, Tables(), value),
        queries.logs(PLACE, Tables(), value, value, value),
        queries.job_services(PLACE, value, value),
        queries.last_done(PLACE, Tables(), value, value, [value]),
        unclosed_queries.unclosed_ids(PLACE, Tables(), [value, value]),
        control_queries.backfills_of(PLACE, Tables(), value, value),
        control_queries.intervals_of(PLACE, Tables(), [value]),
        control_queries.change_backfill(PLACE, Tables(), value, backfills.PAUSE),
        control_queries.cancel_intervals(PLACE, Tables(), value),
        control_queries.operations_of(PLACE, Tables(), value, 1),
        control_queries.insert_operation(PLACE, Tables(), Operation(value, value, (value,), (value,), value)),
    ]
    for statement in statements:
        assert "DROP" not in statement.text
        assert statement.text.count("?") == len(statement.binds)


@pytest.mark.parametrize("name", ['a"b', "a b", "a;b", "", "1a", "a.b"])
def test_a_name_that_is_no_identifier_reaches_no_statement(name: str) -> None:
    for make in (queries.execute, queries.retry_last, queries.suspend, queries.resume, queries.cancel_task):
        with pytest.raises(UsageError, match="identifier"):
            make(PLACE, name)
    with pytest.raises(ValueError, match="identifier"):
        queries.show_tasks(Place("DB", name))


def test_the_whole_history_of_a_large_graph_is_asked_for() -> None:
    statement = queries.task_history(PLACE, root_id="id", since=START)
    assert "RESULT_LIMIT => 10000" in statement.text
    assert statement.binds == ("DB", "PUBLIC", "id", "2026-03-01T10:00:00+00:00")
    assert "SCHEDULED_TIME_RANGE_START" not in queries.task_history(PLACE, root_id="id").text


def test_statements_that_steer_a_graph() -> None:
    assert queries.execute(PLACE, "ROOT").text == 'EXECUTE TASK "DB"."PUBLIC"."ROOT"'
    assert queries.retry_last(PLACE, "ROOT").text == 'EXECUTE TASK "DB"."PUBLIC"."ROOT" RETRY LAST'
    assert queries.suspend(PLACE, "ROOT").text == 'ALTER TASK "DB"."PUBLIC"."ROOT" SUSPEND'
    assert queries.cancel_task(PLACE, "A").binds == ('"DB"."PUBLIC"."A"',)


def test_services_are_looked_for_by_the_name_that_the_runner_gives_them() -> None:
    from jobgraph.procedures.service import service_name  # noqa: PLC0415  # brings Snowpark, which is slow to import

    pattern = queries.job_services(PLACE, "run", "T_A").text.split("'")[1]
    assert pattern.strip("%") in service_name("run", "T_A", 2)
    assert pattern.strip("%") not in service_name("run", "T_B", 2)
