"""Whether a session gets the warehouse that its login names, if it is created only after the login.

The provider opens its sessions before a first deploy has created the stack's warehouse, and reads views in them later
(docs/decisions/0020). Knows that question. Must not know what else the kit asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import snowflake.connector

from tests.account.comparing import Case, Outcome, outcome
from tests.account.replay import Session
from tests.account.scratch import MARK

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.account.scratch import Ask

WAREHOUSE = f"{MARK}_LATE_WAREHOUSE"
CASE: Case = {
    "name": "a warehouse created after the login becomes the session's",
    # reads rows, as CURRENT_WAREHOUSE() alone needs no warehouse
    "sql": (
        "SELECT CURRENT_WAREHOUSE() AS WAREHOUSE, COUNT(*) >= 0 AS COUNTED FROM SNOWFLAKE.INFORMATION_SCHEMA.DATABASES"
    ),
    "rows": [{"WAREHOUSE": WAREHOUSE, "COUNTED": True}],
    "basis": "guess",
}


def ask(options: Mapping[str, Any], administrate: Ask) -> Outcome:
    """Log in with a warehouse that does not exist, have it created by another session, and read rows."""
    early = {**options, "warehouse": WAREHOUSE, "database": None, "schema": None}
    with snowflake.connector.connect(**early) as connection:
        administrate(
            f"CREATE WAREHOUSE {WAREHOUSE} WAREHOUSE_SIZE = XSMALL AUTO_SUSPEND = 60 INITIALLY_SUSPENDED = TRUE"
        )
        answer = Session(connection).answer(str(CASE["sql"]))
    return outcome(CASE, answer)
