"""SQLAlchemy: an engine, a table, a transaction that is rolled back, what the inspector finds."""

from __future__ import annotations

import importlib
from typing import Any
from urllib.parse import quote

from steps import LOGIN, step

sqlalchemy: Any = importlib.import_module("sqlalchemy")
password = quote(str(LOGIN["password"]), safe="")
address = f"snowflake://{LOGIN['user']}:{password}@{LOGIN['account']}/?role=ACCOUNTADMIN"
engine = sqlalchemy.create_engine(address, connect_args={key: LOGIN[key] for key in ("host", "port", "protocol")})


def run(*statements: str) -> Any:
    with engine.begin() as connection:
        results = [connection.execute(sqlalchemy.text(statement)) for statement in statements]
        return [tuple(row) for row in results[-1]]


def rolled_back() -> Any:
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("USE SCHEMA SA.PUBLIC"))
        connection.commit()
        transaction = connection.begin()
        connection.execute(sqlalchemy.text("INSERT INTO SA.PUBLIC.T VALUES (2)"))
        transaction.rollback()
    return run("SELECT COUNT(*) FROM SA.PUBLIC.T")


step("create", lambda: run("CREATE DATABASE SA", "CREATE WAREHOUSE WH", "CREATE TABLE SA.PUBLIC.T (A INT)"))
step("insert and select", lambda: run("INSERT INTO SA.PUBLIC.T VALUES (1)", "SELECT A FROM SA.PUBLIC.T"), [(1,)])
step("rollback", rolled_back, [(1,)])
step("table names", lambda: sqlalchemy.inspect(engine).get_table_names(schema="sa.public"), ["t"])
step("columns", lambda: [c["name"] for c in sqlalchemy.inspect(engine).get_columns("t", schema="sa.public")], ["a"])
