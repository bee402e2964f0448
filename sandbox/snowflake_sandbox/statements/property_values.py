"""Readers of properties' values that allow some words or a range of numbers only. Each refuses others with 001008."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from snowflake_sandbox.statements.reader import Reader


def one_of(name: str, *words: str) -> Callable[[Reader], str]:
    """Return a reader of one of the words, bare or quoted, in upper case."""

    def read(reader: Reader) -> str:
        word = reader.word()
        if word.upper() not in words:
            raise errors.invalid_value(word, name)
        return word.upper()

    return read


def whole_number(name: str, least: int, most: int | None = None) -> Callable[[Reader], int]:
    """Return a reader of a whole number in a range."""

    def read(reader: Reader) -> int:
        number = reader.integer()
        if number < least or (most is not None and number > most):
            raise errors.invalid_value(str(number), name)
        return number

    return read


def require_options(options: Mapping[str, str], allowed: Mapping[str, tuple[str, ...]]) -> None:
    """Refuse other values of the options of a property such as `ENCRYPTION = (TYPE = …)`.

    Raises:
        SnowflakeError: 001008.
    """
    for name, value in options.items():
        if name in allowed and value.upper() not in allowed[name]:
            raise errors.invalid_value(value, name)
