"""The ordinary work of the Python connector: DDL, DML, transactions, files, async, pandas, blocks."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import snowflake.connector
from pandas import DataFrame
from snowflake.connector.pandas_tools import write_pandas
from steps import LOGIN, raises, step

connection = snowflake.connector.connect(**LOGIN)
cursor: Any = connection.cursor()


def run(text: str, *binds: Any) -> list[tuple[Any, ...]]:
    cursor.execute(text, *binds)
    return [tuple(row) for row in cursor.fetchall()]


def transaction() -> list[tuple[Any, ...]]:
    run("BEGIN")
    run("INSERT INTO T VALUES (9, 'gone')")
    run("ROLLBACK")
    return run("SELECT COUNT(*) FROM T")


def files() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "a.txt"
        source.write_text("content")
        run(f"PUT file://{source} @ST AUTO_COMPRESS = FALSE")
        target = Path(folder) / "back"
        target.mkdir()
        run(f"GET @ST/a.txt file://{target}")
        return [(path.name + path.read_text()) for path in target.iterdir()]


def uncommitted() -> list[tuple[Any, ...]]:
    with snowflake.connector.connect(**LOGIN, database="C", schema="PUBLIC", warehouse="W", autocommit=False) as other:
        other.cursor().execute("DELETE FROM T")
        other.rollback()
    return run("SELECT COUNT(*) FROM T")


def copied_twice() -> list[tuple[Any, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "rows.csv"
        source.write_text("7,seven\n")
        run(f"PUT file://{source} @ST/in")
    run("CREATE TABLE L (A INT, B VARCHAR)")
    answers = [run("COPY INTO L FROM @ST/in")[0] for _ in range(2)]
    return [answer[1:3] or answer for answer in answers]


def asynchronous() -> list[tuple[Any, ...]]:
    cursor.execute_async("SELECT 5")
    cursor.get_results_from_sfqid(cursor.sfqid)
    return [tuple(row) for row in cursor.fetchall()]


def pandas(text: str) -> tuple[int, list[str]]:
    cursor.execute(text)
    frame = cursor.fetch_pandas_all()
    return len(frame), list(frame.columns)


for statement in ("CREATE DATABASE C", "CREATE WAREHOUSE W", "CREATE TABLE T (A INT, B VARCHAR)", "CREATE STAGE ST"):
    step(statement, lambda statement=statement: run(statement))  # type: ignore[misc]  # a default binds the loop's value
step("insert", lambda: run("INSERT INTO T VALUES (%s, %s)", (1, "x")), [(1,)])
step("executemany", lambda: cursor.executemany("INSERT INTO T VALUES (%s, %s)", [(2, "y"), (3, "z")]).rowcount, 2)
step("select", lambda: run("SELECT A, B FROM T ORDER BY A"), [(1, "x"), (2, "y"), (3, "z")])
step("transaction", transaction, [(3,)])
step("put and get", files, ["a.txtcontent"])
step("async", asynchronous, [(5,)])
step("pandas of no rows", lambda: pandas("SELECT A, B FROM T WHERE 1 = 2"), (0, ["A", "B"]))
step("pandas of many", lambda: pandas("SELECT A FROM T"), (3, ["A"]))
step("a block", lambda: run("BEGIN LET x := 2; RETURN x * 3; END"), [(6,)])
step("execute immediate", lambda: run("EXECUTE IMMEDIATE $$ DECLARE a INT := 1; BEGIN RETURN a; END $$"), [(1,)])
step("an error", lambda: raises(lambda: run("SELECT * FROM NOPE"), "does not exist"), expected=True)
step("show objects", lambda: len(run("SHOW OBJECTS")) >= 1, expected=True)
step("get_ddl", lambda: "T" in run("SELECT GET_DDL('TABLE', 'T')")[0][0], expected=True)
step("a sequence", lambda: run("CREATE SEQUENCE SEQ"))
step("comment on", lambda: run("COMMENT ON TABLE T IS 'x'"))
for statement in (
    "CREATE TABLE O (ID INT PRIMARY KEY, A INT CONSTRAINT U_A UNIQUE)",
    "CREATE TABLE R (ID INT, O INT REFERENCES O (ID) ON DELETE CASCADE)",
):
    step(statement[:14], lambda statement=statement: run(statement))  # type: ignore[misc]  # likewise
step(
    "imported keys",
    lambda: [row[3:9] for row in run("SHOW IMPORTED KEYS IN R")],
    [("O", "ID", "C", "PUBLIC", "R", "O")],
)
step("exported keys", lambda: len(run("SHOW EXPORTED KEYS IN TABLE O")), 1)
step("constraints", lambda: run("SELECT COUNT(*) FROM INFORMATION_SCHEMA.TABLE_CONSTRAINTS"), [(3,)])
step("a name in another case", lambda: raises(lambda: run('SELECT "a" FROM T'), "invalid identifier"), expected=True)
step("today", lambda: run("SELECT CURRENT_DATE = CURRENT_TIMESTAMP::DATE"), [(True,)])
step("autocommit off", uncommitted, [(3,)])
step("the same files twice", copied_twice, [("LOADED", 1), ("Copy executed with 0 files processed.",)])
step("remove by a pattern", lambda: len(run("REMOVE @ST PATTERN = '.*rows.*'")), 1)


def aborted() -> str:
    other: Any = connection.cursor()
    other.execute_async("SELECT SYSTEM$WAIT(60)")
    assert other.abort_query(other.sfqid)
    while connection.is_still_running(status := connection.get_query_status(other.sfqid)):
        time.sleep(0.05)
    return status.name


def number(text: str) -> tuple[int | None, str | None]:
    try:
        run(text)
    except snowflake.connector.errors.Error as error:
        return error.errno, error.sqlstate
    return None, None


def several() -> list[list[Any]]:
    cursor.execute("SELECT 1; SELECT 'a'", num_statements=2)
    answers = [cursor.fetchall()]
    while cursor.nextset():
        answers.append(cursor.fetchall())
    return answers


def put_again() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        for letter in "ab":
            (Path(folder) / f"{letter}.csv").write_text(f"1,{letter}\n")
        run("CREATE STAGE AGAIN")
        words = ("", "", " OVERWRITE = TRUE")
        return [row[6] for more in words for row in run(f"PUT file://{folder}/?.csv @AGAIN{more}")]


# The driver that copies files itself does not ask whether they are there (docs/deviations.md).
SECOND = ["SKIPPED" if snowflake.connector.__version__ >= "5" else "UPLOADED"] * 2
ERRORS = {
    "SELECT * FROM NOPE": (2003, "42S02"),
    "DESCRIBE TABLE NOPE": (2003, "42S02"),
    "USE DATABASE NOPE": (2043, "02000"),
    "SELECT NOPE": (904, "42000"),
    "SELECT X.A FROM T": (904, "42000"),
    "SELECT A FROM T, O": (2028, "42601"),
    "SELECT A, COUNT(*) FROM T": (979, "42601"),
    "SELEC 1": (1003, "42000"),
    "SELECT 1 / 0": (100051, "22012"),
    "SELECT 'x'::INT": (100038, "22018"),
    "SELECT TO_DATE('x')": (100040, "22007"),
    "CREATE TABLE T (A INT)": (2002, "42710"),
}
step("abort a query", aborted, "FAILED_WITH_ERROR")
step("numbers and states of errors", lambda: {text: number(text) for text in ERRORS}, ERRORS)
step("several statements", several, [[(1,)], [("a",)]])
step("put of files that are there", put_again, ["UPLOADED"] * 2 + SECOND + ["UPLOADED"] * 2)
step(
    "describe",
    lambda: [(c.name, c.type_code, c.precision, c.scale) for c in cursor.describe("SELECT 1.25 AS N, 'a' AS S")],
    [("N", 0, 3, 2), ("S", 2, None, None)],
)
step(
    "names and text of statements",
    lambda: [one.fetchall() for one in connection.execute_string("SELECT 1; SELECT ';';")],
    [[(1,)], [(";",)]],
)
step("counts of changed rows", lambda: cursor.execute("INSERT INTO T VALUES (20, 'n')").stats.num_rows_inserted, 1)
run("CREATE TABLE PARTS AS SELECT COLUMN1 AS S FROM VALUES ('c b a'), ('e d')")
step(
    "elements in their order",
    lambda: run("SELECT VALUE FROM PARTS, LATERAL SPLIT_TO_TABLE(PARTS.S, ' ')"),
    [(letter,) for letter in "cbaed"],
)
step(
    "swapped tables",
    lambda: (
        run("CREATE TABLE S1 AS SELECT 1 AS A"),
        run("CREATE TABLE S2 AS SELECT 2 AS A"),
        run("ALTER TABLE S1 SWAP WITH S2"),
        run("SELECT * FROM S1"),
    )[3],
    [(2,)],
)
lower = DataFrame({"id": [1, 2], "name": ["a", None]})
step(
    "write_pandas without quotes",
    lambda: (
        write_pandas(connection, lower, "lower", auto_create_table=True, quote_identifiers=False)[2],
        run("SELECT ID, NAME FROM LOWER ORDER BY ID"),
    ),
    (2, [(1, "a"), (2, None)]),
)
connection.close()
