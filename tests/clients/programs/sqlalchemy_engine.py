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


def made_by_metadata() -> Any:
    """A table that refers to another one, as a program describes them."""
    metadata = sqlalchemy.MetaData(schema="sa.public")
    key = sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True, autoincrement=False)
    parent = sqlalchemy.Table("parent", metadata, key, sqlalchemy.Column("name", sqlalchemy.String(20)))
    reference = sqlalchemy.Column("parent_id", sqlalchemy.ForeignKey("sa.public.parent.id"))
    number = sqlalchemy.Column("id", sqlalchemy.Integer, primary_key=True, autoincrement=False)
    child = sqlalchemy.Table("child", metadata, number, reference)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(sqlalchemy.insert(parent), [{"id": 1, "name": "a"}, {"id": 2, "name": None}])
        connection.execute(sqlalchemy.insert(child).values(id=1, parent_id=2))
        joined = sqlalchemy.select(parent.c.id, child.c.parent_id).join(child, child.c.parent_id == parent.c.id)
        return [tuple(row) for row in connection.execute(joined)]


def inspected(kind: str, table: str) -> Any:
    return getattr(sqlalchemy.inspect(engine), f"get_{kind}")(table, schema="sa.public")


step("tables that refer to each other", made_by_metadata, [(2, 2)])
step("primary key", lambda: inspected("pk_constraint", "parent")["constrained_columns"], ["id"])
step(
    "foreign keys", lambda: [key["constrained_columns"] for key in inspected("foreign_keys", "child")], [["parent_id"]]
)
step("view names", lambda: sqlalchemy.inspect(engine).get_view_names(schema="sa.public"), [])
