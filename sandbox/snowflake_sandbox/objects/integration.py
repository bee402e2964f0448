"""EXTERNAL ACCESS INTEGRATION (contract 6.18): only stored and shown, but its rules and secrets must exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.objects.network_rule import EGRESS
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.reader import ObjectName, Reader
from snowflake_sandbox.statements.showing import text_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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


def _names(reader: Reader) -> tuple[ObjectName, ...]:
    """Read `("E1", D.S.E2)`, as written."""
    reader.expect("(")
    return reader.name_list(")")


def _secret_names(reader: Reader) -> tuple[ObjectName, ...] | str:
    """Read names of secrets, or ALL or NONE."""
    return reader.word().lower() if reader.peek() in ("ALL", "NONE") else _names(reader)


def _existing(call: Call, kind: str, names: Iterable[ObjectName]) -> list[SnowflakeObject]:
    """Return the objects of these names.

    Raises:
        SnowflakeError: 002003.
    """
    command = "CREATE EXTERNAL ACCESS INTEGRATION"
    resolved = [call.session.resolve(name, ObjectScope.SCHEMA, command) for name in names]
    with call.world.store.reading() as tx:
        return [catalog.get(tx, kind, name) for name in resolved]


def _resolved(call: Call, properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the lists that a statement sets with full names; its rules must be of egress, its secrets usable."""
    changed: dict[str, Any] = {}
    if _is_written(properties.get("allowed_network_rules")):
        rules = _existing(call, "NETWORK RULE", properties["allowed_network_rules"])
        for rule in rules:
            if rule["mode"] != EGRESS:
                raise errors.invalid_value(rule.name.qualified, "ALLOWED_NETWORK_RULES")
        changed["allowed_network_rules"] = [rule.name.qualified for rule in rules]
    if _is_written(properties.get("allowed_authentication_secrets")):
        secrets = _existing(call, "SECRET", properties["allowed_authentication_secrets"])
        for secret in secrets:
            access.require(call, ("USAGE", "READ"), secret)
        changed["allowed_authentication_secrets"] = [secret.name.qualified for secret in secrets]
    return changed


def _is_written(names: Any) -> bool:
    return isinstance(names, tuple) and all(isinstance(name, ObjectName) for name in names)


def _finish(call: Call, creation: Creation) -> None:
    creation.properties |= _resolved(call, creation.properties)


def _listed(integration: SnowflakeObject, key: str) -> str:
    names = integration[key] or ()
    return names if isinstance(names, str) else ",".join(names)


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
        Property("ALLOWED_NETWORK_RULES", _names, required=True),
        Property("ALLOWED_AUTHENTICATION_SECRETS", _secret_names),
        Property("ENABLED", Reader.boolean, required=True),
        Property("COMMENT", Reader.string),
    ),
    describe=_described("allowed_network_rules", "allowed_authentication_secrets"),
    finish_definition=_finish,
    setting=_resolved,
    created_message="Integration {name} successfully created.",
)
