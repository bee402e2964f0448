"""The container's program as a child process, as the platform runs it, against a stand-in for Snowflake's client."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from dockerfile_parse import DockerfileParser

HERE = Path(__file__).parent
IMAGE = HERE.parents[1] / "images" / "my_job"
ARGUMENTS = ("--query=select current_time() as time,'hello'", "--result_table=results_1")
CONTAINER = {
    "SNOWFLAKE_HOST": "127.0.0.1",
    "SNOWFLAKE_PORT": "8080",
    "SNOWFLAKE_PROTOCOL": "http",
    "SNOWFLAKE_ACCOUNT": "LOCAL-SANDBOX",
    "SNOWFLAKE_DATABASE": "DB",
    "SNOWFLAKE_SCHEMA": "SC",
    "SNOWFLAKE_WAREHOUSE": "WH",
}


class Outcome:
    def __init__(self, process: subprocess.CompletedProcess[str], record: Path) -> None:
        self.code, self.out, self.err = process.returncode, process.stdout, process.stderr
        self.record: dict[str, Any] = {}
        for line in record.read_text().splitlines() if record.exists() else []:
            self.record |= json.loads(line)


def run(tmp_path: Path, arguments: tuple[str, ...] = ARGUMENTS, *, token: str | None = None, **extra: str) -> Outcome:
    record, token_file = tmp_path / "record", tmp_path / "token"
    if token is not None:
        token_file.write_text(token)
    environment = {
        **CONTAINER,
        "SNOWFLAKE_TOKEN_FILE_PATH": str(token_file),
        "PYTHONPATH": str(HERE / "stub"),
        "STUB_RECORD": str(record),
        **extra,
    }
    # -S: without site-packages, where Snowflake's own client would come first
    command = [sys.executable, "-S", "main.py", *arguments]
    process = subprocess.run(
        command, cwd=IMAGE, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    return Outcome(process, record)


def test_with_a_token_the_result_is_appended_and_the_last_line_is_json(tmp_path: Path) -> None:
    outcome = run(tmp_path, token="abc\n", JOB_ATTEMPT="2", RUN_GROUP_ID="run-1")
    assert outcome.code == 0, outcome.out + outcome.err
    lines = outcome.out.splitlines()
    assert json.loads(lines[-1]) == {"rows_written": 3, "result_table": "results_1"}
    assert lines[0] == "my-job INFO started, attempt 2 of run run-1"
    assert outcome.record["query"] == "INSERT INTO results_1 select current_time() as time,'hello'"
    assert (outcome.record["mode"], outcome.record["table"], outcome.record["limit"]) == ("append", "results_1", 0)
    assert outcome.record["closed"]
    assert outcome.record["connect"] == {
        "account": "LOCAL-SANDBOX",
        "host": "127.0.0.1",
        "port": 8080,
        "protocol": "http",
        "database": "DB",
        "schema": "SC",
        "warehouse": "WH",
        "authenticator": "oauth",
        "token": "abc",
    }


def test_without_a_token_user_and_password_of_the_environment_log_in(tmp_path: Path) -> None:
    outcome = run(tmp_path, SNOWFLAKE_USER="ANNA", SNOWFLAKE_PASSWORD="s3cret", SNOWFLAKE_ROLE="R")
    assert outcome.code == 0, outcome.out + outcome.err
    connect = outcome.record["connect"]
    assert (connect["user"], connect["password"], connect["role"]) == ("ANNA", "s3cret", "R")
    assert "s3cret" not in outcome.out + outcome.err


def test_its_statements_carry_the_tag_of_the_attempt(tmp_path: Path) -> None:
    outcome = run(tmp_path, token="abc", JOB_QUERY_TAG="jobgraph g run-1 T_A 2")
    assert outcome.record["connect"]["session_parameters"] == {"QUERY_TAG": "jobgraph g run-1 T_A 2"}


def test_without_a_runner_it_asks_for_its_run_and_says_what_the_task_returns(tmp_path: Path) -> None:
    direct = json.dumps({"graph": "g", "task": "T_A", "predecessors": ["T_B"]})
    outcome = run(tmp_path, token="abc", JOB_DIRECT=direct)
    assert outcome.code == 0, outcome.out + outcome.err
    assert "my-job INFO run 7, for what came in from the beginning to now" in outcome.out.splitlines()
    assert 'my-job INFO T_B returned {"n": 1}' in outcome.out.splitlines()
    assert outcome.record["GET_PREDECESSOR_RETURN_VALUE"] == ["T_B"]
    assert outcome.record["SET_RETURN_VALUE"] == [outcome.out.splitlines()[-1]]


def test_the_token_is_never_logged(tmp_path: Path) -> None:
    for fail in ("", "connect", "query"):
        outcome = run(tmp_path, token="t0ken", STUB_FAIL=fail)
        assert "t0ken" not in outcome.out + outcome.err


@pytest.mark.parametrize("fail", ["connect", "query"])
def test_a_refusal_by_snowflake_ends_with_1_and_one_line_that_says_why(tmp_path: Path, fail: str) -> None:
    outcome = run(tmp_path, token="abc", STUB_FAIL=fail)
    assert outcome.code == 1
    assert re.fullmatch(r"my-job ERROR error from Snowflake: .*", outcome.out.splitlines()[-1])
    assert "Traceback" not in outcome.out + outcome.err


def test_a_session_that_does_not_close_fails_nothing_that_is_done(tmp_path: Path) -> None:
    outcome = run(tmp_path, token="abc", STUB_FAIL="close")
    assert outcome.code == 0
    assert "WARNING the session was not closed" in outcome.out
    assert json.loads(outcome.out.splitlines()[-1])["rows_written"] == 3


def test_no_way_to_log_in_ends_with_2(tmp_path: Path) -> None:
    outcome = run(tmp_path, SNOWFLAKE_USER="ANNA")
    assert outcome.code == 2
    assert "no SNOWFLAKE_PASSWORD in the environment" in outcome.out
    assert not outcome.record


@pytest.mark.parametrize(
    "arguments",
    [(), ("--query=select 1",), (*ARGUMENTS, "--more"), (ARGUMENTS[0], "--result_table=a; b")],
)
def test_wrong_arguments_end_with_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    outcome = run(tmp_path, arguments, token="abc")
    assert outcome.code == 2
    assert "usage:" in outcome.err


def test_the_image_says_what_the_sandbox_and_the_registry_look_for() -> None:
    parser = DockerfileParser(path=str(IMAGE / "Dockerfile"))
    assert parser.labels["org.opencontainers.image.title"] == "my_job_image"
    assert parser.labels["org.opencontainers.image.version"] == "1.1.0"
    assert parser.baseimage == "python:3.11-slim"
    entries = {entry["instruction"]: entry["value"] for entry in parser.structure}
    assert json.loads(entries["ENTRYPOINT"]) == ["python3", "main.py"]
    assert re.search(r"snowflake-snowpark-python==\d", entries["RUN"])


def test_the_specification_names_the_image_and_both_arguments() -> None:
    (container,) = yaml.safe_load((IMAGE / "my_job_spec.yaml").read_text())["spec"]["containers"]
    assert container["image"] == "/pr_container_orchestration/public/images/my_job_image:1.1.0"
    assert [argument.partition("=")[0] for argument in container["args"]] == ["--query", "--result_table"]
