"""Objects that are there although the engine's state does not know them: whether a deploy may make them anew.

Knows what Snowflake shows of each kind of object that a stack makes. Must not know who sends the statements.

An engine that is killed between a CREATE and the note of it leaves such an object. It bears the comment that the stack
would give it, with the mark that no other stack has, and nothing is in it: then, and only then, it is dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.names import quoted
from jobgraph.plan.sql import literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_IN_PLACE = ("TABLES", "VIEWS", "STAGES", "IMAGE REPOSITORIES", "TASKS", "USER FUNCTIONS", "PROCEDURES")
# A database has them from the start.
_OF_EVERY_DATABASE = frozenset({"PUBLIC", "INFORMATION_SCHEMA"})


@dataclass(frozen=True)
class ObjectKind:
    """A kind of object.

    word: as DROP has it. plural: as SHOW has it. inside: inputs that name what it lies in. comment: the column that
    holds it. busy: columns that count what would be lost. contents: statements that list what would be lost.
    """

    word: str
    plural: str
    inside: tuple[str, ...] = ()
    comment: str = "comment"
    busy: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()


_SCHEMA = ("database", "schema")
_KINDS = {
    "AccountRole": ObjectKind("ROLE", "ROLES", contents=("SHOW GRANTS TO ROLE {}", "SHOW GRANTS OF ROLE {}")),
    "Warehouse": ObjectKind("WAREHOUSE", "WAREHOUSES", busy=("running", "queued")),
    "ComputePool": ObjectKind("COMPUTE POOL", "COMPUTE POOLS", busy=("num_services", "num_jobs")),
    "Database": ObjectKind(
        "DATABASE",
        "DATABASES",
        contents=("SHOW SCHEMAS IN DATABASE {}", *(f"SHOW {kind} IN DATABASE {{}}" for kind in _IN_PLACE)),
    ),
    "Schema": ObjectKind(
        "SCHEMA", "SCHEMAS", ("database",), contents=tuple(f"SHOW {kind} IN SCHEMA {{}}" for kind in _IN_PLACE)
    ),
    "ImageRepository": ObjectKind(
        "IMAGE REPOSITORY", "IMAGE REPOSITORIES", _SCHEMA, contents=("SHOW IMAGES IN IMAGE REPOSITORY {}",)
    ),
    "StageInternal": ObjectKind("STAGE", "STAGES", _SCHEMA, contents=("LIST @{}",)),
    "Table": ObjectKind("TABLE", "TABLES", _SCHEMA, busy=("rows",)),
    "View": ObjectKind("VIEW", "VIEWS", _SCHEMA),
    "FunctionSql": ObjectKind("FUNCTION", "USER FUNCTIONS", _SCHEMA, comment="description"),
    "ProcedurePython": ObjectKind("PROCEDURE", "PROCEDURES", _SCHEMA, comment="description"),
}


@dataclass(frozen=True)
class AlreadyThere:
    """An object that could not be made because it is there.

    show: the statement that shows it. contents: those that list what is in it. drop: the one that drops it.
    """

    kind: ObjectKind
    name: str
    comment: str
    show: str
    contents: tuple[str, ...]
    drop: str

    def this(self, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Return the object's own row of `show`: its pattern may match others."""
        return next((row for row in rows if row["name"] == self.name), None)

    def made_by_this_stack(self, row: Mapping[str, Any]) -> bool:
        """Whether the object has the very comment that the stack would give it."""
        return bool(self.comment) and row.get(self.kind.comment) == self.comment

    def in_use(self, row: Mapping[str, Any]) -> bool:
        """Whether the object's own row says that something would be lost with it."""
        return any(int(row.get(name) or 0) for name in self.kind.busy)


def holds(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a list of contents has anything that was put there: SHOW PROCEDURES lists Snowflake's own too."""
    return any(row.get("name") not in _OF_EVERY_DATABASE and row.get("is_builtin") != "Y" for row in rows)


def already_there(token: str, inputs: Mapping[str, Any]) -> AlreadyThere | None:
    """Return how to look at an object; None for what is no object with a comment, or whose mark is not known.

    Args:
        token: the provider's type, `snowflake:index/warehouse:Warehouse`.
        inputs: what it was to be made from, as the provider names it.
    """
    kind = _KINDS.get(token.rpartition(":")[2])
    if kind is None:
        return None
    inside = [str(inputs[name]) for name in kind.inside]
    name = str(inputs["name"])
    place = f" IN {'SCHEMA' if len(inside) > 1 else 'DATABASE'} {quoted(*inside)}" if inside else ""
    full_name = quoted(*inside, name)
    types = ", ".join(argument["argDataType"] for argument in inputs.get("arguments") or ())
    signature = f"({types})" if kind.word in {"FUNCTION", "PROCEDURE"} else ""
    return AlreadyThere(
        kind=kind,
        name=name,
        comment=str(inputs.get("comment") or ""),
        show=f"SHOW {kind.plural} LIKE {literal(name)}{place}",
        contents=tuple(statement.format(full_name) for statement in kind.contents),
        drop=f"DROP {kind.word} IF EXISTS {full_name}{signature}",
    )


@dataclass(frozen=True)
class FutureOwner:
    """The owner of tasks that are made later in a schema: one role at a time, and the provider never revokes it."""

    role: str
    schema: str

    @property
    def show(self) -> str:
        """The statement that shows the schema's future grants."""
        return f"SHOW FUTURE GRANTS IN SCHEMA {self.schema}"

    def holder(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """Return the role that is the owner now."""
        ownerships = (row for row in rows if row["privilege"] == "OWNERSHIP" and row["grant_on"] == "TASK")
        return next((str(row["grantee_name"]) for row in ownerships), None)

    def show_role(self, role: str) -> str:
        """Return the statement that shows a role."""
        return f"SHOW ROLES LIKE {literal(role)}"

    def revoke(self, role: str) -> str:
        """Return the statement that takes the ownership from that role."""
        return f"REVOKE OWNERSHIP ON FUTURE TASKS IN SCHEMA {self.schema} FROM ROLE {quoted(role)}"


def future_owner(token: str, inputs: Mapping[str, Any]) -> FutureOwner | None:
    """Return how to look at the future owner of a schema's tasks; None for what is no such grant."""
    if token.rpartition(":")[2] != "GrantOwnership":
        return None
    return FutureOwner(str(inputs["accountRoleName"]), str(inputs["on"]["future"]["inSchema"]))
