"""Data SQL before DuckDB sees it: what only Snowflake knows is replaced by values and tables.

Knows sqlglot's syntax trees; must not know DuckDB connections (adapter.py), nor the meaning of any function: context
and SYSTEM$ functions come from `World.functions`, table functions from `World.table_functions`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlglot import exp

from snowflake_sandbox import errors
from snowflake_sandbox.data import trees
from snowflake_sandbox.dialect.whole_queries import split_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake_sandbox.call import Call, ScalarFunction
    from snowflake_sandbox.result import Result

_INSTANTS = frozenset({exp.DataType.Type.TIMESTAMPLTZ, exp.DataType.Type.TIMESTAMPTZ})
_OFFSET = re.compile(r"(?<=\d) ?([+-]\d\d):?(\d\d)$")


_TEMPORARY = "temporary"


def is_temporary(table: exp.Table) -> bool:
    """Whether a table is one that the statement created for its own rows (`Rewriting.temporary`)."""
    return bool(table.meta.get(_TEMPORARY))


@dataclass
class Rewriting:
    """The rewriting of one statement.

    Attributes:
        new_name: returns a new name for a temporary table.
        constant: computes an expression without columns.
        tables: name of a temporary table to create -> its rows.
    """

    call: Call
    new_name: Callable[[], str]
    constant: Callable[[exp.Expr], Any]
    tables: dict[str, Result] = field(default_factory=dict)

    def apply(self, tree: exp.Expr) -> exp.Expr:
        """Return the tree with functions replaced by their values, and table functions by temporary tables.

        Raises:
            SnowflakeError: 000904 for an argument that is not constant, and any error of a function.
        """
        split_rows.rewrite(tree)
        for called in list(tree.find_all(exp.TableFromRows)):
            self._table_function(called)
        for table in list(tree.find_all(exp.Table)):
            self._earlier_result(table)
        holder = exp.Paren(this=tree)
        for cast in list(holder.find_all(exp.Cast)):
            self._bound_timestamp(cast)
        for extracted in list(holder.find_all(exp.JSONExtract)):
            self._compare_as_text(extracted)
        for parameter in list(holder.find_all(exp.Parameter)):
            self._parameter(parameter)
        for node in list(holder.find_all(exp.Func)):
            # A function in the arguments of a replaced function is no longer part of the tree.
            if node.root() is holder:
                self._scalar_function(node)
        return trees.unwrapped(holder)

    def _compare_as_text(self, node: exp.JSONExtract) -> None:
        """Compare `column:key` with a text as Snowflake does: DuckDB would read the text as JSON."""
        comparison = node.parent
        if not isinstance(comparison, exp.EQ | exp.NEQ | exp.In):
            return
        operands = (
            comparison.expressions if isinstance(comparison, exp.In) else [comparison.this, comparison.expression]
        )
        if any(self._is_text(operand) for operand in operands if operand is not node):
            node.replace(exp.cast(node.copy(), "VARCHAR"))

    def _is_text(self, node: exp.Expr) -> bool:
        if isinstance(node, exp.Placeholder):
            return isinstance(self.call.binds.get(str(node.this)), str)
        return isinstance(node, exp.Literal) and bool(node.is_string)

    def _bound_timestamp(self, node: exp.Cast) -> None:
        """Rewrite a bound time's offset for DuckDB: Snowflake accepts ` +0000`, DuckDB only `+00:00`."""
        value = self.call.binds.get(str(node.this.this)) if isinstance(node.this, exp.Placeholder) else None
        if isinstance(value, str) and node.to.this in _INSTANTS:
            node.this.replace(trees.literal(_OFFSET.sub(r"\1:\2", value)))

    def _earlier_result(self, node: exp.Table) -> None:
        """Replace `FROM $1` by the result of the previous statement in a chain (flow.py)."""
        if not isinstance(node.this, exp.Parameter) or not node.this.name.isdigit():
            return
        number, results = int(node.this.name), self.call.results
        if not 1 <= number <= len(results):
            raise errors.SnowflakeError(
                2003,  # guess
                "42S02",
                f"SQL compilation error:\nObject '${number}' does not exist or not authorized: {len(results)}"
                " statements stand before this one in the chain of ->>.",
            )
        table = self.temporary(results[number - 1])
        node.set("this", table.this)
        node.meta.update(table.meta)

    def _parameter(self, node: exp.Parameter) -> None:
        """Replace `$1`, the source's first column, by DuckDB's `#1`, and `$name` by a session variable's value."""
        name = node.name
        if name.isdigit():
            self._position(node, name)
            return
        if name.upper() not in self.call.session.variables:
            raise errors.SnowflakeError(
                2211, "02000", f"SQL compilation error: Session variable '${name.upper()}' does not exist"
            )
        node.replace(trees.literal(self.call.session.variables[name.upper()]))

    @staticmethod
    def _position(node: exp.Parameter, name: str) -> None:
        """Replace `$1`, or `t.$1` if `t` is the only source."""
        column = node.parent
        if not isinstance(column, exp.Column):
            node.replace(exp.Var(this=f"#{name}"))
            return
        select = node.find_ancestor(exp.Select)
        if select is None or select.args.get("joins") or select.args.get("laterals"):
            raise errors.not_supported(f"{column.sql('snowflake')} with several tables in FROM")
        column.replace(exp.Var(this=f"#{name}"))

    def _scalar_function(self, node: exp.Func) -> None:
        called: exp.Expr = node
        while isinstance(called.parent, exp.Dot):
            called = called.parent
        function = self._own_function(called)
        if function is None:
            return
        if self._is_only_described(called):
            called.replace(exp.cast(exp.null(), "VARCHAR"))
            return
        arguments = tuple(self.value(argument) for argument in trees.function_arguments(node))
        called.replace(trees.literal(function(self.call, arguments)))

    def _is_only_described(self, called: exp.Expr) -> bool:
        """Whether a function must not run: SYSTEM$ functions may wait or change something, and all return text."""
        return self.call.describing and trees.function_name(called).startswith("SYSTEM$")

    def _own_function(self, called: exp.Expr) -> ScalarFunction | None:
        """Return the sandbox's own function for a call by name or by qualified name (SNOWFLAKE.…); None if none."""
        if isinstance(called, exp.Dot):
            return self.call.world.functions.get(".".join(trees.dotted_name(called)))
        return self.call.world.functions.get(trees.function_name(called)) if isinstance(called, exp.Func) else None

    def _table_function(self, node: exp.TableFromRows) -> None:
        name, function = self._find_table_function(node.this)
        if function is None:
            return
        positional, by_name = [], {}
        called = node.this.expression if isinstance(node.this, exp.Dot) else node.this
        for argument in trees.function_arguments(called):
            if isinstance(argument, exp.Kwarg | exp.PropertyEQ):
                by_name[argument.this.name.upper()] = self.value(argument.expression)
            else:
                positional.append(self.value(argument))
        rows = function(self.call, tuple(positional), by_name)
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name.rpartition(".")[2]))
        node.replace(self.temporary(rows, alias=alias, joins=node.args.get("joins")))

    def temporary(self, rows: Result, **arguments: Any) -> exp.Table:
        """Return a table of the statement's own with these rows; `arguments` are those of the node."""
        name = self.new_name()
        self.tables[name] = rows
        table = exp.Table(this=exp.to_identifier(name, quoted=True), **arguments)
        table.meta[_TEMPORARY] = True
        return table

    def has_table_function(self, called: exp.Expr) -> bool:
        """Whether a call in FROM is one of the sandbox's own table functions."""
        return self._find_table_function(called)[1] is not None

    def _find_table_function(self, called: exp.Expr) -> tuple[str, Any]:
        functions = self.call.world.table_functions
        parts = [part.upper() for part in trees.dotted_name(called)]
        qualified = ".".join(parts[-2:])
        if qualified in functions:
            return qualified, functions[qualified]
        return (parts[-1], functions.get(parts[-1])) if parts else ("", None)

    def value(self, node: exp.Expr) -> Any:  # noqa: PLR0911  # one return per kind of node
        """Return a constant argument as a Python value: a literal, placeholder, cast of these, or control function.

        Raises:
            SnowflakeError: an error like 001015 that names the expression, if it is not constant.
        """
        if isinstance(node, exp.Placeholder):
            return self.call.binds.get(str(node.this))
        if isinstance(node, exp.Paren | exp.Cast | exp.TryCast):
            return self.value(node.this)
        if isinstance(node, exp.Literal):
            return node.this if node.is_string else _number(node.this)
        if isinstance(node, exp.Null):
            return None
        if isinstance(node, exp.Boolean):
            return node.this
        if isinstance(node, exp.Neg):
            return -self.value(node.this)
        if isinstance(node, exp.Array):
            return [self.value(item) for item in node.expressions]
        function = self._own_function(node)
        if function is not None:
            if self._is_only_described(node):
                return None
            inner = node.expression if isinstance(node, exp.Dot) else node
            return function(self.call, tuple(self.value(argument) for argument in trees.function_arguments(inner)))
        return self.constant(node)


def _number(text: str) -> int | float | Decimal:
    return int(text) if text.isdigit() else Decimal(text)
