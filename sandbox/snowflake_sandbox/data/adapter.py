"""The data plane: tables and rows in DuckDB, Snowflake's dialect through fakesnow. The only importer of fakesnow.

Knows DuckDB's files and connections; must not know statements: execution.py runs data SQL, and objects/table.py and
others call the DDL methods here. Only fakesnow's translation of a parsed statement is used, not its connection:
sessions, names, privileges and results are the sandbox's own.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from fakesnow.macros import creation_sql
from sqlglot import exp
from sqlglot.errors import ErrorLevel

from snowflake_sandbox import errors, hidden_libraries
from snowflake_sandbox.data import data_errors, data_types, trees
from snowflake_sandbox.dialect import macros, native, permitted, translation
from snowflake_sandbox.dialect.whole_queries import needed_steps
from snowflake_sandbox.store import Note

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from snowflake_sandbox.result import ResultColumn
    from snowflake_sandbox.session import Session
    from snowflake_sandbox.statements.reader import ObjectName

# A part of a table's name in DuckDB's output, including the dot before the next part or the alias.
_PART = re.compile(r'"(?:[^"]|"")*"|[^."]+')
# The table in each database's file that has the notes for the store.
_NOTES = "_definitions"
_ALIAS = re.compile(r' (?:AS|TABLESAMPLE) (?=(?:[^"]*"[^"]*")*[^"]*$)')


def quoted(*parts: str) -> str:
    """Return a DuckDB name from its parts, each quoted."""
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)


def literal(text: str) -> str:
    """Return a text as a literal of DuckDB's SQL."""
    return "'" + text.replace("'", "''") + "'"


def _lock_down(duck: duckdb.DuckDBPyConnection, folders: Sequence[Path]) -> None:
    """Deny DuckDB access to files other than those below `folders`, extensions, secrets, Python variables, settings."""
    allowed = ", ".join(literal(f"{path}/") for path in folders)
    for setting, value in (
        ("autoinstall_known_extensions", "false"),
        ("autoload_known_extensions", "false"),
        ("allow_community_extensions", "false"),
        ("allow_extension_repositories", "'forbidden'"),
        ("allow_persistent_secrets", "false"),
        ("python_enable_replacements", "false"),
        ("temp_directory", literal(str(folders[-1]))),
        ("allowed_directories", f"[{allowed}]"),
        ("enable_external_access", "false"),
        # The only setting that sessions may change.
        ("allowed_configs", "['TimeZone']"),
        ("lock_configuration", "true"),
    ):
        duck.execute(f"SET GLOBAL {setting} = {value}")


# Words that DuckDB reserves, and AT, which it reads as time travel; Snowflake allows most of them as names.
_RESERVED = frozenset(
    row[0].upper()
    for row in duckdb.execute(
        "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category IN ('reserved', 'type_function')"
    ).fetchall()
) | {"AT"}


def duckdb_text(tree: exp.Expr) -> str:
    """Return a translated tree as DuckDB's SQL; anything that DuckDB cannot express is an error, not a warning."""
    for name in tree.find_all(exp.Identifier):
        if name.this.upper() in _RESERVED:
            name.args["quoted"] = True
    return tree.sql("duckdb", unsupported_level=ErrorLevel.RAISE, comments=False)


class _Translator(FakeSnowflakeCursor):
    """fakesnow's cursor, used for the two steps of its `execute` that translate Snowflake's tree into DuckDB's."""

    def translate(self, tree: exp.Expr) -> list[exp.Expr]:
        """Return the statements that DuckDB must run, in order; the last one returns the result."""
        # fakesnow splits MERGE for older versions of DuckDB, not with bound values; DuckDB now supports MERGE.
        parts = [tree] if isinstance(tree, exp.Merge) else self._transform_explode(tree)
        return [needed_steps.translated(self._transform, statement) for statement in parts]


