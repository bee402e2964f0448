"""What a role may not know of does not exist for it: it is answered as in an account in which it really is not there.

Two accounts are compared, one of which has objects of somebody else. Each way of naming one is answered alike in both,
but for the ids of statements. Left out are roles, which everybody may list, and `IF EXISTS`: of an object of somebody
else the sandbox says that it does not exist, so that a deploy cannot take it for gone.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from snowflake_sandbox import world as worlds
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.protocol import logins, wire
from snowflake_sandbox.statements import dispatch

from tests.sandbox.conftest import Client, build, rows_in_memory

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COMMON = (
    "CREATE WAREHOUSE WH",
    "GRANT USAGE ON WAREHOUSE WH TO ROLE PUBLIC",
    "CREATE DATABASE SHARED",
    "CREATE DATABASE OWN",
    "CREATE ROLE THIEF",
    "CREATE USER STRANGER",
    "GRANT ROLE THIEF TO USER STRANGER",
    "GRANT USAGE ON DATABASE SHARED TO ROLE THIEF",
    "GRANT USAGE ON SCHEMA SHARED.PUBLIC TO ROLE THIEF",
    "GRANT USAGE ON DATABASE OWN TO ROLE THIEF",
    "GRANT OWNERSHIP ON SCHEMA OWN.PUBLIC TO ROLE THIEF",
)
PLACES = ("SHARED.PUBLIC", "VICTIM.PUBLIC")
OBJECTS = {
    "TABLE": ("T", "(A INT PRIMARY KEY)"),
    "VIEW": ("V", "AS SELECT 1 AS A"),
    "STAGE": ("ST", ""),
    "SECRET": ("SE", "TYPE = GENERIC_STRING SECRET_STRING = 'x'"),
    "SEQUENCE": ("SQ", ""),
    "FILE FORMAT": ("FF", "TYPE = CSV"),
    "FUNCTION": ("FN(INT)", "RETURNS INT AS '1'"),
    "PROCEDURE": ("PR()", "RETURNS INT LANGUAGE SQL AS 'BEGIN RETURN 1; END'"),
    "TASK": ("TK", "WAREHOUSE = WH SCHEDULE = '60 MINUTE' AS SELECT 1"),
    "ALERT": ("AL", "WAREHOUSE = WH SCHEDULE = '60 MINUTE' IF (EXISTS (SELECT 1)) THEN SELECT 1"),
    "IMAGE REPOSITORY": ("IR", ""),
    "NETWORK RULE": ("NR", "MODE = EGRESS TYPE = HOST_PORT VALUE_LIST = ('a.test:443')"),
    "SNOWFLAKE.CORE.BUDGET": ("BU", "()"),
}
OF_THE_ACCOUNT = {
    "DATABASE": ("VICTIM", ""),
    "WAREHOUSE": ("VWH", ""),
    "COMPUTE POOL": ("VCP", "MIN_NODES = 1 MAX_NODES = 1 INSTANCE_FAMILY = CPU_X64_XS"),
    "RESOURCE MONITOR": ("VRM", "WITH CREDIT_QUOTA = 1"),
    "USER": ("VUSER", ""),
}
OF_A_KIND = (
    "DESCRIBE {kind} {name}",
    "DROP {kind} {name}",
    "ALTER {kind} {name} SET COMMENT = 'x'",
    "ALTER {kind} {name} SUSPEND",
    "ALTER {kind} {name} RENAME TO {plain}X",
    "COMMENT ON {kind} {name} IS 'x'",
    "SHOW GRANTS ON {kind} {name}",
    "SHOW PARAMETERS IN {kind} {name}",
    "GRANT USAGE ON {kind} {name} TO ROLE THIEF",
    "GRANT SELECT ON {kind} {name} TO ROLE THIEF",
    "GRANT OWNERSHIP ON {kind} {name} TO ROLE THIEF",
    "REVOKE USAGE ON {kind} {name} FROM ROLE THIEF",
    "SELECT GET_DDL('{kind}', '{name}')",
    "SHOW {kind}S LIKE '{last}' IN ACCOUNT",
)
OF_A_PLACE = (
    "SELECT * FROM {place}.T",
    "INSERT INTO {place}.T VALUES (1)",
    "DROP VIEW {place}.T",
    "SELECT {place}.FN(1)",
    "CALL {place}.PR()",
    "LIST @{place}.ST",
    "SELECT $1 FROM @{place}.ST",
    "EXECUTE TASK {place}.TK",
    "EXECUTE ALERT {place}.AL",
    "SHOW OBJECTS IN SCHEMA {place}",
    "SHOW FUTURE GRANTS IN SCHEMA {place}",
    "SHOW IMAGES IN IMAGE REPOSITORY {place}.IR",
    "CREATE TABLE {place}.T (A INT)",
    "CREATE TABLE OWN.PUBLIC.FK (A INT REFERENCES {place}.T (A))",
    "CREATE STAGE OWN.PUBLIC.S FILE_FORMAT = (FORMAT_NAME = '{place}.FF')",
    "COPY INTO OWN.PUBLIC.OT FROM @OWN.PUBLIC.OS FILE_FORMAT = (FORMAT_NAME = '{place}.FF')",
    "CREATE TASK OWN.PUBLIC.TK WAREHOUSE = WH AFTER {place}.TK AS SELECT 1",
    "CREATE TASK OWN.PUBLIC.TK WAREHOUSE = WH FINALIZE = {place}.TK AS SELECT 1",
    "CREATE VIEW OWN.PUBLIC.VV AS SELECT * FROM {place}.T",
    "ALTER TABLE OWN.PUBLIC.OT SWAP WITH {place}.T",
)
ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def statements() -> Iterator[str]:
    named = [(kind, f"{place}.{name}") for place in PLACES for kind, (name, _) in OBJECTS.items()]
    for kind, name in [*named, *((kind, name) for kind, (name, _) in OF_THE_ACCOUNT.items())]:
        plain = name.partition("(")[0]
        yield from (one.format(kind=kind, name=name, plain=plain, last=plain.split(".")[-1]) for one in OF_A_KIND)
    yield from (one.format(place=place) for place in PLACES for one in OF_A_PLACE)


def account(folder: Path, *, with_objects: bool) -> Client:
    """An account in which a thief has a schema, and may enter another; and his session."""
    with rows_in_memory():
        made = build(folder)
    client = Client(made, logins.open_session(made, logins.ADMINISTRATOR, "ACCOUNTADMIN"))
    for statement in COMMON:
        client.rows(statement)
    if with_objects:
        for kind, (name, rest) in OF_THE_ACCOUNT.items():
            client.rows(f"CREATE {kind} {name} {rest}")
        for place in PLACES:
            for kind, (name, rest) in OBJECTS.items():
                client.rows(f"CREATE {kind} {place}.{name.replace('(INT)', '(X INT)')} {rest}")
    thief = Client(
        made, logins.open_session(made, "STRANGER", "THIEF", warehouse="WH", database="OWN", schema="PUBLIC")
    )
    for statement in ("CREATE TABLE OT (A INT)", "CREATE STAGE OS"):
        thief.rows(statement)
    return thief


def answer(thief: Client, statement: str) -> str:
    try:
        result = dispatch.execute(thief.world, thief.session, statement)
    except SnowflakeError as error:
        return ID.sub("", f"{error.errno} {error.message}")
    return ID.sub("", repr(list(wire.python_rows(result))))


@pytest.fixture
def accounts(tmp_path: Path) -> Iterator[tuple[Client, Client]]:
    pair = account(tmp_path / "with", with_objects=True), account(tmp_path / "without", with_objects=False)
    yield pair
    for each in pair:
        worlds.stop(each.world)


def test_nobody_finds_out_what_others_have(accounts: tuple[Client, Client]) -> None:
    there, not_there = accounts
    pairs = [(one, answer(there, one), answer(not_there, one)) for one in statements()]
    assert len(pairs) > 400
    assert [pair for pair in pairs if pair[1] != pair[2]] == []


@pytest.mark.parametrize(
    ("kind", "privilege", "statement"),
    [
        ("TABLE SHARED.PUBLIC.T", "REFERENCES", "CREATE TABLE FK (A INT REFERENCES SHARED.PUBLIC.T (A))"),
        ("FILE FORMAT SHARED.PUBLIC.FF", "USAGE", "CREATE STAGE S FILE_FORMAT = (FORMAT_NAME = 'SHARED.PUBLIC.FF')"),
        (
            "FILE FORMAT SHARED.PUBLIC.FF",
            "USAGE",
            "COPY INTO OT FROM @OS FILE_FORMAT = (FORMAT_NAME = 'SHARED.PUBLIC.FF')",
        ),
    ],
)
def test_what_uses_an_object_of_others_needs_the_privilege(
    accounts: tuple[Client, Client], kind: str, privilege: str, statement: str
) -> None:
    thief, _ = accounts
    assert thief.errno(statement) == 2003
    owner = Client(thief.world, logins.open_session(thief.world, logins.ADMINISTRATOR, "ACCOUNTADMIN"))
    owner.rows(f"GRANT {privilege} ON {kind} TO ROLE THIEF")
    thief.rows(statement)
