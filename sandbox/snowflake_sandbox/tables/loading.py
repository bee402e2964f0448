"""The DuckDB statement that loads the rows of a staged file into a table (COPY INTO).

Pure: knows a table's columns and the request of a COPY INTO; must not know stages nor sessions. Fields of a CSV file
are texts, which are converted to their columns' types as in INSERT.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox.data import trees
from snowflake_sandbox.data.adapter import duckdb_text, quoted
from snowflake_sandbox.data.table_columns import data_type
from snowflake_sandbox.dialect import permitted, translation
from snowflake_sandbox.dialect.assignments import assign
from snowflake_sandbox.dialect.conversions import Formats
from snowflake_sandbox.dialect.families import DType

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
        by_name: MATCH_BY_COLUMN_NAME.
        has_texts: whether the file is CSV.
        is_json: whether each row of the file is one semi-structured value.
    """

    table: SnowflakeObject
    columns: tuple[str, ...] = ()
    projections: tuple[exp.Expr, ...] = ()
    by_name: bool = False
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
            return f"INSERT INTO {target} BY NAME SELECT * FROM {source}"
        if self.projections:
            selected = ", ".join(self._projection(node) for node in self.projections)
            return f"INSERT INTO {target} SELECT {selected} FROM {source}"
        return f"INSERT INTO {target} {self._fields(source)}"

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
        holder = exp.Paren(this=node.copy())
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


def _replace_field(extract: exp.Expr, field: exp.Expr) -> None:
    """Replace `$1:A` by a column; a list or structure of a Parquet file is JSON where it becomes semi-structured."""
    cast = extract.parent
    if isinstance(cast, exp.Cast) and cast.to.this in (DType.OBJECT, DType.ARRAY, DType.VARIANT):
        cast.replace(exp.Anonymous(this="TO_JSON", expressions=[field]))
    else:
        extract.replace(field)
