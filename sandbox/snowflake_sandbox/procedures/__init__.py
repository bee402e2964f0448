"""Stored procedures: CALL, and the processes in which Python bodies run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from snowflake_sandbox.catalog import catalog
from snowflake_sandbox.procedures import packages
from snowflake_sandbox.procedures.anonymous import with_statement
from snowflake_sandbox.procedures.call import call_statement
from snowflake_sandbox.procedures.host import ProcedureHost

if TYPE_CHECKING:
    from snowflake_sandbox.call import World


def register(world: World) -> None:
    """Add CALL and the host of procedure processes to the world."""
    world.statements["CALL"] = call_statement
    world.statements["WITH"] = with_statement
    packages.register(world)
    world.parts["procedures"] = ProcedureHost(world, lambda: _has_python(world))


def _has_python(world: World) -> bool:
    with world.store.reading() as tx:
        return any(procedure["language"] == "PYTHON" for procedure in catalog.listing(tx, "PROCEDURE"))
