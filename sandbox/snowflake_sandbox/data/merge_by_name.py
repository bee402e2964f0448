"""MERGE … UPDATE ALL BY NAME and INSERT ALL BY NAME: the statement with the columns written out.

Knows tokens and the grammar of MERGE (sql-reference/sql/merge); must not know where columns come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.data import trees
from snowflake_sandbox.statements.reader import tokenize

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlglot.tokenizer_core import Token

_WORDS = ["ALL", "BY", "NAME"]
# What stands there while the statement is read for its tables.
_ANY = {"UPDATE": "SET _C = 0", "INSERT": "(_C) VALUES (0)"}


def expanded(text: str, columns: Callable[[str], list[str]]) -> str:
    """Return a MERGE without ALL BY NAME; any other text as it is.

    Args:
        text: a statement.
        columns: the names of the columns of a query.

    Raises:
        SnowflakeError: 001789 if the two have other numbers of columns, 000904 for a column that the source lacks.
    """
    places = _places(text)
    if not places:
        return text
    tree = trees.parse(_replaced(text, places, _ANY))
    assert isinstance(tree, exp.Merge)  # noqa: S101  # its first word
    source = tree.args["using"]
    of_target, of_source = (columns(f"SELECT * FROM {node.sql('snowflake')}") for node in (tree.this, source))
    if len(of_target) != len(of_source):
        raise errors.other_width()
    for name in of_target:
        if name not in of_source:
            raise errors.SnowflakeError(904, "42000", f"SQL compilation error:\ninvalid identifier '{name}'")
    alias = source.args.get("alias")
    qualifier = (alias.this if alias is not None else source.this).sql("snowflake")
    names = [exp.to_identifier(name, quoted=True).sql("snowflake") for name in of_target]
    values = [f"{qualifier}.{name}" for name in names]
    pairs = ", ".join(f"{name} = {value}" for name, value in zip(names, values, strict=True))
    written = {"UPDATE": f"SET {pairs}", "INSERT": f"({', '.join(names)}) VALUES ({', '.join(values)})"}
    return _replaced(text, places, written)


def _places(text: str) -> list[tuple[str, Token, Token]]:
    """Return where ALL BY NAME stands in a MERGE: the word before it, its first and its last token."""
    if text.lstrip()[:5].upper() != "MERGE":
        return []
    tokens = tokenize(text)
    words = [token.text.upper() for token in tokens]
    return [
        (words[index], tokens[index + 1], tokens[index + 3])
        for index in range(len(words) - 3)
        if words[index] in _ANY and words[index + 1 : index + 4] == _WORDS
    ]


def _replaced(text: str, places: list[tuple[str, Token, Token]], written: dict[str, str]) -> str:
    for word, first, last in reversed(places):
        text = text[: first.start] + written[word] + text[last.end + 1 :]
    return text
