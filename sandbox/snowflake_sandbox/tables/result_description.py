"""DESCRIBE RESULT: the columns of an ended statement, as DESCRIBE TABLE has them (sql-reference/sql/desc-result)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.objects.table import DESCRIBED, described_row
from snowflake_sandbox.result import DESCRIBE, Result
from snowflake_sandbox.tables import column

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World


def register(world: World) -> None:
    """Add the statement."""
    world.statements |= {"DESCRIBE RESULT": _describe_result, "DESC RESULT": _describe_result}


def _describe_result(call: Call) -> Result:
    reader = call.reader
    if reader.accept("LAST_QUERY_ID"):
        reader.expect("(")
        reader.expect(")")
        query_id = call.session.previous_query_id
    else:
        query_id = reader.string()
    reader.end()
    result = call.world.table_functions["RESULT_SCAN"](call, (query_id,), {})
    return Result(DESCRIBED, [described_row(column.from_result(one)) for one in result.columns], DESCRIBE)
