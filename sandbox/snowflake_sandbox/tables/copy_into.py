"""COPY INTO: loads files of an internal stage into a table, and unloads a query's rows to a stage.

Knows the statement's grammar and file formats (CSV, JSON, PARQUET; DuckDB reads and writes them); must not know how
files get to a stage (stage_files.py).
"""

from __future__ import annotations

import gzip
import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.compute import needs
from snowflake_sandbox.data import data_errors, data_types, execution, load_metadata, transactions, trees
from snowflake_sandbox.objects import stage
from snowflake_sandbox.protocol import wire
from snowflake_sandbox.result import DDL, Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import Reader
from snowflake_sandbox.tables import column, lengths, stage_files
from snowflake_sandbox.tables.file_patterns import FilePattern
from snowflake_sandbox.tables.loading import CopyRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sqlglot import exp

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_LOADED = columns(
    "file status rows_parsed# rows_loaded# error_limit# errors_seen# first_error first_error_line#"
    " first_error_character# first_error_column_name"
)
_UNLOADED = columns("rows_unloaded# input_bytes# output_bytes#")
_LOAD_OPTIONS = frozenset(
    {
        "ENFORCE_LENGTH",
        "FORCE",
        "LOAD_UNCERTAIN_FILES",
        "MATCH_BY_COLUMN_NAME",
        "ON_ERROR",
        "PURGE",
        "RETURN_FAILED_ONLY",
        "TRUNCATECOLUMNS",
    }
)
_UNLOAD_OPTIONS = frozenset({"HEADER", "MAX_FILE_SIZE", "OVERWRITE", "SINGLE"})
_BOOLEANS = (_LOAD_OPTIONS | _UNLOAD_OPTIONS) - {"MATCH_BY_COLUMN_NAME", "MAX_FILE_SIZE", "ON_ERROR"}
_TRUTHS = frozenset({"TRUE", "FALSE"})
_MATCHES = frozenset({"CASE_SENSITIVE", "CASE_INSENSITIVE", "NONE"})
_OTHER_COUNT = re.compile(r"expect(?:ing|ed) (\d+) (?:but got|columns but) (\d+)")
_SUFFIX = {"CSV": ".csv", "JSON": ".json", "PARQUET": ".snappy.parquet"}


def register(world: World) -> None:
    """Add COPY INTO to the world."""
    world.statements["COPY INTO"] = _copy


@dataclass
class _Options:
    """The clauses after FROM."""

    file_format: dict[str, str] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    pattern: str | None = None
    flags: dict[str, Any] = field(default_factory=dict)

    def is_on(self, name: str) -> bool:
        return str(self.flags.get(name, "false")).lower() == "true"

    def cuts_texts(self) -> bool:
        """Whether texts that are too long are cut; without this they are an error."""
        return self.is_on("TRUNCATECOLUMNS") or self.flags.get("ENFORCE_LENGTH") is False

    def refuse_others(self, names: frozenset[str]) -> None:
        """Refuse options that the sandbox lacks, and other values of ON_ERROR."""
        for name, value in self.flags.items():
            other_rule = name == "ON_ERROR" and str(value).upper() != "ABORT_STATEMENT"
            if name not in names or other_rule:
                raise errors.not_supported(f"COPY INTO … {name} = {value}")


def _read_options(call: Call, reader: Reader) -> _Options:
    options = _Options()
    while not reader.at_end:
        if reader.accept("FILE_FORMAT"):
            options.file_format = _file_format(call, stage.read_options(reader))
        elif reader.accept("FILES"):
            reader.accept("=")
            options.files = reader.string_list()
        elif reader.accept("PATTERN"):
            reader.accept("=")
            options.pattern = reader.string()
        else:
            name = reader.identifier()
            reader.expect("=")
            value = options.flags[name] = reader.value()
            if not _is_allowed(name, value):
                raise errors.invalid_value(str(value), name)
    return options


def _is_allowed(name: str, value: Any) -> bool:
    """Whether an option allows the value; those of a load are TRUE or FALSE without quotes, as on accounts."""
    if name == "MATCH_BY_COLUMN_NAME":
        return str(value).upper() in _MATCHES
    is_quoted_truth = name in _UNLOAD_OPTIONS and str(value).upper() in _TRUTHS
    return name not in _BOOLEANS or isinstance(value, bool) or is_quoted_truth


def _file_format(call: Call, options: dict[str, str]) -> dict[str, str]:
    if "FORMAT_NAME" not in options:
        return options
    name = call.session.resolve(Reader(options["FORMAT_NAME"]).object_name(), ObjectScope.SCHEMA, "COPY INTO")
    with call.world.store.reading() as tx:
        file_format = catalog.get(tx, "FILE FORMAT", name)
    access.require(call, "USAGE", file_format)
    return {key.upper(): str(value) for key, value in file_format.properties.items() if value is not None}


