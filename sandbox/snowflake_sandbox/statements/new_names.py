"""Names of objects and columns that a statement makes: reserved words and names that are too long are refused.

The words: sql-reference/reserved-keywords. The length: sql-reference/identifiers-syntax.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot.tokenizer_core import TokenType

from snowflake_sandbox import errors

if TYPE_CHECKING:
    from snowflake_sandbox.statements.reader import ObjectName, Reader

_LONGEST = 255
_RESERVED = frozenset(
    [
        "ALL",
        "ALTER",
        "AND",
        "ANY",
        "AS",
        "BETWEEN",
        "BY",
        "CHECK",
        "COLUMN",
        "CONNECT",
        "CREATE",
        "CURRENT",
        "DELETE",
        "DISTINCT",
        "DROP",
        "ELSE",
        "EXISTS",
        "FOLLOWING",
        "FOR",
        "FROM",
        "GRANT",
        "GROUP",
        "HAVING",
        "ILIKE",
        "IN",
        "INCREMENT",
        "INSERT",
        "INTERSECT",
        "INTO",
        "IS",
        "LIKE",
        "MINUS",
        "NOT",
        "NULL",
        "OF",
        "ON",
        "OR",
        "ORDER",
        "QUALIFY",
        "REGEXP",
        "REVOKE",
        "RLIKE",
        "ROW",
        "ROWS",
        "SAMPLE",
        "SELECT",
        "SET",
        "SOME",
        "START",
        "TABLE",
        "TABLESAMPLE",
        "THEN",
        "TO",
        "TRIGGER",
        "UNION",
        "UNIQUE",
        "UPDATE",
        "VALUES",
        "WHENEVER",
        "WHERE",
        "WITH",
    ]
)
_RESERVED_FOR_COLUMNS = _RESERVED | {
    "CONSTRAINT",
    "CURRENT_DATE",
    "CURRENT_TIME",
    "CURRENT_TIMESTAMP",
    "CURRENT_USER",
    "LOCALTIME",
    "LOCALTIMESTAMP",
}


def of_object(reader: Reader) -> ObjectName:
    """Read the name of an object.

    Raises:
        SnowflakeError: 001003 for a reserved word, 000904 for a name that is too long.
    """
    first = reader.index
    name = reader.object_name()
    for index in range(first, reader.index):
        _require_free(reader, index, _RESERVED)
    for part in (name.database, name.schema, name.name):
        _require_length(part or "")
    return name


def of_column(reader: Reader) -> str:
    """Read the name of a column.

    Raises:
        SnowflakeError: 001003 for a reserved word, 000904 for a name that is too long.
    """
    if not reader.at_end:
        _require_free(reader, reader.index, _RESERVED_FOR_COLUMNS)
    name = reader.identifier()
    _require_length(name)
    return name


def _require_free(reader: Reader, index: int, words: frozenset[str]) -> None:
    token = reader.tokens[index]
    is_plain = token.token_type not in (TokenType.IDENTIFIER, TokenType.STRING)
    if is_plain and token.text.upper() in words:
        raise errors.syntax_error(token.text, token.start, reader.text)


def _require_length(name: str) -> None:
    if len(name) > _LONGEST:
        raise errors.SnowflakeError(904, "42000", f"SQL compilation error:\ninvalid identifier '{name}'")
