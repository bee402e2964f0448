"""SAMPLE and TABLESAMPLE in DuckDB's words (sql-reference/constructs/sample).

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
    """A number of rows is exact, which is DuckDB's method RESERVOIR alone; ROW and BLOCK have other names."""
    method = node.args["method"].name.upper() if node.args.get("method") is not None else "BERNOULLI"
    node.set("method", exp.var("RESERVOIR" if node.args.get("size") is not None else _METHODS.get(method, method)))
    return node


RULES: dict[type[exp.Expr], Callable[[exp.Expr, Formats], exp.Expr]] = {exp.TableSample: sample}
