"""A query in the place of a call of a table function, in FROM or as a LATERAL.

Knows trees. Must not know any function.
"""

from __future__ import annotations

from sqlglot import exp


def put_query(node: exp.Expr, query: exp.Expr, alias: exp.Expr) -> exp.Lateral | None:
    """Put a query in the place of a call's node, in place; return the LATERAL that holds it, None in FROM."""
    rows = exp.Subquery(this=query)
    if isinstance(node.parent, exp.From):
        rows.set("alias", alias)
        rows.set("joins", node.args.get("joins"))
        node.replace(rows)
        return None
    lateral = exp.Lateral(this=rows, alias=alias)
    node.replace(lateral)
    return lateral
