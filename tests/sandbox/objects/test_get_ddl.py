"""GET_DDL: its texts, and that they make the same objects again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.sandbox.conftest import Client

OBJECTS = {
    "a table": ("TABLE", "T"),
    "a transient table": ("TABLE", "T"),
    "a view": ("VIEW", "V"),
    "a sequence": ("SEQUENCE", "S"),
    "a file format": ("FILE_FORMAT", "F"),
    "a task": ("TASK", "X"),
    "a procedure in Python": ("PROCEDURE", "P(VARCHAR, NUMBER)"),
    "a procedure in SQL": ("PROCEDURE", "P()"),
    "a function": ("FUNCTION", "F(NUMBER)"),
    "a warehouse": ("WAREHOUSE", "W"),
    "an alert": ("ALERT", "A"),
}
CREATE = {
    "a table": """CREATE TABLE T (ID INT PRIMARY KEY, N NUMBER(10,2) DEFAULT 1.5 COMMENT 'it''s', "b" VARCHAR(20),
        D TIMESTAMP DEFAULT CURRENT_TIMESTAMP(), UNIQUE (N)) CLUSTER BY (ID) COMMENT = 'c'""",
    "a transient table": "CREATE TRANSIENT TABLE T (A INT IDENTITY(5, 2), V VARIANT)",
    "a view": "CREATE SECURE VIEW V (X COMMENT 'cx', Y) COMMENT = 'c' AS SELECT 1, 'a''b'",
    "a sequence": "CREATE SEQUENCE S START 5 INCREMENT -2 ORDER COMMENT = 'it''s'",
    "a file format": "CREATE FILE FORMAT F TYPE = CSV FIELD_DELIMITER = '\\t' SKIP_HEADER = 1",
    "a task": """CREATE TASK X WAREHOUSE = FOR_EVERYBODY SCHEDULE = '5 MINUTES' CONFIG = '{"a": 1}'
        USER_TASK_TIMEOUT_MS = 5000 WHEN 1 = 1 AS SELECT 'x'""",
    "a procedure in Python": """CREATE PROCEDURE P(A VARCHAR, B NUMBER DEFAULT 1) RETURNS VARCHAR LANGUAGE PYTHON
        RUNTIME_VERSION = '3.11' PACKAGES = ('snowflake-snowpark-python') HANDLER = 'main' COMMENT = 'c'
        EXECUTE AS CALLER AS 'def main(s, a, b):\n    return ''x'''""",
    "a procedure in SQL": """CREATE PROCEDURE P() RETURNS TABLE (A NUMBER) LANGUAGE SQL
        AS 'begin let r resultset := (select 1 as a); return table(r); end'""",
    "a function": "CREATE FUNCTION F(A NUMBER) RETURNS NUMBER COMMENT = 'c' AS 'a * 2'",
    "a warehouse": "CREATE WAREHOUSE W WAREHOUSE_SIZE = LARGE INITIALLY_SUSPENDED = TRUE",
    "an alert": """CREATE ALERT A WAREHOUSE = FOR_EVERYBODY SCHEDULE = '1 MINUTE' IF (EXISTS (SELECT 1))
        THEN SELECT 2""",
}


def ddl(client: Client, kind: str, name: str) -> str:
    (row,) = client.values(f"SELECT GET_DDL('{kind}', '{name}')")
    return str(row[0])


@pytest.mark.parametrize("name", OBJECTS)
def test_what_the_text_makes_has_the_same_text(client: Client, name: str) -> None:
    kind, called = OBJECTS[name]
    client.rows(CREATE[name])
    text = ddl(client, kind, called)
    client.rows(text)
    assert ddl(client, kind, called) == text


def test_the_documented_texts(client: Client) -> None:
    client.rows("CREATE DATABASE BOOKS_DB")
    client.rows("CREATE SCHEMA BOOKS_SCHEMA")
    client.rows("CREATE TABLE BOOKS_TABLE (ID NUMBER, TITLE VARCHAR(255), AUTHOR VARCHAR(255))")
    client.rows("CREATE VIEW BOOKS_VIEW AS select title, author from books_table")
    (row,) = client.values("SELECT GET_DDL('SCHEMA', 'books_schema', true)")
    assert row[0].split("\n") == [
        "create or replace schema BOOKS_DB.BOOKS_SCHEMA;",
        "",
        "create or replace TABLE BOOKS_DB.BOOKS_SCHEMA.BOOKS_TABLE (",
        "\tID NUMBER(38,0),",
        "\tTITLE VARCHAR(255),",
        "\tAUTHOR VARCHAR(255)",
        ");",
        "",
        "create or replace view BOOKS_DB.BOOKS_SCHEMA.BOOKS_VIEW(",
        "\tTITLE,",
        "\tAUTHOR",
        ") as select title, author from books_table;",
        "",
    ]
    client.rows("CREATE WAREHOUSE MY_WH WAREHOUSE_SIZE=LARGE INITIALLY_SUSPENDED=TRUE")
    assert ddl(client, "warehouse", "my_wh").split("\n") == [
        "create or replace warehouse MY_WH",
        "with",
        "    warehouse_type='STANDARD'",
        "    warehouse_size='Large'",
        "    max_cluster_count=1",
        "    min_cluster_count=1",
        "    scaling_policy=STANDARD",
        "    auto_suspend=600",
        "    auto_resume=TRUE",
        "    initially_suspended=TRUE",
        "    enable_query_acceleration=FALSE",
        "    query_acceleration_max_scale_factor=8",
        "    max_concurrency_level=8",
        "    statement_queued_timeout_in_seconds=0",
        "    statement_timeout_in_seconds=172800",
        ";",
    ]


def test_a_database_can_be_made_again_from_its_text(client: Client) -> None:
    client.rows("CREATE SEQUENCE S")
    client.rows("CREATE TABLE P (ID INT PRIMARY KEY)")
    client.rows("CREATE TABLE T (K INT DEFAULT S.NEXTVAL, R INT REFERENCES P (ID))")
    client.rows("CREATE FUNCTION F(A NUMBER) RETURNS NUMBER AS 'a * 2'")
    client.rows("CREATE VIEW V AS SELECT F(K) AS K2 FROM T")
    client.rows("CREATE TASK ROOT AS SELECT 1")
    client.rows("CREATE TASK CHILD AFTER ROOT AS SELECT 1")
    client.rows("CREATE TASK LAST FINALIZE = ROOT AS SELECT 1")
    text = ddl(client, "DATABASE", "D")
    client.rows("DROP DATABASE D")
    client.rows("ALTER SESSION SET MULTI_STATEMENT_COUNT = 0")
    client.rows(text)
    assert ddl(client, "DATABASE", "D") == text
    assert "after D.PUBLIC.ROOT" in text


def test_table_and_view_mean_either(client: Client) -> None:
    client.rows("CREATE VIEW V AS SELECT 1 AS A")
    text = ddl(client, "TABLE", "v")
    assert text == ddl(client, "VIEW", "v") == "create or replace view V(\n\tA\n) as SELECT 1 AS A;"


def test_who_sees_what(client: Client) -> None:
    client.rows("CREATE SECURE VIEW V AS SELECT 1 AS A")
    client.rows("CREATE ROLE R")
    client.rows("GRANT ROLE R TO USER SANDBOX_ADMIN")
    for grant in ("USAGE ON DATABASE D", "USAGE ON SCHEMA D.PUBLIC", "SELECT ON VIEW D.PUBLIC.V"):
        client.rows(f"GRANT {grant} TO ROLE R")
    other = client.as_role("R")
    assert other.errno("SELECT GET_DDL('VIEW', 'D.PUBLIC.V')") == 2003
    client.rows("ALTER VIEW V UNSET SECURE")
    assert ddl(other, "VIEW", "D.PUBLIC.V").startswith("create or replace view")


def test_what_has_no_text(client: Client) -> None:
    assert client.errno("SELECT GET_DDL('STAGE', 'X')") == 1008
    assert client.errno("SELECT GET_DDL('TABLE', 'NOPE')") == 2003
    assert client.errno("SELECT GET_DDL('TABLE')") == 938


def test_a_secure_definition_is_its_owners_alone(client: Client) -> None:
    client.rows("CREATE ROLE READER")
    client.rows(f"GRANT ROLE READER TO USER {client.session.user}")
    client.rows("CREATE SECURE VIEW V AS SELECT 1 AS A WHERE 'hidden' <> ''")
    client.rows("CREATE SECURE FUNCTION F() RETURNS VARCHAR AS $$ 'hidden' $$")
    client.rows("CREATE SECURE PROCEDURE P() RETURNS VARCHAR AS $$ BEGIN RETURN 'hidden'; END $$")
    for grant in (
        "USAGE ON DATABASE D",
        "USAGE ON SCHEMA D.PUBLIC",
        "SELECT ON VIEW V",
        "USAGE ON FUNCTION F()",
        "USAGE ON PROCEDURE P()",
    ):
        client.rows(f"GRANT {grant} TO ROLE READER")
    reader = client.as_role("READER")
    statements = (
        "SELECT GET_DDL('SCHEMA', 'D.PUBLIC')",
        "SELECT GET_DDL('DATABASE', 'D')",
        "SHOW VIEWS IN SCHEMA D.PUBLIC",
        "SELECT * FROM D.INFORMATION_SCHEMA.VIEWS",
        "SELECT * FROM D.INFORMATION_SCHEMA.FUNCTIONS",
        "SELECT * FROM D.INFORMATION_SCHEMA.PROCEDURES",
        "DESCRIBE FUNCTION D.PUBLIC.F()",
        "DESCRIBE PROCEDURE D.PUBLIC.P()",
    )
    for statement in statements:
        assert "hidden" in str(client.rows(statement)), statement
        assert "hidden" not in str(reader.rows(statement)), statement
    assert reader.rows("SELECT A FROM D.PUBLIC.V") == [{"A": 1}]


def test_the_text_of_a_procedure_with_its_owners_rights_is_its_owners_alone(client: Client) -> None:
    client.rows("CREATE ROLE READER_OF_PROCEDURES")
    client.rows(f"GRANT ROLE READER_OF_PROCEDURES TO USER {client.session.user}")
    for name, rights in (("OWNERS", "OWNER"), ("CALLERS", "CALLER")):
        client.rows(
            f"CREATE PROCEDURE {name}() RETURNS VARCHAR EXECUTE AS {rights} AS $$ BEGIN RETURN '{name}'; END $$"
        )
        client.rows(f"GRANT USAGE ON PROCEDURE {name}() TO ROLE READER_OF_PROCEDURES")
    for place in ("DATABASE D", "SCHEMA D.PUBLIC"):
        client.rows(f"GRANT USAGE ON {place} TO ROLE READER_OF_PROCEDURES")
    reader = client.as_role("READER_OF_PROCEDURES")
    for statement in ("SELECT * FROM D.INFORMATION_SCHEMA.PROCEDURES", "SELECT GET_DDL('SCHEMA', 'D.PUBLIC')"):
        assert ["OWNERS" in str(role.rows(statement)) for role in (client, reader)] == [True, False], statement
        assert ["CALLERS" in str(role.rows(statement)) for role in (client, reader)] == [True, True], statement
    assert reader.errno("SELECT GET_DDL('PROCEDURE', 'D.PUBLIC.OWNERS()')") == 2003
