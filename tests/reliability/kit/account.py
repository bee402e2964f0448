"""The account of kits that are killed: a sandbox with objects of others, and all that can be shown of it.

Knows what an account shows. Must not know what a kit does.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.clock import SystemClock
from snowflake_sandbox.session import ObjectScope

from tests.account.replay import Session
from tests.deploys.proxy import Proxy
from tests.sandbox.conftest import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHERS = (
    "CREATE DATABASE OTHERS",
    "CREATE SCHEMA OTHERS.S",
    "CREATE TABLE OTHERS.S.T (A INT)",
    "CREATE VIEW OTHERS.S.V AS SELECT A FROM OTHERS.S.T",
    "CREATE STAGE OTHERS.S.F",
    "CREATE SEQUENCE OTHERS.S.N",
    "CREATE IMAGE REPOSITORY OTHERS.S.R",
    "CREATE SECRET OTHERS.S.X TYPE = GENERIC_STRING SECRET_STRING = 'x'",
    "CREATE NETWORK RULE OTHERS.S.W TYPE = HOST_PORT VALUE_LIST = ('a:443') MODE = EGRESS",
    "CREATE PROCEDURE OTHERS.S.P() RETURNS INT LANGUAGE SQL AS BEGIN RETURN 1; END",
    "CREATE TASK OTHERS.S.K SCHEDULE = '11 HOURS' AS SELECT 1",
    "CREATE WAREHOUSE OTHER_WAREHOUSE INITIALLY_SUSPENDED = TRUE",
    "CREATE COMPUTE POOL OTHER_POOL MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_S INITIALLY_SUSPENDED = TRUE",
    "CREATE EXTERNAL ACCESS INTEGRATION OTHER_ACCESS ALLOWED_NETWORK_RULES = (OTHERS.S.W) ENABLED = TRUE",
    "CREATE USER OTHER_USER",
    "CREATE ROLE OTHER_ROLE",
    "GRANT ROLE OTHER_ROLE TO USER OTHER_USER",
    "GRANT USAGE ON DATABASE OTHERS TO ROLE OTHER_ROLE",
    "GRANT SELECT ON FUTURE TABLES IN SCHEMA OTHERS.S TO ROLE OTHER_ROLE",
    "GRANT USAGE ON WAREHOUSE OTHER_WAREHOUSE TO ROLE PUBLIC",
)
# Columns that say what happens at the moment, or who asks.
_OF_THE_MOMENT = frozenset(
    {"actives", "is_current", "is_default", "last_success_login", "queued", "resumed_on", "running", "updated_on"}
)


@dataclass
class Account:
    """A sandbox, a session of its administrator's, and a proxy through which others reach it."""

    service: Any
    session: Session
    proxy: Proxy

    def shows(self) -> frozenset[str]:
        """Return every row that the account shows: objects of each kind that the sandbox has, grants, parameters."""
        rows = self.session.rows
        texts = ["SHOW GRANTS ON ACCOUNT", "SHOW PARAMETERS IN ACCOUNT"]
        texts += [
            f"SHOW {kind.plural}{'' if kind.scope is ObjectScope.ACCOUNT else ' IN ACCOUNT'}"
            for kind in self.service.world.kinds.values()
        ]
        for row in rows("SHOW ROLES"):
            texts += [f'SHOW {what} ROLE "{row["name"]}"' for what in ("GRANTS TO", "GRANTS OF", "FUTURE GRANTS TO")]
        texts += [f'SHOW GRANTS TO USER "{row["name"]}"' for row in rows("SHOW USERS")]
        return frozenset(f"{text}: {_stable(row)}" for text in texts for row in rows(text))

    def variables(self) -> dict[str, str]:
        """Return the variables by which a kit reaches it through the proxy."""
        settings = self.service.settings()
        names = ("account", "user", "password", "host", "protocol", "role")
        variables = {f"SNOWFLAKE_{name.upper()}": str(settings[name]) for name in names}
        return {**variables, "SNOWFLAKE_PORT": str(self.proxy.port)}


def _stable(row: dict[str, Any]) -> str:
    # the schema of views of a database is as old as the statement that lists it
    passing = _OF_THE_MOMENT | ({"created_on"} if row.get("name") == "INFORMATION_SCHEMA" else frozenset())
    values = {name: value for name, value in row.items() if name not in passing}
    return json.dumps(values, default=str, sort_keys=True)


@contextmanager
def account(folder: Path) -> Iterator[Account]:
    """An account with objects of others."""
    for service in serving(folder, clock=SystemClock()):
        proxy = Proxy(("127.0.0.1", service.port))
        try:
            with service.connect() as connection:
                session = Session(connection)
                for text in OTHERS:
                    session.rows(text)
                yield Account(service, session, proxy)
        finally:
            proxy.close()
