"""Shared parts of the grants of privileges and ownership: their targets, and reading grants back.

Knows the ON clauses and the columns of SHOW GRANTS (SQL contract, sections 6.6 and 6.7). Must not know how statements
are sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jobgraph.toolchain.standins.provider.definition import Row, Values
from jobgraph.toolchain.standins.provider.sql import (
    IdentifierError,
    identifier_parts,
    quoted,
    requoted,
    signature_split,
)


@dataclass(frozen=True)
class Target:
    """The target of a grant.

    clause: the words after ON in GRANT and REVOKE. show: the statement that lists its grants, "" if there is none (ALL
    forms). identity: its part of the resource id. object_type: the singular type, if the listing contains several.
    """

    clause: str
    show: str
    identity: str
    object_type: str = ""


def object_target(object_type: str, object_name: str, identity: str) -> Target:
    """Return the target for one object: a warehouse, a table, a procedure with its argument types."""
    kind = object_type.upper()
    parts, arguments = signature_split(object_name)
    name = quoted(*parts) + (f"({arguments})" if arguments is not None else "")
    return Target(f"{kind} {name}", f"SHOW GRANTS ON {kind} {name}", f"{identity}|{kind}|{name}")


def bulk_target(word: str, bulk: Values, identity: str) -> Target:
    """Return the target for all or future objects of a type in a schema or database; `word` is ALL or FUTURE."""
    plural = bulk["objectTypePlural"].upper()
    scope, name = ("SCHEMA", bulk["inSchema"]) if bulk.get("inSchema") else ("DATABASE", bulk["inDatabase"])
    where = f"{scope} {requoted(name)}"
    show = f"SHOW FUTURE GRANTS IN {where}" if word == "FUTURE" else ""
    return Target(
        clause=f"{word} {plural} IN {where}",
        show=show,
        identity=f"{identity}|{plural}|In{scope.capitalize()}|{requoted(name)}",
        object_type=singular(plural),
    )


def singular(plural: str) -> str:
    """Convert `IMAGE REPOSITORIES` to `IMAGE REPOSITORY`: the type as in SHOW FUTURE GRANTS."""
    if plural.endswith("IES"):
        return plural.removesuffix("IES") + "Y"
    return plural.removesuffix("S")


def to_role(rows: Iterable[Row], role: str, object_type: str) -> list[Row]:
    """Return the rows that grant something to an account role.

    A current grant without a grantor is skipped, as in the official plugin; a future grant never has one.
    """
    role_name = identifier_parts(role)[0]
    return [
        row
        for row in rows
        if str(row.get("granted_to", row.get("grant_to"))).upper() == "ROLE"
        and row.get("grantee_name") in {role_name, f'"{role_name}"'}
        and ("grant_on" in row or row.get("granted_by"))
        and object_type in {"", str(row.get("granted_on", row.get("grant_on"))).upper().replace("_", " ")}
    ]


def bulk_of(parts: list[str]) -> Values:
    """Return the `all` or `future` object at the end of a resource id: plural, `InSchema` or `InDatabase`, name."""
    plural, scope, name = parts
    return {"objectTypePlural": plural, "inSchema" if scope == "InSchema" else "inDatabase": name}


def target_normal(value: Any, name: str = "") -> Any:
    """Return the normal form of a target: types in upper case, names as identifiers regardless of quotes."""
    if isinstance(value, dict):
        return frozenset((key, target_normal(nested, key)) for key, nested in value.items() if nested)
    if name.startswith("objectType"):
        return str(value).upper()
    try:
        parts, arguments = signature_split(str(value))
    except IdentifierError:
        return str(value)
    return parts, arguments and arguments.replace(" ", "").upper()


def exactly_one(values: Any, names: tuple[str, ...]) -> bool:
    """Whether exactly one of the properties is set."""
    return sum(bool((values or {}).get(name)) for name in names) == 1