def _copy(call: Call) -> Result:
    if call.reader.peek() == "@" or (call.reader.peek() == "" and not _is_quoted_name(call.reader)):
        return _unload(call)
    return _load(call)


def _is_quoted_name(reader: Reader) -> bool:
    return not reader.at_end and reader.text[reader.tokens[reader.index].start] == '"'


# --- unloading -------------------------------------------------------------------------------------------------------


def _unload(call: Call) -> Result:
    reader = call.reader
    location = stage_files.locate(call, stage_files.read_location(reader), "WRITE")
    reader.expect("FROM")
    query = reader.parenthesized() if reader.peek() == "(" else f"SELECT * FROM {reader.object_name().quoted}"
    if reader.peek() == "PARTITION BY" or reader.peek() == "PARTITION":
        raise errors.not_supported("COPY INTO a stage … PARTITION BY")
    options = _read_options(call, reader)
    trees.require_query(query)
    options.refuse_others(_UNLOAD_OPTIONS)
    needs.require(call)
    result = execution.execute(replace(call, text=query))
    defaults = location.stage["file_format"] if location.stage else None
    file_format = {**(defaults or {}), **options.file_format}
    kind = file_format.get("TYPE", "CSV").upper()
    is_plain = kind == "CSV" and _is_plain(file_format)
    content = _plain(result) if is_plain else _written(call, result, kind, header=options.is_on("HEADER"))
    single = options.is_on("SINGLE")
    name = location.path if single else f"{location.path or 'data'}_0_0_0{_SUFFIX.get(kind, '')}"
    compressed = kind != "PARQUET" and file_format.get("COMPRESSION", "AUTO").upper() in ("AUTO", "GZIP")
    if compressed:
        content = gzip.compress(content, mtime=0)
        name = name if single else f"{name}.gz"
    target = location.room_for(f"{name}data" if not name or name.endswith("/") else name)
    if target.exists() and not options.is_on("OVERWRITE"):
        raise errors.SnowflakeError(
            1030, "22000", f"Files already existing at the unload destination: {location.name}/{name}. Use overwrite."
        )
    with stage_files.whole(target) as partial:
        partial.write_bytes(content)
    rows = len(wire.python_rows(result))
    return Result(_UNLOADED, ((rows, len(content), len(content)),), DDL)


def _is_plain(file_format: Mapping[str, str]) -> bool:
    """Whether texts are written unchanged: nothing separates, encloses or escapes fields."""
    names = ("FIELD_DELIMITER", "ESCAPE_UNENCLOSED_FIELD")
    return all(file_format.get(name, "").upper() == "NONE" for name in names)


def _plain(result: Result) -> bytes:
    """Return the rows of a single text column, each ended by a line feed."""
    if len(result.columns) != 1:
        raise errors.not_supported("COPY INTO a stage with FIELD_DELIMITER = NONE and more than one column")
    return "".join(f"{'' if row[0] is None else row[0]}\n" for row in wire.python_rows(result)).encode()


def _written(call: Call, result: Result, kind: str, *, header: bool) -> bytes:
    if kind == "JSON":
        if [column.type in ("variant", "object", "array") for column in result.columns] != [True]:
            raise errors.SnowflakeError(
                2154, "22023", "SQL compilation error:\nJSON file format needs exactly one column of type VARIANT."
            )
        cells = [row[0] for row in wire.python_rows(result)]
        texts = [json.dumps(json.loads(cell), separators=(",", ":")) for cell in cells if cell is not None]
        return "".join(f"{text}\n" for text in texts).encode()
    if kind not in ("CSV", "PARQUET"):
        raise errors.not_supported(f"COPY INTO a stage with TYPE = {kind}")
    return call.world.data.to_file(result.arrow, kind, header=header)


# --- loading ---------------------------------------------------------------------------------------------------------


def _load(call: Call) -> Result:
    reader = call.reader
    name = call.session.resolve(reader.object_name(), ObjectScope.SCHEMA, "COPY INTO")
    with call.world.store.reading() as tx:
        table = catalog.get(tx, "TABLE", name)
    access.require(call, "INSERT", table)
    names = [name.name for name in _names(reader)] if reader.peek() == "(" else []
    _require_columns(table, names)
    reader.expect("FROM")
    projections, location = _read_source(call, reader)
    options = _read_options(call, reader)
    options.refuse_others(_LOAD_OPTIONS)
    defaults = location.stage["file_format"] if location.stage else None
    file_format = {**(defaults or {}), **options.file_format}
    files = {f"{location.name}/{path.relative_to(location.root)}": path for path in _chosen(call, location, options)}

    load = CopyRequest(
        table,
        tuple(names),
        tuple(projections),
        by_name=str(options.flags.get("MATCH_BY_COLUMN_NAME", "NONE")).upper().removeprefix("NONE"),
        has_texts=file_format.get("TYPE", "CSV").upper() == "CSV",
        is_json=file_format.get("TYPE", "CSV").upper() == "JSON",
    )

    def statement(path: Path) -> str:
        return load.statement(data_types.file_reader(path, file_format))

    with needs.compute(call), _counted(file_format):
        rows, loaded = _load_files(call, table, files, statement, options)
    if options.is_on("PURGE"):
        for path in loaded:
            path.unlink()
    if not rows:
        return Result(columns("status"), (("Copy executed with 0 files processed.",),), DDL)
    return Result(_LOADED, rows, DDL)


