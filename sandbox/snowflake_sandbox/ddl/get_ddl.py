"""The function GET_DDL: finds the object, checks who may see it, and orders the contents of a schema or database.

Knows names, privileges and types of objects (sql-reference/functions/get_ddl); the other modules of this folder write
the texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snowflake_sandbox import errors
from snowflake_sandbox.access import access
from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.data.function_arguments import counted
from snowflake_sandbox.ddl import relations, routines, texts
from snowflake_sandbox.statements.definitions import read_signature
from snowflake_sandbox.statements.reader import ObjectName, Reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from snowflake_sandbox.call import Call, World
    from snowflake_sandbox.catalog.catalog import SnowflakeObject

_TEXTS: dict[str, Callable[[SnowflakeObject, str], str]] = {
    "TABLE": relations.table,
    "VIEW": relations.view,
    "FUNCTION": routines.function,
    "PROCEDURE": routines.procedure,
    "SEQUENCE": texts.sequence,
    "FILE FORMAT": texts.file_format,
    "TASK": texts.task,
    "ALERT": texts.alert,
    "WAREHOUSE": texts.warehouse,
    "SCHEMA": texts.schema,
    "DATABASE": texts.database,
}
# In the order in which they can be created: defaults need sequences, views need tables and functions.
_INSIDE = ("SEQUENCE", "FILE FORMAT", "TABLE", "FUNCTION", "VIEW", "PROCEDURE", "TASK", "ALERT")
# TABLE and VIEW each also mean the other.
_ALTERNATIVES = {"TABLE": ("TABLE", "VIEW"), "VIEW": ("VIEW", "TABLE")}


def register(world: World) -> None:
    """Add the function to the world."""
    world.functions["GET_DDL"] = _get_ddl


def _get_ddl(call: Call, arguments: tuple[Any, ...]) -> str:
    """GET_DDL('<type>', '<name>' [, <with full names>])."""
    values = counted(arguments, 2, 3, "GET_DDL")
    kind = str(values[0]).upper().replace("_", " ")
    if kind not in _TEXTS:
        raise errors.invalid_value(str(values[0]), "OBJECT_TYPE")
    target = _find(call, kind, str(values[1]))
    is_full = bool(values[2]) if len(values) > 2 else False  # noqa: PLR2004  # the third one
    if target.kind not in ("SCHEMA", "DATABASE"):
        return _text(target, is_full=is_full)
    return "\n\n".join(_text(item, is_full=is_full) for item in [target, *_members(call, target)]) + "\n"


def _find(call: Call, kind: str, text: str) -> SnowflakeObject:
    """Return the object of that name.

    Raises:
        SnowflakeError: 002003 if it does not exist, or if the role may not see it (or not its text).
    """
    reader = Reader(text)
    name = call.session.resolve(reader.object_name(), call.world.kinds[kind].scope, "GET_DDL")
    signature = read_signature(reader)
    reader.end()
    with call.world.store.reading() as tx:
        candidates = [
            catalog.find(tx, alternative, name, signature) for alternative in _ALTERNATIVES.get(kind, (kind,))
        ]
    target = next((candidate for candidate in candidates if candidate is not None), None)
    if target is None or not access.visible(call, [target]):
        raise errors.does_not_exist(kind, name.qualified + signature)
    if not _sees_text(call, target):
        raise errors.does_not_exist(kind, name.qualified + signature)
    return target


def _members(call: Call, holder: SnowflakeObject) -> list[SnowflakeObject]:
    """Return the contents of a schema or database that the session may see, in the order of creation."""
    database = holder.name.name if holder.kind == "DATABASE" else holder.name.schema or ""
    with call.world.store.reading() as tx:
        schemas = catalog.listing(tx, "SCHEMA", database) if holder.kind == "DATABASE" else [holder]
        members: list[SnowflakeObject] = []
        for schema in schemas:
            inside = sorted(catalog.children(tx, database, schema.name.name), key=lambda item: item.id)
            members += [schema] if holder.kind == "DATABASE" else []
            members += [item for kind in _INSIDE for item in inside if item.kind == kind]
    return [item for item in access.visible(call, members) if _sees_text(call, item)]


def _sees_text(call: Call, item: SnowflakeObject) -> bool:
    """Whether a session sees an object's text; only the owner sees that of a procedure with its owner's rights.

    docs: developer-guide/stored-procedure/stored-procedures-rights, "restrictions on built-in functions".
    """
    has_owners_rights = item.kind == "PROCEDURE" and item["execute_as"] != "CALLER"
    return access.sees_definition(call, item) and (not has_owners_rights or access.owns(call, item))


def _text(item: SnowflakeObject, *, is_full: bool) -> str:
    name = item.name if is_full else ObjectName(item.name.name)
    # Procedures and functions have each part of the name quoted.
    return _TEXTS[item.kind](item, name.quoted if item.kind in ("PROCEDURE", "FUNCTION") else name.written)
