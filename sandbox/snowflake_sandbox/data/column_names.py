"""Names of unnamed result columns: Snowflake uses the text of the expression in upper case.

`select current_time() as time,'hello'` has the columns TIME and `'HELLO'`; DuckDB chooses other names. Knows tokens and
trees; must not know anything else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from snowflake_sandbox.statements.reader import tokenize

if TYPE_CHECKING:
    from collections.abc import Iterator

_OPEN = (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE)
_CLOSE = (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE)
# Words that end a list of projections at its own depth.
_END = frozenset(
    [
        "FROM",
        "WHERE",
        "GROUP",
        "HAVING",
        "QUALIFY",
        "ORDER",
        "LIMIT",
        "OFFSET",
        "FETCH",
        "UNION",
        "EXCEPT",
        "INTERSECT",
        "MINUS",
        "INTO",
        "WINDOW",
        "CONNECT",
        "START",
    ]
)
_WITH_NAMES = (exp.Alias, exp.Column, exp.Star, exp.Aliases)


@dataclass
class _Select:
    """The list of one SELECT while it is being read."""

    depth: int
    texts: list[str] = field(default_factory=list)
    start: int | None = None
    open: bool = True

    def close(self, text: str, end: int) -> None:
        if self.start is not None:
            self.texts.append(text[self.start : end].strip())
        self.start = None


def name_columns(tree: exp.Expr, text: str) -> None:
    """Give every unnamed projection in the tree the alias that Snowflake shows.

    Args:
        tree: the parsed statement; changed in place.
        text: the text of the statement.
    """
    selects = list(_in_text_order(tree))
    if all(isinstance(projection, _WITH_NAMES) for select in selects for projection in select.expressions):
        return
    texts = _projection_texts(text)
    fits = [len(select_list.expressions) for select_list in selects] == [len(select_list) for select_list in texts]
    for position, select in enumerate(selects):
        for index, projection in enumerate(select.expressions):
            if not isinstance(projection, _WITH_NAMES):
                # If the tokens and the tree differ, the text generated from the tree is close enough.
                name = texts[position][index] if fits else projection.sql("snowflake")
                alias = exp.alias_(projection.copy(), name.upper(), quoted=True)
                select.expressions[index].replace(alias)


def _in_text_order(node: exp.Expr) -> Iterator[exp.Select]:
    """Yield every SELECT in the order of its keyword: WITH comes last in a tree, but first in the text."""
    with_ = node.args.get("with_")
    if with_ is not None:
        yield from _in_text_order(with_)
    if isinstance(node, exp.Select):
        yield node
    for key, value in node.args.items():
        if key == "with_":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, exp.Expr):
                yield from _in_text_order(child)


def _projection_texts(text: str) -> list[list[str]]:
    tokens = tokenize(text)
    lists: list[_Select] = []
    depth = 0
    for position, token in enumerate(tokens):
        current = next((select_list for select_list in reversed(lists) if select_list.open), None)
        at_depth = current is not None and current.depth == depth
        if token.token_type == TokenType.SELECT:
            lists.append(_Select(depth))
        elif token.token_type in _OPEN:
            _begin(current, token, at_depth=at_depth)
            depth += 1
        elif token.token_type in _CLOSE:
            depth -= 1
            if current is not None and current.depth > depth:
                current.close(text, token.start)
                current.open = False
        elif current is not None and at_depth:
            _read(current, tokens, position, text)
    for select_list in lists:
        select_list.close(text, len(text))
    return [select_list.texts for select_list in lists]


def _begin(current: _Select | None, token: Token, *, at_depth: bool) -> None:
    if current is not None and at_depth and current.start is None:
        current.start = token.start


def _read(current: _Select, tokens: list[Token], position: int, text: str) -> None:
    token = tokens[position]
    word = token.text.upper().split()[0] if token.text.strip() and token.token_type != TokenType.STRING else ""
    if token.token_type == TokenType.COMMA:
        current.close(text, token.start)
    elif word in _END and token.token_type != TokenType.IDENTIFIER and not _is_within_group(tokens, position):
        current.close(text, token.start)
        current.open = False
    elif current.start is None and not _is_modifier(current, tokens, position, word):
        current.start = token.start


def _is_within_group(tokens: list[Token], position: int) -> bool:
    """Whether a token is GROUP of `LISTAGG(…) WITHIN GROUP (…)`."""
    return position > 0 and tokens[position - 1].text.upper() == "WITHIN"


def _is_modifier(current: _Select, tokens: list[Token], position: int, word: str) -> bool:
    """Whether a token is DISTINCT, ALL or TOP n, which precede the first projection."""
    if current.texts:
        return False
    before = tokens[position - 1].text.upper() if position else ""
    return word in ("DISTINCT", "ALL", "TOP") or before == "TOP"
