"""Shared parts of functions and procedures: arguments, signatures, parameters, and the steps of their operations.

Knows the columns of SHOW and the rows of DESCRIBE (SQL contract, sections 6.12 and 6.13). Must not know how statements
are sent.
"""

import re
from collections.abc import Iterable
from typing import Any

from jobgraph.toolchain.standins.provider.cells import filled, flag_text
from jobgraph.toolchain.standins.provider.data_types import (
    TableType,
    data_type,
    result_type,
    split_at_commas,
    typed_names,
)
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    FoundRow,
    Property,
    Row,
    Statement,
    Statements,
    Values,
)
from jobgraph.toolchain.standins.provider.errors import NotThereError, SnowflakeError
from jobgraph.toolchain.standins.provider.objects import Kind, alter, clauses, rows_or_none, show_text
from jobgraph.toolchain.standins.provider.properties import flag_parameter, keyword_parameter
from jobgraph.toolchain.standins.provider.sql import dollars, quoted, signature_split, text

_ARGUMENTS = re.compile(r"^[^(]*\((.*)\) RETURN (.*)$", re.DOTALL)


def arguments_normal(arguments: Iterable[Values]) -> tuple[Any, ...]:
    """Return the normal form of arguments: name in upper case, full type, default."""
    return tuple(
        (str(argument["argName"]).upper(), data_type(argument["argDataType"]), argument.get("argDefaultValue") or "")
        for argument in arguments
    )


def arguments_loose(arguments: Iterable[Values]) -> tuple[Any, ...]:
    """Return arguments in the detail of DESCRIBE: names and main types."""
    return tuple((name, kind.name) for name, kind, _ in arguments_normal(arguments))


def result_loose(written: Any) -> Any:
    """Return a result type in the detail of DESCRIBE: main types, and a table's column names."""
    result = result_type(str(written))
    if isinstance(result, TableType):
        return tuple((name.upper(), kind.name) for name, kind in result.columns)
    return result.name


RETURN_TYPE = Property(name="returnType", required=True, replaces=True, normal=result_type, loose=result_loose)
ARGUMENTS = Property(
    name="arguments", form="objects", replaces=True, normal=arguments_normal, loose=arguments_loose, initial=None
)
SECURE = Property(name="isSecure", form="boolean text", column="is_secure", read=flag_text, initial="false")
PARAMETERS = (
    flag_parameter("enableConsoleOutput", "ENABLE_CONSOLE_OUTPUT"),
    keyword_parameter("logEventLevel", "LOG_EVENT_LEVEL"),
    keyword_parameter("logLevel", "LOG_LEVEL"),
    keyword_parameter("metricLevel", "METRIC_LEVEL"),
    keyword_parameter("traceLevel", "TRACE_LEVEL"),
)


def comment(initial: str) -> Property:
    """Return the comment property: it is always sent, with Snowflake's own text if the program has none."""
    return Property(
        name="comment", sql="COMMENT", literal=text, default=initial, column="description", read=filled, initial=initial
    )


def argument_list(values: Values) -> str:
    """Return the arguments of CREATE in parentheses: `("A" VARCHAR(16777216), "B" NUMBER(38, 0) DEFAULT 1)`."""
    return "(" + ", ".join(_argument(argument) for argument in values.get("arguments") or ()) + ")"


def _argument(argument: Values) -> str:
    default = f" DEFAULT {argument['argDefaultValue']}" if argument.get("argDefaultValue") else ""
    return f"{quoted(str(argument['argName']).strip(chr(34)))} {data_type(argument['argDataType']).full()}{default}"


def argument_types(values: Values) -> tuple[str, ...]:
    """Return the main names of the argument types, which distinguish overloads."""
    return tuple(data_type(argument["argDataType"]).name for argument in values.get("arguments") or ())


def signature(kind: Kind, values: Values) -> str:
    """Return `"DB"."SC"."P"(VARCHAR, NUMBER)`."""
    return f"{kind.full_name(values)}({', '.join(argument_types(values))})"


def parsed_signature(resource_id: str) -> Values:
    """Return the values that identify a routine, from its id.

    Raises:
        NotThereError: if the id has no argument types, or not three names.
    """
    parts, types = signature_split(resource_id)
    if types is None or len(parts) != 3:  # noqa: PLR2004  # database, schema, name
        raise NotThereError(
            f'{resource_id!r} is not the id of a routine: an id has the form "DB"."SCHEMA"."NAME"(VARCHAR, NUMBER).'
        )
    arguments = [
        {"argName": f"ARG{n}", "argDataType": type_name}
        for n, type_name in enumerate(split_at_commas(types))
        if type_name
    ]
    return dict(zip(("database", "schema", "name"), parts, strict=True)) | {"arguments": arguments}


