"""Existing objects that the engine's state does not record: whether a deploy may drop and create them again.

Knows what Snowflake shows of each kind of object that a stack creates. Must not know who sends the statements.

An engine that is killed after a CREATE but before it saves its state leaves such an object. It is dropped only if it
has exactly the comment that the stack would give it, including the stack's unique mark, and is empty.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobgraph.names import quoted
from jobgraph.plan.sql import literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_IN_PLACE = ("TABLES", "VIEWS", "STAGES", "IMAGE REPOSITORIES", "TASKS", "USER FUNCTIONS", "PROCEDURES")
# Every database has these schemas from the start.
_OF_EVERY_DATABASE = frozenset({"PUBLIC", "INFORMATION_SCHEMA"})


@dataclass(frozen=True)
class ObjectKind:
    """A kind of object.

    word: the kind's name in DROP. plural: its name in SHOW. inside: the inputs that name the database and schema that
    contain the object. comment: the column of SHOW with the comment. busy: columns of SHOW that count what would be
    lost. contents: statements that list what would be lost. is_listed_full: whether a new one may list contents that
    are as old as itself and lost with none, as the sandbox's repositories list the images in its folders.
    """

    word: str
    plural: str
    inside: tuple[str, ...] = ()
    comment: str = "comment"
    busy: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    is_listed_full: bool = False


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
        "IMAGE REPOSITORY",
        "IMAGE REPOSITORIES",
        _SCHEMA,
        contents=("SHOW IMAGES IN IMAGE REPOSITORY {}",),
        is_listed_full=True,
    ),
    "StageInternal": ObjectKind("STAGE", "STAGES", _SCHEMA, contents=("LIST @{}",)),
    "Table": ObjectKind("TABLE", "TABLES", _SCHEMA, busy=("rows",)),
    "View": ObjectKind("VIEW", "VIEWS", _SCHEMA),
    "FunctionSql": ObjectKind("FUNCTION", "USER FUNCTIONS", _SCHEMA, comment="description"),
    "ProcedurePython": ObjectKind("PROCEDURE", "PROCEDURES", _SCHEMA, comment="description"),
}


@dataclass(frozen=True)
class AlreadyThere:
    """An object that could not be created because it exists.

    show: the statement that shows it. contents: the statements that list its contents. drop: the statement that drops
    it. set_comment: the statement that gives it the comment of the stack.
    """

    kind: ObjectKind
    name: str
    comment: str
    show: str
    contents: tuple[str, ...]
    drop: str
    set_comment: str

    @property
    def is_taken_over(self) -> bool:
        """Whether the provider's creation takes this object over if it exists: only the schema PUBLIC."""
        return self.kind.word == "SCHEMA" and self.name.upper() == "PUBLIC"

    def this(self, rows: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
        """Return the object's own row of `show`, whose pattern may match other objects; None if there is none."""
        return next((row for row in rows if row["name"] == self.name), None)

    def made_by_this_stack(self, row: Mapping[str, Any]) -> bool:
        """Whether the object has exactly the comment that the stack would give it."""
        return bool(self.comment) and row.get(self.kind.comment) == self.comment

    def holds(self, row: Mapping[str, Any], contents: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether a list of contents has anything that would be lost with the object; `row` is its own."""
        if self.kind.is_listed_full:
            contents = [each for each in contents if each["created_on"] != row["created_on"]]
        return holds(contents)

    def in_use(self, row: Mapping[str, Any]) -> bool:
        """Whether the object's own row shows that something would be lost with it."""
        return any(int(row.get(name) or 0) for name in self.kind.busy)


def holds(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a list of contents has anything that a user created; SHOW PROCEDURES lists built-in ones too."""
    return any(row.get("name") not in _OF_EVERY_DATABASE and row.get("is_builtin") != "Y" for row in rows)


def already_there(token: str, inputs: Mapping[str, Any]) -> AlreadyThere | None:
    """Return the statements that inspect and drop an object; None for a resource of any other kind than those above.

    Args:
        token: the provider's type, such as `snowflake:index/warehouse:Warehouse`.
        inputs: the resource's inputs, under the provider's names.
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
    comment = str(inputs.get("comment") or "")
    return AlreadyThere(
        kind=kind,
        name=name,
        comment=comment,
        show=f"SHOW {kind.plural} LIKE {literal(name)}{place}",
        contents=tuple(statement.format(full_name) for statement in kind.contents),
        drop=f"DROP {kind.word} IF EXISTS {full_name}{signature}",
        set_comment=f"ALTER {kind.word} {full_name}{signature} SET COMMENT = {literal(comment)}",
    )


@dataclass(frozen=True)
class FutureOwner:
    """The future owner of a schema's tasks. Only one role can be it at a time, and the provider never revokes it."""

    role: str
    schema: str

    @property
    def show(self) -> str:
        """The statement that shows the schema's future grants."""
        return f"SHOW FUTURE GRANTS IN SCHEMA {self.schema}"

    def holder(self, rows: Sequence[Mapping[str, Any]]) -> str | None:
        """Return the present future owner, from rows of `show`; None if there is none."""
        ownerships = (row for row in rows if row["privilege"] == "OWNERSHIP" and row["grant_on"] == "TASK")
        return next((str(row["grantee_name"]) for row in ownerships), None)

    def show_role(self, role: str) -> str:
        """Return the statement that shows a role."""
        return f"SHOW ROLES LIKE {literal(role)}"

    def revoke(self, role: str) -> str:
        """Return the statement that revokes the future ownership from `role`."""
        return f"REVOKE OWNERSHIP ON FUTURE TASKS IN SCHEMA {self.schema} FROM ROLE {quoted(role)}"


def future_owner(token: str, inputs: Mapping[str, Any]) -> FutureOwner | None:
    """Return the future ownership that a grant concerns; None if the resource is not such a grant."""
    if token.rpartition(":")[2] != "GrantOwnership":
        return None
    return FutureOwner(str(inputs["accountRoleName"]), str(inputs["on"]["future"]["inSchema"]))
