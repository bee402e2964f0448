"""NETWORK RULE (contract 6.17). Stored and shown; the sandbox does not restrict a container's network access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.catalog.kind import Kind, Property
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject


def _common(rule: SnowflakeObject) -> tuple[Any, ...]:
    return (
        rule.created_on,
        rule.name.name,
        rule.name.database,
        rule.name.schema,
        rule.owner,
        rule["comment"] or "",
        rule["type"],
        rule["mode"],
    )


def _show_row(_call: Call, rule: SnowflakeObject) -> tuple[Any, ...]:
    return (*_common(rule), len(rule["value_list"] or ()), "ROLE")


def _describe(_call: Call, rule: SnowflakeObject) -> Result:
    described = columns("created_on@ name database_name schema_name owner comment type mode value_list")
    return Result(described, [(*_common(rule), ",".join(rule["value_list"] or ()))])


KIND = Kind(
    name="NETWORK RULE",
    plural="NETWORK RULES",
    scope=ObjectScope.SCHEMA,
    show=columns(
        "created_on@ name database_name schema_name owner comment type mode entries_in_valuelist# owner_role_type"
    ),
    show_row=_show_row,
    properties=(
        Property("TYPE", Reader.word, required=True, alterable=False),
        Property("MODE", Reader.word, default="INGRESS", alterable=False),
        Property("VALUE_LIST", Reader.string_list, default=()),
        Property("COMMENT", Reader.string),
    ),
    describe=_describe,
)