def create_text(kind: Kind, values: Values, middle: Iterable[str], body: str) -> str:
    """Return CREATE [SECURE] kind name (arguments) RETURNS type <middle> AS $$body$$."""
    secure = "SECURE " if values.get("isSecure") == "true" else ""
    head = f"CREATE {secure}{kind.name} {kind.full_name(values)} {argument_list(values)}"
    return " ".join([head, f"RETURNS {result_type(values['returnType']).full()}", *middle, f"AS {dollars(body)}"])


def set_parameters(kind: Kind, values: Values) -> Statements:
    """Set the parameters after CREATE, which does not accept them."""
    items = clauses(PARAMETERS, values)
    if items:
        yield Statement(f"ALTER {kind.name} {signature(kind, values)} SET {', '.join(items)}")


def rename(kind: Kind, change: Change) -> Statements:
    """Run ALTER ... RENAME TO: the old name has argument types, the new one has none."""
    if "name" in change.changed:
        yield Statement(f"ALTER {kind.name} {signature(kind, change.olds)} RENAME TO {kind.full_name(change.news)}")


def alter_comment_and_parameters(kind: Kind, comment_property: Property, change: Change) -> list[Statement]:
    """Return ALTER ... SET and UNSET for the properties that can change in place."""
    return alter(kind, (comment_property, *PARAMETERS), change, signature(kind, change.news))


def show_routine(kind: Kind, values: Values) -> FoundRow:
    """Return the SHOW row of the overload with these argument types."""
    parts = kind.parts(values)
    try:
        rows = yield Statement(show_text(kind, parts))
    except SnowflakeError as error:
        if not error.absent:
            raise
        return None
    types = argument_types(values)
    return next((row for row in rows if row.get("name") == parts[-1] and _types(row) == types), None)


def _types(row: Row) -> tuple[str, ...]:
    return shown_signature(row)[0]


def shown_signature(row: Row) -> tuple[tuple[str, ...], str]:
    """Return argument types and result type in column `arguments`: `P(VARCHAR, DEFAULT NUMBER) RETURN VARCHAR`."""
    match = _ARGUMENTS.match(str(row.get("arguments")))
    written = split_at_commas(match[1]) if match else []
    types = (data_type(re.sub(r"^(?:DEFAULT|OPTIONAL) ", "", spelling)).name for spelling in written if spelling)
    return tuple(types), match[2] if match else ""


def describe(kind: Kind, values: Values) -> Any:
    """Return the rows of DESCRIBE by property; None if the routine does not exist."""
    rows = yield from rows_or_none(
        f"DESCRIBE {kind.name} {signature(kind, values)}", lambda error: error.absent_or_not_authorized
    )
    return None if rows is None else {str(row["property"]): filled(row.get("value")) for row in rows}


def show_parameters(kind: Kind) -> Any:
    """Return the function that returns the statement for a routine's parameters, given its values."""
    return lambda values: Statement(f"SHOW PARAMETERS IN {kind.name} {signature(kind, values)}")


def described_arguments(described: Values, declared: Any) -> list[Values]:
    """Return row `signature`, `(A VARCHAR, B NUMBER)`, as arguments; defaults, which it lacks, are as declared."""
    written = str(described.get("signature") or "()").strip()
    defaults = {str(argument["argName"]).upper(): argument.get("argDefaultValue") for argument in declared or ()}
    return [
        {"argName": name, "argDataType": kind.name}
        | ({"argDefaultValue": defaults[name.upper()]} if defaults.get(name.upper()) else {})
        for name, kind in typed_names(written[1:-1])
    ]


def name_texts(cell: Any) -> list[str] | None:
    """Return `[E1, E2]` as a list of names."""
    inner = str(cell or "").strip().removeprefix("[").removesuffix("]")
    return [name.strip() for name in inner.split(",") if name.strip()] or None


def quoted_texts(cell: Any) -> list[str]:
    """Return `['a==1','b']` as a list of texts."""
    return re.findall(r"'([^']*)'", str(cell or ""))
