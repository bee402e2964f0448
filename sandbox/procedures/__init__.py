"""Stored procedures: CALL, and the processes in which Python bodies run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.procedures.call import call_statement
from sandbox.procedures.host import ProcedureHost

if TYPE_CHECKING:
    from sandbox.call import World


def register(world: World) -> None:
    """Add CALL and the host of procedure processes."""
    world.statements["CALL"] = call_statement
    world.parts["procedures"] = ProcedureHost()
