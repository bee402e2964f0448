"""The data plane: tables and rows in DuckDB, Snowflake's SQL dialect through fakesnow. The only importer of fakesnow.

Knows DuckDB connections and the translation of data SQL; must not know the catalog's statements (objects/table.py calls
the DDL methods here) nor HTTP. fakesnow's translation of one parsed statement is used, not its connection's
bookkeeping: sessions, names, privileges and results are the sandbox's own.
"""

from __future__ import annotations

import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from fakesnow import macros
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.instance import FakeSnow
from sqlglot import exp
from sqlglot.errors import ErrorLevel

from sandbox import changes, column_names, data_errors, data_types, errors, expand, formats, multi_insert, rewrite
from sandbox.result import DDL, INSERT, MULTI_INSERT, SELECT, Column, Result, status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sandbox.engine import Call
    from sandbox.session import Session
    from sandbox.statement import ObjectName

# DuckDB aborts a transaction that meets another one's change instead of waiting for it, as Snowflake's lock would.
_ATTEMPTS = 20


def quoted(*parts: str) -> str:
    """A DuckDB name of quoted parts."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


class _Translator(FakeSnowflakeCursor):
    """fakesnow's cursor, for the two steps of its `execute` that turn Snowflake's tree into DuckDB's."""

    def translate(self, tree: exp.Expr) -> list[exp.Expr]:
        """The statements that DuckDB must run, in order; the last one gives the result."""
        # fakesnow takes MERGE apart for the sake of older DuckDBs and cannot do so with bound values; DuckDB has it.
        parts = [tree] if isinstance(tree, exp.Merge) else self._transform_explode(tree)
        return [self._transform(statement, None) for statement in parts]


@dataclass
class Connection:
    """One session's connection.

    Attributes:
        lock: keeps the session's statements apart.
        current: database and schema that DuckDB's search path stands on.
        temporary: ids of the session's temporary tables, which go with it.
    """

    fakesnow: FakeSnowflakeConnection
    duck: duckdb.DuckDBPyConnection
    lock: threading.RLock = field(default_factory=threading.RLock)
    current: tuple[str | None, str | None] = (None, None)
    in_transaction: bool = False
    tables_made: int = 0
    temporary: list[int] = field(default_factory=list)


