"""Arguments of CALL: reads them, and converts them to the Python values that are passed to the handler.

Knows literals, binds, expressions (computed by the data plane) and the mapping of Snowflake's types to Python's
(developer-guide/udf-stored-procedure-data-type-mapping); must not know processes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.data import execution
from snowflake_sandbox.errors import SnowflakeError
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.signature import Argument
    from snowflake_sandbox.result import Result

_SEMI_STRUCTURED = frozenset({"VARIANT", "OBJECT", "ARRAY"})


@dataclass(frozen=True)
class CallArguments:
    """The arguments of a CALL: values in order, and values by upper-case name."""

    positional: tuple[Any, ...] = ()
    by_name: Mapping[str, Any] | None = None

    @property
    def count(self) -> int:
        """Return the number of arguments."""
        return len(self.positional) + len(self.by_name or {})


def read(call: Call) -> CallArguments:
    """Read `(1, 'x', ?, CURRENT_DATE(), name => value)`, beginning at the parenthesis.

    Raises:
        SnowflakeError: 001003, or any error of an expression.
    """
    reader = call.reader
    reader.expect("(")
    positional: list[Any] = []
    by_name: dict[str, Any] = {}
    while not reader.accept(")"):
        name = _name(reader)
        value = _value(call)
        if name is None:
            positional.append(value)
        else:
            by_name[name] = value
        if reader.peek() != ")":
            reader.expect(",")
    return CallArguments(tuple(positional), by_name)


def _name(reader: Reader) -> str | None:
    if reader.peek(1) == "=>" and reader.peek():
        name = reader.identifier()
        reader.expect("=>")
        return name
    return None


def _value(call: Call) -> Any:
    reader = call.reader
    start, placeholders, depth = reader.index, 0, 0
    while not reader.at_end and (depth or reader.peek() not in (",", ")")):
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(reader.peek(), 0)
        placeholders += reader.peek() == "?"
        reader.index += 1
    tokens = reader.tokens[start : reader.index]
    if not tokens:
        raise reader.unexpected()
    first = reader.placeholders_read
    reader.placeholders_read += placeholders
    text = reader.text[tokens[0].start : tokens[-1].end + 1]
    binds = {str(number): reader.binds.get(str(first + number)) for number in range(1, placeholders + 1)}
    literal = Reader(text, binds, list(tokens))
    if _is_literal(literal):
        return literal.value()
    return _evaluate(call, text, binds)


def _is_literal(reader: Reader) -> bool:
    """Whether the next value is a single token: a string, number, placeholder, TRUE, FALSE or NULL, perhaps signed."""
    signed = reader.peek() == "-"
    if len(reader.tokens) != 1 + signed:
        return False
    word = reader.peek(int(signed))
    return not word[:1].isalpha() or word in ("TRUE", "FALSE", "NULL")


def _evaluate(call: Call, text: str, binds: dict[str, Any]) -> Any:
    # a value may be a query, as in CALL budget!ADD_RESOURCE(SELECT …)
    statement = text if Reader(text).peek() == "SELECT" else f"SELECT {text}"
    inner = replace(call, reader=Reader(statement, binds), text=statement, binds=binds)
    return _cell(execution.execute(inner))


def _cell(result: Result) -> Any:
    value = result.arrow.column(0)[0].as_py() if result.arrow is not None else result.scalar()
    if result.columns and result.columns[0].type in ("variant", "object", "array") and isinstance(value, str):
        return json.loads(value)
    return value


def bind(name: str, arguments: Sequence[Argument], supplied: CallArguments) -> tuple[Any, ...] | None:
    """Return the handler's arguments in order; None if the CALL's arguments do not match the signature.

    Raises:
        SnowflakeError: 100038 for a value that cannot be converted to its type.
    """
    if len(supplied.positional) > len(arguments):
        return None
    by_name = dict(supplied.by_name or {})
    values: list[Any] = list(supplied.positional)
    for argument in arguments[len(values) :]:
        if argument.name in by_name:
            values.append(by_name.pop(argument.name))
        elif argument.default is not None:
            values.append(_default(argument.default))
        else:
            return None
    if by_name:
        return None
    return tuple(convert(value, argument, name) for value, argument in zip(values, arguments, strict=True))


def _default(text: str) -> Any:
    reader = Reader(text)
    if not _is_literal(reader):
        raise errors.not_supported(f"DEFAULT {text}")
    return reader.value()


def convert(value: Any, argument: Argument, name: str) -> Any:
    """Convert a value to the Python type that a handler gets for an argument's type."""
    if value is None:
        return None
    try:
        return _converted(value, argument)
    except (ValueError, ArithmeticError, TypeError) as error:
        raise SnowflakeError(
            100038,
            "22018",
            f"{argument.type.full} value '{value}' is not recognized (argument {argument.name} of {name}).",
        ) from error


def _converted(value: Any, argument: Argument) -> Any:  # noqa: PLR0911  # one line per type reads as a table
    base = argument.base
    if base in _SEMI_STRUCTURED:
        return value
    if base == "VARCHAR":
        return _text(value)
    if base == "NUMBER":
        number = Decimal(str(value))
        return int(number) if argument.numbers[1:] in ((), (0,)) else number
    if base == "FLOAT":
        return float(value)
    if base == "BOOLEAN":
        return value if isinstance(value, bool) else str(value).strip().lower() in ("true", "1", "t", "yes", "on")
    if base == "DATE":
        return value if isinstance(value, date) else date.fromisoformat(str(value)[:10])
    if base == "TIME":
        return value if isinstance(value, time) else time.fromisoformat(str(value))
    if base.startswith("TIMESTAMP"):
        return value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value) if isinstance(value, dict | list) else str(value)
