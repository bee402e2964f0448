"""The expressions allowed in a task's WHEN, which Snowflake evaluates without a warehouse.

Pure: knows the list in sql-reference/sql/create-task (return values of tasks, AND, OR and NOT, casts, comparisons);
must not know tasks. PARSE_JSON, paths, queries and other functions need a warehouse, and are refused.
"""

from __future__ import annotations

from sqlglot import exp

from snowflake_sandbox.data import trees
from snowflake_sandbox.errors import SnowflakeError

_FUNCTION = "SYSTEM$GET_PREDECESSOR_RETURN_VALUE"
_PLAIN = (
    *(exp.Paren, exp.And, exp.Or, exp.Not, exp.Neg),
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is),
    *(exp.Cast, exp.DataType, exp.DataTypeParam, exp.Literal, exp.Boolean, exp.Null),
)


def require_plain(text: str) -> None:
    """Check the text of a WHEN.

    Raises:
        SnowflakeError: 002213 (guess) for an expression that Snowflake does not allow there, 001003 for a syntax error.
    """
    tree = trees.parse(f"SELECT {text}")
    for node in tree.walk():
        is_called = isinstance(node, exp.Anonymous) and node.name.upper() == _FUNCTION
        if not (is_called or node is tree or isinstance(node, _PLAIN)):
            raise SnowflakeError(
                2213,
                "42601",
                f"SQL compilation error:\nInvalid expression [{node.sql('snowflake')}] for task condition expression."
                f" Expecting one of the following: [SYSTEM$STREAM_HAS_DATA, {_FUNCTION}].",
            )
