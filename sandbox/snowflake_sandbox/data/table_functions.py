"""Table functions that only use their arguments: SPLIT_TO_TABLE.

Knows values; must not know sessions. The arguments are constants, or functions of the sandbox's own such as
`SYSTEM$GET_SERVICE_LOGS`; rewrite.py refuses a column as argument.
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
    """Add the functions of this module."""
    world.table_functions["SPLIT_TO_TABLE"] = split_to_table


def split_to_table(_call: Call, arguments: tuple[Any, ...], _by_name: Mapping[str, Any]) -> Result:
    """SPLIT_TO_TABLE(text, delimiter): a row for each part."""
    text, delimiter = counted(arguments, 2, 2, "SPLIT_TO_TABLE")
    if text is None or delimiter is None:
        return Result(_SPLIT)
    pieces = str(text).split(str(delimiter)) if delimiter else [str(text)]
    return Result(_SPLIT, [(1, number, piece) for number, piece in enumerate(pieces, 1)])
