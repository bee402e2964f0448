"""Arguments and result types of procedures and functions: reading them in CREATE, writing them for SHOW and DESCRIBE.

Knows the texts that the provider parses (contract 6.12, 6.13); must not know what a body does.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.statements.reader import DataType, ObjectName, Reader

if TYPE_CHECKING:
    from snowflake_sandbox.catalog.catalog import SnowflakeObject


@dataclass(frozen=True)
class Argument:
    """An argument, or a column of a table result.

    Attributes:
        default: the text of the default as written; None if the argument is required.
    """

    name: str
    base: str
    numbers: tuple[int, ...] = ()
    default: str | None = None

    @property
    def type(self) -> DataType:
        """Return the data type."""
        return DataType(self.base, self.numbers)

    def record(self) -> dict[str, Any]:
        """Return the argument as the catalog stores it."""
        return asdict(self)


def arguments_of(routine: SnowflakeObject, key: str = "arguments") -> list[Argument]:
    """Return the arguments (or `result_columns`) stored in the catalog."""
    return [Argument(**{**record, "numbers": tuple(record["numbers"])}) for record in routine[key] or []]


def read_arguments(reader: Reader) -> list[Argument]:
    """Read `("A" VARCHAR, "B" NUMBER(38, 0) DEFAULT 1)` or `()` and return the arguments."""
    reader.expect("(")
    arguments: list[Argument] = []
    while not reader.accept(")"):
        name = reader.identifier()
        if reader.accept("OUT") or reader.accept("OUTPUT"):
            raise errors.not_supported("an output argument of a procedure")
        if not reader.accept("INPUT"):
            reader.accept("IN")
        kind = reader.data_type()
        default = None
        if reader.accept("DEFAULT"):
            default = _read_default(reader)
        if default is None and arguments and arguments[-1].default is not None:
            raise errors.SnowflakeError(
                1003,
                "42000",
                f"SQL compilation error:\nRequired argument '{name}' follows an optional one.",  # guess
            )
        if name in [argument.name for argument in arguments]:
            raise errors.duplicate_column(name)  # guess
        arguments.append(Argument(name, kind.base, kind.numbers, default))
        if reader.peek() != ")":
            reader.expect(",")
    return arguments


def _read_default(reader: Reader) -> str:
    start, depth = reader.tokens[reader.index], 0
    last = start
    while not reader.at_end and (depth or reader.peek() not in (",", ")")):
        depth += {"(": 1, ")": -1}.get(reader.peek(), 0)
        last = reader.tokens[reader.index]
        reader.index += 1
    return reader.text[start.start : last.end + 1]


def read_returns(reader: Reader) -> tuple[str, list[Argument]]:
    """Read the type after RETURNS, with NOT NULL if it follows: ("NUMBER", []) or ("TABLE", columns)."""
    if reader.accept("TABLE"):
        return "TABLE", read_arguments(reader)
    kind = reader.data_type()
    reader.accept("NOT NULL")
    return kind.base, []


def types_text(arguments: list[Argument]) -> str:
    """Return the key of a signature: "(VARCHAR, NUMBER)"."""
    return "(" + ", ".join(argument.base for argument in arguments) + ")"


def signature_text(arguments: list[Argument]) -> str:
    """Return the `signature` in DESCRIBE: without precisions, because the provider splits it at commas."""
    return "(" + ", ".join(f"{argument.name} {argument.base}" for argument in arguments) + ")"


def returns_text(routine: SnowflakeObject) -> str:
    """Return the `returns` in DESCRIBE: "VARCHAR", or "TABLE (A NUMBER)"."""
    if routine["returns"] != "TABLE":
        return str(routine["returns"])
    return "TABLE " + signature_text(arguments_of(routine, "result_columns"))


def show_arguments(routine: SnowflakeObject) -> str:
    """Return the `arguments` in SHOW: `P(VARCHAR, DEFAULT NUMBER) RETURN VARCHAR`; the provider needs `) RETURN `."""
    types = [
        f"DEFAULT {argument.base}" if argument.default is not None else argument.base
        for argument in arguments_of(routine)
    ]
    return f"{routine.name.name}({', '.join(types)}) RETURN {returns_text(routine)}"


def minimum(routine: SnowflakeObject) -> int:
    """Return the number of arguments without a default."""
    return sum(argument.default is None for argument in arguments_of(routine))


def grant_name(routine: SnowflakeObject) -> str:
    """Return the name in SHOW GRANTS: `DB.SC."P(A VARCHAR, B NUMBER):VARCHAR"`; without types the provider crashes."""
    text = f'"{routine.name.name}{signature_text(arguments_of(routine))}:{returns_text(routine)}"'
    return ObjectName(text, routine.name.schema, routine.name.database).qualified
