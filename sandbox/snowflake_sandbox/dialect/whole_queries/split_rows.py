"""SPLIT_TO_TABLE and STRTOK_SPLIT_TO_TABLE of other tables' columns: a row for each part, with FLATTEN.

Knows trees; SPLIT_TO_TABLE of constants becomes a temporary table (data/table_functions.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from snowflake_sandbox.dialect.annotation import PIECES
from snowflake_sandbox.dialect.parser import DIALECT
from snowflake_sandbox.dialect.whole_queries import table_calls

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECES = {"SPLIT_TO_TABLE": "SPLIT", "STRTOK_SPLIT_TO_TABLE": "STRTOK_TO_ARRAY"}
_QUERY = (
    "SELECT _pieces.SEQ AS SEQ, _pieces.INDEX + 1 AS INDEX, _pieces.VALUE::VARCHAR AS VALUE"
    " FROM LATERAL FLATTEN(INPUT => {}(TEXT_TO_SPLIT, DELIMITER_OF_PIECES)) _pieces"
)


def rewrite(tree: exp.Expr) -> None:
    """Replace the calls in FROM, in place."""
    for node, name, arguments in list(_calls(tree)):
        query = sqlglot.parse_one(_QUERY.format(_PIECES[name]), read=DIALECT)
        values = {"TEXT_TO_SPLIT": arguments[0], "DELIMITER_OF_PIECES": (arguments[1:] or [exp.Literal.string(" ")])[0]}
        for column in list(query.find_all(exp.Column)):
            if column.name in values:
                column.replace(values[column.name].copy())
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name))
        lateral = table_calls.put_query(node, query, alias)
        if lateral is not None:
            lateral.meta[PIECES] = True


def _calls(tree: exp.Expr) -> Iterator[tuple[exp.Expr, str, list[exp.Expr]]]:
    """Yield each call with its node in FROM."""
    for node in tree.find_all(exp.Lateral, exp.TableFromRows):
        called = node.this
        if isinstance(called, exp.SplitToTable):
            arguments = [called.this, called.expression]
            if isinstance(node, exp.Lateral) or any(argument.find(exp.Column) for argument in arguments):
                yield node, "SPLIT_TO_TABLE", arguments
        elif isinstance(called, exp.Anonymous) and str(called.this).upper() == "STRTOK_SPLIT_TO_TABLE":
            yield node, "STRTOK_SPLIT_TO_TABLE", list(called.expressions)
