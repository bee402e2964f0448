"""How a stack goes: what refuses its removal, and the statements that drop by hand what a destroy leaves.

Knows which objects hold data. Must not know who sends the statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jobgraph.deploy.adoption import stays
from jobgraph.names import quoted
from jobgraph.plan import sql
from jobgraph.plan.planning import StepPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jobgraph.plan.planning import GraphPlan
    from jobgraph.settings import Settings


def guard(graph: GraphPlan, settings: Settings, *, is_suspended: bool = False) -> StepPlan:
    """Return the guard of a graph, a step that is the last to be made and the first to be undone.

    Its way back refuses while runs are under way, unless the settings force the removal. It does nothing, or resumes
    the root if that is there and suspended (`is_suspended`): a guard that is made beside a root that is there had been
    undone by a destroy, whose next statement suspends the root.
    """
    nothing = sql.nothing(f"{graph.key} may be removed when no run of it is under way")
    revert = nothing if settings.force_destroy else sql.refuse_while_running(settings, graph.root.name, graph.key)
    return StepPlan(graph.activation.execute if is_suspended else nothing, revert)


def guard_of_all(graphs: Sequence[GraphPlan], settings: Settings) -> StepPlan:
    """Return the guard of a stack with several graphs: if one of them runs, none loses its own guard to a destroy."""
    nothing = sql.nothing("the stack may be removed when no run is under way")
    roots = [graph.root.name for graph in graphs]
    return StepPlan(nothing, nothing if settings.force_destroy else sql.refuse_while_any_is_running(settings, roots))


def refuse_departures(settings: Settings, roots: Sequence[str]) -> str | None:
    """Return the statement that fails while runs of any of these roots are under way; None if nothing is to be asked.

    Such a root is dropped, or suspended and left without its jobs, long before its own guard is undone.
    """
    return None if settings.force_destroy or not roots else sql.refuse_while_any_is_running(settings, roots)


def drops(settings: Settings) -> list[str]:
    """Return the statements that drop by hand what stays, in an order in which all of them work."""
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
