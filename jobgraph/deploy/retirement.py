"""How a deploy marks what it no longer uses, and unmarks what it uses again.

Knows the mark at the end of a procedure's comment, and the statements that set and remove it. Must not know when
something is dropped: `procedures/drop_superseded.py` decides that inside Snowflake.
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

# repeated in procedures/superseded.py, which imports nothing from this package
SUPERSEDED = " [superseded]"
# Snowflake's error numbers for an object that does not exist
ABSENT = (2003, 2043)


def is_superseded(comment: str | None) -> bool:
    """Return whether a procedure's comment has the mark of a procedure that deploys no longer use."""
    return (comment or "").endswith(SUPERSEDED)


def use(procedure: ProcedurePlan, comment: str) -> str:
    """Return the statement that unmarks a procedure that is used again; it does nothing if no such procedure exists."""
    return f"ALTER PROCEDURE IF EXISTS {procedure.signature} SET COMMENT = {sql.literal(comment)}"


def supersede(settings: Settings, procedure: ProcedurePlan, dropping: ProcedurePlan) -> str:
    """Return the statement that marks a procedure; it is dropped now or by the first run after its last user's end."""
    return _call(settings, dropping, {"superseded": procedure.name})


def remove_payloads(settings: Settings, files: Iterable[StagedFile], dropping: ProcedurePlan) -> str:
    """Return the statement that removes payload files that no run needs. Its text differs for different `files`."""
    return _call(settings, dropping, {"stage": settings.stage, "payloads": sorted(file.name for file in files)})


def take_away(settings: Settings, target: str, dropping: ProcedurePlan) -> str:
    """Return the statement that fails while runs of earlier versions may still need `target`, which is to go."""
    if settings.force_destroy:
        return sql.nothing(f"{target} goes, whatever needs it")
    return _call(settings, dropping, {"takes": target})


def give_back(settings: Settings, grant: Grant, role: str, dropping: ProcedurePlan) -> str:
    """Return the statement that revokes a privilege from a role if the object still exists; it fails if runs need it.

    REVOKE on a dropped object fails (002003), and there is no REVOKE ... IF EXISTS
    (docs.snowflake.com/en/sql-reference/sql/revoke-privilege). Dropping an object also drops the privileges on it, so
    that error is ignored; any other error is raised.
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