class DataPlane:
    """All tables. One DuckDB file per database in `folder`; None keeps everything in memory (tests)."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        self._fakesnow = FakeSnow(create_database_on_connect=False, create_schema_on_connect=False)
        self._root = self._fakesnow.duck_conn
        # fakesnow's macros live in each database; sessions without one find them here.
        self._root.execute(macros.creation_sql("memory"))
        self._lock = threading.Lock()

    # --- databases, schemas, and the DDL of tables and views ---------------------------------------------------------

    def attach(self, name: str, key: str) -> None:
        """Make a database's file available under its name, making the file when it is not there.

        Args:
            name: the database's name.
            key: what the file is called; it stays when the database is renamed.
        """
        file = ":memory:" if self._folder is None else str(self._folder / f"{key}.duckdb")
        with self._root.cursor() as duck:
            duck.execute(f"ATTACH '{file}' AS {quoted(name)}")
            duck.execute(macros.creation_sql(quoted(name)))

    def detach(self, name: str, key: str | None = None) -> None:
        """Take a database away; with `key` its file is deleted too."""
        with self._root.cursor() as duck:
            duck.execute(f"DETACH {quoted(name)}")
        if key is not None and self._folder is not None:
            for file in self._folder.glob(f"{key}.duckdb*"):
                file.unlink()

    def create_schema(self, database: str, name: str) -> None:
        """Make a schema."""
        self.define(f"CREATE SCHEMA IF NOT EXISTS {quoted(database, name)}")

    def drop_schema(self, database: str, name: str) -> None:
        """Remove a schema with what is left in it."""
        self.define(f"DROP SCHEMA IF EXISTS {quoted(database, name)} CASCADE")

    def leave(self, session: Session, database: str) -> None:
        """Make a session's connection let go of a database that is about to be detached."""
        connection: Connection | None = session.data
        if connection is not None and connection.current[0] == database:
            with connection.lock:
                connection.duck.execute("SET schema = 'memory.main'")
                connection.current = (None, None)

    def apply_parameters(self, session: Session, values: Mapping[str, Any]) -> None:
        """Pass on the session parameters that DuckDB has a setting for.

        Raises:
            SnowflakeError: an unknown time zone.
        """
        zone = values.get("TIMEZONE")
        if zone is not None:
            with data_errors.translated():
                self.connection(session).duck.execute(f"SET TimeZone = '{str(zone).replace(chr(39), '')}'")

    def define(self, *statements: str) -> None:
        """Run DuckDB DDL that is none of a session's business; each statement commits.

        Raises:
            SnowflakeError: what DuckDB reports, in Snowflake's numbers.
        """
        with self._root.cursor() as duck, data_errors.translated():
            for statement in statements:
                duck.execute(statement)

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Rows of a DuckDB query that is none of a session's business."""
        with self._root.cursor() as duck, data_errors.translated():
            return list(duck.execute(statement, list(values)).fetchall())

    def count(self, name: ObjectName) -> int:
        """How many rows a table has."""
        return int(self.rows(f"SELECT count(*) FROM {name.quoted}")[0][0])

    def expression(self, text: str) -> str:
        """A Snowflake expression (a column's default) in DuckDB's words."""
        tree = exp.select(rewrite.projections(text)[0])
        with self._root.cursor() as duck, data_errors.translated():
            opened = FakeSnowflakeConnection(duck, {}, paramstyle="qmark")
            translated: exp.Expr = _Translator(opened, duck).translate(tree)[-1].expressions[0]
        return _duckdb(translated)

    # --- sessions ----------------------------------------------------------------------------------------------------

    def connection(self, session: Session) -> Connection:
        """The session's connection, made on first use."""
        with self._lock:
            if session.data is None:
                opened = self._fakesnow.connect(paramstyle="qmark")
                session.data = Connection(opened, opened._duck_conn)  # noqa: SLF001  # it has no public name
            made: Connection = session.data
        return made

    def close(self, session: Session) -> None:
        """Close the session's connection; temporary tables go, an open transaction is rolled back."""
        connection, session.data = session.data, None
        if connection is not None:
            with connection.lock:
                connection.duck.close()

    def interrupt(self, session: Session) -> None:
        """Make the statement that the session runs in DuckDB, if any, fail soon."""
        if session.data is not None:
            session.data.duck.interrupt()

    def stop(self) -> None:
        """Write everything out and close."""
        with self._lock:
            self._root.close()

    # --- statements --------------------------------------------------------------------------------------------------

    def execute(self, call: Call) -> Result:
        """Run one data statement of a session.

        Raises:
            SnowflakeError: syntax, unknown names, conversion errors, in Snowflake's numbers.
        """
        tree = rewrite.parse(call.text)
        connection = self.connection(call.session)
        with connection.lock, data_errors.translated(), self._rewritten(call, connection, tree) as ready:
            return self._run(call, connection, ready)

    def describe(self, call: Call) -> Result:
        """The columns that a query would give, without running it."""
        tree = rewrite.parse(call.text)
        connection = self.connection(call.session)
        if not isinstance(tree, exp.Query):
            return Result(changes.result_columns(tree), (), changes.type_id(tree))
        for node in list(tree.find_all(exp.Placeholder)):
            node.replace(exp.null())
        with connection.lock, data_errors.translated(), self._rewritten(call, connection, tree) as ready:
            return self._query(connection, ready, {}, rows=False)

    def constant(self, call: Call, node: exp.Expr) -> Any:
        """The value of an expression without columns, as DuckDB computes it."""
        connection = self.connection(call.session)
        tree = exp.select(node.copy())
        with connection.lock, data_errors.translated():
            result = self._query(connection, tree, call.binds)
        return result.arrow.column(0)[0].as_py() if result.arrow is not None else None

    def load(self, session: Session, table: ObjectName, statement: str) -> int:
        """Run a DuckDB INSERT that COPY INTO made, in the session's transaction; the number of rows."""
        connection = self.connection(session)
        with connection.lock, data_errors.translated():
            connection.duck.execute(statement)
            row = connection.duck.fetchone()
        if row is None:
            raise errors.does_not_exist("TABLE", table.qualified)
        return int(row[0])

    def read_file(self, path: Path, file_format: Mapping[str, str]) -> str:
        """The DuckDB table function that reads a staged file."""
        return data_types.file_reader(path, file_format)

    def describe_file(self, path: Path) -> tuple[Column, ...]:
        """The columns of a Parquet file."""
        with self._root.cursor() as duck, data_errors.translated():
            return data_types.columns(duck.sql(f"SELECT * FROM {data_types.file_reader(path, {'TYPE': 'PARQUET'})}"))

    def to_file(self, rows: Any, kind: str, *, header: bool) -> bytes:
        """Rows as the content of a CSV or Parquet file."""
        with tempfile.TemporaryDirectory() as folder, self._root.cursor() as duck, data_errors.translated():
            target = Path(folder) / "rows"
            duck.register("_rows", rows)
            form = f"FORMAT csv, HEADER {str(header).lower()}" if kind == "CSV" else "FORMAT parquet"
            duck.execute(f"COPY _rows TO '{target}' ({form})")
            return target.read_bytes()

    def evaluate(self, call: Call, text: str) -> Any:
        """The value of an expression given as text, functions and variables included (SET)."""
        query = f"SELECT {text} AS RESULT"
        result = self.execute(replace(call, text=query))
        return result.arrow.column(0)[0].as_py() if result.arrow is not None else None

    @contextmanager
    def _rewritten(self, call: Call, connection: Connection, tree: exp.Expr) -> Iterator[exp.Expr]:
        self._use(call.session, connection)
        column_names.name_columns(tree, call.text)
        rewriting = rewrite.Rewriting(call, lambda: self._new_name(connection))
        ready = rewriting.apply(tree)
        ready = expand.Expansion(call, rewriting).apply(ready, expand.session_scopes(call))
        # Bodies of views and functions may call functions too.
        ready = rewriting.apply(ready)
        for name, rows in rewriting.tables.items():
            data_types.make_table(connection.duck, name, rows)
        try:
            yield ready
        finally:
            for name in rewriting.tables:
                connection.duck.execute(f"DROP TABLE IF EXISTS temp.{quoted(name)}")

    def _new_name(self, connection: Connection) -> str:
        connection.tables_made += 1
        return f"_result_{connection.tables_made}"

    def _use(self, session: Session, connection: Connection) -> None:
        wanted = (session.database, session.schema)
        if wanted == connection.current:
            return
        connection.fakesnow.database, connection.fakesnow._schema = wanted  # noqa: SLF001  # its setter is missing
        if session.database is not None:
            schemas = [session.schema, "main"] if session.schema else ["main"]
            for schema in schemas:
                try:
                    connection.duck.execute(f"SET schema = '{quoted(session.database, schema)}'".replace("''", "'"))
                except duckdb.CatalogException:
                    continue
                connection.current = wanted
                return

    def _run(self, call: Call, connection: Connection, tree: exp.Expr) -> Result:
        if isinstance(tree, exp.Query):
            return self._query(connection, tree, call.binds)
        if isinstance(tree, exp.Transaction | exp.Commit | exp.Rollback):
            return self._transaction(connection, tree)
        if isinstance(tree, exp.Insert | exp.Update | exp.Delete | exp.Merge | exp.TruncateTable):
            return self._change(connection, tree, call.binds)
        if isinstance(tree, exp.MultitableInserts):
            return self._insert_all(connection, tree, call)
        raise errors.not_supported(" ".join(call.text.split()[:3]).upper())

    def _transaction(self, connection: Connection, tree: exp.Expr) -> Result:
        # Snowflake does not mind a COMMIT or ROLLBACK outside of a transaction, nor BEGIN inside one.
        wanted = isinstance(tree, exp.Transaction)
        if wanted != connection.in_transaction:
            connection.duck.execute("BEGIN" if wanted else tree.key.upper())
            connection.in_transaction = wanted
        return status()

    def _query(self, connection: Connection, tree: exp.Expr, binds: Mapping[str, Any], *, rows: bool = True) -> Result:
        values = rewrite.remaining_binds(tree, binds)
        *before, last = self._translate(connection, tree)
        for statement in before:
            connection.duck.execute(_duckdb(statement))
        relation = connection.duck.sql(_duckdb(last), params=values or None)
        columns = data_types.columns(relation)
        return Result(columns, (), SELECT, arrow=relation.to_arrow_table() if rows else data_types.no_rows(columns))

    def _translate(self, connection: Connection, tree: exp.Expr) -> list[exp.Expr]:
        formats.translate(tree)
        # fakesnow would sum as DOUBLE; a call that it does not know stays exact.
        for node in list(tree.find_all(exp.Sum)):
            node.replace(exp.Anonymous(this="SUM", expressions=[node.this]))
        return _Translator(connection.fakesnow, connection.duck).translate(tree)

    def _change(self, connection: Connection, tree: exp.Expr, binds: Mapping[str, Any]) -> Result:
        batch = changes.batch(rewrite.remaining_binds(tree, binds))
        columns, kind = changes.result_columns(tree), changes.type_id(tree)
        if isinstance(tree, exp.Merge):
            changes.prepare_merge(tree)
        statements = [_duckdb(statement) for statement in self._translate(connection, tree)]
        if isinstance(tree, exp.Merge):
            statements = [f"{statement} RETURNING merge_action" for statement in statements]
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                counts = self._change_once(connection, statements, batch, kind)
            except duckdb.TransactionException:
                if connection.in_transaction or attempt == _ATTEMPTS:
                    raise
            else:
                break
        if kind == DDL:
            return status()
        if isinstance(tree, exp.Merge):
            counts = changes.merge_counts(columns, counts)
        counts += [0] * (len(columns) - len(counts))
        return Result(columns, (tuple(counts[: len(columns)]),), kind)

    def _change_once(
        self, connection: Connection, statements: Sequence[str], batch: Sequence[Sequence[Any]], kind: int
    ) -> list[int]:
        with self._whole(connection):
            counts: list[int] = []
            if len(batch) > 1 and kind == INSERT and len(statements) == 1:
                connection.duck.executemany(statements[0], [list(values) for values in batch])
                counts, batch = [len(batch)], ()
            for values in batch:
                row = self._run_all(connection, statements, values)
                counts = [a + b for a, b in zip(counts or [0] * len(row), row, strict=True)]
        return counts

    @contextmanager
    def _whole(self, connection: Connection) -> Iterator[None]:
        """All or nothing: a transaction of the statement's own, unless the session has one open."""
        if connection.in_transaction:
            yield
            return
        connection.duck.execute("BEGIN")
        try:
            yield
        except BaseException:
            connection.duck.execute("ROLLBACK")
            raise
        connection.duck.execute("COMMIT")

    def _insert_all(self, connection: Connection, tree: exp.MultitableInserts, call: Call) -> Result:
        multi_insert.refuse(call.text, call.binds)
        source, counts = self._new_name(connection), list[int]()
        with self._whole(connection):
            data_types.make_table(connection.duck, source, self._query(connection, tree.args["source"], call.binds))
            for insert in multi_insert.inserts(tree, source):
                values = rewrite.remaining_binds(insert, call.binds)
                translated = [_duckdb(one) for one in self._translate(connection, insert)]
                counts += self._run_all(connection, translated, values)
            connection.duck.execute(f"DROP TABLE temp.{quoted(source)}")
        return Result(multi_insert.result_columns(tree), (multi_insert.row(tree, counts),), MULTI_INSERT)

    def _run_all(self, connection: Connection, statements: Sequence[str], values: Sequence[Any]) -> list[int]:
        counts: list[int] = []
        for statement in statements:
            connection.duck.execute(statement, list(values) if "$1" in statement else None)
            counts = changes.counts(connection.duck.fetchall(), statement)
        return counts


def _duckdb(tree: exp.Expr) -> str:
    """DuckDB's text of a translated tree; what DuckDB has no words for is an error, not left out with a warning."""
    return tree.sql("duckdb", unsupported_level=ErrorLevel.RAISE)
