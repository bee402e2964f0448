"""How a deploy says what it no longer uses, and what it uses again.

Knows the mark at the end of a procedure's comment, and the statements around it. Must not know when something is
dropped: that is decided inside Snowflake, by `procedures/drop_superseded.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jobgraph.names import quoted
from jobgraph.plan import sql
from jobgraph.plan.privileges import Grant, revoke

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jobgraph.plan.planning import ProcedurePlan, StagedFile
    from jobgraph.settings import Settings

# procedures/superseded.py has it too, and imports nothing of this package
SUPERSEDED = " [superseded]"
# what Snowflake says of an object that is not there
ABSENT = (2003, 2043)


def is_superseded(comment: str | None) -> bool:
    """Tell whether the comment is that of a procedure which a deploy has stopped to use, and which is there still."""
    return (comment or "").endswith(SUPERSEDED)


def use(procedure: ProcedurePlan, comment: str) -> str:
    """Return the statement that removes the mark from a procedure that is used again, if there is such a procedure."""
    return f"ALTER PROCEDURE IF EXISTS {procedure.signature} SET COMMENT = {sql.literal(comment)}"


def supersede(settings: Settings, procedure: ProcedurePlan, dropping: ProcedurePlan) -> str:
    """Return the statement that marks a procedure, and has it dropped now or by the first run after the last user."""
    return _call(settings, dropping, {"superseded": procedure.name})


def remove_payloads(settings: Settings, files: Iterable[StagedFile], dropping: ProcedurePlan) -> str:
    """Return the statement that removes files of payloads which no run needs; it is another one for other `files`."""
    return _call(settings, dropping, {"stage": settings.stage, "payloads": sorted(file.name for file in files)})


def take_away(settings: Settings, target: str, dropping: ProcedurePlan) -> str:
    """Return the statement that fails as long as runs of earlier versions may need what is about to be taken away."""
    if settings.force_destroy:
        return sql.nothing(f"{target} goes, whatever needs it")
    return _call(settings, dropping, {"takes": target})


def give_back(settings: Settings, grant: Grant, role: str, dropping: ProcedurePlan) -> str:
    """Return the statement that takes a privilege from a role, if its object is there still, and no run may need it.

    A REVOKE on what is gone fails (002003), and there is no REVOKE ... IF EXISTS
    (docs.snowflake.com/en/sql-reference/sql/revoke-privilege). A privilege goes with its object, so nothing is left to
    be revoked then; any other refusal is one.
    """
    request = sql.literal(_request(settings, {"takes": f"{role}-{grant.label}"}))
    check = f"USE WAREHOUSE {quoted(settings.warehouse)}; CALL {dropping.full_name}({request}); "
    tolerant = f"IF (SQLCODE NOT IN ({', '.join(map(str, ABSENT))})) THEN RAISE; END IF"
    revoking = f"BEGIN {revoke(grant, role)}; EXCEPTION WHEN STATEMENT_ERROR THEN {tolerant}; END"
    return sql.block(f"{'' if settings.force_destroy else check}{revoking};")


def _call(settings: Settings, dropping: ProcedurePlan, request: dict[str, Any]) -> str:
    return sql.on_warehouse(settings, f"CALL {dropping.full_name}({sql.dollar_quoted(_request(settings, request))})")


def _request(settings: Settings, request: dict[str, Any]) -> str:
    return sql.json_text({"database": settings.database, "schema": settings.schema} | request)
