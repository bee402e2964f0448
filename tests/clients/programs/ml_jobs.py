"""snowflake.ml.jobs: functions, files and folders as jobs; results, errors, logs, cancellation, a job as a task."""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

from snowflake.ml import jobs
from snowflake.snowpark import Session
from steps import LOGIN, raises, step

session = Session.builder.configs(LOGIN).create()
for statement in (
    "CREATE DATABASE ML",
    "CREATE WAREHOUSE WH",
    "CREATE COMPUTE POOL CP MIN_NODES = 1 MAX_NODES = 2 INSTANCE_FAMILY = CPU_X64_S",
    "CREATE STAGE SRC ENCRYPTION = (TYPE = 'SNOWFLAKE_SSE')",
):
    session.sql(statement).collect()
OPTIONS = {"stage_name": "payload_stage"}
SECONDS = 240


@jobs.remote("CP", **OPTIONS)
def hello(name: str = "world") -> dict[str, Any]:
    print(f"Hello {name}!")  # noqa: T201  # the log of the job
    return {"name": name}


@jobs.remote("CP", **OPTIONS)
def broken() -> None:
    raise ValueError("oh no")


@jobs.remote("CP", **OPTIONS, pip_requirements=["iniconfig==2.0.0"])
def with_package() -> str:
    import iniconfig  # noqa: PLC0415  # installed for the job alone

    return Path(iniconfig.__file__).parts[-3]


@jobs.remote("CP", **OPTIONS, target_instances=2)
def replicated() -> int:
    return 2


@jobs.remote("CP", **OPTIONS)
def slow() -> None:
    time.sleep(300)


def ended(job: Any) -> tuple[str, str]:
    return job.wait(SECONDS), job.get_logs().strip()


def as_task() -> str:
    body = hello.to_sql(job_args=[])
    session.sql(f"CREATE TASK ML_TASK WAREHOUSE = WH AS {body}").collect()
    session.sql("EXECUTE TASK ML_TASK").collect()
    history = "SELECT STATE FROM TABLE(INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => 'ML_TASK')) WHERE STATE IN"
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        rows = session.sql(f"{history} ('SUCCEEDED', 'FAILED')").collect()
        if rows:
            return str(rows[0][0])
        time.sleep(0.5)
    return "never"


folder = Path(tempfile.mkdtemp())
(folder / "script.py").write_text("import os, sys, helper\nprint(helper.WORD, *sys.argv[1:], os.environ.get('MINE'))\n")
(folder / "helper.py").write_text("WORD = 'helped'\n")
alone = folder / "alone.py"
alone.write_text("import sys\nprint('args', *sys.argv[1:])\n")

job = step("remote", lambda: hello("developer"))
step("wait and logs", lambda: ended(job), ("DONE", "Hello developer!"))
step("result", job.result, {"name": "developer"})
failed = step("remote that raises", broken)
step("raised error", lambda: raises(failed.result, "oh no"), expected=True)
file_job = step("submit_file", lambda: jobs.submit_file(str(alone), "CP", **OPTIONS, args=["a", "--b"]))
step("its log", lambda: ended(file_job), ("DONE", "args a --b"))
settings = {**OPTIONS, "entrypoint": "script.py", "args": ["x"], "env_vars": {"MINE": "mine"}}
folder_job = step("submit_directory", lambda: jobs.submit_directory(str(folder), "CP", **settings))
step("its log with a variable", lambda: ended(folder_job), ("DONE", "helped x mine"))
packaged = step("pip_requirements", with_package)
step("package in the job's own folder", packaged.result, "site-packages")
twice = step("two instances", replicated)
step("result of the first", twice.result, 2)
step("list_jobs", lambda: len(jobs.list_jobs()) >= 1 if hasattr(jobs.list_jobs(), "index") else True, expected=True)
step("get_job", lambda: jobs.get_job(job.id).status, "DONE")
if hasattr(hello, "to_sql"):
    (folder / "each.py").write_text(
        "import os\nprint(os.environ['SNOWFLAKE_JOB_INDEX'], os.environ['SNOWFLAKE_JOBS_COUNT'])\n"
    )
    each = step(
        "parallel instances",
        lambda: jobs.submit_file(
            str(folder / "each.py"), "CP", **OPTIONS, target_instances=2, min_instances=2, parallel=True
        ),
    )
    step("exit codes of each", lambda: each.distributed_result(SECONDS).exit_codes, {0: 0, 1: 0})
    step("log of the second", lambda: each.get_logs(instance_id=1).strip(), "1 2")
    session.file.put(str(folder / "*.py"), "@SRC/code/", auto_compress=False)
    stage_settings = {**OPTIONS, "entrypoint": "script.py", "args": ["s"]}
    staged = step("submit_from_stage", lambda: jobs.submit_from_stage("@SRC/code/", "CP", **stage_settings))
    step("its log from the stage", lambda: ended(staged), ("DONE", "helped s None"))
    running = step("a long job", slow)
    step("cancel", running.cancel)
    step("cancelled", lambda: running.wait(SECONDS), "CANCELLED")
    step("as a task", as_task, "SUCCEEDED")
step("delete_job", lambda: jobs.delete_job(job.id))
