"""The DuckDB statement that loads the rows of a staged file into a table (COPY INTO).

Pure: knows a table's columns and the request of a COPY INTO; must not know stages nor sessions. Fields of a CSV file
are texts, which are converted to their columns' types as in INSERT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.data import trees
from snowflake_sandbox.data.adapter import duckdb_text, quoted
from snowflake_sandbox.data.table_columns import data_type
from snowflake_sandbox.dialect import permitted, translation
from snowflake_sandbox.dialect.assignments import assign
from snowflake_sandbox.dialect.conversions import Formats
from snowflake_sandbox.dialect.families import DType
from snowflake_sandbox.statements.reader import DataType

if TYPE_CHECKING:
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

# The column in which DuckDB's reader has the values of a JSON file.
_JSON = "json"


@dataclass(frozen=True)
class CopyRequest:
    """The request of a COPY INTO.

    Attributes:
        columns: names of the target's columns, in the order of the file's; empty: all of them.
        projections: the expressions of a transformation over `$1`, `$2`, …; empty: the file's columns unchanged.
        by_name: MATCH_BY_COLUMN_NAME: CASE_SENSITIVE, CASE_INSENSITIVE; empty: by position.
        has_texts: whether the file is CSV.
        is_json: whether each row of the file is one semi-structured value.
    """

    table: SnowflakeObject
    columns: tuple[str, ...] = ()
    projections: tuple[exp.Expr, ...] = ()
    by_name: str = ""
    has_texts: bool = True
    is_json: bool = False

    def statement(self, source: str) -> str:
        """Return the statement for one file.

        Args:
            source: the call of DuckDB's table function that reads the file.
        """
        names = ", ".join(quoted(name) for name in self.columns)
        target = self.table.name.quoted + (f" ({names})" if names else "")
        if self.by_name:
            return self._by_name(source)
        if self.projections:
            selected = ", ".join(self._projection(node) for node in self.projections)
            return f"INSERT INTO {target} SELECT {selected} FROM {source}"
        return f"INSERT INTO {target} {self._fields(source)}"

    def _by_name(self, source: str) -> str:
        """Return the statement that loads the fields with the names of columns; the others are left out."""
        if self.has_texts:
            raise errors.not_supported("COPY INTO … MATCH_BY_COLUMN_NAME of a CSV file")
        table, names = self.table.name.quoted, [column["name"] for column in self.table["columns"]]
        is_exact = self.by_name == "CASE_SENSITIVE"
        if self.is_json:
            member = "GET" if is_exact else "GET_IGNORE_CASE"
            texts = ", ".join(f"{member}($1, '{escaped(name)}')::{self._type_of(name)}" for name in names)
            selected = ", ".join(self._projection(node) for node in trees.projections(texts))
            return f"INSERT INTO {table} ({', '.join(map(quoted, names))}) SELECT {selected} FROM {source}"
        wanted = ", ".join(f"'{escaped(name if is_exact else name.upper())}'" for name in names)
        chosen = f"COLUMNS(lambda c: {'c' if is_exact else 'upper(c)'} IN ({wanted}))"
        return f"INSERT INTO {table} BY NAME SELECT {chosen} FROM {source}"

    def _type_of(self, name: str) -> str:
        record = next(column for column in self.table["columns"] if column["name"] == name)
        return DataType(record["base"], tuple(record["numbers"])).full

    def _fields(self, source: str) -> str:
        """Return the file's columns, converted if it is a CSV file."""
        if not self.has_texts:
            return f"SELECT * FROM {source}"
        types = {column["name"]: data_type(column["base"]) for column in self.table["columns"]}
        kinds = [types[name] for name in self.columns or types if name in types]
        names = [f"field_{number}" for number in range(1, len(kinds) + 1)]
        converted = []
        for name, kind in zip(names, kinds, strict=True):
            field = exp.column(name, quoted=True)
            field.type = DType.VARCHAR
            value = assign(field, kind, Formats())
            if value is not field:
                converted.append(f"{duckdb_text(value)} AS {quoted(name)}")
        replaced = f" REPLACE ({', '.join(converted)})" if converted else ""
        # DuckDB reports the error if the file and the table have different numbers of columns.
        alias = f" AS fields({', '.join(map(quoted, names))})" if converted else ""
        return f"SELECT *{replaced} FROM {source}{alias}"

    def _projection(self, node: exp.Expr) -> str:
        """Translate a projection: `$1:"A"` of a Parquet file is its column A, `$2` of a CSV file its second column."""
        permitted.check_expression(node)
        # The columns are those of the table, in their order, whatever name a projection has.
        holder = exp.Paren(this=node.unalias().copy())
        for extract in list(holder.find_all(exp.JSONExtract)):
            if isinstance(extract.this, exp.Parameter) and self.is_json:
                extract.set("this", exp.column(_JSON, quoted=True))
            elif isinstance(extract.this, exp.Parameter):
                key = extract.expression.find(exp.JSONPathKey)
                name = key.this if key is not None else extract.expression.name or extract.expression.sql("snowflake")
                _replace_field(extract, exp.column(name, quoted=True))
        for parameter in list(holder.find_all(exp.Parameter)):
            field: exp.Expr = exp.column(_JSON, quoted=True) if self.is_json else exp.Var(this=f"#{parameter.name}")
            parameter.replace(exp.cast(field, "VARCHAR") if self.has_texts else field)
        query = translation.translate(exp.select(trees.unwrapped(holder)), translation.Context())
        return ", ".join(duckdb_text(projection) for projection in query.expressions)


def escaped(name: str) -> str:
    """Return a name as the inside of a literal."""
    return name.replace("'", "''")


def _replace_field(extract: exp.Expr, field: exp.Expr) -> None:
    """Replace `$1:A` by a column; a list or structure of a Parquet file is JSON where it becomes semi-structured."""
    cast = extract.parent
    if isinstance(cast, exp.Cast) and cast.to.this in (DType.OBJECT, DType.ARRAY, DType.VARIANT):
        cast.replace(exp.Anonymous(this="TO_JSON", expressions=[field]))
    else:
        extract.replace(field)
