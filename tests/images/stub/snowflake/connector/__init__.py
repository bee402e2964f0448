"""A connection that answers what a job asks about its run, writes down what it is asked, and fails where told."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from snowflake.connector.errors import Error

GROUP, STARTED, SINCE = "7", "2026-03-01 12:00:00.000 Z", "2026-02-28 12:00:00.000 Z"
MARK = "jobgraph g direct T_J"


def answers() -> dict[str, list[dict[str, Any]]]:
    """Rows by the beginning of the statement; STUB_SERVICES services of the job have been made in the run."""
    services = [
        {"comment": MARK, "created_on": datetime(2026, 3, 1, 12, n, tzinfo=UTC)}
        for n in range(int(os.environ.get("STUB_SERVICES", "1")))
    ]
    before = {"comment": MARK, "created_on": datetime(2026, 2, 28, 12, tzinfo=UTC)}
    return {
        "SELECT SYSTEM$TASK_RUNTIME_INFO('CURRENT_ROOT_TASK_NAME')": [{"ROOT": "ROOT"}],
        'CALL "D"."S"."RUN_JOB"': [{"RUN_JOB": os.environ.get("STUB_ANSWER", '{"results": {}}')}],
        "SELECT SYSTEM$TASK_RUNTIME_INFO": [{"RUN_GROUP": GROUP, "STARTED": STARTED, "SINCE": SINCE}],
        "SELECT SYSTEM$GET_TASK_GRAPH_CONFIG": [{"CONFIG": os.environ.get("STUB_CONFIG")}],
        "SHOW JOB SERVICES": [before, *services, {"comment": "other", "created_on": before["created_on"]}],
        "SELECT COUNT(*) AS ATTEMPTS": [{"ATTEMPTS": 2}],
        "SELECT SYSTEM$GET_PREDECESSOR": [{"VALUE": '{"n": 1}'}],
        "SELECT MAX(ATTEMPT)": [{"ATTEMPT": 3}],
        "LIST": [{"name": "x"}] if os.environ.get("STUB_FILES") else [],
        "CALL SYSTEM$SET_RETURN_VALUE": [],
    }


class Cursor:
    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    @property
    def description(self) -> list[tuple[str]]:
        return [(name,) for name in (self.rows[0] if self.rows else {})]

    def execute(self, statement: str, binds: Any = ()) -> None:
        with Path(os.environ["STUB_RECORD"]).open("a") as record:
            record.write(json.dumps({"asked": statement, "binds": list(binds)}) + "\n")
        fail = os.environ.get("STUB_FAIL")
        if fail and re.match(fail, statement):
            raise Error("091092: refused\nfor some reason")
        self.rows = next(rows for start, rows in answers().items() if statement.startswith(start))

    def fetchall(self) -> list[tuple[Any, ...]]:
        return [tuple(row.values()) for row in self.rows]


class Connection:
    def cursor(self) -> Cursor:
        return Cursor()

    def close(self) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def connect(**options: Any) -> Connection:
    if os.environ.get("STUB_FAIL") == "connect":
        raise Error("250001: could not connect\nto Snowflake")
    assert options["paramstyle"] == "qmark"
    return Connection()
