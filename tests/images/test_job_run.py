"""The program that stands around a direct job's own, as a child process, against a stand-in for Snowflake's client."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
IMAGE = HERE.parents[1] / "images" / "runtime"
JOB = {
    "task": "T_J",
    "graph": "g",
    "database": "D",
    "schema": "S",
    "job_runs_table": "JOBS_RUN_STATS",
    "results": '@"D"."S"."JOBS"/runs',
    "predecessors": ["T_A", "T_B"],
    "direct_predecessors": ["T_A"],
    "procedure": '"D"."S"."RUN_JOB"',
}
NAMES = (
    *("JOB_ATTEMPT", "RUN_GROUP_ID", "TASK_NAME", "SCHEDULED_AT", "DATA_INTERVAL_START", "DATA_INTERVAL_END"),
    *("JOB_QUERY_TAG", "RUN_CONFIG", "JOB_RESULTS_STAGE_PATH", "OUTPUTS_T_A", "OUTPUTS_T_B"),
    *("RESULTS_STAGE_PATH_T_A", "RESULTS_STAGE_PATH_T_B"),
)
TELL = f"import json, os; print(json.dumps({{n: os.environ.get(n) for n in {NAMES}}}))"


class Outcome:
    def __init__(self, process: subprocess.CompletedProcess[str], record: Path) -> None:
        self.code, self.out = process.returncode, process.stdout + process.stderr
        lines = record.read_text().splitlines() if record.exists() else []
        self.asked = [json.loads(line) for line in lines]

    @property
    def returned(self) -> list[str]:
        return [entry["binds"][0] for entry in self.asked if "SET_RETURN_VALUE" in entry["asked"]]

    @property
    def told(self) -> dict[str, Any]:
        return dict(json.loads(self.out.splitlines()[-1]))


def run(tmp_path: Path, program: str = TELL, **extra: str) -> Outcome:
    (tmp_path / "token").write_text("abc")
    environment = {
        "SNOWFLAKE_HOST": "127.0.0.1",
        "SNOWFLAKE_ACCOUNT": "A",
        "SNOWFLAKE_TOKEN_FILE_PATH": str(tmp_path / "token"),
        "PYTHONPATH": str(HERE / "stub"),
        "STUB_RECORD": str(tmp_path / "record"),
        "JOB_DIRECT": json.dumps(JOB),
        **extra,
    }
    environment = {name: value for name, value in environment.items() if value}
    # -S: without site-packages, where Snowflake's own client would come first
    command = [sys.executable, "-S", "job_run.py", sys.executable, "-S", "-c", program]
    done = subprocess.run(command, cwd=IMAGE, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return Outcome(done, tmp_path / "record")


def test_the_program_gets_the_variables_that_a_runner_would_have_set(tmp_path: Path) -> None:
    folder = '@"D"."S"."JOBS"/runs/2026-03-01/7'
    outcome = run(tmp_path, STUB_CONFIG='{"market": "eu"}')
    assert outcome.code == 0, outcome.out
    assert outcome.told == {
        "JOB_ATTEMPT": "1",
        "RUN_GROUP_ID": "7",
        "TASK_NAME": "T_J",
        "SCHEDULED_AT": "2026-03-01 12:00:00.000 Z",
        "DATA_INTERVAL_START": "2026-02-28 12:00:00.000 Z",
        "DATA_INTERVAL_END": "2026-03-01 12:00:00.000 Z",
        "JOB_QUERY_TAG": "jobgraph g 7 T_J 1",
        "RUN_CONFIG": '{"market": "eu"}',
        "JOB_RESULTS_STAGE_PATH": f"{folder}/T_J/direct/",
        "OUTPUTS_T_A": '{"n": 1}',
        "OUTPUTS_T_B": '{"n": 1}',
        "RESULTS_STAGE_PATH_T_A": f"{folder}/T_A/direct/",
        "RESULTS_STAGE_PATH_T_B": f"{folder}/T_B/1/",
    }


def test_nothing_that_it_asks_of_a_first_attempt_needs_a_warehouse(tmp_path: Path) -> None:
    asked = [entry["asked"] for entry in run(tmp_path).asked]
    assert not [text for text in asked if "FROM" in text]


def test_an_attempt_after_the_first_asks_the_task_history_which_one_it_is(tmp_path: Path) -> None:
    assert run(tmp_path, STUB_SERVICES="2").told["JOB_ATTEMPT"] == "2"


def test_history_says_which_attempt_of_a_predecessor_left_its_files(tmp_path: Path) -> None:
    assert run(tmp_path, STUB_FILES="1").told["RESULTS_STAGE_PATH_T_B"].endswith("/T_B/3/")


def test_a_backfills_interval_is_the_jobs(tmp_path: Path) -> None:
    config = {"jobgraph": {"backfill": "b", "interval": 1, "start": "2025-01-01 Z", "end": "2025-01-02 Z"}, "x": 1}
    told = run(tmp_path, STUB_CONFIG=json.dumps(config)).told
    assert (told["DATA_INTERVAL_START"], told["DATA_INTERVAL_END"]) == ("2025-01-01 Z", "2025-01-02 Z")
    assert json.loads(told["RUN_CONFIG"]) == {"x": 1}


def test_in_a_run_of_a_part_the_runner_is_asked_what_was_left_out(tmp_path: Path) -> None:
    config = json.dumps({"jobgraph": {"left_out": ["T_A", "T_B"]}, "x": 1})
    outcome = run(tmp_path, STUB_CONFIG=config, STUB_ANSWER='{"results": {"T_A": "@x/7/T_A/direct/", "T_B": ""}}')
    (asked,) = [
        entry["binds"] for entry in outcome.asked if entry["asked"].startswith("CALL") and "RUN" in entry["asked"]
    ]
    assert asked[0] == "T_J"
    assert json.loads(asked[1]) == {
        "root": "ROOT",
        "group": "7",
        "started": "2026-03-01 12:00:00.000 Z",
        "config": config,
    }
    assert json.loads(asked[2]) == JOB
    told = outcome.told
    assert (told["RESULTS_STAGE_PATH_T_A"], told["RESULTS_STAGE_PATH_T_B"]) == ("@x/7/T_A/direct/", None)


def test_a_job_that_is_left_out_does_nothing_and_hands_on_what_it_is_told(tmp_path: Path) -> None:
    config = json.dumps({"jobgraph": {"left_out": ["T_J"]}})
    answer = json.dumps({"left_out": "left out of this run", "value": '1{"n": 9}'})
    outcome = run(tmp_path, "print('ran')", STUB_CONFIG=config, STUB_ANSWER=answer)
    assert (outcome.code, outcome.returned) == (0, ['1{"n": 9}'])
    assert "ran" not in outcome.out.splitlines()
    assert "nothing is done: left out of this run" in outcome.out


def test_a_predecessor_of_which_snowflake_tells_nothing_is_left_out(tmp_path: Path) -> None:
    outcome = run(tmp_path, STUB_FAIL=r"SELECT SYSTEM\$GET_PREDECESSOR")
    assert (outcome.code, outcome.told["OUTPUTS_T_A"], outcome.told["RESULTS_STAGE_PATH_T_A"]) == (0, None, None)


@pytest.mark.parametrize(
    ("program", "returned"),
    [
        ("print('a'); print('{\"n\": 2}')", '{"n": 2}'),
        ("print('{\"n\": 2}', end='\\n\\n \\n')", '{"n": 2}'),
        ("print('{\"n\": 2}', end='')", '{"n": 2}'),
        ("print('{\"n\": NaN}')", '{"status": "DONE", "attempt": 1}'),
        ("print('text')", '{"status": "DONE", "attempt": 1}'),
        ("pass", '{"status": "DONE", "attempt": 1}'),
        (
            "print('{\"n\": \"' + 'x' * 10000 + '\"}')",
            '{"status": "DONE", "attempt": 1, "note": "outputs of more than 10000 bytes are in history"}',
        ),
    ],
)
def test_the_last_line_is_what_the_task_returns(tmp_path: Path, program: str, returned: str) -> None:
    assert run(tmp_path, program).returned == [returned]


def test_a_program_that_fails_returns_nothing_and_its_exit_code_is_the_jobs(tmp_path: Path) -> None:
    outcome = run(tmp_path, "print('{}'); raise SystemExit(7)")
    assert (outcome.code, outcome.returned) == (7, [])


def test_of_several_replicas_the_first_says_what_the_task_returns(tmp_path: Path) -> None:
    assert run(tmp_path, "print('{}')", SNOWFLAKE_JOB_INDEX="1").returned == []
    assert run(tmp_path, "print('{}')", SNOWFLAKE_JOB_INDEX="0").returned == ["{}"]


def test_where_a_runner_tells_the_run_nothing_is_asked(tmp_path: Path) -> None:
    outcome = run(tmp_path, "import os; print(os.environ['JOB_ATTEMPT'])", JOB_DIRECT="", JOB_ATTEMPT="4")
    assert (outcome.code, outcome.out.split(), outcome.asked) == (0, ["4"], [])


def test_a_value_that_snowflake_does_not_take_fails_the_job(tmp_path: Path) -> None:
    outcome = run(tmp_path, "print('{}')", STUB_FAIL="CALL")
    assert (outcome.code, outcome.out.splitlines()[-1]) == (1, "job-run ERROR 091092: refused for some reason")


@pytest.mark.parametrize(
    ("extra", "code", "text"),
    [
        ({"JOB_DIRECT": "{"}, 2, "JOB_DIRECT is not what jobgraph writes"),
        ({"JOB_DIRECT": '{"task": 1}'}, 2, "JOB_DIRECT is not what jobgraph writes"),
        ({"SNOWFLAKE_TOKEN_FILE_PATH": "/nowhere"}, 2, "no way to log in"),
        ({"STUB_FAIL": "connect"}, 1, "could not connect to Snowflake"),
        ({"STUB_FAIL": "SHOW"}, 1, "refused for some reason"),
    ],
)
def test_what_stands_in_the_way_is_said_in_one_line(
    tmp_path: Path, extra: dict[str, str], code: int, text: str
) -> None:
    outcome = run(tmp_path, **extra)
    assert outcome.code == code
    assert text in outcome.out.splitlines()[-1]
    assert "Traceback" not in outcome.out


def test_secrets_are_hidden_in_what_the_task_returns_too(tmp_path: Path) -> None:
    program = "import os, json; print(json.dumps({'t': os.environ['API_TOKEN']}))"
    outcome = run(tmp_path, program, API_TOKEN="correct-horse", JOB_SECRETS='["API_TOKEN"]')
    assert outcome.returned == ['{"t": "[hidden]"}']
