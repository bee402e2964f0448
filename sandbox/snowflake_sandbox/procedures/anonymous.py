"""WITH name AS PROCEDURE (…) … CALL name(…): a procedure for one call, which is not stored.

Knows the statement (sql-reference/sql/call-with); must not know how a procedure is run (call.py). The procedure has its
caller's rights. Other statements that start with WITH are data SQL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox import errors
from snowflake_sandbox.catalog import signature
from snowflake_sandbox.catalog.catalog import SnowflakeObject
from snowflake_sandbox.catalog.kind import Creation
from snowflake_sandbox.data import execution
from snowflake_sandbox.procedures import arguments
from snowflake_sandbox.procedures.call import run_procedure
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements import definitions

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.result import Result


def with_statement(call: Call) -> Result:
    """Run an anonymous procedure, or data SQL.

    Raises:
        SnowflakeError: 001044 for wrong arguments, and what the body raises.
    """
    reader = call.reader
    if reader.peek(1) != "AS" or reader.peek(2) != "PROCEDURE":
        return execution.execute(call)
    written = reader.object_name()
    reader.expect("AS PROCEDURE")
    name = call.session.resolve(written, ObjectScope.SCHEMA, "CALL")
    creation = Creation(name, {}, {})
    kind = call.world.kinds["PROCEDURE"]
    definitions.read_definition(call, kind, creation, end="CALL")
    reader.expect("CALL")
    called = call.session.resolve(reader.object_name(), ObjectScope.SCHEMA, "CALL")
    if called != name:
        raise errors.syntax_error(called.name, 0)
    supplied = arguments.read(call)
    reader.end()
    properties = {**creation.properties, "execute_as": "CALLER"}
    procedure = SnowflakeObject(0, kind.name, name, creation.signature, call.session.role, call.now, properties, {})
    values = arguments.bind(name.name, signature.arguments_of(procedure), supplied)
    if values is None:
        raise errors.SnowflakeError(
            1044, "42P13", f"SQL compilation error:\nInvalid argument types for function '{name.name}'."
        )
    return run_procedure(call, procedure, values, call.session)
