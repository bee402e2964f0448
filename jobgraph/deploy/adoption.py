"""Which existing objects a stack takes over, and which objects stay when the stack is destroyed.

Knows the ids by which the provider imports objects. Must not know how an object is created or dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.names import quoted

if TYPE_CHECKING:
    from jobgraph.settings import Settings


def import_id(settings: Settings, kind: str, name: str = "") -> str | None:
    """Return the id by which the provider imports an object, or None if the settings do not import it.

    `kind` is one of the settings' `IMPORTED_KINDS` or `pool`; `name` is the name of a pool or table. The provider
    expects quoted full names, except for a table, whose name parts it expects unquoted and separated by `|`.
    """
    if kind == "pool":
        return quoted(name) if any(pool.name == name and pool.imported for pool in settings.pools) else None
    if kind not in settings.imported:
        return None
    return {
        "role": quoted(settings.role),
        "warehouse": quoted(settings.warehouse),
        "database": quoted(settings.database),
        "schema": settings.qualified(),
        "image_repository": settings.qualified(settings.image_repository),
        "stage": settings.qualified(settings.stage),
        "history": f"{settings.database}|{settings.schema}|{name}",
    }[kind]


def stays(settings: Settings, kind: str, name: str = "") -> bool:
    """Return whether an object is kept when the stack is destroyed: it holds data, or existed before the stack."""
    holds_data = kind in {"database", "schema", "stage", "history"}
    return settings.retain and (holds_data or import_id(settings, kind, name) is not None)
