"""Runs a job's program in the same way whoever started the container: with the variables of its run, and its outputs.

    python3 job_run.py COMMAND [ARGUMENT ...]

A container that a runner started (`runner: managed`) gets its run, attempt, interval and predecessors' values in
variables, and the runner reads its outputs from its log, so the command simply replaces this process. A container that
is its task's own statement (`runner: direct`) gets only JOB_DIRECT, which jobgraph's specification sets. Then this
program queries Snowflake for the rest and sets the same variables for the command. If the command ends with 0, the last
line of its output becomes the task's return value, for `when` and for the jobs that follow.

To have the same in your own image, copy this file, `job_session.py`, `masking.py` and `verdicts.py` into it.

Ends with the command's exit code, 1 if Snowflake refuses something, 2 if called or configured incorrectly.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn

import job_session  # type: ignore[import-not-found]  # next to this file in the image, in no package
import masking  # type: ignore[import-not-found]  # as above
import verdicts  # type: ignore[import-not-found]  # as above

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

FAILED, MISUSED = 1, 2
DIRECT = "JOB_DIRECT"
# docs.snowflake.com/en/sql-reference/functions/system_set_return_value: 10 kB
MOST_RETURN_BYTES = 10_000
# none of these needs a warehouse: SELECT without FROM, SHOW, LIST
RUN = (
    "SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID') AS RUN_GROUP,"
    " SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP') AS STARTED,"
    " SYSTEM$TASK_RUNTIME_INFO('LAST_SUCCESSFUL_TASK_GRAPH_ORIGINAL_SCHEDULED_TIMESTAMP') AS SINCE"
)
ROOT = "SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_ROOT_TASK_NAME') AS ROOT"
CONFIG = "SELECT SYSTEM$GET_TASK_GRAPH_CONFIG() AS CONFIG"
RETURNED = "SELECT SYSTEM$GET_PREDECESSOR_RETURN_VALUE(?) AS VALUE"
# the key of a run's configuration that jobgraph reserves for itself
REQUEST = "jobgraph"
KINDS = {"left_out": list, "backfill": str, "interval": int, "start": str, "end": str}
INTERVAL_LIMIT = 10**9
SET_RETURN_VALUE = "CALL SYSTEM$SET_RETURN_VALUE(?)"
log = logging.getLogger("job-run")


class MisuseError(Exception):
    """The environment is invalid, so that nothing can be run."""


class LeftOut(Exception):  # noqa: N818  # not an error: the run continues without the job
    """The run continues without this job; `value` is the return value of its task."""

    def __init__(self, why: str, value: str) -> None:
        super().__init__(why)
        self.value = value


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of the run that the environment lacks; none for a container that a runner started.

    Raises:
        MisuseError: if JOB_DIRECT is not as jobgraph writes it.
        LeftOut: if the run was requested without the job, or another run has its interval.
        job_session.NoLoginError: if there is no way to log in.
        job_session.RefusedError: if Snowflake refuses a query.
    """
    if DIRECT not in environment:
        return {}
    try:
        job = json.loads(environment[DIRECT])
        texts = [job[name] for name in ("task", "graph", "database", "schema", "job_runs_table", "results")]
    except (ValueError, TypeError, KeyError) as error:
        raise MisuseError(f"{DIRECT} is not what jobgraph writes: {error!r}") from None
    if not all(isinstance(text, str) for text in texts):
        raise MisuseError(f"{DIRECT} is not what jobgraph writes: {job}")
    with job_session.connected() as connection:
        return _Asking(connection, job).facts()