@dataclass
class Connection:
    """A session's connection.

    Attributes:
        lock: serializes the session's statements.
        in_transaction: whether a transaction of the session is open (transactions.py).
        has_changes: whether a statement of that transaction has changed rows.
        transactions: how many transactions the session has begun.
        make_functions: creates the dialect's functions in a schema; called when first needed, to open sessions quickly.
        temporary: ids of the session's temporary tables, which are dropped with it.
    """

    fakesnow: FakeSnowflakeConnection
    duck: duckdb.DuckDBPyConnection
    lock: threading.RLock = field(default_factory=threading.RLock)
    in_transaction: bool = False
    has_changes: bool = False
    transactions: int = 0
    tables_made: int = 0
    temporary: list[int] = field(default_factory=list)
    make_functions: Callable[[str], None] = lambda _: None

    def new_name(self) -> str:
        """Return a name for a temporary table."""
        self.tables_made += 1
        return f"_result_{self.tables_made}"

    def need_functions(self, *statements: str) -> None:
        """Create the dialect's macros and Python functions before the first statement that calls one."""
        for schema in (macros.SCHEMA, native.SCHEMA):
            if any(schema in statement for statement in statements):
                self.make_functions(schema)

    def set_zone(self, zone: str) -> None:
        """Set the time zone in which times are read and written.

        Raises:
            SnowflakeError: 001008 for an unknown time zone.
        """
        try:
            self.duck.execute(f"SET TimeZone = '{zone.replace(chr(39), '')}'")
        except duckdb.Error as error:
            raise errors.invalid_value(zone, "TIMEZONE") from error

    def is_aborted(self) -> bool:
        """Whether the session's transaction is lost: DuckDB aborts it at the first statement that fails."""
        try:
            self.duck.execute("SELECT 1")
        except duckdb.TransactionException:
            return True
        return False

    def require_only(self, names: Collection[tuple[str, ...]], text: str) -> None:
        """Check that DuckDB's own binder finds only the allowed tables in a query, as a second check of privileges.

        Raises:
            SnowflakeError: 002003 if the text refers to another table than the tree from which it was generated.
        """
        try:
            tables = self.duck.get_table_names(text, qualified=True)
        except duckdb.Error:
            return  # running the query raises the error
        for table in tables:
            parts = tuple(
                part.removeprefix('"').removesuffix('"').replace('""', '"')
                for part in _PART.findall(_ALIAS.split(table)[0])
            )
            if parts not in names:
                raise errors.does_not_exist("Object", ".".join(parts))

    def translate(self, tree: exp.Expr) -> list[exp.Expr]:
        """Translate a Snowflake statement to those that DuckDB must run, in order; the last one returns the result."""
        return _Translator(self.fakesnow, self.duck).translate(tree)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """Run the block in a transaction of its own, unless the session has one open."""
        if self.in_transaction:
            yield
            return
        self.duck.execute("BEGIN")
        try:
            yield
        except BaseException:
            self.duck.execute("ROLLBACK")
            raise
        self.duck.execute("COMMIT")


