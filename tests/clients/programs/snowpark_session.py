"""Snowpark: DataFrames, tables, files, pandas, procedures that are registered from functions, async, transactions."""

from __future__ import annotations

import logging
import tempfile
import warnings
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")
logging.disable(logging.WARNING)

import pandas as pd
from snowflake.snowpark import DataFrame, Session, Window
from snowflake.snowpark import functions as F  # noqa: N812  # as everybody has it
from snowflake.snowpark import types as T  # noqa: N812  # likewise
from steps import LOGIN, raises, step

session = Session.builder.configs(LOGIN).create()
folder = Path(tempfile.mkdtemp())
(folder / "a.csv").write_text("1,x\n2,y\n")


def tuples(frame: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in frame.collect()]


def sql(text: str, *binds: Any) -> list[tuple[Any, ...]]:
    return tuples(session.sql(text, params=list(binds) or None))


for statement in ("CREATE DATABASE SP", "CREATE WAREHOUSE W", "CREATE STAGE ST"):
    step(statement, lambda statement=statement: len(sql(statement)), 1)  # type: ignore[misc]  # a default binds the loop's value
frame = session.create_dataframe([[1, "a", 1.5], [2, "b", 2.5], [3, None, 3.5]], schema=["ID", "NAME", "V"])
step("collect", lambda: tuples(frame), [(1, "a", 1.5), (2, "b", 2.5), (3, None, 3.5)])
step(
    "schema",
    lambda: [type(field.datatype).__name__ for field in frame.schema],
    ["LongType", "StringType", "DoubleType"],
)
step(
    "filter and select",
    lambda: tuples(frame.filter(F.col("ID") == 2).select(F.upper("NAME"), F.lit("x"))),
    [("B", "x")],
)
grouped = (
    frame.group_by("NAME").agg(F.sum("V").alias("S"), F.count("*").alias("C")).sort(F.col("NAME").asc_nulls_first())
)
step("group by", lambda: tuples(grouped), [(None, 3.5, 1), ("a", 1.5, 1), ("b", 2.5, 1)])
step("save as table", lambda: frame.write.mode("overwrite").save_as_table("T1"))
step("append", lambda: (frame.write.mode("append").save_as_table("T1"), session.table("T1").count())[1], 6)
step(
    "error if it exists",
    lambda: raises(lambda: frame.write.mode("errorifexists").save_as_table("T1"), "T1"),
    expected=True,
)
step("join", lambda: frame.join(session.table("T1"), "ID", "left", rsuffix="_R").count(), 6)
numbered = frame.with_column("RN", F.row_number().over(Window.order_by(F.col("V").desc())))
step("window", lambda: [row[3] for row in tuples(numbered.sort("ID"))], [3, 2, 1])
step("pivot", lambda: len(tuples(frame.pivot("NAME", ["a", "b"]).sum("V"))), 3)  # noqa: PD010  # no pandas
unpivoted = session.create_dataframe([[1, 2, 3]], schema=["K", "A", "B"]).unpivot("VAL", "NAME", ["A", "B"])
step("unpivot", lambda: sorted(tuples(unpivoted)), [(1, "A", 2), (1, "B", 3)])
step(
    "union, except, intersect",
    lambda: (frame.union_all(frame).count(), frame.except_(frame).count(), frame.intersect(frame).count()),
    (6, 0, 3),
)
step("when", lambda: tuples(frame.select(F.when(F.col("ID") == 1, "one").otherwise("many")))[0], ("one",))
step("missing values", lambda: [row[1] for row in tuples(frame.na.fill({"NAME": "n"}).sort("ID"))], ["a", "b", "n"])
step("distinct", lambda: frame.select("NAME").distinct().count(), 3)
step("sample", lambda: frame.sample(n=2).count(), 2)
step("random split", lambda: sum(part.count() for part in frame.random_split([0.5, 0.5], seed=1)), 3)
step("describe", lambda: len(tuples(frame.describe())), 5)
step("cache", lambda: frame.cache_result().count(), 3)
step("view", lambda: (frame.create_or_replace_view("V1"), session.table("V1").count())[1], 3)
step("temporary view", lambda: (frame.create_or_replace_temp_view("V2"), session.table("V2").count())[1], 3)
table = session.table("T1")
step("update", lambda: table.update({"NAME": F.lit("z")}, table["ID"] == 1).rows_updated, 2)
step("delete", lambda: table.delete(table["ID"] == 2).rows_deleted, 2)
matched = [
    F.when_matched().update({"V": frame["V"] + 1}),
    F.when_not_matched().insert({"ID": frame["ID"], "V": frame["V"]}),
]
step("merge", lambda: table.merge(frame, table["ID"] == frame["ID"], matched).rows_inserted, 1)
step("to_pandas", lambda: [str(kind) for kind in frame.to_pandas().dtypes], ["int64", "object", "float64"])
step("to_pandas of no rows", lambda: list(frame.filter("ID > 10").to_pandas().columns), ["ID", "NAME", "V"])
step("Arrow", lambda: frame.to_arrow().num_rows, 3)
step("batches of many rows", lambda: sum(len(part) for part in session.range(200_000).to_pandas_batches()), 200_000)
rows = pd.DataFrame({"A": [1, 2], "B": ["x", None], "D": [date(2020, 1, 1)] * 2, "F": [1.5, None]})
step("write_pandas", lambda: session.write_pandas(rows, "WP", auto_create_table=True, overwrite=True).count(), 2)
step("write_pandas again", lambda: session.write_pandas(rows, "WP", overwrite=True).count(), 2)
step("from pandas", lambda: tuples(session.create_dataframe(rows[["A"]]).sort('"A"')), [(1,), (2,)])
step("put", lambda: session.file.put(str(folder / "a.csv"), "@ST/f", auto_compress=False)[0].status, "UPLOADED")
step(
    "put_stream",
    lambda: session.file.put_stream((folder / "a.csv").open("rb"), "@ST/g/b.csv", auto_compress=False).status,
    "UPLOADED",
)
step("get", lambda: session.file.get("@ST/f/a.csv", str(folder / "back"))[0].status, "DOWNLOADED")
step("get_stream", lambda: session.file.get_stream("@ST/g/b.csv").read(), b"1,x\n2,y\n")
step("list", lambda: sorted(row[0] for row in sql("LIST @ST")), ["st/f/a.csv", "st/g/b.csv"])
reader = session.read.schema(T.StructType([T.StructField("A", T.IntegerType()), T.StructField("B", T.StringType())]))
step(
    "copy into a table",
    lambda: (
        sql("CREATE TABLE CI (A INT, B VARCHAR)"),
        reader.csv("@ST/f/a.csv").copy_into_table("CI"),
        tuples(session.table("CI").sort("A")),
    )[2],
    [(1, "x"), (2, "y")],
)
step("read a file", lambda: tuples(reader.csv("@ST/f/a.csv").sort("A")), [(1, "x"), (2, "y")])
step("unload", lambda: frame.write.copy_into_location("@ST/out/", file_format_type="csv", overwrite=True)[0][0], 3)
step("unload Parquet", lambda: frame.write.parquet("@ST/parquet/", overwrite=True)[0][0], 3)


