"""Data SQL as sqlglot's syntax trees: parsing, placeholders, names of functions, literals.

Knows Snowflake's grammar where sqlglot does not; must not know sessions, nor the meaning of any function (rewrite.py).
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError
from sqlglot.tokenizer_core import TokenType

from snowflake_sandbox import errors
from snowflake_sandbox.dialect.families import DType
from snowflake_sandbox.dialect.parser import DIALECT
from snowflake_sandbox.dialect.whole_queries import clauses
from snowflake_sandbox.statements import lists
from snowflake_sandbox.statements.reader import Reader, tokenize

if TYPE_CHECKING:
    from collections.abc import Mapping

_STAGE_FUNCTIONS = (
    *("BUILD_SCOPED_FILE_URL", "BUILD_STAGE_FILE_URL", "GET_PRESIGNED_URL", "GET_STAGE_LOCATION"),
    *("GET_RELATIVE_PATH", "GET_ABSOLUTE_PATH", "DIRECTORY"),
)
_STAGE = re.compile(r"""@(?:"(?:[^"]|"")*"|[^\s()';,/])+(?:/[^\s()';,]*)?""")
_START_TRANSACTION = re.compile(r"^\s*START\s+TRANSACTION\b", re.IGNORECASE)
_HIGHLIGHT = re.compile(r"\x1b\[[0-9;]*m")
# Types that, with parentheses, hold values of declared types; these have no other form.
_STRUCTURED = (DType.ARRAY, DType.OBJECT, DType.MAP, DType.VECTOR)
_ONLY_STRUCTURED = (DType.MAP, DType.VECTOR)
_STRUCTURED_NAMES = frozenset(kind.value for kind in _STRUCTURED)
# The types of bound values that become literals with a cast; DuckDB casts their text without loss.
_CAST = ((datetime, "TIMESTAMPTZ"), (date, "DATE"), (time, "TIME"))


def parse(text: str) -> exp.Expr:
    """Parse one data statement, with its `?` numbered from 1 as `:1`, `:2`, ….

    sqlglot cannot read `?::TYPE`, and numbers survive a change of the tree's order.

    Raises:
        SnowflakeError: 001003; 001795 for a list of values that is too long; 000002 for a structured type.
    """
    lists.check(text)
    text = _START_TRANSACTION.sub("BEGIN TRANSACTION", text)
    try:
        tree = sqlglot.parse_one(number_placeholders(stage_arguments(plain_methods(text))), read=DIALECT)
    except (ParseError, TokenError, IndexError) as error:
        raise (isinstance(error, ParseError) and _unread_type(text)) or _syntax_error(text, error) from error
    if tree is None or isinstance(tree, exp.Command):
        raise errors.not_supported(" ".join(text.split()[:3]).upper())
    for node in list(tree.find_all(exp.Add, exp.DataType, *clauses.KINDS)):
        if isinstance(node, exp.Add):
            _interval_first(node)
        elif isinstance(node, exp.DataType):
            _refuse_structured(node)
        else:
            clauses.check(node, text)
    return tree


def require_query(text: str) -> None:
    """Refuse a statement where a query must stand.

    Raises:
        SnowflakeError: 001003.
    """
    if not isinstance(parse(text), exp.Query):
        raise errors.syntax_error(text.split(maxsplit=1)[0], 0)


def _refuse_structured(kind: exp.DataType) -> None:
    """Refuse `x::ARRAY(INT)`: Snowflake would convert and check each element (sql-reference/data-types-structured)."""
    if kind.this in _ONLY_STRUCTURED or (kind.this in _STRUCTURED and kind.expressions):
        raise errors.not_supported(f"data type {kind.sql('snowflake')}")


def _unread_type(text: str) -> errors.SnowflakeError | None:
    """What refuses `x::ARRAY(INT NOT NULL)`, which sqlglot cannot read."""
    tokens = tokenize(text)
    for before, name, opening in zip(tokens, tokens[1:], tokens[2:], strict=False):
        is_cast = before.token_type is TokenType.DCOLON or before.text.upper() == "AS"
        if is_cast and opening.text == "(" and name.text.upper() in _STRUCTURED_NAMES:
            return errors.not_supported(f"data type {name.text.upper()}(…)")
    return None


def _interval_first(addition: exp.Add) -> None:
    """Correct `INTERVAL '1 day' + '2020-01-01'::DATE`: sqlglot reads the text as an interval, and casts the sum."""
    cast, interval = addition.parent, addition.expression
    is_text = isinstance(interval, exp.Interval) and interval.args.get("unit") is None
    if is_text and isinstance(addition.this, exp.Interval) and isinstance(cast, exp.Cast):
        moment = exp.Cast(this=interval.this.copy(), to=cast.args["to"].copy())
        cast.replace(exp.Add(this=addition.this.copy(), expression=moment))


def _syntax_error(text: str, error: Exception) -> errors.SnowflakeError:
    details = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
    line, column = details.get("line", 1), max(int(details.get("col") or 1) - len(details.get("highlight") or ""), 0)
    word = details.get("highlight") or _HIGHLIGHT.sub("", text[:20])
    return errors.SnowflakeError(
        1003, "42000", f"SQL compilation error:\nsyntax error line {line} at position {column} unexpected '{word}'."
    )


