"""Removal of a stack: the guards that refuse it, and the statements that drop what a destroy keeps.

Knows which objects hold data. Must not know who sends the statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.deploy.adoption import stays
from jobgraph.names import quoted
from jobgraph.plan import sql
from jobgraph.plan.planning import StepPlan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from jobgraph.plan.planning import GraphPlan
    from jobgraph.settings import Settings


def guard(graph: GraphPlan, settings: Settings, *, is_suspended: bool = False) -> StepPlan:
    """Return the guard of a graph, a step that is created last and undone first.

    Its revert fails while runs are under way, unless the settings force the removal. Its execution does nothing, or, if
    the root exists and is suspended (`is_suspended`), resumes the root: when a guard is created although the root
    exists, an interrupted destroy has undone the former guard and then suspended the root.
    """
    nothing = sql.nothing(f"{graph.key} may be removed when no run of it is under way")
    revert = nothing if settings.force_destroy else _refuse(settings, [graph])
    return StepPlan(graph.activation.execute if is_suspended else nothing, revert)


def guard_of_all(graphs: Sequence[GraphPlan], settings: Settings) -> StepPlan:
    """Return the guard of the whole stack: while any graph runs, a destroy must not remove any graph's own guard."""
    nothing = sql.nothing("the stack may be removed when no run is under way")
    return StepPlan(nothing, nothing if settings.force_destroy else _refuse(settings, graphs))


def _refuse(settings: Settings, graphs: Sequence[GraphPlan]) -> str:
    return sql.refuse_while_running(settings, {graph.root.name: graph.key for graph in graphs})


def refuse_departures(settings: Settings, graphs: Mapping[str, str]) -> str | None:
    """Return the statement that fails while runs of any of these graphs are under way; None if no check is needed.

    The check is needed because a deploy drops such a root, or suspends it and takes its jobs, long before it undoes the
    guard of its graph. `graphs`: root task -> name of its graph.
    """
    return None if settings.force_destroy or not graphs else sql.refuse_while_running(settings, graphs)


def drops(settings: Settings) -> list[str]:
    """Return the statements that drop by hand what a destroy keeps, in an order that works."""
    tables = [
        ("TABLE", "history", settings.qualified(name)) for name in (*settings.history_tables, *settings.control_tables)
    ]
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
