"""Graphs of the browser tests that really run, in a schema that world.py has made."""

from __future__ import annotations

from tests.page import world

RUN_ID = "SYSTEM$TASK_RUNTIME_INFO('CURRENT_TASK_GRAPH_RUN_GROUP_ID')"
WAITING = (
    f"CREATE PROCEDURE {world.PLACE}.WAIT_LONG() RETURNS VARCHAR LANGUAGE PYTHON RUNTIME_VERSION = '3.11'"
    " PACKAGES = ('snowflake-snowpark-python==1.33.0') HANDLER = 'main'"
    " AS $$import time\ndef main(session):\n    time.sleep(300)\n    return ''\n$$"
)


def live_graph() -> list[str]:
    """A graph that really runs: QUICK is done at once, GATED fails until there is a table GATE, SLOW takes minutes."""
    place, warehouse = world.PLACE, f'WAREHOUSE = "{world.SETTINGS.warehouse}"'
    mark = '$${"graph": "live"}$$'

    def job(name: str, after: str, source: str = "") -> str:
        row = (
            f"INSERT INTO {place}.JOBS_RUN_STATS (ROOT_TASK_NAME, TASK_NAME, JOB_STATUS, GRAPH_RUN_ID, ATTEMPT,"
            " GRAPH_NAME, STARTED_TIME, COMPLETED_TIME, DURATION_IN_SECS)"
            f" SELECT 'ROOT_LIVE', '{name}', 'DONE', {RUN_ID}, 1, 'live', CURRENT_TIMESTAMP(), CURRENT_TIMESTAMP(), 0"
            f" FROM (SELECT {mark} AS DEFINITION){source}"
        )
        return f"CREATE TASK {place}.{name} {warehouse} AFTER {place}.{after} AS {row}"

    comment = "COMMENT = 'jobgraph: starts graph live'"
    return [
        WAITING,
        f"CREATE TASK {place}.ROOT_LIVE {warehouse} SCHEDULE = '720 MINUTE' {comment} AS SELECT CURRENT_TIMESTAMP()",
        job("QUICK", "ROOT_LIVE"),
        job("GATED", "QUICK", f", {place}.GATE"),
        f"CREATE TASK {place}.SLOW {warehouse} AFTER {place}.GATED AS CALL {place}.WAIT_LONG()",
        f"CREATE TASK {place}.END_LIVE {warehouse} FINALIZE = {place}.ROOT_LIVE AS SELECT 1",
        *(f"ALTER TASK {place}.{name} RESUME" for name in ("QUICK", "GATED", "SLOW", "END_LIVE", "ROOT_LIVE")),
    ]


def asked_graph() -> list[str]:
    """A graph that really runs, with values of its own, whose jobs ask what a run was asked for: LATER after TAKE."""
    place, warehouse = world.PLACE, f'WAREHOUSE = "{world.SETTINGS.warehouse}"'
    body = 'SELECT $${"graph": "asked"}$$, \'last_config\''
    config = 'CONFIG = $${"market": "eu"}$$ COMMENT = \'jobgraph: starts graph asked\''
    return [
        f"CREATE TASK {place}.ROOT_ASKED {warehouse} {config} AS SELECT CURRENT_TIMESTAMP()",
        f"CREATE TASK {place}.TAKE {warehouse} AFTER {place}.ROOT_ASKED AS {body}",
        f"CREATE TASK {place}.LATER {warehouse} AFTER {place}.TAKE AS {body}",
        f"CREATE TASK {place}.END_ASKED {warehouse} FINALIZE = {place}.ROOT_ASKED AS SELECT 1",
        *(f"ALTER TASK {place}.{name} RESUME" for name in ("TAKE", "LATER", "END_ASKED")),
    ]
