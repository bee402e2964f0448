"""Data SQL before DuckDB sees it: what Snowflake knows and DuckDB does not is replaced by values and tables.

Knows sqlglot's syntax trees; must not know DuckDB connections (data.py) nor what any function means: context and
SYSTEM$ functions come from `World.functions`, table functions from `World.table_functions`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import TokenType

from sandbox import errors
from sandbox.statement import tokenize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.engine import Call
    from sandbox.result import Result

_HIGHLIGHT = re.compile(r"\x1b\[[0-9;]*m")
# Literals that bound values become: types whose text DuckDB casts without loss.
_CAST = ((datetime, "TIMESTAMPTZ"), (date, "DATE"), (time, "TIME"))
_INSTANTS = frozenset({exp.DataType.Type.TIMESTAMPLTZ, exp.DataType.Type.TIMESTAMPTZ})
_OFFSET = re.compile(r"(?<=\d) ?([+-]\d\d):?(\d\d)$")


def parse(text: str) -> exp.Expr:
    """One data statement as a tree, its `?` numbered from 1 as `:1`, `:2`, ….

    sqlglot cannot read `?::TYPE`, and numbers survive a change of the tree's order.

    Raises:
        SnowflakeError: 001003.
    """
    try:
        tree = sqlglot.parse_one(number_placeholders(plain_methods(text)), read="snowflake")
    except (ParseError, TokenError) as error:
        raise _syntax_error(text, error) from error
    if tree is None or isinstance(tree, exp.Command):
        raise errors.not_supported(" ".join(text.split()[:3]).upper())
    return tree


def _syntax_error(text: str, error: Exception) -> errors.SnowflakeError:
    details = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    line, column = details.get("line", 1), max(int(details.get("col") or 1) - len(details.get("highlight") or ""), 0)
    found = details.get("highlight") or _HIGHLIGHT.sub("", text[:20])
    return errors.SnowflakeError(
        1003, "42000", f"SQL compilation error:\nsyntax error line {line} at position {column} unexpected '{found}'."
    )


def plain_methods(text: str) -> str:
    """The text with `service!METHOD(…)` as `METHOD('service', …)`, which sqlglot can read; mostly unchanged."""
    if "!" not in text:
        return text
    tokens = tokenize(text)
    for index, token in enumerate(tokens[:-3]):
        if token.token_type is not TokenType.EXCLAMATION or tokens[index + 2].text != "(" or not index:
            continue
        first = index - 1
        while first > 1 and tokens[first - 1].text == ".":
            first -= 2
        service = text[tokens[first].start : tokens[index - 1].end + 1].replace("\\", "\\\\").replace("'", "''")
        method = text[tokens[index + 1].start : tokens[index + 2].end + 1]
        comma = "" if tokens[index + 3].text == ")" else ", "
        rest = text[tokens[index + 2].end + 1 :]
        return plain_methods(f"{text[: tokens[first].start]}{method}'{service}'{comma}{rest}")
    return text


def number_placeholders(text: str) -> str:
    """The text with its `?` outside of strings and comments numbered; unchanged when it has none."""
    if "?" not in text:
        return text
    pieces, end, count = [], 0, 0
    for token in tokenize(text):
        # `?::` is one token: another dialect's operator.
        if token.text in ("?", "?::") and token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER):
            count += 1
            pieces += [text[end : token.start], f":{count}"]
            end = token.start + 1
    return "".join([*pieces, text[end:]])


def projections(text: str) -> list[exp.Expr]:
    """The expressions of a comma-separated list, e.g. a column's default or a function's body."""
    tree = parse(f"SELECT {text}")
    return list(tree.selects) if isinstance(tree, exp.Query) else []


def unwrapped(holder: exp.Paren) -> exp.Expr:
    """What a holder holds. A tree is put into one so that its root can be replaced like any other node."""
    inside: exp.Expr = holder.this
    return inside


def literal(value: Any) -> exp.Expr:
    """A Python value as a tree; also for function results."""
    if value is None:
        return exp.null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int | float | Decimal):
        return exp.Literal.number(f"{value:f}" if isinstance(value, Decimal) else str(value))
    for kind, name in _CAST:
        if isinstance(value, kind):
            return exp.cast(exp.Literal.string(value.isoformat()), name)
    if isinstance(value, bytes):
        return exp.Unhex(this=exp.Literal.string(value.hex()))
    return exp.Literal.string(value if isinstance(value, str) else json.dumps(value))


@dataclass
class Rewriting:
    """The rewriting of one statement.

    Attributes:
        tables: name of a temporary table to make -> the rows it must hold.
    """

    call: Call
    new_name: Callable[[], str]
    tables: dict[str, Result] = field(default_factory=dict)

    def apply(self, tree: exp.Expr) -> exp.Expr:
        """The tree with functions evaluated and table functions replaced by temporary tables.

        Raises:
            SnowflakeError: 000904 for a function argument that is no constant; whatever a function raises.
        """
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
            # A function inside the arguments of one that was replaced has no way up to the holder any more.
            if node.root() is holder:
                self._scalar_function(node)
        return unwrapped(holder)

    def _compare_as_text(self, node: exp.JSONExtract) -> None:
        """Compare `column:key` with a text as Snowflake does: DuckDB would take the text for JSON."""
        comparison = node.parent
        if not isinstance(comparison, exp.EQ | exp.NEQ | exp.In):
            return
        others = comparison.expressions if isinstance(comparison, exp.In) else [comparison.this, comparison.expression]
        if any(self._is_text(one) for one in others if one is not node):
            node.replace(exp.cast(node.copy(), "VARCHAR"))

    def _is_text(self, node: exp.Expr) -> bool:
        if isinstance(node, exp.Placeholder):
            return isinstance(self.call.binds.get(str(node.this)), str)
        return isinstance(node, exp.Literal) and bool(node.is_string)

    def _bound_timestamp(self, node: exp.Cast) -> None:
        """Write a bound instant's offset as DuckDB reads it: Snowflake takes ` +0000`, DuckDB only `+00:00`."""
        value = self.call.binds.get(str(node.this.this)) if isinstance(node.this, exp.Placeholder) else None
        if isinstance(value, str) and node.to.this in _INSTANTS:
            node.this.replace(literal(_OFFSET.sub(r"\1:\2", value)))

    def _earlier_result(self, node: exp.Table) -> None:
        """`FROM $1` is the result of the statement before in a chain (flow.py)."""
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
        table = self.new_name()
        self.tables[table] = results[number - 1]
        node.set("this", exp.to_identifier(table, quoted=True))

    def _parameter(self, node: exp.Parameter) -> None:
        """`$1` is the source's first column, DuckDB's `#1`; `$name` is a session variable."""
        name = node.name
        if name.isdigit():
            node.replace(exp.Var(this=f"#{name}"))
            return
        if name.upper() not in self.call.session.variables:
            raise errors.SnowflakeError(
                2211, "02000", f"SQL compilation error: Session variable '${name.upper()}' does not exist"
            )
        node.replace(literal(self.call.session.variables[name.upper()]))

    def _scalar_function(self, node: exp.Func) -> None:
        name = function_name(node)
        function = self.call.world.functions.get(name)
        if function is None or isinstance(node.parent, exp.Dot):
            return
        arguments = tuple(self.value(argument) for argument in function_arguments(node))
        node.replace(literal(function(self.call, arguments)))

    def _table_function(self, node: exp.TableFromRows) -> None:
        name, function = self._find_table_function(node.this)
        if function is None:
            return
        positional, named = [], {}
        called = node.this.expression if isinstance(node.this, exp.Dot) else node.this
        for argument in function_arguments(called):
            if isinstance(argument, exp.Kwarg | exp.PropertyEQ):
                named[argument.this.name.upper()] = self.value(argument.expression)
            else:
                positional.append(self.value(argument))
        table = self.new_name()
        self.tables[table] = function(self.call, tuple(positional), named)
        alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(name.rpartition(".")[2]))
        identifier = exp.to_identifier(table, quoted=True)
        node.replace(exp.Table(this=identifier, alias=alias, joins=node.args.get("joins")))

    def _find_table_function(self, called: exp.Expr) -> tuple[str, Any]:
        known = self.call.world.table_functions
        parts = [part.upper() for part in dotted_name(called)]
        qualified = ".".join(parts[-2:])
        if qualified in known:
            return qualified, known[qualified]
        return (parts[-1], known.get(parts[-1])) if parts else ("", None)

    def value(self, node: exp.Expr) -> Any:  # noqa: PLR0911  # one return per kind of node
        """A constant argument as Python value: literal, placeholder, cast of one, or another control function.

        Raises:
            SnowflakeError: 001015-like error, naming the expression, when it is not constant.
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
        if isinstance(node, exp.Func) and function_name(node) in self.call.world.functions:
            arguments = tuple(self.value(argument) for argument in function_arguments(node))
            return self.call.world.functions[function_name(node)](self.call, arguments)
        return self.call.world.data.constant(self.call, node)


def _number(text: str) -> int | float | Decimal:
    return int(text) if text.isdigit() else Decimal(text)


def function_name(node: exp.Expr) -> str:
    """The SQL name of a function call: upper case, or as it stands between quotes."""
    if isinstance(node, exp.Anonymous):
        return str(node.name) if isinstance(node.this, exp.Identifier) else str(node.this).upper()
    return node.sql_names()[0] if isinstance(node, exp.Func) and node.sql_names() else ""


def function_arguments(node: exp.Expr) -> list[exp.Expr]:
    """The arguments of a function call in order."""
    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    return [argument for argument in node.iter_expressions() if not isinstance(argument, exp.TableAlias)]


def dotted_name(node: exp.Expr) -> list[str]:
    """The parts of `a.b.f(…)`, as written (unquoted parts in upper case); [] for what is no such call."""
    if isinstance(node, exp.Dot):
        return [*dotted_name(node.this), *dotted_name(node.expression)]
    if isinstance(node, exp.Identifier):
        return [node.this if node.args.get("quoted") else node.this.upper()]
    if isinstance(node, exp.Func):
        return [function_name(node)]
    return []


def remaining_binds(tree: exp.Expr, binds: Mapping[str, Any]) -> list[Any]:
    """Renumber the placeholders that are left from 1 and give their values in that order.

    Raises:
        SnowflakeError: 002049 (guess), when a value is missing.
    """
    nodes = list(tree.find_all(exp.Placeholder))
    used = sorted({str(node.this) for node in nodes}, key=lambda text: (not text.isdigit(), text.zfill(9)))
    missing = [name for name in used if name not in binds]
    if missing:
        raise errors.SnowflakeError(2049, "42601", f"SQL compilation error:\nBind variable ?{missing[0]} not set.")
    order = {name: str(position) for position, name in enumerate(used, 1)}
    for node in nodes:
        node.set("this", order[str(node.this)])
    return [binds[name] for name in used]
