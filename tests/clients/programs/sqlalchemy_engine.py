"""SQLAlchemy: an engine, a table, a transaction that is rolled back, what the inspector finds."""

from __future__ import annotations

import importlib
from decimal import Decimal
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

orm: Any = importlib.import_module("sqlalchemy.orm")
base = orm.declarative_base(metadata=sqlalchemy.MetaData(schema="sa.public"))


class Author(base):  # type: ignore[misc, valid-type]  # made by the library
    __tablename__ = "author"
    id = sqlalchemy.Column(sqlalchemy.Integer, sqlalchemy.Sequence("author_ids", schema="sa.public"), primary_key=True)
    name = sqlalchemy.Column(sqlalchemy.String(50))
    books = orm.relationship("Book", back_populates="author", cascade="all, delete-orphan")


class Book(base):  # type: ignore[misc, valid-type]  # likewise
    __tablename__ = "book"
    id = sqlalchemy.Column(sqlalchemy.Integer, sqlalchemy.Sequence("book_ids", schema="sa.public"), primary_key=True)
    title = sqlalchemy.Column(sqlalchemy.String(100), unique=True)
    price = sqlalchemy.Column(sqlalchemy.Numeric(10, 2))
    author_id = sqlalchemy.Column(sqlalchemy.ForeignKey("sa.public.author.id"))
    author = orm.relationship("Author", back_populates="books")


def stored() -> Any:
    base.metadata.create_all(engine)
    with orm.Session(engine) as session:
        session.add(Author(name="O'Neil", books=[Book(title="T1", price=Decimal("1.50")), Book(title="T2")]))
        session.commit()
        query = sqlalchemy.select(Book.title, Book.price, Author.name).join(Author).order_by(Book.title)
        return [tuple(row) for row in session.execute(query)]


def undone() -> Any:
    with orm.Session(engine) as session:
        book = session.scalars(sqlalchemy.select(Book).where(Book.title == "T1")).one()
        book.price = Decimal(9)
        session.flush()
        session.rollback()
        return session.scalar(sqlalchemy.select(Book.price).where(Book.title == "T1"))


def removed() -> Any:
    with orm.Session(engine) as session:
        session.delete(session.scalars(sqlalchemy.select(Author)).one())
        session.commit()
        return session.scalar(sqlalchemy.select(sqlalchemy.func.count()).select_from(Book))


def merged() -> Any:
    merge_into = importlib.import_module("snowflake.sqlalchemy").MergeInto
    columns = [lambda: sqlalchemy.Column("x", sqlalchemy.Integer), lambda: sqlalchemy.Column("y", sqlalchemy.Integer)]
    metadata = sqlalchemy.MetaData(schema="sa.public")
    target, source = (sqlalchemy.Table(name, metadata, *(make() for make in columns)) for name in ("target", "source"))
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(target.insert(), [{"x": 1, "y": 1}])
        connection.execute(source.insert(), [{"x": 1, "y": 5}, {"x": 2, "y": 6}])
        merge = merge_into(target=target, source=source, on=target.c.x == source.c.x)
        merge.when_matched_then_update().values(y=source.c.y)
        merge.when_not_matched_then_insert().values(x=source.c.x, y=source.c.y)
        connection.execute(merge)
        return [tuple(row) for row in connection.execute(sqlalchemy.select(target).order_by(target.c.x))]


step("objects with their relations", stored, [("T1", Decimal("1.50"), "O'Neil"), ("T2", None, "O'Neil")])
step("a change that is undone", undone, Decimal("1.50"))
step("an object that is removed with its relations", removed, 0)
step("merge", merged, [(1, 5), (2, 6)])
step(
    "unique constraints", lambda: [key["column_names"] for key in inspected("unique_constraints", "book")], [["title"]]
)
step(
    "has_table",
    lambda: [sqlalchemy.inspect(engine).has_table(name, schema="sa.public") for name in ("book", "nope")],
    [True, False],
)
step(
    "drop_all",
    lambda: (base.metadata.drop_all(engine), sqlalchemy.inspect(engine).has_table("book", schema="sa.public"))[1],
    expected=False,
)
