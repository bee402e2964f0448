"""How a stack goes: what refuses its removal, and the statements that drop by hand what a destroy leaves.

Knows which objects hold data. Must not know who sends the statements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobgraph import sql
from jobgraph.adopting import history_tables, stays
from jobgraph.names import quoted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.planning import GraphPlan
    from jobgraph.settings import Settings


@dataclass(frozen=True)
class GuardPlan:
    """Statements of the step that is the first to be undone: `execute` does nothing, `revert` may refuse."""

    execute: str
    revert: str


def guard(graph: GraphPlan, settings: Settings) -> GuardPlan:
    """Return the guard of a graph: it refuses while runs are under way, unless the settings force the removal."""
    nothing = f"SELECT {sql.literal(f'{graph.key} may be removed when no run of it is under way')} AS STATUS"
    revert = nothing if settings.force_destroy else sql.refuse_while_running(settings, graph.root.name, graph.key)
    return GuardPlan(nothing, revert)


def guard_of_all(graphs: Sequence[GraphPlan], settings: Settings) -> GuardPlan:
    """Return the guard of a stack with several graphs: if one of them runs, none loses its own guard to a destroy."""
    nothing = sql.nothing("the stack may be removed when no run is under way")
    roots = [graph.root.name for graph in graphs]
    return GuardPlan(nothing, nothing if settings.force_destroy else sql.refuse_while_any_is_running(settings, roots))


def drops(settings: Settings) -> list[str]:
    """Return the statements that drop by hand what stays, in an order in which all of them work."""
    tables = [("TABLE", "history", settings.qualified(name)) for name in history_tables(settings)]
    pools = [("COMPUTE POOL", "pool", pool.name) for pool in settings.pools if pool.imported]
    objects = [
        *tables,
        ("STAGE", "stage", settings.qualified(settings.stage)),
        ("IMAGE REPOSITORY", "image_repository", settings.qualified(settings.image_repository)),
        ("SCHEMA", "schema", settings.qualified()),
        ("DATABASE", "database", quoted(settings.database)),
        *pools,
        ("WAREHOUSE", "warehouse", quoted(settings.warehouse)),
        ("ROLE", "role", quoted(settings.role)),
    ]
    return [
        f"DROP {word} {name}"
        for word, kind, name in objects
        if kind not in settings.existing and stays(settings, kind, name)
    ]
