"""EXTERNAL ACCESS INTEGRATION (contract 6.18): only stored and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox.catalog.kind import Kind, Property
from snowflake_sandbox.objects.procedure import names_in_parentheses
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import Reader
from snowflake_sandbox.statements.showing import text_rows

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_SHOWN = columns("name type category enabled? comment created_on@")


def _row(kind: str, category: str) -> Any:
    def row(_call: Call, integration: SnowflakeObject) -> tuple[Any, ...]:
        return (
            integration.name.name,
            kind,
            category,
            integration["enabled"],
            integration["comment"],
            integration.created_on,
        )

    return row


def _listed(integration: SnowflakeObject, key: str) -> str:
    return ",".join(integration[key] or ())


def _described(*lists: str) -> Any:
    def describe(_call: Call, integration: SnowflakeObject) -> Result:
        rows = [("ENABLED", "Boolean", str(integration["enabled"]).lower(), "false")]
        rows += [(key.upper(), "List", _listed(integration, key), "") for key in lists]
        rows.append(("COMMENT", "String", integration["comment"] or "", ""))
        return text_rows("property property_type property_value property_default", rows)

    return describe


EXTERNAL_ACCESS = Kind(
    name="EXTERNAL ACCESS INTEGRATION",
    plural="EXTERNAL ACCESS INTEGRATIONS",
    scope=ObjectScope.ACCOUNT,
    show=_SHOWN,
    show_row=_row("EXTERNAL_ACCESS", "EXTERNAL_ACCESS"),
    properties=(
        Property("ALLOWED_NETWORK_RULES", names_in_parentheses, required=True),
        Property("ALLOWED_AUTHENTICATION_SECRETS", names_in_parentheses),
        Property("ENABLED", Reader.boolean, required=True),
        Property("COMMENT", Reader.string),
    ),
    describe=_described("allowed_network_rules", "allowed_authentication_secrets"),
    created_message="Integration {name} successfully created.",
)
