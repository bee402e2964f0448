"""DESCRIBE of relations outside the catalog: an earlier statement's result, the views of INFORMATION_SCHEMA.

The columns are described as in DESCRIBE TABLE (sql-reference/sql/desc-result).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.objects.table import DESCRIBED, described_row
from snowflake_sandbox.result import DESCRIBE, Result
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements import definitions
from snowflake_sandbox.tables import column

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World


def register(world: World) -> None:
    """Add the statements to the world."""
    for verb in ("DESCRIBE", "DESC"):
        world.statements[f"{verb} RESULT"] = _describe_result
        for kind in ("VIEW", "TABLE"):
            world.statements[f"{verb} {kind}"] = _describe_relation


def _describe_relation(call: Call) -> Result:
    """Describe a view of INFORMATION_SCHEMA; the catalog describes any other relation."""
    start = call.reader.index
    name = call.session.resolve(call.reader.object_name(), ObjectScope.SCHEMA, "DESCRIBE")
    rows = call.world.information_schema.get(name.name) if name.schema == "INFORMATION_SCHEMA" else None
    if rows is None:
        # the kind comes first
        call.reader.index = start - 1
        return definitions.describe(call)
    call.reader.end()
    return _described(rows(call, name.database or ""))


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
    return _described(result)


def _described(result: Result) -> Result:
    rows = [described_row(column.from_result(result_column)) for result_column in result.columns]
    return Result(DESCRIBED, rows, DESCRIBE)
