"""Table functions that make rows out of their arguments alone: SPLIT_TO_TABLE.

Knows values; must not know sessions. The arguments are constants, functions of the sandbox's own among them
(`SYSTEM$GET_SERVICE_LOGS`); a column as argument is refused by rewrite.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.data.function_arguments import counted
from snowflake_sandbox.result import Result, columns

if TYPE_CHECKING:
    from collections.abc import Mapping

    from snowflake_sandbox.call import Call, World

_SPLIT = columns("SEQ# INDEX# VALUE")


def register(world: World) -> None:
    """Add the functions of this file."""
    world.table_functions["SPLIT_TO_TABLE"] = split_to_table


def split_to_table(_call: Call, arguments: tuple[Any, ...], _by_name: Mapping[str, Any]) -> Result:
    """SPLIT_TO_TABLE(text, delimiter): a row per piece."""
    text, delimiter = counted(arguments, 2, 2, "SPLIT_TO_TABLE")
    if text is None or delimiter is None:
        return Result(_SPLIT)
    pieces = str(text).split(str(delimiter)) if delimiter else [str(text)]
    return Result(_SPLIT, [(1, number, piece) for number, piece in enumerate(pieces, 1)])
