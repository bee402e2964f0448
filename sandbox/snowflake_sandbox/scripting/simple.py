"""Expressions that need no data plane: a variable, a literal, or two whole numbers joined by an operator.

Pure. This is for loops: with a query for each `i + 1`, a thousand rounds would take a quarter of a minute.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any

from sqlglot.tokenizer_core import TokenType

from snowflake_sandbox.scripting.values import BlockScope, Value, tokens_of
from snowflake_sandbox.statements.reader import DataType

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlglot.tokenizer_core import Token

_NUMBER, _TRUTH = DataType("NUMBER", (38, 0)), DataType("BOOLEAN")
_ARITHMETIC: dict[str, Callable[[int, int], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}
_COMPARISONS: dict[str, Callable[[int, int], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_WORDS = {
    "NULL": Value(None),
    "TRUE": Value(value=True, type=_TRUTH),
    "FALSE": Value(value=False, type=_TRUTH),
}
# Beyond this, NUMBER may overflow, and the data plane reports it.
_LARGEST = 10**18


def evaluate(text: str, scope: BlockScope) -> Value | None:
    """Return the value of an expression; None if it is more complex."""
    tokens: Sequence[Token] = tokens_of(text)
    while tokens[0].text == "(" and tokens[-1].text == ")" and _is_one_pair(tokens):
        tokens = tokens[1:-1]
    for index in range(1, len(tokens) - 1):
        word = tokens[index].text
        if word in _ARITHMETIC or word in _COMPARISONS:
            return _joined(_operand(tokens[:index], scope), word, _operand(tokens[index + 1 :], scope))
    return _operand(tokens, scope)


def _is_one_pair(tokens: Sequence[Token]) -> bool:
    inside = [token.text for token in tokens[1:-1]]
    return bool(inside) and "(" not in inside and ")" not in inside


def _joined(left: Value | None, word: str, right: Value | None) -> Value | None:
    if left is None or right is None or not _is_whole(left.value) or not _is_whole(right.value):
        return None
    if max(abs(left.value), abs(right.value)) > _LARGEST:
        return None
    if word in _ARITHMETIC:
        return Value(_ARITHMETIC[word](left.value, right.value), _NUMBER)
    return Value(_COMPARISONS[word](left.value, right.value), _TRUTH)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _operand(tokens: Sequence[Token], scope: BlockScope) -> Value | None:  # noqa: PLR0911  # one per kind of token
    if len(tokens) == 2 and tokens[0].text in ("-", ":"):  # noqa: PLR2004  # a sign or a colon, and a word
        value = _operand(tokens[1:], scope)
        is_variable = tokens[1].token_type is not TokenType.NUMBER
        if tokens[0].text == ":":
            return value if is_variable else None
        return Value(-value.value, value.type) if value is not None and _is_whole(value.value) else None
    if len(tokens) != 1:
        return None
    token = tokens[0]
    if token.token_type is TokenType.NUMBER:
        return Value(int(token.text), _NUMBER) if token.text.isdigit() else None
    if token.token_type in (TokenType.STRING, TokenType.RAW_STRING, TokenType.HEREDOC_STRING):
        return Value(token.text)
    name = token.text if token.token_type is TokenType.IDENTIFIER else token.text.upper()
    variable = scope.find(name)
    if variable is not None:
        return variable.content if isinstance(variable.content, Value) else None
    return _WORDS.get(name) if token.token_type is not TokenType.IDENTIFIER else None
