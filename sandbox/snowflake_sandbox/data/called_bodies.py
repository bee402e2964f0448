"""The body of a SQL function in the place of its call, with the values of the call's arguments.

Pure. Knows sqlglot's trees; must not know the catalog or privileges (expand.py does). A value may name columns of the
calling query, never those of the body's tables, which the caller may not be allowed to read: a value that names columns
is computed beside a body that has tables, not inside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.data import trees
from snowflake_sandbox.dialect import permitted

if TYPE_CHECKING:
    from snowflake_sandbox.catalog.signature import Argument

_VALUES, _ROWS, _ARGUMENT = "values of the call", "rows of the call", "argument "


def mark(body: exp.Paren, arguments: list[Argument], values: list[exp.Expr]) -> dict[str, exp.Expr]:
    """Replace the arguments in a body by placeholders, and return the call's values by placeholder."""
    by_name = {
        argument.name: exp.Paren(this=exp.cast(value, argument.base, dialect="snowflake"))
        for argument, value in zip(arguments, _all_values(arguments, values), strict=True)
    }
    markers: dict[str, exp.Expr] = {}
    for column in list(body.find_all(exp.Column)):
        name = column.this.name if column.this.args.get("quoted") else column.this.name.upper()
        if not column.table and name in by_name:
            column.replace(exp.Placeholder(this=_marker(name)))
            markers[_marker(name)] = by_name[name]
    return markers


def put_values(body: exp.Paren, markers: dict[str, exp.Expr], *, rows: bool) -> exp.Expr:
    """Return a body whose names are resolved, with the values.

    Args:
        body: the body, which holds placeholders; changed in place.
        markers: the values by placeholder.
        rows: whether the body is that of a table function.

    Raises:
        SnowflakeError: 000002 for a window function as an argument of a function that reads tables.
    """
    beside = markers if any(map(_names_columns, markers.values())) and body.find(exp.Query) is not None else {}
    for marker in list(body.find_all(exp.Placeholder)):
        if marker.name in beside:
            marker.replace(exp.column(trees.quoted(marker.name), table=trees.quoted(_VALUES)))
        elif marker.name in markers:
            marker.replace(markers[marker.name].copy())
    if not beside:
        return trees.unwrapped(body)
    if any(value.find(exp.Window) is not None for value in beside.values()):
        raise errors.not_supported("a window function as an argument of a function that reads tables")
    return _beside(trees.unwrapped(body), beside, rows=rows)


def _beside(body: exp.Expr, values: dict[str, exp.Expr], *, rows: bool) -> exp.Expr:
    aliased = [exp.alias_(value.copy(), trees.quoted(name)) for name, value in values.items()]
    source = exp.Subquery(this=exp.select(*aliased), alias=exp.TableAlias(this=trees.quoted(_VALUES)))
    if not rows:
        whole = exp.Subquery(this=body) if isinstance(body, exp.Query) else body
        return exp.select(whole).from_(source)
    table = exp.Subquery(this=body, alias=exp.TableAlias(this=trees.quoted(_ROWS)))
    every = exp.Column(this=exp.Star(), table=trees.quoted(_ROWS))
    return exp.select(every).from_(source).join(table, join_type="cross")


def _names_columns(value: exp.Expr) -> bool:
    """Whether a value has columns, or arguments of an outer function, which may become columns; not a bind variable."""
    arguments = (each for each in value.find_all(exp.Placeholder) if each.name.startswith(_ARGUMENT))
    return value.find(exp.Column) is not None or next(arguments, None) is not None


def _marker(name: str) -> str:
    return f"{_ARGUMENT}{name}"


def _all_values(arguments: list[Argument], values: list[exp.Expr]) -> list[exp.Expr]:
    named = {value.this.name.upper(): value.expression for value in values if isinstance(value, exp.Kwarg)}
    if named and len(named) < len(values):
        # As the page of user-defined functions says: by name or by position, not both (guess: the number).
        raise errors.syntax_error("=>", 0)
    unknown = sorted(set(named) - {argument.name for argument in arguments})
    if unknown:
        raise permitted.unknown_function(f"with an argument {unknown[0]}")
    positional = dict(zip((argument.name for argument in arguments), [] if named else values, strict=False))
    by_name = {**positional, **named}
    return [by_name[argument.name].copy() if argument.name in by_name else _default(argument) for argument in arguments]


def _default(argument: Argument) -> exp.Expr:
    value = trees.projections(str(argument.default))[0].unalias()
    permitted.check_expression(value)
    return value
