"""Procedures and functions as CREATE statements. Pure: turns the catalog's row into text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.catalog import signature
from snowflake_sandbox.ddl.words import literal, literals

if TYPE_CHECKING:
    from snowflake_sandbox.catalog.catalog import SnowflakeObject


def procedure(item: SnowflakeObject, name: str) -> str:
    """Return `CREATE OR REPLACE PROCEDURE "P"("A" VARCHAR) …`, with the defaults of omitted properties."""
    lines = [*_head(item, "PROCEDURE", name), f"LANGUAGE {item['language']}"]
    if item["null_handling"] != "CALLED ON NULL INPUT":
        lines.append(item["null_handling"])
    if item["language"] == "PYTHON":
        lines.append(f"RUNTIME_VERSION = {literal(item['runtime_version'])}")
        lines.append(f"PACKAGES = {literals(item['packages'])}")
        lines += [f"IMPORTS = {literals(item['imports'])}"] if item["imports"] else []
        lines.append(f"HANDLER = {literal(item['handler'])}")
    if item["external_access_integrations"]:
        lines.append(f"EXTERNAL_ACCESS_INTEGRATIONS = ({','.join(item['external_access_integrations'])})")
    if item["secrets"]:
        secrets = ",".join(f"{literal(alias)}={secret}" for alias, secret in item["secrets"].items())
        lines.append(f"SECRETS = ({secrets})")
    # The code of a handler may be in a file of IMPORTS.
    body = [] if item["body"] is None else [f"AS {literal(item['body'])}"]
    return "\n".join([*lines, *_comment(item), f"EXECUTE AS {item['execute_as']}", *body]) + ";"


def function(item: SnowflakeObject, name: str) -> str:
    """Return `CREATE OR REPLACE FUNCTION "F"("A" NUMBER) …`."""
    return "\n".join([*_head(item, "FUNCTION", name), "LANGUAGE SQL", *_comment(item), f"AS {literal(item['body'])};"])


def _head(item: SnowflakeObject, kind: str, name: str) -> list[str]:
    secure = "SECURE " if item["secure"] else ""
    arguments = ", ".join(_argument(argument) for argument in signature.arguments_of(item))
    returns = item["returns"]
    if returns == "TABLE":
        returns += f" ({', '.join(map(_argument, signature.arguments_of(item, 'result_columns')))})"
    return [f"CREATE OR REPLACE {secure}{kind} {name}({arguments})", f"RETURNS {returns}"]


def _argument(argument: signature.Argument) -> str:
    quoted = '"' + argument.name.replace('"', '""') + '"'
    numbers = f"({','.join(map(str, argument.numbers))})" if argument.numbers else ""
    default = f" DEFAULT {argument.default}" if argument.default is not None else ""
    return f"{quoted} {argument.base}{numbers}{default}"


def _comment(item: SnowflakeObject) -> list[str]:
    return [f"COMMENT={literal(item['comment'])}"] if item["comment"] else []
