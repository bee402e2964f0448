"""The event table, SPCS_GET_LOGS and GET_JOB_HISTORY, of real containers; and what becomes of a line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.protocol import logins
from snowflake_sandbox.services import events

from tests.sandbox.services.conftest import ASYNC, Jobs, job

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_lines_are_read_after_the_node_is_gone_and_after_the_drop(jobs: Jobs, tmp_path: Path) -> None:
    jobs.running("J", tmp_path / "gate")
    jobs.rows("SELECT SYSTEM$SANDBOX_LOSE_NODE('P')")
    assert jobs.end("J") == "FAILED"
    (line,) = jobs.rows("SELECT * FROM TABLE(D.S.J!SPCS_GET_LOGS())")
    assert list(line) == ["TIMESTAMP", "INSTANCE_ID", "CONTAINER_NAME", "LOG", "RECORD_ATTRIBUTES"]
    assert (line["INSTANCE_ID"], line["CONTAINER_NAME"], line["LOG"]) == (0, "main", "running")
    assert json.loads(line["RECORD_ATTRIBUTES"]) == {"log.iostream": "stdout"}
    jobs.run("DROP SERVICE J")
    assert jobs.error("SELECT * FROM TABLE(J!SPCS_GET_LOGS())").errno == 2003
    (row,) = jobs.rows(
        'SELECT VALUE, RECORD_TYPE, RESOURCE_ATTRIBUTES:"snow.service.name"::varchar AS NAME,'
        ' RESOURCE_ATTRIBUTES:"snow.compute_pool.name"::varchar AS POOL FROM SNOWFLAKE.TELEMETRY.EVENTS AS E'
        " WHERE RESOURCE_ATTRIBUTES:\"snow.service.name\" = 'J' AND RECORD_TYPE = 'LOG'"
    )
    assert row == {"VALUE": '"running"', "RECORD_TYPE": "LOG", "NAME": "J", "POOL": "P"}


def test_lines_come_newest_first_and_within_a_range(jobs: Jobs) -> None:
    jobs.run(job("J", "lines", "3"))
    found = jobs.rows("SELECT LOG FROM TABLE(J!SPCS_GET_LOGS()) AS L WHERE LOG <> 'line 1!'")
    assert [row["LOG"] for row in found] == ["line 2", "line 1", "line 0"]
    jobs.clock.move(timedelta(days=2).total_seconds())
    assert jobs.rows("SELECT LOG FROM TABLE(J!SPCS_GET_LOGS())") == []
    long_ago = "SELECT COUNT(*) AS N FROM TABLE(J!SPCS_GET_LOGS(START_TIME => '2026-01-01 00:00:00'::timestamp_ltz))"
    assert jobs.rows(long_ago)[0]["N"] == 3


@pytest.mark.parametrize(("level", "expected"), [("INFO", ["out", "err"]), ("ERROR", ["err"]), ("NONE", [])])
def test_the_exporter_chooses_the_streams(jobs: Jobs, level: str, expected: list[str]) -> None:
    jobs.run(job("J", "streams", exporters={"eventTableConfig": {"logLevel": level}}))
    found = jobs.rows('SELECT LOG, RECORD_ATTRIBUTES:"log.iostream"::varchar AS S FROM TABLE(J!SPCS_GET_LOGS())')
    assert sorted(row["LOG"] for row in found) == sorted(expected)
    assert sorted(jobs.log("J").split()) == ["err", "out"]
    if level == "ERROR":
        assert found[0]["S"] == "stderr"


def test_an_unknown_level_is_refused(jobs: Jobs) -> None:
    error = jobs.error(job("J", exporters={"eventTableConfig": {"logLevel": "LOUD"}}))
    assert "logLevel must be INFO, ERROR or NONE" in error.message


def test_who_may_read(jobs: Jobs) -> None:
    jobs.run(job("J", "lines", "1"), "CREATE ROLE R1")
    jobs.run("GRANT USAGE ON DATABASE D TO ROLE R1", "GRANT USAGE ON SCHEMA D.S TO ROLE R1")
    session = logins.open_session(
        jobs.world, logins.ADMINISTRATOR, "R1", warehouse="FOR_EVERYBODY", database="D", schema="S"
    )
    assert jobs.error("SELECT * FROM TABLE(J!SPCS_GET_LOGS())", session).errno in (2003, 3001)
    assert jobs.error("SELECT * FROM SNOWFLAKE.TELEMETRY.EVENTS", session).errno == 2003
    assert jobs.rows("SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY())", session) == []
    jobs.run("GRANT MONITOR ON SERVICE J TO ROLE R1")
    assert len(jobs.rows("SELECT * FROM TABLE(J!SPCS_GET_LOGS())", session)) == 1


def test_the_history_of_jobs_keeps_dropped_ones(jobs: Jobs) -> None:
    jobs.run(job("A", "lines", "1"), "DROP SERVICE A", job("B", "fail", "3", options=ASYNC))
    assert jobs.end("B") == "FAILED"
    found = jobs.rows("SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY(RESULT_LIMIT => 10))")
    assert [(row["NAME"], row["STATUS"], row["MESSAGE"]) for row in found] == [
        ("B", "FAILED", "Job has failed"),
        ("A", "DONE", "Job is completed"),
    ]
    assert found[1]["DELETED_TIME"] is not None
    assert found[0]["DELETED_TIME"] is None
    main = json.loads(found[0]["INSTANCE_STATUSES"])["0"]["containers"]["main"]
    assert (main["lastExitCode"], len(main["imageSha256"])) == (3, 64)
    jobs.clock.move(timedelta(days=31).total_seconds())
    jobs.world.parts["services"].remove_old()
    assert jobs.rows("SELECT * FROM TABLE(SNOWFLAKE.SPCS.GET_JOB_HISTORY())") == []


def test_other_methods_are_refused_by_name(jobs: Jobs) -> None:
    jobs.run(job("J", "lines", "1"))
    assert "SPCS_GET_EVENTS" in jobs.error("SELECT * FROM TABLE(J!SPCS_GET_EVENTS())").message


def collected(tmp_path: Path, *pieces: bytes, level: str = "INFO") -> list[str]:
    collector = events.Collector(tmp_path / "lines", lambda: NOW, level)
    for piece in pieces:
        collector.take("stdout", piece)
    collector.close()
    return [line.text for line in events.read(tmp_path / "lines")]


def test_lines_are_cut_where_they_end(tmp_path: Path) -> None:
    assert collected(tmp_path, b"a", b"b\nc\r\n\n", b"\xff\xe2\x80\xa8last") == ["ab", "c", "", "\ufffd\u2028last"]


def test_a_record_is_at_most_sixteen_kibibytes(tmp_path: Path) -> None:
    assert [len(text) for text in collected(tmp_path, b"x" * 20_000, b"y\n")] == [16_384, 1]


def test_a_container_gets_a_bounded_part_of_the_table(tmp_path: Path) -> None:
    lines = b"".join(b"%06d\n" % number for number in range(40_000))
    texts = collected(tmp_path, lines, lines)
    assert texts == [f"{number:06d}" for number in range(len(texts))]
    assert (tmp_path / "lines").stat().st_size <= events.MOST_BYTES
    assert collected(tmp_path, b"after a restart\n") == texts


@pytest.mark.parametrize(
    ("text", "value", "attributes"),
    [
        ("plain", "plain", {}),
        ('{"body": {"a": 1}, "attributes": {"k": [1]}, "severity_text": "warn"}', {"a": 1}, {"k": [1]}),
        ('{"rows_written": 1}', '{"rows_written": 1}', {}),
        ("{" * 100_000, "{" * 100_000, {}),
    ],
)
def test_structured_lines_are_taken_apart(text: str, value: Any, attributes: dict[str, Any]) -> None:
    found = events.record(events.Line(NOW, "stderr", text))
    assert (found.value, found.attributes) == (value, {"log.iostream": "stderr", **attributes})
    assert found.instant == NOW.replace(tzinfo=None)


def test_a_structured_line_states_its_own_instant_and_severity() -> None:
    text = (
        '{"body": "x", "timestamp": "2025-01-01T13:34:56.789+01:00", "severity_text": "DEBUG", "scope": {"name": "s"}}'
    )
    found = events.record(events.Line(NOW, "stdout", text))
    assert found.instant == datetime(2025, 1, 1, 12, 34, 56, 789_000)  # noqa: DTZ001  # UTC without a zone, as there
    assert (found.record, found.scope) == ({"severity_number": 5, "severity_text": "DEBUG"}, {"name": "s"})


def test_a_line_half_written_by_a_kill_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "0-main.jsonl"
    whole = '{"instant": "2026-01-02T03:04:05+00:00", "stream": "stdout", "text": "kept"}\n'
    # The container that starts again after the kill appends to the same file.
    path.write_text(f'{whole}{{"instant": "2026-01-02T03:04:05+00:00", "text": "{{}}{whole}{whole}')
    assert [line.text for line in events.read(path)] == ["kept", "kept"]