def double(session: Session, number: int) -> int:  # noqa: ARG001  # every procedure is given one
    return number * 2


def tabular(session: Session, least: int) -> DataFrame:
    return session.table("T1").filter(F.col("ID") >= least).select("ID", "V").sort("ID", "V").limit(1)


PACKAGES = ["snowflake-snowpark-python"]
OPTIONS: dict[str, Any] = {"packages": PACKAGES, "replace": True}
integer = T.IntegerType()
step(
    "sproc.register",
    lambda: session.sproc.register(
        double,
        return_type=integer,
        input_types=[integer],
        name="DBL",
        is_permanent=True,
        stage_location="@ST",
        **OPTIONS,
    )(21),
    42,
)
step(
    "a temporary procedure",
    lambda: session.sproc.register(double, return_type=integer, input_types=[integer], **OPTIONS)(4),
    8,
)
(folder / "halves.py").write_text("def main(session, number):\n    return number // 2\n")
step(
    "sproc.register_from_file",
    lambda: session.sproc.register_from_file(
        str(folder / "halves.py"), "main", name="HALF", return_type=integer, input_types=[integer], **OPTIONS
    )(42),
    21,
)
step("call", lambda: session.call("DBL", 5), 10)
step(
    "a procedure that gives a table",
    lambda: tuples(
        session.sproc.register(tabular, return_type=T.StructType([]), input_types=[integer], name="TAB", **OPTIONS)(3)
    ),
    [(3, 4.5)],
)
step(
    "packages",
    lambda: (
        len(
            sql("SELECT PACKAGE_NAME FROM INFORMATION_SCHEMA.PACKAGES WHERE PACKAGE_NAME = 'snowflake-snowpark-python'")
        )
        >= 1
    ),
    expected=True,
)
step(
    "a Python function",
    lambda: session.udf.register(
        lambda x: x + 1, return_type=integer, input_types=[integer], name="PLUS1", packages=[], replace=True
    ),
)
step(
    "variant",
    lambda: tuples(
        session.create_dataframe([[{"a": [1, 2]}]], schema=T.StructType([T.StructField("V", T.VariantType())])).select(
            F.col("V")["a"][0].cast("int")
        )
    ),
    [(1,)],
)
step(
    "flatten",
    lambda: sorted(
        tuples(
            session.create_dataframe([[1, [10, 20]]], schema=["I", "A"])
            .join_table_function("flatten", F.col("A"))
            .select("I", F.col("VALUE").cast("int"))
        )
    ),
    [(1, 10), (1, 20)],
)
listed = session.create_dataframe([[1, [10, 20, 30]], [2, [40]]], schema=["I", "A"])
step(
    "explode",
    lambda: sorted((row[0], int(row[1])) for row in tuples(listed.select("I", F.explode("A")))),
    [(1, 10), (1, 20), (1, 30), (2, 40)],
)
step("rollup and grouping sets", lambda: frame.rollup("NAME").agg(F.sum("V")).count(), 4)
ordered = Window.partition_by("NAME").order_by("ID").rows_between(Window.UNBOUNDED_PRECEDING, Window.CURRENT_ROW)
step(
    "a frame of rows",
    lambda: [row[0] for row in tuples(frame.select(F.sum("V").over(ordered), "ID").sort("ID"))],
    [1.5, 2.5, 3.5],
)
step(
    "joined by an alias",
    lambda: (
        frame.alias("x").join(frame.alias("y"), F.col("x", "ID") == F.col("y", "ID")).select(F.col("x", "ID")).count()
    ),
    3,
)
step(
    "an anonymous procedure",
    lambda: session.sproc.register(
        double, return_type=integer, input_types=[integer], anonymous=True, packages=PACKAGES
    )(5),
    10,
)
values = [[Decimal("1.23"), datetime(2020, 1, 2, 3, 4, 5), date(2020, 1, 2), time(1, 2, 3), b"ab", True, None]]  # noqa: DTZ001  # as Snowflake's NTZ
step("types", lambda: tuples(session.create_dataframe(values, schema=list("ABCDEFG"))), [tuple(values[0])])
step("async", lambda: len(frame.collect_nowait().result()), 3)
step("async pandas", lambda: len(frame.to_pandas(block=False).result()), 3)
step(
    "transaction",
    lambda: (sql("BEGIN"), sql("DELETE FROM T1"), sql("ROLLBACK"), session.table("T1").count() > 0)[3],
    expected=True,
)
step("binds", lambda: sql("SELECT ? AS A, ? AS B", 1, "x"), [(1, "x")])
step("query tag", lambda: (setattr(session, "query_tag", "t"), sql("SHOW PARAMETERS LIKE 'QUERY_TAG'")[0][1])[1], "t")
step("generator", lambda: session.generator(F.seq4(), rowcount=3).count(), 3)
step("table function", lambda: len(tuples(session.table_function("split_to_table", F.lit("a b"), F.lit(" ")))), 2)
step("an error", lambda: raises(lambda: session.table("NOPE").collect(), "does not exist"), expected=True)
session.close()