class _Asking:
    """The queries about the run of a job; `job` is the content of JOB_DIRECT."""

    def __init__(self, connection: Any, job: Mapping[str, Any]) -> None:
        self._connection, self._job = connection, job
        row = self._rows(RUN)[0]
        self._group, self._started, self._since = str(row["RUN_GROUP"]), str(row["STARTED"]), str(row["SINCE"] or "")
        self._place = f'"{job["database"]}"."{job["schema"]}"'
        self._folder = f"{job['results']}/{self._started[:10]}/{self._group}"

    def _rows(self, statement: str, *binds: Any) -> list[dict[str, Any]]:
        cursor = self._connection.cursor()
        with job_session.refusals():
            cursor.execute(statement, binds)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def facts(self) -> dict[str, str]:
        """Return the variables that a runner would have set."""
        job, attempt = self._job, self._attempt()
        text = str(self._rows(CONFIG)[0]["CONFIG"] or "")
        request, config = split_config(text)
        elsewhere = self._requested(text) if request else {}
        facts = {
            "JOB_ATTEMPT": str(attempt),
            "RUN_GROUP_ID": self._group,
            "TASK_NAME": job["task"],
            "SCHEDULED_AT": self._started,
            "DATA_INTERVAL_START": str(request.get("start") or self._since),
            "DATA_INTERVAL_END": str(request.get("end") or self._started),
            "JOB_QUERY_TAG": f"jobgraph {job['graph']} {self._group} {job['task']} {attempt}",
            # the jobs that follow cannot know the number of the attempt, so all attempts share a folder
            "JOB_RESULTS_STAGE_PATH": f"{self._folder}/{job['task']}/direct/",
            **({"RUN_CONFIG": config} if config else {}),
        }
        for name in job.get("predecessors", ()):
            value = self._returned(name)
            if value is not None:
                number = "direct" if name in job.get("direct_predecessors", ()) else self._done_attempt(name)
                facts[f"OUTPUTS_{name}"] = value
                # a predecessor that was left out and has never run has no files anywhere
                if folder := elsewhere.get(name, f"{self._folder}/{name}/{number}/"):
                    facts[f"RESULTS_STAGE_PATH_{name}"] = folder
        return facts

    def _requested(self, config: str) -> dict[str, str]:
        """Query what this job must do in a run of a part of the graph or of an interval, and only then: it costs time.

        Returns the folders of the predecessors that were left out.

        Raises:
            LeftOut: if it must do nothing.
        """
        root = self._rows(ROOT)[0]["ROOT"]
        facts = {"root": str(root), "group": self._group, "started": self._started, "config": config}
        texts = (self._job["task"], json.dumps(facts), json.dumps(self._job))
        (row,) = self._rows(f"CALL {self._job['procedure']}(?, ?, ?)", *texts)
        answer = json.loads(next(iter(row.values())))
        if "left_out" in answer:
            raise LeftOut(answer["left_out"], answer["value"])
        results: dict[str, str] = answer["results"]
        return results

    def _attempt(self) -> int:
        """Return which attempt of the job this is: 1, unless its graph run is being retried.

        The task history, which requires a running warehouse, is only queried if another service of the job has been
        created since the run began.
        """
        job, since = self._job, _instant(self._started)
        mark = f"jobgraph {job['graph']} direct {job['task']}"
        services = self._rows(f"SHOW JOB SERVICES IN SCHEMA {self._place}")
        if sum(row["comment"] == mark and row["created_on"] >= since for row in services) <= 1:
            return 1
        history = f'"{job["database"]}".INFORMATION_SCHEMA.TASK_HISTORY(TASK_NAME => ?, RESULT_LIMIT => 10000)'
        statement = (
            f"SELECT COUNT(*) AS ATTEMPTS FROM TABLE({history}) WHERE GRAPH_RUN_GROUP_ID = ? AND DATABASE_NAME = ?"
            " AND SCHEMA_NAME = ? AND QUERY_START_TIME IS NOT NULL AND STATE <> 'SKIPPED'"
        )
        rows = self._rows(statement, job["task"], self._group, job["database"], job["schema"])
        return max(1, int(rows[0]["ATTEMPTS"]))

    def _returned(self, name: str) -> str | None:
        """Return a predecessor's return value; `None` if Snowflake has none because its task is suspended."""
        try:
            value = self._rows(RETURNED, name)[0]["VALUE"]
        except job_session.RefusedError as error:
            log.warning("nothing is known of %s: %s", name, error)
            return None
        return json.dumps({"status": "DONE"}) if value is None else verdicts.without_verdicts(str(value))

    def _done_attempt(self, name: str) -> int:
        """Return which attempt of a predecessor succeeded; its history is only queried if it has left any files."""
        if not self._rows(f"LIST {self._folder}/{name}/"):
            return 1
        statement = (
            f'SELECT MAX(ATTEMPT) AS ATTEMPT FROM {self._place}."{self._job["job_runs_table"]}"'
            " WHERE GRAPH_RUN_ID = ? AND TASK_NAME = ? AND JOB_STATUS = 'DONE'"
        )
        return int(self._rows(statement, self._group, name)[0]["ATTEMPT"] or 1)


