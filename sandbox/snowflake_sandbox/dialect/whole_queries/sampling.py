"""SAMPLE and TABLESAMPLE in DuckDB (sql-reference/constructs/sample).

Knows sqlglot's class; must not know any table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake_sandbox.dialect.conversions import Formats

_METHODS = {"ROW": "BERNOULLI", "BLOCK": "SYSTEM"}


def sample(node: exp.Expr, _formats: Formats) -> exp.Expr:
    """Translate: only DuckDB's method RESERVOIR samples an exact number of rows; ROW and BLOCK have other names."""
    method = node.args["method"].name.upper() if node.args.get("method") is not None else "BERNOULLI"
    node.set("method", exp.var("RESERVOIR" if node.args.get("size") is not None else _METHODS.get(method, method)))
    return node


RULES: dict[type[exp.Expr], Callable[[exp.Expr, Formats], exp.Expr]] = {exp.TableSample: sample}
