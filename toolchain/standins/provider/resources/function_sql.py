"""snowflake.FunctionSql (SQL contract, section 6.13).

Knows the statements and columns of SQL functions. Must not know how statements are sent.
"""

from collections.abc import Iterable

from jobgraph.toolchain.standins.provider.cells import collapsed
from jobgraph.toolchain.standins.provider.definition import Change, Property, Statement, Values
from jobgraph.toolchain.standins.provider.objects import Kind, clauses
from jobgraph.toolchain.standins.provider.procedures import routines
from jobgraph.toolchain.standins.provider.procedures.routine_type import Routine, resource_type
from jobgraph.toolchain.standins.provider.properties import IN_SCHEMA

KIND = Kind(
    name="FUNCTION",
    plural="USER FUNCTIONS",
    container=("database", "schema"),
    columns="created_on$ name schema_name is_builtin? is_aggregate? is_ansi? min_num_arguments# max_num_arguments# "
    "description catalog_name is_table_function? valid_for_clustering? is_secure? secrets external_access_integrations "
    "is_external_function? language is_memoizable? is_data_metric?",
)
COMMENT = routines.comment("user-defined function")
PROPERTIES = (
    *IN_SCHEMA,
    Property(name="name"),
    routines.ARGUMENTS,
    routines.RETURN_TYPE,
    Property(name="functionDefinition", required=True, replaces=True, normal=collapsed, dollar_quoted=True),
    Property(name="returnResultsBehavior", allowed=("VOLATILE", "IMMUTABLE"), replaces=True),
    routines.SECURE,
    COMMENT,
    *routines.PARAMETERS,
)


def _middle(values: Values) -> Iterable[str]:
    """Yield the words between the result type and the body."""
    if values.get("returnResultsBehavior"):
        yield str(values["returnResultsBehavior"])
    yield from clauses((COMMENT,), values)


def _described(described: Values) -> Values:
    live: Values = {"returnType": described["returns"]} if described.get("returns") else {}
    return live | ({"functionDefinition": described["body"]} if described.get("body") is not None else {})


def _altered(change: Change, target: str) -> list[Statement]:
    if "isSecure" not in change.changed:
        return []
    verb = "SET" if change.news.get("isSecure") == "true" else "UNSET"
    return [Statement(f"ALTER FUNCTION {target} {verb} SECURE")]


RESOURCE = resource_type(
    Routine(
        kind=KIND,
        token="snowflake:index/functionSql:FunctionSql",  # noqa: S106  # a type token
        label="snowflake_function_sql",
        feature="snowflake_function_sql_resource",
        properties=PROPERTIES,
        comment=COMMENT,
        body="functionDefinition",
        language="functionLanguage",
        written_in="SQL",
        middle=_middle,
        described=_described,
        altered=_altered,
        altered_first=True,
    )
)
