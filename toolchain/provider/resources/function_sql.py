"""snowflake.FunctionSql (SQL contract, section 6.13).

Knows the statements and columns of SQL functions. Must not know how statements are sent.
"""

from toolchain.provider import routines
from toolchain.provider.cells import collapsed, show_output
from toolchain.provider.definition import (
    Change,
    Observation,
    Observed,
    Property,
    ResourceType,
    Statement,
    Statements,
    Values,
)
from toolchain.provider.objects import Kind, clauses, columns_read, parameters_read, run
from toolchain.provider.routines import signature

KIND = Kind(
    name="FUNCTION",
    plural="USER FUNCTIONS",
    container=("database", "schema"),
    columns="created_on name schema_name is_builtin? is_aggregate? is_ansi? min_num_arguments# max_num_arguments# "
    "description catalog_name is_table_function? valid_for_clustering? is_secure? secrets external_access_integrations "
    "is_external_function? language is_memoizable? is_data_metric?",
)
COMMENT = routines.comment("user-defined function")
PROPERTIES = (
    Property(name="database", required=True, replaces=True),
    Property(name="schema", required=True, replaces=True),
    Property(name="name"),
    routines.ARGUMENTS,
    routines.RETURN_TYPE,
    Property(name="functionDefinition", required=True, replaces=True, normal=collapsed, dollar_quoted=True),
    Property(name="returnResultsBehavior", allowed=("VOLATILE", "IMMUTABLE"), replaces=True),
    routines.SECURE,
    COMMENT,
    *routines.PARAMETERS,
)
_show_parameters = routines.show_parameters(KIND)


def _signature(values: Values) -> str:
    return signature(KIND, values)


def _create(values: Values) -> Observation:
    middle = [str(values["returnResultsBehavior"])] if values.get("returnResultsBehavior") else []
    middle += clauses((COMMENT,), values)
    text = routines.create_text(KIND, values, middle, values["functionDefinition"])
    yield Statement(text, creates=True)
    yield from routines.set_parameters(KIND, values)
    return (yield from _read(values))


def _read(values: Values) -> Observation:
    row = yield from routines.show_routine(KIND, values, KIND.plural)
    if row is None:
        return None
    described = yield from routines.describe(KIND, values)
    if described is None:
        return None
    rows = yield _show_parameters(values)
    seen = columns_read(PROPERTIES, row) | parameters_read(PROPERTIES, rows, KIND.name)
    seen["arguments"] = routines.described_arguments(described, values.get("arguments"))
    if described.get("returns"):
        seen["returnType"] = described["returns"]
    if described.get("body") is not None:
        seen["functionDefinition"] = described["body"]
    shown = show_output(KIND.columns, row) | {"argumentsRaw": str(row.get("arguments"))}
    outputs = {
        "fullyQualifiedName": _signature(values),
        "functionLanguage": str(described.get("language") or "SQL"),
        "showOutputs": [shown],
    }
    return Observed(seen, outputs)


def _update(change: Change) -> Observation:
    yield from routines.rename(KIND, change)
    if "isSecure" in change.changed:
        verb = "SET" if change.news.get("isSecure") == "true" else "UNSET"
        yield Statement(f"ALTER FUNCTION {_signature(change.news)} {verb} SECURE")
    yield from run(routines.alter_comment_and_parameters(KIND, COMMENT, change))
    return (yield from _read(change.news))


def _delete(values: Values) -> Statements:
    yield Statement(f"DROP FUNCTION IF EXISTS {_signature(values)}")


RESOURCE = ResourceType(
    token="snowflake:index/functionSql:FunctionSql",  # noqa: S106  # a type token
    label="snowflake_function_sql",
    properties=PROPERTIES,
    computed=("fullyQualifiedName", "functionLanguage", "showOutputs"),
    identity=_signature,
    full_name=_signature,
    parse=routines.parsed_signature,
    create=_create,
    read=_read,
    update=_update,
    delete=_delete,
    preview_feature="snowflake_function_sql_resource",
    level="FUNCTION",
    show_parameters=_show_parameters,
)
