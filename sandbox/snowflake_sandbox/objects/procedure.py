"""PROCEDURE in Python (contract 6.12) and SQL, as an object: stored, shown, described; procedures/ runs the body."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog, signature
from snowflake_sandbox.catalog.kind import Creation, Kind, Property
from snowflake_sandbox.result import Result, columns, status
from snowflake_sandbox.scripting import parser
from snowflake_sandbox.session import ObjectScope
from snowflake_sandbox.statements.property_values import one_of
from snowflake_sandbox.statements.reader import Reader, is_block
from snowflake_sandbox.statements.showing import text_rows
from snowflake_sandbox.tables import stage_files

if TYPE_CHECKING:
    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject
    from snowflake_sandbox.session import Session

# Parameters of functions and procedures; only procedures have AUTO_EVENT_LOGGING.
FUNCTION_PARAMETERS = {
    "ENABLE_CONSOLE_OUTPUT": "false",
    "LOG_EVENT_LEVEL": "OFF",
    "LOG_LEVEL": "OFF",
    "METRIC_LEVEL": "NONE",
    "TRACE_LEVEL": "OFF",
}
PARAMETERS = {"AUTO_EVENT_LOGGING": "OFF", **FUNCTION_PARAMETERS}
SHOWN = columns(
    "created_on@ name schema_name is_builtin is_aggregate is_ansi min_num_arguments# max_num_arguments# arguments"
    " description catalog_name is_table_function valid_for_clustering is_secure secrets external_access_integrations"
)
TEMPORARY = frozenset({"TEMPORARY", "TEMP"})
_DESCRIPTION = "user-defined procedure"
_SNOWPARK = "snowflake-snowpark-python"
_REPOSITORY_USER = "SNOWFLAKE.ANACONDA_REPOSITORY_USER"
# The properties that CREATE requires, by language.
# 3.8 and 3.9 are decommissioned, but the quickstart names 3.8 (docs/deviations.md).
_PYTHON = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13")
_NEEDED = {"PYTHON": ("returns", "runtime_version", "handler", "body"), "SQL": ("returns", "body")}


def names_in_parentheses(reader: Reader) -> list[str]:
    """Read `("E1", E2)` and return the names."""
    reader.expect("(")
    return [name.qualified for name in reader.name_list(")")]


def read_secrets(reader: Reader) -> dict[str, str]:
    """Read `('cred' = "D"."S"."SEC")` and return alias -> quoted name."""
    reader.expect("(")
    secrets: dict[str, str] = {}
    while not reader.accept(")"):
        alias = reader.string()
        reader.expect("=")
        secrets[alias] = reader.object_name().quoted
        reader.accept(",")
    return secrets


def read_null_handling(reader: Reader) -> str | None:
    """Read a clause on NULL arguments if one comes next; otherwise return None."""
    for words in ("RETURNS NULL ON NULL INPUT", "CALLED ON NULL INPUT", "STRICT"):
        if reader.accept(words):
            return "RETURNS NULL ON NULL INPUT" if words == "STRICT" else words
    return None


def _read_definition(call: Call, creation: Creation) -> bool:
    reader, properties = call.reader, creation.properties
    if "arguments" not in properties and reader.peek() == "(":
        arguments = signature.read_arguments(reader)
        properties["arguments"] = [argument.record() for argument in arguments]
        creation.signature = signature.types_text(arguments)
    elif null_handling := read_null_handling(reader):
        properties["null_handling"] = null_handling
    elif reader.accept("RETURNS"):
        properties["returns"], table = signature.read_returns(reader)
        properties["result_columns"] = [argument.record() for argument in table]
    elif reader.accept("LANGUAGE"):
        properties["language"] = reader.identifier()
    elif reader.accept("EXECUTE AS"):
        properties["execute_as"] = reader.identifier()
    elif reader.accept("VOLATILE") or reader.accept("IMMUTABLE"):
        pass
    elif reader.accept("AS"):
        properties["body"] = reader.rest() if is_block(reader) else reader.string()
    else:
        return False
    return True


def _finish(call: Call, creation: Creation) -> None:
    properties = creation.properties
    language = properties.get("language") or "SQL"
    if language not in _NEEDED:
        raise errors.not_supported(f"CREATE PROCEDURE … LANGUAGE {language}")
    missing = [word for word in _NEEDED[language] if properties.get(word) is None]
    if "body" in missing and "." in (properties.get("handler") or "") and properties["imports"]:
        # The code of a handler `<module>.<function>` is in a file of IMPORTS.
        missing.remove("body")
    if missing:
        raise errors.missing_property(", ".join(missing).upper(), "CREATE PROCEDURE")
    properties["language"] = language
    packages = properties["packages"] or []
    if language == "SQL":
        parser.parse(properties["body"])
    elif not any(package.lower().replace("_", "-").startswith(_SNOWPARK) for package in packages):
        raise errors.missing_property(f"PACKAGES ('{_SNOWPARK}')", "CREATE PROCEDURE")
    else:
        require_packages(call.world, call.session)
    for reference in properties["imports"] or []:
        # The file may still be missing (guess): CALL needs it.
        stage_files.import_location(call, creation.name, reference)
    properties["secure"] = "SECURE" in creation.modifiers
    properties["session"] = call.session.id if creation.modifiers & TEMPORARY else None
    properties.setdefault("execute_as", "OWNER")
    properties.setdefault("null_handling", "CALLED ON NULL INPUT")


def require_packages(world: World, session: Session) -> None:
    """Refuse Python with packages if the role may not read the package repository (BCR-2379, 2026_06).

    Raises:
        SnowflakeError: 002003 with the text of the release note.
    """
    if not access.has_database_role(world, session, _REPOSITORY_USER):
        raise errors.SnowflakeError(
            2003, "02000", "Object 'snowflake.snowpark.anaconda_shared_repository' does not exist or not authorized."
        )


def created(call: Call, procedure: SnowflakeObject) -> None:
    """Record a temporary procedure or function in its session; it is dropped when the session ends."""
    if procedure["session"] is not None:
        call.world.data.connection(call.session).temporary.append(procedure.id)


def _created(call: Call, procedure: SnowflakeObject) -> None:
    created(call, procedure)
    if procedure["language"] == "PYTHON":
        with call.world.store.transaction() as tx:
            tx.afterwards(call.world.parts["procedures"].prepare)


def show_row(call: Call, procedure: SnowflakeObject) -> tuple[Any, ...]:
    """Return a row of SHOW PROCEDURES; SHOW FUNCTIONS begins with the same columns."""
    del call  # Kind.show_row's first argument
    return (
        procedure.created_on,
        procedure.name.name,
        procedure.name.schema,
        "N",
        "N",
        "N",
        signature.minimum(procedure),
        len(procedure["arguments"]),
        signature.show_arguments(procedure),
        procedure["comment"] or _DESCRIPTION,
        procedure.name.database,
        "Y" if procedure["returns"] == "TABLE" else "N",
        "N",
        "Y" if procedure["secure"] else "N",
        json.dumps(procedure["secrets"]) if procedure["secrets"] else None,
        _bracketed(procedure["external_access_integrations"]) if procedure["external_access_integrations"] else None,
    )


def _bracketed(names: list[str] | None) -> str:
    return "[" + ", ".join(names or []) + "]"


def _describe(call: Call, procedure: SnowflakeObject) -> Result:
    packages = ",".join(f"'{package}'" for package in procedure["packages"] or [])
    rows = [
        ("signature", signature.signature_text(signature.arguments_of(procedure))),
        ("returns", signature.returns_text(procedure)),
        ("language", procedure["language"]),
        ("null handling", procedure["null_handling"]),
        ("volatility", "VOLATILE"),
        ("execute as", procedure["execute_as"]),
        ("body", procedure["body"] if access.sees_definition(call, procedure) else None),
    ]
    if procedure["language"] != "SQL":
        rows += [
            ("imports", _bracketed(procedure["imports"])),
            ("handler", procedure["handler"]),
            ("runtime_version", procedure["runtime_version"]),
            ("packages", f"[{packages}]"),
            ("installed_packages", f"[{packages}]"),
            ("external_access_integrations", _bracketed(procedure["external_access_integrations"])),
            ("secrets", json.dumps(procedure["secrets"] or {})),
        ]
    return text_rows("property value", rows)


def _execute_as(call: Call, procedure: SnowflakeObject) -> Result | None:
    access.require(call, "OWNERSHIP", procedure)
    word = call.reader.identifier()
    if word not in ("OWNER", "CALLER"):
        raise errors.not_supported(f"EXECUTE AS {word}")
    with call.world.store.transaction() as tx:
        catalog.update(tx, procedure, {"execute_as": word})
    return status()


KIND = Kind(
    name="PROCEDURE",
    plural="PROCEDURES",
    scope=ObjectScope.SCHEMA,
    show=SHOWN,
    show_row=show_row,
    keeps_grants=True,
    properties=(
        Property("RUNTIME_VERSION", one_of("RUNTIME_VERSION", *_PYTHON), alterable=False),
        Property("PACKAGES", Reader.string_list, alterable=False),
        Property("IMPORTS", Reader.string_list, alterable=False),
        Property("HANDLER", Reader.string, alterable=False),
        Property("EXTERNAL_ACCESS_INTEGRATIONS", names_in_parentheses),
        Property("SECRETS", read_secrets),
        Property("COMMENT", Reader.string),
    ),
    parameters=PARAMETERS,
    describe=_describe,
    read_definition=_read_definition,
    finish_definition=_finish,
    actions={"EXECUTE AS": _execute_as},
    created=_created,
    modifiers=TEMPORARY | {"SECURE"},
    created_message="Function {name} successfully created.",
    has_signature=True,
    grant_name=signature.grant_name,
)
