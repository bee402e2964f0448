"""What grants of privileges and of ownership have in common: naming what is granted on, and reading grants back.

Knows the ON clauses and the columns of SHOW GRANTS (SQL contract, sections 6.6 and 6.7).
Must not know how statements are sent.
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
    """What a grant is on.

    clause: after ON in GRANT and REVOKE. show: the statement that lists its grants, "" where none can (ALL forms).
    identity: its part of the resource id. object_type: the singular type, where the listing mixes several.
    """

    clause: str
    show: str
    identity: str
    object_type: str = ""


def object_target(object_type: str, object_name: str, identity: str) -> Target:
    """One object: a warehouse, a table, a procedure with its argument types."""
    kind = object_type.upper()
    parts, arguments = signature_split(object_name)
    name = quoted(*parts) + (f"({arguments})" if arguments is not None else "")
    return Target(f"{kind} {name}", f"SHOW GRANTS ON {kind} {name}", f"{identity}|{kind}|{name}")


def bulk_target(word: str, bulk: Values, identity: str) -> Target:
    """All or future objects of a type, in a schema or a database; `word` is ALL or FUTURE."""
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
    """`IMAGE REPOSITORIES` as `IMAGE REPOSITORY`: the type as SHOW FUTURE GRANTS spells it."""
    if plural.endswith("IES"):
        return plural.removesuffix("IES") + "Y"
    return plural.removesuffix("S")


def to_role(rows: Iterable[Row], role: str, object_type: str) -> list[Row]:
    """The rows that grant something to an account role.

    A current grant without a grantor is skipped, as the official plugin does; a future grant has none.
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
    """The `all` or `future` object from the end of a resource id: plural type, `InSchema` or `InDatabase`, name."""
    plural, scope, name = parts
    return {"objectTypePlural": plural, "inSchema" if scope == "InSchema" else "inDatabase": name}


def target_normal(value: Any, name: str = "") -> Any:
    """A target as what counts: types in upper case and names as identifiers, however they are quoted."""
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
    """Whether exactly one of the properties is given."""
    return sum(bool((values or {}).get(name)) for name in names) == 1
