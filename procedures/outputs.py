"""Reads and checks the outputs file of a DONE job, from its folder in the stack's stage.

Knows how files of a stage are listed and fetched. Must not know how a job is run. Shipped as a part of a stored
procedure's text.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snowflake.snowpark.exceptions import SnowparkSQLException

from jobgraph.procedures.attempt import DONE, FAILED, AttemptRecord, RunContext, lower_keys, one_line, results_path
from jobgraph.procedures.logs import last_json_line
from jobgraph.procedures.outcome import MOST_RETURN_BYTES
from jobgraph.procedures.requested.json_texts import read_json
from jobgraph.procedures.sending import error_text, is_refusal, send

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jobgraph.procedures.sending import Tagged

TIMES_FETCHED = 3


def file_outputs(session: Tagged, job: Mapping[str, Any], run: RunContext, attempt: AttemptRecord) -> AttemptRecord:
    """Return a DONE attempt with the outputs of its file, if the job has one.

    The attempt is FAILED if the file is missing, too large or not a JSON object, because dependents could not use it.
    """
    name = job.get("outputs_file")
    if not name or attempt.status != DONE:
        return attempt
    place = results_path(job, run, run.task, attempt.number) + str(name)
    try:
        files = [lower_keys(row.as_dict()) for row in send(session, f"LIST {place}")]
        if len(files) != 1:
            return _refused(attempt, "app_error", f"it left no file {name} at JOB_RESULTS_STAGE_PATH")
        if int(files[0]["size"]) > MOST_RETURN_BYTES:
            reason = f"its file {name} has {files[0]['size']} bytes; outputs may have {MOST_RETURN_BYTES}"
            return _refused(attempt, "app_error", reason)
        text = _fetched(session, place)
    except SnowparkSQLException as error:
        return _refused(attempt, "internal", f"its file {name} could not be read: {one_line(error_text(error))}")
    outputs = last_json_line(_one_line(text))
    if not outputs:
        return _refused(attempt, "app_error", f"its file {name} is no JSON object")
    return attempt._replace(outputs=outputs)


def _fetched(session: Tagged, place: str) -> str:
    for turn in range(TIMES_FETCHED):
        with tempfile.TemporaryDirectory() as folder:
            try:
                session.session.file.get(place, folder, statement_params={"QUERY_TAG": session.tag})
            except SnowparkSQLException as error:
                if turn == TIMES_FETCHED - 1 or is_refusal(error):
                    raise
            else:
                return Path(folder, place.rpartition("/")[2]).read_text("utf-8", errors="replace")
    raise AssertionError  # unreachable: the last turn has returned or raised


def _one_line(text: str) -> str:
    """Return JSON of several lines as one line; other texts unchanged."""
    value = read_json(text)
    if value is None:
        return text  # the caller refuses a text that is not JSON
    line = json.dumps(value, ensure_ascii=False)
    return line.encode(errors="backslashreplace").decode()  # half of a surrogate pair stays escaped


def _refused(attempt: AttemptRecord, why: str, reason: str) -> AttemptRecord:
    return attempt._replace(status=FAILED, reason_class=why, reason=reason, cause=reason, first_error=reason)
