"""Calls of functions that are identified by name: how each is described, and its translation to a macro.

Knows conversions and macros; must not know any function (named.py, arrays.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.dialect import macros
from snowflake_sandbox.dialect.conversions import Formats, constant_text, to_number, to_text, to_variant

MANY = 1000
Arguments = list[exp.Expr]
Rewrite = Callable[[str, Arguments, Formats], exp.Expr]


@dataclass(frozen=True)
class Function:
    """A Snowflake function.

    Attributes:
        returns: the type of its result.
        rewrite: translates a call to DuckDB, from the function's name and arguments.
        minimum, maximum: the allowed number of arguments.
    """

    returns: exp.DType
    rewrite: Rewrite
    minimum: int = 1
    maximum: int = 1


def constant_format(name: str, arguments: Arguments, position: int = 1) -> str | None:
    """Return the format argument, which must be a constant text."""
    if len(arguments) <= position:
        return None
    text = constant_text(arguments[position])
    if text is None:
        raise errors.not_supported(f"{name} with a format that is not constant")
    return text


def to_macro(macro: str, kinds: str) -> Rewrite:
    """Return the translation to a macro, with a letter per argument: `v` VARIANT, `t` text, `n` number, `x` as is."""

    def rewrite(_name: str, arguments: Arguments, formats: Formats) -> exp.Expr:
        converters: dict[str, Callable[[exp.Expr], exp.Expr]] = {
            "v": lambda node: to_variant(node, formats),
            "t": lambda node: to_text(node, formats),
            "n": to_number,
            "x": lambda node: node,
        }
        return macros.call(macro, *(converters[kind](node) for kind, node in zip(kinds, arguments, strict=False)))

    return rewrite
