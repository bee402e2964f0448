"""References to common table expressions: a name refers to the nearest WITH in whose scope it is.

Pure. Knows scopes of trees; must not know the catalog. Every common table expression gets a unique name in the
statement, so that DuckDB can confuse it neither with a table nor with another one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MARK = "common table"


def rename(tree: exp.Expr, new_name: Callable[[], str]) -> None:
    """Give every common table expression, and every reference to it, a new name.

    Args:
        tree: the statement, inside a holder. Changed in place; tables that were references are marked (`is_common`).
        new_name: returns a name that the statement does not contain.
    """
    references = [(table, _definition(table)) for table in tree.find_all(exp.Table)]
    names = {id(cte): new_name() for cte in tree.find_all(exp.CTE)}
    for table, cte in references:
        if cte is not None:
            _refer(table, names[id(cte)])
    for cte in tree.find_all(exp.CTE):
        cte.args["alias"].set("this", exp.to_identifier(names[id(cte)], quoted=True))


def is_common(table: exp.Table) -> bool:
    """Whether a table is a reference to a common table expression."""
    return bool(table.meta.get(_MARK))


def _refer(table: exp.Table, name: str) -> None:
    alias = table.args.get("alias")
    if alias is None:
        table.set("alias", exp.TableAlias(this=table.this.copy()))
    elif alias.args.get("this") is None:
        alias.set("this", table.this.copy())
    table.set("this", exp.to_identifier(name, quoted=True))
    table.meta[_MARK] = True


def _definition(table: exp.Table) -> exp.CTE | None:
    """Return the common table expression to which a table's name refers, innermost scope first."""
    if table.args.get("db") is not None or not isinstance(table.this, exp.Identifier) or _is_target(table):
        return None
    name = _name(table.this)
    node: exp.Expr = table
    passed: exp.Expr | None = None
    while node.parent is not None:
        below, node = node, node.parent
        if isinstance(node, exp.With):
            cte = _among(node, name, table, below)
            passed = node
        else:
            scope = node.args.get("with_")
            cte = _among(scope, name, table) if scope is not None and scope is not passed else None
        if cte is not None:
            return cte
    return None


def _among(scope: exp.With, name: str, table: exp.Table, inside: exp.Expr | None = None) -> exp.CTE | None:
    """Return the expression of that name in a WITH; from `inside` one, only earlier ones and, recursively, itself."""
    members: list[exp.CTE] = scope.expressions
    for cte in members:
        is_named = _name(cte.args["alias"].this) == name
        if cte is inside:
            if not is_named or not _is_recursive(cte, table):
                return None
            # The word RECURSIVE is optional in Snowflake but required in DuckDB.
            scope.args["recursive"] = True
        if is_named:
            return cte
    return None


def _is_recursive(cte: exp.CTE, table: exp.Table) -> bool:
    """Whether a table is in a recursive branch: the right side of the set operation that is the body."""
    body, ancestors = cte.this, {id(node) for node in _upwards(table)}
    while isinstance(body, exp.SetOperation):
        if id(body.expression) in ancestors:
            return True
        body = body.this
    return False


def _upwards(node: exp.Expr) -> Iterator[exp.Expr]:
    current: exp.Expr | None = node
    while current is not None:
        yield current
        current = current.parent


def _is_target(table: exp.Table) -> bool:
    """Whether a statement changes the table."""
    node: exp.Expr = table.parent if isinstance(table.parent, exp.Schema) else table
    return isinstance(node.parent, exp.DML | exp.TruncateTable) and (
        node.parent.this is node or any(expression is node for expression in node.parent.expressions)
    )


def _name(identifier: exp.Expr) -> str:
    """Return an identifier in the form in which Snowflake compares it."""
    return identifier.name if identifier.args.get("quoted") else identifier.name.upper()
