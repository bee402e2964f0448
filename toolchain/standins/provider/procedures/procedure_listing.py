"""snowflake.getProcedures: the function that lists the procedures of a schema, as programs call it.

Knows SHOW PROCEDURES and the form of the function's result. Must not know how statements are sent.
"""

from collections.abc import Generator
from typing import Any

from jobgraph.toolchain.standins.provider.definition import Row, Statement, Step, Values, Warn
from jobgraph.toolchain.standins.provider.errors import SnowflakeError
from jobgraph.toolchain.standins.provider.procedures.routines import shown_signature
from jobgraph.toolchain.standins.provider.sql import quoted

TOKEN = "snowflake:index/getProcedures:getProcedures"  # noqa: S105  # a type token
FEATURE = "snowflake_procedures_datasource"


def list_procedures(arguments: Values) -> Generator[Step, list[Row], Values]:
    """Return the function's result: its arguments and, for each procedure of the schema, name, comment and types.

    If Snowflake refuses to list them, e.g. because the schema does not exist, there is a warning and no list, as in the
    official plugin.
    """
    place = quoted(arguments["database"], arguments["schema"])
    identifier = f"{arguments['database']}|{arguments['schema']}"
    try:
        rows = yield Statement(f"SHOW PROCEDURES IN SCHEMA {place}", tracked=False)
    except SnowflakeError as error:
        yield Warn(f"The procedures of schema {identifier} could not be listed. {error}")
        return {**arguments, "id": ""}
    return {**arguments, "id": identifier, "procedures": [_listed(row) for row in rows]}


def _listed(row: Row) -> dict[str, Any]:
    types, returned = shown_signature(row)
    return {
        "name": row["name"],
        "database": row["catalog_name"],
        "schema": row["schema_name"],
        "comment": row["description"],
        "argumentTypes": list(types),
        "returnType": returned,
    }
