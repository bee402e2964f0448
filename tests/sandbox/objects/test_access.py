"""Privileges: what a role that owns nothing may do, grant by grant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from snowflake_sandbox.errors import SnowflakeError

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client


@pytest.fixture
def client(own_client: Client) -> Client:
    """These tests make objects of the account."""
    return own_client


@pytest.fixture
def worker(client: Any) -> Any:
    """A session as role WORKER, which has USAGE on D.PUBLIC and nothing else."""
    for statement in (
        "CREATE ROLE WORKER",
        "GRANT ROLE WORKER TO ROLE SYSADMIN",
        "GRANT USAGE ON DATABASE D TO ROLE WORKER",
        "GRANT USAGE ON SCHEMA D.PUBLIC TO ROLE WORKER",
        "CREATE TABLE T (A INT)",
    ):
        client.rows(statement)
    return client.as_role("WORKER")


def test_a_table_without_any_grant_does_not_exist(worker: Any) -> None:
    assert worker.errno("SELECT * FROM D.PUBLIC.T") == 2003
    assert worker.rows("SHOW TABLES IN SCHEMA D.PUBLIC") == []


@pytest.mark.parametrize(
    ("privilege", "statement"),
    [
        ("SELECT", "SELECT * FROM T"),
        ("INSERT", "INSERT INTO T VALUES (1)"),
        ("UPDATE", "UPDATE T SET A = 1"),
        ("DELETE", "DELETE FROM T"),
        ("TRUNCATE", "TRUNCATE TABLE T"),
    ],
)
def test_each_privilege_allows_its_statement(client: Any, worker: Any, privilege: str, statement: str) -> None:
    client.rows("GRANT REFERENCES ON TABLE T TO ROLE WORKER")
    assert worker.errno(statement) == 3001
    client.rows(f"GRANT {privilege} ON TABLE T TO ROLE WORKER")
    worker.rows(statement)
    client.rows(f"REVOKE {privilege} ON TABLE T FROM ROLE WORKER")
    assert worker.errno(statement) == 3001


def test_merge_needs_what_it_does(client: Any, worker: Any) -> None:
    merge = "MERGE INTO T USING (SELECT 1 AS A) S ON T.A = S.A WHEN NOT MATCHED THEN INSERT (A) VALUES (S.A)"
    client.rows("GRANT SELECT ON TABLE T TO ROLE WORKER")
    assert worker.errno(merge) == 3001
    client.rows("GRANT INSERT ON TABLE T TO ROLE WORKER")
    worker.rows(merge)
    assert worker.values("SELECT A FROM T") == [(1,)]


def test_creating_needs_the_schemas_privilege(client: Any, worker: Any) -> None:
    assert worker.errno("CREATE TABLE MINE (A INT)") == 3001
    client.rows("GRANT CREATE TABLE ON SCHEMA D.PUBLIC TO ROLE WORKER")
    worker.rows("CREATE TABLE MINE (A INT)")
    assert client.rows("SHOW TABLES LIKE 'MINE'")[0]["owner"] == "WORKER"
    worker.rows("DROP TABLE MINE")


def test_only_the_owner_drops_and_alters(client: Any, worker: Any) -> None:
    client.rows("GRANT ALL PRIVILEGES ON TABLE T TO ROLE WORKER")
    assert worker.errno("DROP TABLE T") == 3001
    assert worker.errno("ALTER TABLE T ADD COLUMN B INT") == 3001
    client.rows("GRANT OWNERSHIP ON TABLE T TO ROLE WORKER REVOKE CURRENT GRANTS")
    worker.rows("ALTER TABLE T ADD COLUMN B INT")
    worker.rows("DROP TABLE T")


def test_usage_of_the_database_and_schema_is_needed(client: Any, worker: Any) -> None:
    client.rows("GRANT SELECT ON TABLE T TO ROLE WORKER")
    client.rows("REVOKE USAGE ON SCHEMA D.PUBLIC FROM ROLE WORKER")
    assert worker.errno("SELECT * FROM D.PUBLIC.T") == 2003


def test_a_role_inherits_from_the_roles_granted_to_it(client: Any, worker: Any) -> None:
    client.rows("GRANT CREATE TABLE ON SCHEMA D.PUBLIC TO ROLE WORKER")
    worker.rows("CREATE TABLE MINE (A INT)")
    assert client.as_role("SYSADMIN").rows("SELECT * FROM D.PUBLIC.MINE") == []
    client.rows("REVOKE ROLE WORKER FROM ROLE SYSADMIN")
    assert client.as_role("SYSADMIN").errno("SELECT * FROM D.PUBLIC.MINE") == 2003


def test_a_view_reads_with_its_owners_rights(client: Any, worker: Any) -> None:
    client.rows("INSERT INTO T VALUES (7)")
    client.rows("CREATE VIEW V AS SELECT A FROM T")
    client.rows("GRANT SELECT ON VIEW V TO ROLE WORKER")
    assert worker.values("SELECT A FROM V") == [(7,)]
    assert worker.errno("SELECT A FROM T") == 2003


def test_a_cycle_of_roles_is_refused(client: Any, worker: Any) -> None:  # noqa: ARG001  # makes the roles
    assert client.errno("GRANT ROLE SYSADMIN TO ROLE WORKER") == 3023


def test_use_role_needs_the_grant(client: Any) -> None:
    client.rows("CREATE ROLE LONELY")
    assert client.errno("USE ROLE LONELY") == 3013
    client.rows("GRANT ROLE LONELY TO USER SANDBOX_ADMIN")
    client.rows("USE ROLE LONELY")
    assert client.values("SELECT CURRENT_ROLE() AS R") == [("LONELY",)]


def test_future_grants_reach_new_objects_only(client: Any, worker: Any) -> None:
    client.rows("GRANT SELECT ON FUTURE TABLES IN SCHEMA D.PUBLIC TO ROLE WORKER")
    assert worker.errno("SELECT * FROM T") == 2003
    client.rows("CREATE TABLE LATER (A INT)")
    assert worker.rows("SELECT * FROM LATER") == []
    client.rows("GRANT SELECT ON ALL TABLES IN SCHEMA D.PUBLIC TO ROLE WORKER")
    assert worker.rows("SELECT * FROM T") == []


def test_grants_go_with_their_object(client: Any, worker: Any) -> None:
    client.rows("GRANT SELECT ON TABLE T TO ROLE WORKER")
    client.rows("CREATE OR REPLACE TABLE T (A INT)")
    assert worker.errno("SELECT * FROM T") == 2003
    assert [row["privilege"] for row in client.rows("SHOW GRANTS ON TABLE T")] == ["OWNERSHIP"]


def test_dropping_a_role_passes_its_objects_on(client: Any, worker: Any) -> None:
    client.rows("GRANT CREATE TABLE ON SCHEMA D.PUBLIC TO ROLE WORKER")
    worker.rows("CREATE TABLE MINE (A INT)")
    client.rows("DROP ROLE WORKER")
    assert client.rows("SHOW TABLES LIKE 'MINE'")[0]["owner"] == "ACCOUNTADMIN"
    assert client.rows("SHOW GRANTS ON DATABASE D")[0]["privilege"] == "OWNERSHIP"


def test_account_privileges(client: Any, worker: Any) -> None:
    assert worker.errno("CREATE WAREHOUSE W") == 3001
    client.rows("GRANT CREATE WAREHOUSE, EXECUTE TASK ON ACCOUNT TO ROLE WORKER")
    worker.rows("CREATE WAREHOUSE W")
    rows = client.rows("SHOW GRANTS ON ACCOUNT")
    assert {row["privilege"] for row in rows} == {"CREATE WAREHOUSE", "EXECUTE TASK"}
    assert all(row["granted_by"] and row["grantee_name"] == "WORKER" for row in rows)


def test_privileges_on_the_account_come_from_administrators_or_with_the_option_to_grant_them(client: Any) -> None:
    for statement in (
        "CREATE ROLE DEPLOYS",
        "CREATE ROLE RUNS",
        "GRANT MANAGE GRANTS ON ACCOUNT TO ROLE DEPLOYS",
        "GRANT EXECUTE TASK ON ACCOUNT TO ROLE DEPLOYS",
    ):
        client.rows(statement)
    deploys = client.as_role("DEPLOYS")
    assert deploys.errno("GRANT EXECUTE TASK ON ACCOUNT TO ROLE RUNS") == 3001
    assert deploys.errno("CREATE ROLE OTHER") == 3001
    client.rows("GRANT EXECUTE TASK ON ACCOUNT TO ROLE DEPLOYS WITH GRANT OPTION")
    deploys.rows("GRANT EXECUTE TASK ON ACCOUNT TO ROLE RUNS")
    assert deploys.errno("GRANT EXECUTE TASK, EXECUTE MANAGED TASK ON ACCOUNT TO ROLE RUNS") == 3001
    security = client.as_role("SECURITYADMIN")
    security.rows("GRANT CREATE DATABASE ON ACCOUNT TO ROLE RUNS")
    assert security.errno("GRANT EXECUTE MANAGED TASK ON ACCOUNT TO ROLE RUNS") == 3001
    assert security.errno("REVOKE EXECUTE TASK ON ACCOUNT FROM ROLE RUNS") == 3001


@pytest.mark.parametrize(
    "statement",
    [
        "GRANT SELECT ON T TO ROLE PUBLIC",
        "grant select on D.PUBLIC.T to role PUBLIC",
        "REVOKE SELECT ON T FROM ROLE PUBLIC",
    ],
)
def test_a_grant_without_a_type_is_for_a_table_or_view(client: Any, statement: str) -> None:
    """dbt-snowflake writes grants so; its users grant on accounts with it."""
    client.rows("CREATE TABLE T (I INT)")
    client.rows(statement)
    granted = [row["grantee_name"] for row in client.rows("SHOW GRANTS ON T") if row["privilege"] == "SELECT"]
    assert granted == ([] if statement.startswith("REVOKE") else ["PUBLIC"])
    client.rows("CREATE VIEW V AS SELECT 1 AS A")
    client.rows("GRANT SELECT ON V TO PUBLIC")
    assert [row["granted_on"] for row in client.rows("SHOW GRANTS ON V")] == ["VIEW", "VIEW"]
    with pytest.raises(SnowflakeError) as raised:
        client.rows("GRANT SELECT ON NOPE TO PUBLIC")
    assert raised.value.errno == 2003


def test_everybody_has_the_database_role_for_packages(client: Any) -> None:
    (row,) = client.rows("SHOW GRANTS OF DATABASE ROLE SNOWFLAKE.ANACONDA_REPOSITORY_USER")
    assert (row["role"], row["granted_to"], row["grantee_name"]) == (
        "SNOWFLAKE.ANACONDA_REPOSITORY_USER",
        "ROLE",
        "PUBLIC",
    )
    assert client.errno("SHOW GRANTS OF DATABASE ROLE SNOWFLAKE.NOPE") == 2003
    assert client.errno("SHOW GRANTS OF DATABASE ROLE D.NOPE") == 2003


def test_python_with_packages_needs_the_role_that_public_has_by_default(client: Any) -> None:
    made = (
        "CREATE OR REPLACE PROCEDURE P() RETURNS INT LANGUAGE PYTHON RUNTIME_VERSION = '3.11'"
        " PACKAGES = ('snowflake-snowpark-python') HANDLER = 'main' EXECUTE AS CALLER AS 'def main(s): return 1'"
    )
    role = "SNOWFLAKE.ANACONDA_REPOSITORY_USER"
    for text in (
        "CREATE WAREHOUSE IF NOT EXISTS W",
        "CREATE ROLE PACKAGER",
        "GRANT ROLE PACKAGER TO USER SANDBOX_ADMIN",
        "GRANT USAGE ON DATABASE D TO ROLE PACKAGER",
        "GRANT USAGE, CREATE PROCEDURE ON SCHEMA D.PUBLIC TO ROLE PACKAGER",
        f"REVOKE DATABASE ROLE {role} FROM ROLE PUBLIC",
    ):
        client.rows(text)
    packager = client.as_role("PACKAGER")
    assert client.rows(f"SHOW GRANTS OF DATABASE ROLE {role}") == []
    assert packager.errno(made) == 2003
    client.rows(f"GRANT DATABASE ROLE {role} TO ROLE PACKAGER")
    packager.rows(made)
    client.rows(f"REVOKE DATABASE ROLE {role} FROM ROLE PACKAGER")
    assert packager.errno("CALL P()") == 2003
    client.rows(f"GRANT DATABASE ROLE {role} TO ROLE PUBLIC")
    packager.rows(made)
    assert [row["grantee_name"] for row in client.rows(f"SHOW GRANTS OF DATABASE ROLE {role}")] == ["PUBLIC"]


@pytest.mark.parametrize("replaced", ["DATABASE FLEETING", "SCHEMA FLEETING.S"])
@pytest.mark.parametrize("words", ["DROP {0}; CREATE {0}", "CREATE OR REPLACE {0}"])
def test_future_grants_go_with_their_database_or_schema(client: Any, replaced: str, words: str) -> None:
    """A new one of the same name, somebody else's perhaps, has none of them."""
    for statement in (
        "CREATE OR REPLACE DATABASE FLEETING",
        "CREATE SCHEMA FLEETING.S",
        "CREATE OR REPLACE ROLE READER",
    ):
        client.rows(statement)
    client.rows("GRANT SELECT ON FUTURE TABLES IN SCHEMA FLEETING.S TO ROLE READER")
    client.rows("GRANT SELECT ON FUTURE TABLES IN SCHEMA FLEETING.PUBLIC TO ROLE READER")
    client.rows("GRANT SELECT ON FUTURE TABLES IN DATABASE FLEETING TO ROLE READER")
    for statement in words.format(replaced).split(";"):
        client.rows(statement)
    places = {row["name"] for row in client.rows("SHOW FUTURE GRANTS TO ROLE READER")}
    stays = {"FLEETING.<TABLE>", "FLEETING.PUBLIC.<TABLE>"} if replaced.startswith("SCHEMA") else set()
    assert places == stays