class DataPlane:
    """All tables. One DuckDB file per database in `folder`; None stores everything in memory (tests).

    Unqualified names are always looked up in an empty schema, so that a statement reaches a table only by the full name
    that expand.py inserted.

    Args:
        folder: the folder of the databases' files.
        stages: the folder of stages' files, the only other files that DuckDB may read.
    """

    def __init__(self, folder: Path | None, stages: Path | None = None) -> None:
        self._folder = folder
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._scratch = Path(tempfile.mkdtemp()) if folder is None else folder / "scratch"
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir()
        # Set up as in fakesnow, but without its views for SHOW, which take most of a start and are not used.
        self._root = duckdb.connect(":memory:", config={"lambda_syntax": "ENABLE_SINGLE_ARROW"})
        self._root.execute("SET GLOBAL TimeZone = 'UTC'")
        self._root.execute(f"{creation_sql('memory')};\n{macros.FLATTEN}")
        _lock_down(self._root, [path for path in (folder, stages, self._scratch) if path is not None])
        self._lock = threading.Lock()
        self._functions: set[str] = set()
        # Held by the only session that repeats a change after a conflict with another session (execution.py).
        self.after_conflict = threading.Lock()

    # --- databases, schemas, and the DDL of tables and views ---------------------------------------------------------

    def attach(self, name: str, key: str) -> None:
        """Attach a database's file under the database's name; create the file if it does not exist.

        Args:
            name: the database's name.
            key: the name of the file, which does not change when the database is renamed.
        """
        file = str(self.file(key) or ":memory:")
        with self._root.cursor() as duck:
            duck.execute(f"ATTACH {literal(file)} AS {quoted(name)}")
            duck.execute(
                f"CREATE TABLE IF NOT EXISTS {quoted(name, 'main', '_loaded_files')}"
                " (table_id BIGINT, file VARCHAR, tag VARCHAR, loaded_on TIMESTAMPTZ)"
            )
            duck.execute(f"CREATE TABLE IF NOT EXISTS {quoted(name, 'main', _NOTES)} (token VARCHAR, written VARCHAR)")

    def file(self, key: str) -> Path | None:
        """Return the file of a database; None if everything is in memory."""
        return None if self._folder is None else self._folder / f"{key}.duckdb"

    def detach(self, name: str) -> None:
        """Detach a database, without deleting its file."""
        with self._root.cursor() as duck:
            duck.execute(f"DETACH {quoted(name)}")

    def remove(self, key: str) -> None:
        """Delete the file of a database that is not attached, if the file exists."""
        for file in self._folder.glob(f"{key}.duckdb*") if self._folder is not None else ():
            file.unlink()

    def apply_parameters(self, session: Session, values: Mapping[str, Any]) -> None:
        """Pass on the session parameters for which DuckDB has a setting.

        Raises:
            SnowflakeError: 001008 for an unknown time zone.
        """
        if values.get("TIMEZONE") is not None:
            self.connection(session).set_zone(str(values["TIMEZONE"]))

    def put_aside(self, keys: Collection[str]) -> list[Path]:
        """Rename the files of databases other than these; return the new names.

        A process that was killed while it created a database leaves such a file. It is not deleted, because the store
        may also have been restored from an older copy.
        """
        files = sorted(self._folder.glob("database_*.duckdb*")) if self._folder is not None else []
        strangers = [file for file in files if file.name.partition(".")[0] not in keys]
        return [file.rename(file.with_name(f"left_{file.name}")) for file in strangers]

    def define(self, definitions: Mapping[str, list[str]], note: Note) -> None:
        """Run DuckDB DDL, all or none of each database's statements, and store the note with them (store.py).

        Raises:
            SnowflakeError: DuckDB's errors with Snowflake's numbers.
        """
        for database, statements in definitions.items():
            notes = quoted(database, "main", _NOTES)
            with self._root.cursor() as duck, data_errors.translated():
                duck.execute("BEGIN")
                try:
                    for statement in statements:
                        duck.execute(statement)
                    duck.execute(f"DELETE FROM {notes}")
                    duck.execute(f"INSERT INTO {notes} VALUES (?, ?)", [note.token, note.written])
                except BaseException:
                    duck.execute("ROLLBACK")
                    raise
                duck.execute("COMMIT")

    def notes(self, database: str) -> list[Note]:
        """Return the note of the last definition in a database, if there was one."""
        return [Note(*row) for row in self.rows(f"SELECT token, written FROM {quoted(database, 'main', _NOTES)}")]

    def rows(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Return the rows of a DuckDB query that does not belong to a session."""
        with self._root.cursor() as duck, data_errors.translated():
            return list(duck.execute(statement, list(values)).fetchall())

    def count(self, name: ObjectName) -> int:
        """Return the number of rows of a table."""
        return int(self.rows(f"SELECT count(*) FROM {name.quoted}")[0][0])

    def default(self, name: ObjectName, column: str) -> str | None:
        """Return a column's default in DuckDB's SQL."""
        rows = self.rows(
            "SELECT column_default FROM duckdb_columns()"
            " WHERE database_name = ? AND schema_name = ? AND table_name = ? AND column_name = ?",
            name.database,
            name.schema,
            name.name,
            column,
        )
        return rows[0][0] if rows else None

    def expression(self, text: str) -> str:
        """Translate a Snowflake expression (a column's default) to DuckDB's SQL."""
        value = trees.projections(text)[0]
        permitted.check_expression(value)
        tree = translation.translate(exp.select(value), translation.Context())
        with self._root.cursor() as duck, data_errors.translated():
            opened = FakeSnowflakeConnection(duck, {}, paramstyle="qmark")
            translated: exp.Expr = _Translator(opened, duck).translate(tree)[-1].expressions[0]
        result = duckdb_text(translated)
        if macros.SCHEMA in result or native.SCHEMA in result:
            raise errors.not_supported(f"DEFAULT {text}")
        return result

    # --- sessions ----------------------------------------------------------------------------------------------------

    def connection(self, session: Session) -> Connection:
        """Return the session's connection, which is created on first use.

        Raises:
            SnowflakeError: 001008 if the session was opened with an unknown time zone.
        """
        with self._lock:
            if session.data is None:
                duck = self._root.cursor()
                opened = FakeSnowflakeConnection(duck, {}, paramstyle="qmark")
                connection = Connection(opened, duck, make_functions=self._make_functions)
                # Set at the login, or a task's own.
                if session.parameters.get("TIMEZONE") is not None:
                    connection.set_zone(str(session.parameters["TIMEZONE"]))
                session.data = connection
            data: Connection = session.data
        return data

    def _make_functions(self, schema: str) -> None:
        with self._lock:
            if schema in self._functions:
                return
            with self._root.cursor() as duck:
                if schema == macros.SCHEMA:
                    duck.execute(macros.STATEMENTS)
                else:
                    hidden_libraries.need_numpy()
                    for name, (function, arguments) in native.FUNCTIONS.items():
                        duck.create_function(name, function, list(arguments), "VARCHAR")
            self._functions.add(schema)

    def close(self, session: Session) -> None:
        """Close the session's connection: temporary tables are dropped, an open transaction is rolled back."""
        connection, session.data = session.data, None
        if connection is not None:
            with connection.lock:
                connection.duck.close()

    def interrupt(self, session: Session) -> None:
        """Make the session's running statement in DuckDB, if any, fail soon."""
        connection: Connection | None = session.data
        if connection is not None:
            connection.duck.interrupt()

    def stop(self) -> None:
        """Write everything to the files and close them."""
        with self._lock:
            self._root.close()
            shutil.rmtree(self._scratch, ignore_errors=True)

    # --- staged files ------------------------------------------------------------------------------------------------

    def describe_file(self, path: Path) -> tuple[ResultColumn, ...]:
        """Return the columns of a Parquet file."""
        with self._root.cursor() as duck, data_errors.translated():
            return data_types.columns(duck.sql(f"SELECT * FROM {data_types.file_reader(path, {'TYPE': 'PARQUET'})}"))

    def to_file(self, rows: Any, kind: str, *, header: bool) -> bytes:
        """Return rows as the content of a CSV or Parquet file."""
        with (
            tempfile.TemporaryDirectory(dir=self._scratch) as folder,
            self._root.cursor() as duck,
            data_errors.translated(),
        ):
            target = Path(folder) / "rows"
            duck.register("_rows", rows)
            form = f"FORMAT csv, HEADER {str(header).lower()}" if kind == "CSV" else "FORMAT parquet"
            duck.execute(f"COPY _rows TO {literal(str(target))} ({form})")
            return target.read_bytes()
