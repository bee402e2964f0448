"""`seq.NEXTVAL` in data SQL: translated to the next value of a DuckDB sequence.

Knows trees and the name of a sequence in DuckDB; must not know how a sequence is created (objects/sequence.py).
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
# The error for a default whose sequence was dropped (data_errors.py has its number).
DROPPED_SEQUENCE = "invalid identifier '{}.NEXTVAL'"


def duckdb_name(sequence: SnowflakeObject) -> str:
    """Return the sequence's name in schema main of its database's file, which does not change with a rename."""
    return f"_sequence_{sequence.id}_{sequence['revision']}"


def sequence_of(text: str | None) -> ObjectName | None:
    """Return the sequence whose next value is this default; None for any other default."""
    if text is None or not text.upper().endswith("NEXTVAL"):
        return None
    reader = Reader(text)
    if len(reader.tokens) < len(("seq", ".", "NEXTVAL")) or reader.peek(len(reader.tokens) - 1) != "NEXTVAL":
        return None
    reader.tokens = reader.tokens[:-2]
    name = reader.object_name()
    return name if reader.at_end else None


def is_next_value(node: exp.Expr) -> bool:
    """Whether a call replaces `seq.NEXTVAL`."""
    return bool(node.meta.get(_NEXT_VALUE))


def put_next_values(tree: exp.Expr, find: Callable[[ObjectName], SnowflakeObject], *, describing: bool = False) -> None:
    """Replace each `seq.NEXTVAL`. After a table or alias in FROM it is a column, whatever sequences there are (guess).

    Args:
        tree: the statement.
        find: returns the sequence of a name.
        describing: whether to consume no number; DuckDB consumes one as soon as a query with NEXTVAL becomes a
            relation.
    """
    for node in list(tree.find_all(exp.Column)):
        if node.name.upper() != _NEXTVAL or not node.table:
            continue
        if _is_of_source(node):
            # After a dot, DuckDB would read the word as one of its own sequences.
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
    """Replace DEFAULT in the rows of an INSERT if it is a sequence's next value: DuckDB requires its full name there.

    Args:
        insert: the statement.
        table: the table of the INSERT.
        default_of: returns DuckDB's text of a column's default.
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
    """Return a name in double quotes."""
    return '"' + (name or "").replace('"', '""') + '"'


def _next_value(text: str) -> exp.Expr:
    value = exp.Anonymous(this=_NEXTVAL, expressions=[trees.literal(text)])
    value.meta[_NEXT_VALUE] = True
    return value


def _is_of_source(node: exp.Column) -> bool:
    """Whether the name before NEXTVAL is a table or an alias in an enclosing query."""
    select = node.find_ancestor(exp.Select)
    while select is not None:
        sources = [select.args.get("from_"), *(select.args.get("joins") or []), *(select.args.get("laterals") or [])]
        aliases = {source.this.alias_or_name.upper() for source in sources if source is not None}
        aliases |= {source.alias_or_name.upper() for source in sources if source is not None}
        if node.table.upper() in aliases and not node.args.get("db"):
            return True
        select = select.find_ancestor(exp.Select)
    return False
