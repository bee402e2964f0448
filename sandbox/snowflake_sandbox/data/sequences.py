"""`seq.NEXTVAL` in data SQL: a sequence's next value in the words of DuckDB, which has sequences of its own.

Knows trees and how a sequence is called in DuckDB; must not know how one is made (objects/sequence.py).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox.data import trees
from snowflake_sandbox.statements.reader import ObjectName, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_NEXT_VALUE = "next value"
_NEXTVAL = "NEXTVAL"
_DEFAULT = "DEFAULT"
# A column's default as DuckDB shows it.
_NEXTVAL_CALL = re.compile(r"nextval\('((?:[^']|'')+)'\)")
# What a default says whose sequence is gone (data_errors.py gives it its number).
GONE = "invalid identifier '{}.NEXTVAL'"


def duckdb_name(sequence: SnowflakeObject) -> str:
    """What the sequence is called in its database's file, in schema main: a rename leaves it alone."""
    return f"_sequence_{sequence.id}_{sequence['revision']}"


def sequence_of(text: str | None) -> ObjectName | None:
    """The sequence whose next value a default is; None for any other default."""
    if text is None or not text.upper().endswith("NEXTVAL"):
        return None
    reader = Reader(text)
    if len(reader.tokens) < len(("seq", ".", "NEXTVAL")) or reader.peek(len(reader.tokens) - 1) != "NEXTVAL":
        return None
    reader.tokens = reader.tokens[:-2]
    name = reader.object_name()
    return name if reader.at_end else None


def is_next_value(node: exp.Expr) -> bool:
    """Whether a call was put in the place of `seq.NEXTVAL`."""
    return bool(node.meta.get(_NEXT_VALUE))


def put_next_values(tree: exp.Expr, find: Callable[[ObjectName], SnowflakeObject], *, describing: bool = False) -> None:
    """Replace every `seq.NEXTVAL`. Of a table or alias in FROM it is a column, even if a sequence has the name (guess).

    Args:
        tree: the statement.
        find: gives the sequence of a name.
        describing: use up no number. DuckDB takes one as soon as a query with NEXTVAL becomes a relation.
    """
    for node in list(tree.find_all(exp.Column)):
        if node.name.upper() != _NEXTVAL or not node.table:
            continue
        if _is_of_source(node):
            # Behind a name, DuckDB reads the word as one of its own sequences.
            node.replace(exp.column(exp.to_identifier(_NEXTVAL, quoted=True)))
            continue
        parts = [node.args.get(key) for key in ("table", "db", "catalog")]
        names = [
            None if part is None else part.name if part.args.get("quoted") else part.name.upper() for part in parts
        ]
        sequence = find(ObjectName(names[0] or "", names[1], names[2]))
        called = _next_value(f'{quoted_name(sequence.name.database)}."main"."{duckdb_name(sequence)}"')
        value = exp.cast(exp.Literal.number(0), "BIGINT") if describing else called
        is_projection = isinstance(node.parent, exp.Select) and node.arg_key == "expressions"
        node.replace(exp.alias_(value, _NEXTVAL, quoted=True) if is_projection else value)


def put_defaults(insert: exp.Insert, table: SnowflakeObject, default_of: Callable[[str], str | None]) -> None:
    """Replace DEFAULT in the rows of an INSERT where it means a sequence: there, DuckDB knows only their full names.

    Args:
        insert: the statement.
        table: the one that it fills.
        default_of: DuckDB's own text of a column's default.
    """
    target, values = insert.this, insert.expression
    if not isinstance(values, exp.Values):
        return
    names = [record["name"] for record in table["columns"]]
    if isinstance(target, exp.Schema):
        names = [name.name if name.args.get("quoted") else name.name.upper() for name in target.expressions]
    for row in values.expressions:
        for name, node in zip(names, row.expressions, strict=False):
            if isinstance(node, exp.Var) and node.name.upper() == _DEFAULT:
                match = _NEXTVAL_CALL.fullmatch(default_of(name) or "")
                if match is not None:
                    node.replace(_next_value(quoted_name(table.name.database) + "." + match[1].replace("''", "'")))


def quoted_name(name: str | None) -> str:
    """A name in double quotes."""
    return '"' + (name or "").replace('"', '""') + '"'


def _next_value(text: str) -> exp.Expr:
    value = exp.Anonymous(this=_NEXTVAL, expressions=[trees.literal(text)])
    value.meta[_NEXT_VALUE] = True
    return value


def _is_of_source(node: exp.Column) -> bool:
    """Whether the name before NEXTVAL is a table's or an alias's of a query around it."""
    select = node.find_ancestor(exp.Select)
    while select is not None:
        sources = [select.args.get("from_"), *(select.args.get("joins") or []), *(select.args.get("laterals") or [])]
        aliases = {source.this.alias_or_name.upper() for source in sources if source is not None}
        aliases |= {source.alias_or_name.upper() for source in sources if source is not None}
        if node.table.upper() in aliases and not node.args.get("db"):
            return True
        select = select.find_ancestor(exp.Select)
    return False