def split_config(text: str) -> tuple[dict[str, Any], str]:
    """Return what a run was requested with besides its values, e.g. a backfill's interval; and the values, as JSON."""
    try:
        values = json.loads(text) if text else {}
        if not isinstance(values, dict) or not _is_request(values.get(REQUEST)):
            return {}, text
        request = values.pop(REQUEST)
        return request, json.dumps(values) if values else ""
    except (ValueError, RecursionError):
        return {}, text


def _is_request(entry: Any) -> bool:
    """Return whether an entry has the form of a request; others may set any value under the same key."""
    if not isinstance(entry, dict):
        return False
    values = {name: value for name, value in entry.items() if name in KINDS and value is not None}
    if any(type(value) is not KINDS[name] for name, value in values.items()):
        return False
    texts = [*values.get("left_out", ()), *(values.get(name, "") for name in ("backfill", "start", "end"))]
    # half of a surrogate pair can be neither printed nor sent
    return (
        all(isinstance(text, str) and not re.search("[\ud800-\udfff]", text) for text in texts)
        and 0 <= values.get("interval", 0) < INTERVAL_LIMIT
    )


def _instant(text: str) -> datetime:
    """Parse a time that Snowflake writes as `2026-03-01 11:59:00.000 Z` or with an offset at its end."""
    head, _, zone = text.rpartition(" ")
    return datetime.fromisoformat(head + (zone if zone[:1] in "+-" else "+0000"))


def task_value(last_line: str, environment: Mapping[str, str]) -> str:
    """Return the task's return value: verdicts on the conditions of the jobs that follow, and the job's outputs."""
    line = last_line.strip()
    conditions = json.loads(environment[DIRECT]).get("conditions", ())
    prefix = str(verdicts.verdicts(line if _is_object(line) else "", conditions))
    return prefix + returned_value(line, environment["JOB_ATTEMPT"])


def returned_value(last_line: str, attempt: str) -> str:
    """Return the outputs, or that there are none, in the runner's words."""
    line = last_line.strip()
    if len(line.encode()) > MOST_RETURN_BYTES and _is_object(line):
        note = f"outputs of more than {MOST_RETURN_BYTES} bytes are in history"
        return json.dumps({"status": "DONE", "attempt": int(attempt), "note": note})
    return line if _is_object(line) else json.dumps({"status": "DONE", "attempt": int(attempt)})


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line, parse_constant=_refuse), dict)
    except (ValueError, RecursionError):
        return False


def _refuse(constant: str) -> float:
    # NaN and Infinity are not JSON: the jobs that follow could not read them
    raise ValueError(constant)


def run(command: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Run a command in place of this process, or as its child if something must be done afterwards; ends with its code.

    Raises:
        ValueError: if JOB_SECRETS is not a JSON list.
        job_session.RefusedError: if Snowflake refuses the task's return value.
        OSError: if there is no such program.
    """
    secrets = masking.secret_values(environment)
    direct = DIRECT in environment and environment.get("SNOWFLAKE_JOB_INDEX", "0") == "0"
    if not secrets and not direct:
        # no shell: the command gets exactly the job's arguments
        os.execvpe(command[0], list(command), dict(environment))  # noqa: S606  # as above
    code, last_line = masking.run(command, environment, secrets)
    if code == 0 and direct:
        with job_session.connected() as connection:
            connection.cursor().execute(SET_RETURN_VALUE, [task_value(last_line, environment)])
    sys.exit(code)


def leave_out(reason: LeftOut) -> NoReturn:
    """End successfully without running the command; the task returns the value that it would pass on."""
    log.warning("nothing is done: %s", reason)
    if os.environ.get("SNOWFLAKE_JOB_INDEX", "0") == "0":
        with job_session.connected() as connection:
            connection.cursor().execute(SET_RETURN_VALUE, [reason.value])
    sys.exit(0)


def main(command: Sequence[str]) -> NoReturn:
    """Run the command, or end with an exit code that shows why not."""
    logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="%(name)s %(levelname)s %(message)s")
    if not command:
        sys.exit(f"usage: {sys.argv[0]} COMMAND [ARGUMENT ...]")
    try:
        run(command, {**os.environ, **variables(os.environ)})
    except LeftOut as reason:
        leave_out(reason)
    except (MisuseError, ValueError, OSError, job_session.NoLoginError) as error:
        log.error("%s", error)  # noqa: TRY400  # the text is complete; a traceback would only hide it
        sys.exit(MISUSED)
    except job_session.RefusedError as error:
        log.error("%s", error)  # noqa: TRY400  # as above
        sys.exit(FAILED)


if __name__ == "__main__":
    main(sys.argv[1:])
