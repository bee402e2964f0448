"""NETWORK RULE (contract 6.17). Stored and shown; the sandbox does not restrict a container's network access.

Knows the types, modes and values of rules (sql-reference/sql/create-network-rule).
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.result import Result, columns
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.property_values import one_of
from snowflake_sandbox.statements.reader import Reader

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

EGRESS = "EGRESS"
_IN = ("INGRESS",)
_PRIVATE_LINK = ("INGRESS", "INTERNAL_STAGE")
# The modes of each type.
_MODES = {
    "IPV4": _IN,
    "IPV6": _IN,
    "AWSVPCEID": (*_PRIVATE_LINK, "SNOWFLAKE_MANAGED_STORAGE_VOLUME"),
    "AZURELINKID": _PRIVATE_LINK,
    "GCPPSCID": _PRIVATE_LINK,
    "HOST_PORT": (EGRESS,),
    "PRIVATE_HOST_PORT": (EGRESS,),
    "COMPUTE_POOL": _IN,
}
_ALL_MODES = sorted({mode for modes in _MODES.values() for mode in modes})
_HOST_PORT = re.compile(r"(?P<host>[\w*-]+(?:\.[\w*-]+)*)(?::(?P<first>\d+)(?:-(?P<last>\d+))?)?")
_HIGHEST_PORT = 65535


def _is_host_port(text: str) -> bool:
    """Whether a text is a domain, perhaps with one asterisk, a port or a range of ports; port 0 means all."""
    match = _HOST_PORT.fullmatch(text)
    if match is None or match["host"].count("*") > 1:
        return False
    first, last = int(match["first"] or 0), int(match["last"] or match["first"] or 0)
    return first <= last <= _HIGHEST_PORT


def _is_network(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_network(text, strict=False).version == version
    except ValueError:
        return False


def _is_valid(kind: str, text: str) -> bool:
    if kind in ("HOST_PORT", "PRIVATE_HOST_PORT"):
        return _is_host_port(text)
    if kind in ("IPV4", "IPV6"):
        return _is_network(text, int(kind[-1]))
    return bool(text)


def _check_values(kind: str, values: tuple[str, ...]) -> None:
    for value in values:
        if not _is_valid(kind, value):
            raise errors.invalid_value(value, "VALUE_LIST")


def _finish(_call: Call, creation: Creation) -> None:
    kind, mode = creation.properties["type"], creation.properties["mode"]
    if mode not in _MODES[kind]:
        raise errors.invalid_value(mode, f"MODE of a network rule of type {kind}")
    _check_values(kind, creation.properties["value_list"])


def _altered(_call: Call, _before: SnowflakeObject, after: SnowflakeObject) -> None:
    _check_values(after["type"], after["value_list"] or ())


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
        Property("TYPE", one_of("TYPE", *_MODES), required=True, alterable=False),
        Property("MODE", one_of("MODE", *_ALL_MODES), default="INGRESS", alterable=False),
        Property("VALUE_LIST", Reader.string_list, required=True, default=()),
        Property("COMMENT", Reader.string),
    ),
    describe=_describe,
    finish_definition=_finish,
    altered=_altered,
)