@contextmanager
def _counted(file_format: Mapping[str, str]) -> Iterator[None]:
    """Replace the error of INSERT for a file with another number of columns than the table by that of COPY INTO.

    Raises:
        SnowflakeError: 100080 (guess: the number), 000002 where the format says to ignore it.
    """
    try:
        yield
    except errors.SnowflakeError as error:
        match = _OTHER_COUNT.search(error.message)
        if match is None:
            raise
        if file_format.get("ERROR_ON_COLUMN_COUNT_MISMATCH", "TRUE").upper() == "FALSE":
            raise errors.not_supported("ERROR_ON_COLUMN_COUNT_MISMATCH = FALSE") from error
        raise errors.SnowflakeError(
            100080,
            "22000",
            f"Number of columns in file ({match[2]}) does not match that of the corresponding table ({match[1]}), use"
            " file format option error_on_column_count_mismatch=false to ignore this error",
        ) from error


def _load_files(
    call: Call,
    table: SnowflakeObject,
    files: dict[str, Path],
    statement: Callable[[Path], str],
    options: _Options,
) -> tuple[list[tuple[Any, ...]], list[Path]]:
    """Load the files that the table does not have yet, all or none; return the result's rows, and the files."""
    connection = call.world.data.connection(call.session)
    rows = []
    with (
        connection.lock,
        data_errors.translated(),
        transactions.changing(call.session, connection),
        connection.whole(),
    ):
        duck = connection.duck
        if not options.is_on("FORCE"):
            uncertain = options.is_on("LOAD_UNCERTAIN_FILES")
            files = load_metadata.unloaded(duck, table, files, call.now, uncertain=uncertain)
        for name, path in files.items():
            text = statement(path)
            connection.need_functions(text)
            (count,) = duck.execute(text).fetchone() or (0,)
            lengths.enforce(connection, table, is_cut=options.cuts_texts())
            load_metadata.remember(duck, table, name, path, call.now)
            rows.append((name, "LOADED", count, count, 1, 0, *[None] * 4))
    return rows, list(files.values())


def _require_columns(table: SnowflakeObject, names: list[str]) -> None:
    for name in names:
        if name not in [record["name"] for record in table["columns"]]:
            raise errors.SnowflakeError(904, "42000", f"SQL compilation error:\ninvalid identifier '{name}'")
    column.require_distinct(names)


def _names(reader: Reader) -> tuple[Any, ...]:
    reader.expect("(")
    return reader.name_list(")")


def _read_source(call: Call, reader: Reader) -> tuple[list[exp.Expr], stage_files.Location]:
    if not reader.accept("("):
        return [], stage_files.locate(call, stage_files.read_location(reader), "READ")
    start, depth = reader.tokens[reader.index].start, 0
    while not (depth == 0 and reader.peek() == "FROM"):
        if reader.at_end:
            raise reader.unexpected()
        depth += {"(": 1, ")": -1}.get(reader.peek(), 0)
        reader.index += 1
    text = reader.text[start : reader.tokens[reader.index].start]
    reader.expect("FROM")
    location = stage_files.locate(call, stage_files.read_location(reader), "READ")
    if reader.peek() != ")":
        reader.identifier()
    reader.expect(")")
    return trees.projections(re.sub(r"^\s*SELECT\b", "", text, flags=re.IGNORECASE)), location


def _chosen(call: Call, location: stage_files.Location, options: _Options) -> list[Path]:
    names = {str(path.relative_to(location.root)): path for path in location.files()}
    if options.files:
        chosen = [f"{location.path.rstrip('/')}/{name}".lstrip("/") for name in options.files]
        missing = [name for name in chosen if name not in names]
        if missing:
            raise errors.SnowflakeError(100016, "22000", f"Remote file '{missing[0]}' was not found.")
        return [names[name] for name in chosen]
    pattern = FilePattern(call.world.data, options.pattern)
    return [path for name, path in names.items() if pattern.fullmatch(name)]
