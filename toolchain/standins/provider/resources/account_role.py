"""snowflake.AccountRole (SQL contract, section 6.4).

Knows the statements and columns of account roles. Must not know how statements are sent.
"""

from jobgraph.toolchain.standins.provider.definition import (
    Change,
    Observation,
    Property,
    ResourceType,
    Statement,
    Values,
)
from jobgraph.toolchain.standins.provider.objects import Kind, alter, clauses, drop, observe, rename, run
from jobgraph.toolchain.standins.provider.properties import COMMENT

KIND = Kind(
    name="ROLE",
    plural="ROLES",
    columns="created_on name is_default? is_current? is_inherited? assigned_to_users# granted_to_roles# granted_roles# "
    "owner comment",
)
PROPERTIES = (
    Property(name="name"),
    COMMENT,
)


def _create(values: Values) -> Observation:
    yield Statement(" ".join([f"CREATE ROLE {KIND.full_name(values)}", *clauses(PROPERTIES, values)]), creates=True)
    return (yield from _read(values))


def _read(values: Values) -> Observation:
    return (yield from observe(KIND, PROPERTIES, KIND.parts(values)))


def _update(change: Change) -> Observation:
    yield from rename(KIND, change)
    yield from run(alter(KIND, PROPERTIES, change, KIND.full_name(change.news)))
    return (yield from _read(change.news))


RESOURCE = ResourceType(
    token="snowflake:index/accountRole:AccountRole",  # noqa: S106  # a type token
    label="snowflake_account_role",
    properties=PROPERTIES,
    computed=("fullyQualifiedName", "showOutputs"),
    identity=KIND.bare_name,
    full_name=KIND.full_name,
    parse=KIND.parse,
    create=_create,
    read=_read,
    update=_update,
    delete=drop(KIND),
)
