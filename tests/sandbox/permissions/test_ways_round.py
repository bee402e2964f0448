"""Ways round a privilege that somebody hostile would try, statement by statement: nothing of another's, or the host's.

`ways_round.sql` has one a line, tried by a role that may enter the victim's schema and has nothing in it. A way that is
refused, and one that answers something harmless, are both right.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from snowflake_sandbox.errors import SnowflakeError

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

SECRETS = ("TOPSECRET", "424242", "HOSTSECRET")
INTERNAL = 603
WAYS = Path(__file__).with_name("ways_round.sql").read_text().splitlines()


def _prepare(client: Client) -> None:
    for statement in (
        "CREATE DATABASE VICTIM",
        "CREATE SCHEMA VICTIM.PRIV",
        "CREATE TABLE VICTIM.PRIV.SALARY (NAME VARCHAR, AMOUNT NUMBER)",
        "INSERT INTO VICTIM.PRIV.SALARY VALUES ('TOPSECRET', 424242)",
        "CREATE VIEW VICTIM.PRIV.V AS SELECT * FROM VICTIM.PRIV.SALARY",
        "CREATE STAGE VICTIM.PRIV.VS",
        "COPY INTO @VICTIM.PRIV.VS/f.csv FROM (SELECT 'TOPSECRET') FILE_FORMAT = (COMPRESSION = NONE) SINGLE = TRUE",
        "CREATE DATABASE OWN",
        "CREATE ROLE THIEF",
        f"GRANT ROLE THIEF TO USER {client.session.user}",
        "GRANT USAGE ON DATABASE VICTIM TO ROLE THIEF",
        "GRANT USAGE ON SCHEMA VICTIM.PRIV TO ROLE THIEF",
        "GRANT USAGE ON DATABASE OWN TO ROLE THIEF",
        "GRANT OWNERSHIP ON SCHEMA OWN.PUBLIC TO ROLE THIEF",
        "GRANT EXECUTE TASK ON ACCOUNT TO ROLE THIEF",
    ):
        client.rows(statement)


def test_no_way_round_a_privilege_leads_anywhere(client: Client, tmp_path: Path) -> None:
    folder = tmp_path / "host"
    folder.mkdir()
    (folder / "file.txt").write_text("HOSTSECRET\n")
    _prepare(client)
    thief = client.as_role("THIEF")
    for statement in (
        "USE SCHEMA OWN.PUBLIC",
        "CREATE TABLE T (A VARCHAR, B NUMBER)",
        "INSERT INTO T VALUES ('x', 1)",
        "CREATE STAGE S",
    ):
        thief.rows(statement)
    leaks, defects = [], []
    for way in WAYS:
        text = way.replace("{file}", str(folder / "file.txt")).replace("{folder}", str(folder))
        query = client.world.parts["queries"].submit(thief.session, text, {}, "")
        error = query.future.exception(60)
        if error is None:
            content = str(query.future.result().rows) + str(query.future.result().arrow)
            leaks += [way] if any(secret in content for secret in SECRETS) else []
        elif not isinstance(error, SnowflakeError) or error.errno == INTERNAL:
            defects.append((way, error))
    assert (leaks, defects) == ([], [])
    assert [file.name for file in folder.iterdir()] == ["file.txt"]
    assert client.values("SELECT * FROM VICTIM.PRIV.SALARY") == [("TOPSECRET", 424242)]
    assert not {"TOPSECRET", 424242} & {value for row in thief.values("SELECT * FROM OWN.PUBLIC.T") for value in row}