def plain_methods(text: str) -> str:
    """Return the text with `service!METHOD(…)` as `METHOD('service', …)`, which sqlglot can parse."""
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
        remainder = text[tokens[index + 2].end + 1 :]
        return plain_methods(f"{text[: tokens[first].start]}{method}'{service}'{comma}{remainder}")
    return text


def stage_arguments(text: str) -> str:
    """Return the text with `F(@stage/path, …)` as `F('@stage/path', …)` for functions that have a stage argument."""
    if "@" not in text:
        return text
    pieces, end, tokens = [], 0, tokenize(text)
    for before, opening, token in zip(tokens, tokens[1:], tokens[2:], strict=False):
        reference = _STAGE.match(text, token.start)
        if before.text.upper() in _STAGE_FUNCTIONS and opening.text == "(" and reference is not None:
            pieces += [text[end : token.start], "'" + reference[0].replace("'", "''") + "'"]
            end = reference.end()
    return "".join([*pieces, text[end:]])


def number_placeholders(text: str) -> str:
    """Return the text with the `?` outside of strings and comments numbered; unchanged if it has none."""
    if "?" not in text:
        return text
    pieces, end, count = [], 0, 0
    for token in tokenize(text):
        # `?::` is a single token: an operator of another dialect.
        if token.text in ("?", "?::") and token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER):
            count += 1
            pieces += [text[end : token.start], f":{count}"]
            end = token.start + 1
    return "".join([*pieces, text[end:]])


def projections(text: str) -> list[exp.Expr]:
    """Parse a comma-separated list of expressions, e.g. a column's default or a function's body."""
    tree = parse(f"SELECT {text}")
    return list(tree.selects) if isinstance(tree, exp.Query) else []


def unwrapped(holder: exp.Paren) -> exp.Expr:
    """Return the content of a parenthesis, in which a tree is put so that its root can be replaced like any node."""
    inside: exp.Expr = holder.this
    return inside


def literal(value: Any) -> exp.Expr:
    """Return a Python value as a tree; also used for function results."""
    if value is None:
        return exp.null()
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, int | float | Decimal):
        return exp.Literal.number(f"{value:f}" if isinstance(value, Decimal) else str(value))
    for kind, name in _CAST:
        if isinstance(value, kind):
            has_no_zone = isinstance(value, datetime) and value.tzinfo is None
            return exp.cast(exp.Literal.string(value.isoformat()), "TIMESTAMP" if has_no_zone else name)
    if isinstance(value, bytes):
        return exp.Unhex(this=exp.Literal.string(value.hex()))
    return exp.Literal.string(value if isinstance(value, str) else json.dumps(value))


def function_name(node: exp.Expr) -> str:
    """Return the SQL name of a function call: in upper case, or as written in quotes."""
    if isinstance(node, exp.Anonymous):
        return str(node.name) if isinstance(node.this, exp.Identifier) else str(node.this).upper()
    return node.sql_names()[0] if isinstance(node, exp.Func) and node.sql_names() else ""


def function_arguments(node: exp.Expr) -> list[exp.Expr]:
    """Return the arguments of a function call in order."""
    if isinstance(node, exp.Anonymous):
        return list(node.expressions)
    return [argument for argument in node.iter_expressions() if not isinstance(argument, exp.TableAlias)]


def dotted_name(node: exp.Expr) -> list[str]:
    """Return the parts of `a.b.f(…)` as written (unquoted parts in upper case); [] for any other expression."""
    if isinstance(node, exp.Dot):
        return [*dotted_name(node.this), *dotted_name(node.expression)]
    if isinstance(node, exp.Identifier):
        return [node.this if node.args.get("quoted") else node.this.upper()]
    if isinstance(node, exp.Func):
        return [function_name(node)]
    return []


def quoted(name: str) -> exp.Identifier:
    """Return a name as a quoted identifier."""
    return exp.to_identifier(name, quoted=True)


def name_parts(text: Any) -> list[exp.Identifier]:
    """Return the identifiers of a name in a text, as in IDENTIFIER('db.schema."t"').

    Raises:
        SnowflakeError: 001003 for an invalid name.
    """
    name = Reader(str(text or "")).object_name()
    return [quoted(part) for part in (name.database, name.schema, name.name) if part is not None]


def set_name(table: exp.Table, parts: list[exp.Identifier]) -> None:
    """Give a table a name of one to three parts."""
    for key, part in zip(("this", "db", "catalog"), [*reversed(parts), None, None], strict=False):
        table.set(key, part)


def full_names(tree: exp.Expr) -> frozenset[tuple[str, ...]]:
    """Return the names of all tables in a tree, each as a tuple of its parts."""
    return frozenset(
        tuple(part.name for part in (table.args.get(key) for key in ("catalog", "db", "this")) if part is not None)
        for table in tree.find_all(exp.Table)
    )


def remaining_binds(tree: exp.Expr, binds: Mapping[str, Any]) -> list[Any]:
    """Renumber the remaining placeholders from 1, and return their values in that order.

    Raises:
        SnowflakeError: 002049 (guess) if a value is missing.
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
