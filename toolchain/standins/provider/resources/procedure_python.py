"""snowflake.ProcedurePython (SQL contract, section 6.12).

Knows the statements and columns of Python procedures. Must not know how statements are sent.
"""

import json
import re
from collections.abc import Iterable
from typing import Any

from jobgraph.toolchain.standins.provider.cells import as_set, collapsed, identifier, upper
from jobgraph.toolchain.standins.provider.definition import Change, Property, Statement, Values
from jobgraph.toolchain.standins.provider.objects import Kind, clauses
from jobgraph.toolchain.standins.provider.procedures import routines
from jobgraph.toolchain.standins.provider.procedures.routine_type import Routine, resource_type
from jobgraph.toolchain.standins.provider.properties import IN_SCHEMA
from jobgraph.toolchain.standins.provider.sql import identifier_parts, name_list, quoted, requoted, text, text_list

KIND = Kind(
    name="PROCEDURE",
    plural="PROCEDURES",
    container=("database", "schema"),
    columns="created_on$ name schema_name is_builtin? is_aggregate? is_ansi? min_num_arguments# max_num_arguments# "
    "description catalog_name is_table_function? valid_for_clustering? is_secure? secrets external_access_integrations",
)
_SNOWPARK = "snowflake-snowpark-python"
_NULL_INPUT = ("CALLED ON NULL INPUT", "RETURNS NULL ON NULL INPUT")


def _import_path(entry: Values) -> str:
    """Return `@"D"."S"."STG"/x.py`, or `@~/x.py` for the user's own stage."""
    stage = entry["stageLocation"]
    return f"@{'~' if stage == '~' else requoted(stage)}/{entry['pathOnStage']}"


def _imports_normal(imports: Iterable[Values]) -> frozenset[str]:
    return frozenset(_import_path(entry).replace('"', "") for entry in imports)


def _secrets_normal(secrets: Iterable[Values]) -> frozenset[tuple[Any, ...]]:
    return frozenset((secret["secretVariableName"], identifier(secret["secretId"])) for secret in secrets)


COMMENT = routines.comment("user-defined procedure")
EXECUTE_AS = Property(name="executeAs", allowed=("OWNER", "CALLER"), normal=upper, initial="OWNER")
PROPERTIES = (
    *IN_SCHEMA,
    Property(name="name"),
    routines.ARGUMENTS,
    routines.RETURN_TYPE,
    Property(
        name="nullInputBehavior", allowed=_NULL_INPUT, replaces=True, normal=upper, initial="CALLED ON NULL INPUT"
    ),
    Property(name="runtimeVersion", required=True, replaces=True),
    Property(name="snowparkPackage", required=True, replaces=True),
    Property(name="packages", form="texts", replaces=True, normal=as_set(), initial=None),
    Property(name="imports", form="objects", replaces=True, normal=_imports_normal, initial=None),
    Property(name="handler", required=True, replaces=True),
    Property(name="externalAccessIntegrations", form="texts", replaces=True, normal=as_set(identifier), initial=None),
    Property(name="secrets", form="objects", replaces=True, normal=_secrets_normal, initial=None),
    Property(name="procedureDefinition", replaces=True, normal=collapsed, dollar_quoted=True),
    Property(
        name="isSecure",
        form="boolean text",
        replaces=True,
        column="is_secure",
        read=routines.SECURE.read,
        initial="false",
    ),
    EXECUTE_AS,
    COMMENT,
    *routines.PARAMETERS,
)


def _middle(values: Values) -> Iterable[str]:
    """Yield the words between the result type and the body."""
    yield "LANGUAGE PYTHON"
    if values.get("nullInputBehavior"):
        yield upper(values["nullInputBehavior"])
    yield f"RUNTIME_VERSION = {text(values['runtimeVersion'])}"
    packages = [*(values.get("packages") or ()), f"{_SNOWPARK}=={values['snowparkPackage']}"]
    yield f"PACKAGES = {text_list(packages)}"
    if values.get("imports"):
        yield f"IMPORTS = {text_list(_import_path(secret) for secret in values['imports'])}"
    yield f"HANDLER = {text(values['handler'])}"
    if values.get("externalAccessIntegrations"):
        yield f"EXTERNAL_ACCESS_INTEGRATIONS = {name_list(values['externalAccessIntegrations'])}"
    if values.get("secrets"):
        listed = (
            f"{text(secret['secretVariableName'])} = {requoted(secret['secretId'])}" for secret in values["secrets"]
        )
        yield f"SECRETS = ({', '.join(listed)})"
    yield from clauses((COMMENT,), values)
    if values.get("executeAs"):
        yield f"EXECUTE AS {upper(values['executeAs'])}"


def _described(described: Values) -> Values:
    """Return the properties in DESCRIBE PROCEDURE; those of missing rows are absent."""
    plain = {
        "returnType": "returns",
        "nullInputBehavior": "null handling",
        "runtimeVersion": "runtime_version",
        "handler": "handler",
        "procedureDefinition": "body",
        "executeAs": "execute as",
    }
    live: Values = {name: described[row] for name, row in plain.items() if described.get(row) is not None}
    if "packages" in described:
        live |= _packages(routines.quoted_texts(described["packages"]))
    if "imports" in described:
        live["imports"] = [_import_read(path) for path in routines.name_texts(described["imports"]) or []]
    if "external_access_integrations" in described:
        live["externalAccessIntegrations"] = routines.name_texts(described["external_access_integrations"])
    if "secrets" in described:
        secrets = json.loads(described["secrets"] or "{}")
        live["secrets"] = [{"secretVariableName": name, "secretId": secret_id} for name, secret_id in secrets.items()]
    return live


def _packages(listed: list[str]) -> Values:
    """Return the packages except Snowpark's, whose version is a separate property."""
    snowpark = [package for package in listed if re.split(r"[=<>]", package)[0].strip() == _SNOWPARK]
    version = snowpark[0].partition("==")[2] if snowpark else ""
    packages = [package for package in listed if package not in snowpark]
    return {"packages": packages} | ({"snowparkPackage": version} if version else {})


def _import_read(path: str) -> Values:
    stage, _, file = path.removeprefix("@").partition("/")
    location = stage if stage == "~" else quoted(*identifier_parts(stage))
    return {"stageLocation": location, "pathOnStage": file}


def _altered(change: Change, target: str) -> list[Statement]:
    if EXECUTE_AS.name not in change.changed:
        return []
    return [Statement(f"ALTER PROCEDURE {target} EXECUTE AS {upper(change.news.get('executeAs') or 'OWNER')}")]


RESOURCE = resource_type(
    Routine(
        kind=KIND,
        token="snowflake:index/procedurePython:ProcedurePython",  # noqa: S106  # a type token
        label="snowflake_procedure_python",
        feature="snowflake_procedure_python_resource",
        properties=PROPERTIES,
        comment=COMMENT,
        body="procedureDefinition",
        language="procedureLanguage",
        written_in="PYTHON",
        middle=_middle,
        described=_described,
        altered=_altered,
    )
)
