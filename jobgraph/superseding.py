"""How a deploy says which procedures it uses, and which it no longer does.

Knows the mark at the end of a procedure's comment, and the statements that set and remove it. Must not know when a
marked procedure is dropped: that is decided inside Snowflake, by `procedures/drop_superseded.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph import sql

if TYPE_CHECKING:
    from jobgraph.planning import ProcedurePlan
    from jobgraph.settings import Settings

# procedures/superseded.py has it too, and imports nothing of this package
SUPERSEDED = " [superseded]"


def is_superseded(comment: str | None) -> bool:
    """Tell whether the comment is that of a procedure which a deploy has stopped to use, and which is there still."""
    return (comment or "").endswith(SUPERSEDED)


def use(procedure: ProcedurePlan, comment: str) -> str:
    """Return the statement that removes the mark from a procedure that is used again, if there is such a procedure."""
    return f"ALTER PROCEDURE IF EXISTS {procedure.signature} SET COMMENT = {sql.literal(comment)}"


def supersede(settings: Settings, procedure: ProcedurePlan, dropping: ProcedurePlan) -> str:
    """Return the statement that marks a procedure, and has it dropped now or by the first run after the last user."""
    request = {"database": settings.database, "schema": settings.schema, "superseded": procedure.name}
    return f"CALL {dropping.full_name}({sql.json_literal(request)})"
