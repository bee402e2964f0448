"""snowflake.View (SQL contract, section 6.14).

Knows the statements and columns of views. Must not know how statements are sent.
"""

import re
from typing import Any

from jobgraph.toolchain.standins.provider.cells import collapsed, filled, flag, flag_text, show_output
from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Failure,
    Observation,
    Observed,
    Property,
    ResourceType,
    Statement,
    Values,
)
from jobgraph.toolchain.standins.provider.errors import SnowflakeError
from jobgraph.toolchain.standins.provider.objects import Kind, drop, observe, rename
from jobgraph.toolchain.standins.provider.properties import IN_SCHEMA
from jobgraph.toolchain.standins.provider.sql import quoted, text

KIND = Kind(
    name="VIEW",
    plural="VIEWS",
    container=("database", "schema"),
    columns="created_on$ name kind reserved database_name schema_name owner comment text is_secure? is_materialized? "
    "owner_role_type change_tracking",
)
_DESCRIBED = "name type kind default check expression comment policy_name privacy_domain"
_DESCRIBED_FLAGS = {"isNullable": "null?", "isPrimary": "primary key", "isUnique": "unique key"}
_SKIPPED = re.compile(r"""'(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|\$\$.*?\$\$|--[^\n]*|/\*.*?\*/""", re.DOTALL)
_USAGE = re.compile(r"\s*--terraform_provider_usage_tracking.*$", re.DOTALL)


def query_of(view_text: Any) -> str | None:
    """Return the query of a CREATE VIEW statement: the text after the first AS outside names, texts and parentheses."""
    if not filled(view_text):
        return None
    written = _USAGE.sub("", str(view_text))
    blanked = _SKIPPED.sub(lambda match: "x" * len(match[0]), written)
    depth = 0
    for match in re.finditer(r"[()]|\bAS\b", blanked, re.IGNORECASE):
        if match[0] in "()":
            depth += 1 if match[0] == "(" else -1
        elif depth == 0:
            return written[match.end() :].strip().removesuffix(";")
    return None


def _head_has(word: str, view_text: Any) -> str:
    head = re.split(r"\bVIEW\b", str(view_text or ""), maxsplit=1, flags=re.IGNORECASE)[0]
    return str(word in head.upper().split()).lower()


def _columns_normal(columns: list[Values]) -> tuple[tuple[str, str], ...]:
    return tuple((column["columnName"], column.get("comment") or "") for column in columns)


PROPERTIES = (
    *IN_SCHEMA,
    Property(name="name"),
    Property(name="statement", required=True, normal=collapsed, column="text", read=query_of),
    Property(name="columns", form="objects", normal=_columns_normal),
    Property(name="copyGrants", form="boolean", create_only=True),
    Property(
        name="isRecursive",
        form="boolean text",
        column="text",
        read=lambda cell: _head_has("RECURSIVE", cell),
        initial="false",
    ),
    Property(
        name="isTemporary",
        form="boolean text",
        column="text",
        read=lambda cell: _head_has("TEMPORARY", cell),
        initial="false",
    ),
    Property(name="isSecure", form="boolean text", column="is_secure", read=flag_text, initial="false"),
    Property(name="changeTracking", form="boolean text", column="change_tracking", read=flag_text, initial="false"),
    Property(name="comment", column="comment", read=filled, initial=None),
)
_REMADE = frozenset({"statement", "columns", "isRecursive", "isTemporary"})


def _check(values: Values) -> list[Failure]:
    return [
        Failure("columns", f"column {column.get('columnName')}: policies are not supported here.")
        for column in values.get("columns") or ()
        if column.get("maskingPolicy") or column.get("projectionPolicy")
    ]


def _create_text(values: Values, *, again: bool) -> str:
    words = ["CREATE OR REPLACE" if again else "CREATE"]
    words += [word for word in ("Secure", "Temporary", "Recursive") if values.get(f"is{word}") == "true"]
    words = [word.upper() for word in words]
    words.append(f"VIEW {KIND.full_name(values)}")
    if values.get("columns"):
        words.append(f"({', '.join(_column(column) for column in values['columns'])})")
    if again and values.get("copyGrants"):
        words.append("COPY GRANTS")
    if values.get("comment"):
        words.append(f"COMMENT = {text(values['comment'])}")
    return " ".join([*words, f"AS {values['statement']}"])


def _column(column: Values) -> str:
    comment = f" COMMENT {text(column['comment'])}" if column.get("comment") else ""
    return quoted(column["columnName"]) + comment


def _create(values: Values) -> Observation:
    yield Statement(_create_text(values, again=False), creates=True)
    if values.get("changeTracking"):
        yield Statement(f"ALTER VIEW {KIND.full_name(values)} SET CHANGE_TRACKING = {values['changeTracking']}")
    return (yield from _read(values))


def _read(values: Values) -> Observation:
    live = yield from observe(KIND, PROPERTIES, KIND.parts(values))
    if live is None:
        return None
    name = text(KIND.full_name(values))
    for function in ("POLICY_REFERENCES", "DATA_METRIC_FUNCTION_REFERENCES"):
        yield Statement(
            f"SELECT * FROM TABLE (SNOWFLAKE.INFORMATION_SCHEMA.{function} "
            f"(REF_ENTITY_NAME => {name}, REF_ENTITY_DOMAIN => 'VIEW'))"
        )
    try:
        rows = yield Statement(f"DESCRIBE VIEW {KIND.full_name(values)}")
    except SnowflakeError:
        rows = []  # the official plugin also continues without it
    columns = [_described(row) for row in rows]
    described = [show_output(_DESCRIBED, row) | _flags(row) for row in rows]
    outputs = live.outputs | {"describeOutputs": described}
    values_seen = live.values | ({"columns": columns} if columns and values.get("columns") else {})
    return Observed(values_seen, outputs, {"columns": columns})


def _flags(row: Any) -> Values:
    return {name: flag(row.get(column)) for name, column in _DESCRIBED_FLAGS.items()}


def _described(row: Any) -> Values:
    comment = filled(row.get("comment"))
    return {"columnName": str(row["name"])} | ({"comment": comment} if comment else {})


def _update(change: Change) -> Observation:
    target, news = KIND.full_name(change.news), change.news
    yield from rename(KIND, change)
    if change.changed & _REMADE:
        yield Statement(_create_text(news, again=True))
    else:
        if "comment" in change.changed:
            comment = news.get("comment")
            yield Statement(
                f"ALTER VIEW {target} " + (f"SET COMMENT = {text(comment)}" if comment else "UNSET COMMENT")
            )
        if "isSecure" in change.changed:
            yield Statement(f"ALTER VIEW {target} {'SET' if news.get('isSecure') == 'true' else 'UNSET'} SECURE")
    if "changeTracking" in change.changed or (change.changed & _REMADE and news.get("changeTracking")):
        yield Statement(f"ALTER VIEW {target} SET CHANGE_TRACKING = {news.get('changeTracking') or 'false'}")
    return (yield from _read(news))


RESOURCE = ResourceType(
    token="snowflake:index/view:View",  # noqa: S106  # a type token
    label="snowflake_view",
    properties=PROPERTIES,
    computed=("describeOutputs", "fullyQualifiedName", "showOutputs"),
    identity=KIND.full_name,
    full_name=KIND.full_name,
    parse=KIND.parse,
    create=_create,
    read=_read,
    update=_update,
    delete=drop(KIND),
    check=_check,
)
