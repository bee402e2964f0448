from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from snowflake.snowpark import Row

from procedures import finalize_graph
from tests.procedures.recording import NOW, RecordingSession, sql_error

DEFINITION: dict[str, Any] = {
    "graph": "container_jobs",
    "database": "DB",
    "schema": "SC",
    "task_runs_table": "TASK_LOGGING_STATS",
    "task_runs_function": "TASK_GRAPH_RUN_STATS",
    "keep_services_days": 1,
}


def service(name: str, days: float, status: str = "DONE", comment: str = "jobgraph container_jobs run-0") -> Row:
    return Row(name=name, status=status, comment=comment, created_on=NOW - timedelta(days=days))


def close(session: RecordingSession) -> dict[str, Any]:
    result = finalize_graph.main(session, json.dumps(DEFINITION))  # type: ignore[arg-type]  # a stand-in
    return dict(json.loads(result))


def test_the_run_is_copied_once_without_the_finalizer_itself() -> None:
    session = RecordingSession()
    session.tasks_in_history = 7
    assert close(session)["tasks_in_history"] == 7
    ((statement, binds),) = [entry for entry in session.statements if entry[0].startswith("INSERT")]
    assert 'FROM TABLE("DB"."SC"."TASK_GRAPH_RUN_STATS"(?, ?::timestamp_ltz))' in statement
    assert "WHERE S.GRAPH_RUN_GROUP_ID = ? AND S.NAME <> ?" in statement
    assert "AND NOT EXISTS (SELECT 1 FROM" in statement
    assert binds == ["ROOT_TASK", "root-uuid", "2026-03-01 11:59:00.000 +0000", "run-1", "GET_GRAPH_STATS"]


def test_only_old_finished_services_of_this_graph_are_dropped_oldest_first() -> None:
    session = RecordingSession()
    session.job_services = [
        service("OLD", 2),
        service("OLDEST", 9, "FAILED"),
        service("NEW", 0.5),
        service("RUNNING", 5, "RUNNING"),
        service("FOREIGN", 5, comment="something else"),
        service("OTHER_GRAPH", 5, comment="jobgraph container_jobs_2 run-0"),
    ]
    assert close(session)["services_dropped"] == 2
    assert session.sent("DROP") == ["DROP SERVICE IF EXISTS DB.SC.OLDEST", "DROP SERVICE IF EXISTS DB.SC.OLD"]


def test_the_sweep_is_bounded() -> None:
    session = RecordingSession()
    session.job_services = [service(f"S_{number}", 3) for number in range(finalize_graph.MOST_DROPS + 50)]
    assert close(session)["services_dropped"] == finalize_graph.MOST_DROPS


def test_a_service_that_cannot_be_dropped_is_named_and_fails_nothing() -> None:
    def fault(text: str) -> None:
        if text.endswith(".BAD"):
            raise sql_error("Insufficient privileges")

    session = RecordingSession(fault=fault)
    session.job_services = [service("BAD", 3), service("GOOD", 2)]
    result = close(session)
    assert result["services_dropped"] == 1
    assert "DB.SC.BAD" in result["not_dropped"][0]
    assert "Insufficient privileges" in result["not_dropped"][0]
