"""What a block asks of whoever carries it out, what it gives in the end, and its exceptions. Data only."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from snowflake_sandbox.scripting.values import Rows, Value

if TYPE_CHECKING:
    from snowflake_sandbox.errors import SnowflakeError
    from snowflake_sandbox.statements.reader import DataType


@dataclass(frozen=True)
class Run:
    """Asks for a statement's rows; `is_async` for a handle of it, at once."""

    text: str
    values: tuple[Value, ...] = ()
    results: tuple[Any, ...] = ()
    is_async: bool = False


@dataclass(frozen=True)
class Evaluate:
    """Asks for the value of an expression, as a type where one is wanted."""

    text: str
    values: tuple[Value, ...] = ()
    type: DataType | None = None
    results: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Wait:
    """Asks for the rows of a statement that was started; with `is_cancel`, for its end."""

    handle: int
    is_cancel: bool = False


@dataclass(frozen=True)
class Checkpoint:
    """Asks for nothing: a loop has come round, and may be ended here."""


Request = Run | Evaluate | Wait | Checkpoint
Machine = Generator[Request, Any, Any]


@dataclass(frozen=True)
class Returned:
    """What RETURN gave: a value, or the rows of RETURN TABLE."""

    value: Value = field(default_factory=Value)
    rows: Rows | None = None


class Raised(Exception):  # noqa: N818  # it is an exception of the language that is run
    """An exception on its way through blocks; `kind` is its type's name, as `WHEN` has it."""

    def __init__(self, kind: str, error: SnowflakeError, position: int) -> None:
        super().__init__(error.message)
        self.kind, self.error, self.position = kind, error, position
